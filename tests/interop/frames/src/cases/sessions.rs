//! Fetch sessions (KIP-227), from their first request to their last.

use tribunal_protocol::messages::FetchRequest;
use tribunal_protocol::messages::fetch_request::{FetchTopic, ForgottenTopic};
use tribunal_protocol::{RequestBody, Str, Uuid};

use super::fetch::{TOPIC_IDS_SINCE, partition};
use super::produce::id_of;
use crate::state::SESSION;

const SESSIONS_SINCE: i16 = 7;

/// In the order in which they are to be sent.
pub(super) fn fetch(version: i16) -> Vec<(&'static str, RequestBody)> {
    if version < SESSIONS_SINCE {
        return Vec::new();
    }
    let named = |topic: &'static str| match version >= TOPIC_IDS_SINCE {
        true => (Str::new(), id_of(topic)),
        false => (Str::from_static(topic), Uuid::ZERO),
    };
    let of = |topic, wanted: &[(i32, i64)]| {
        let (topic, topic_id) = named(topic);
        let partitions = wanted.iter().map(|(number, offset)| partition(*number, *offset)).collect();
        FetchTopic { topic, topic_id, partitions }
    };
    let without = |topic, partitions: &[i32]| {
        let (topic, topic_id) = named(topic);
        vec![ForgottenTopic { topic, topic_id, partitions: partitions.to_vec() }]
    };
    let request = |session_id, session_epoch, topics| FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_id,
        session_epoch,
        topics,
        ..Default::default()
    };
    let next = |epoch, topics| request(SESSION, epoch, topics);
    let forgetting = |epoch, topic, partitions: &[i32]| FetchRequest {
        forgotten_topics_data: without(topic, partitions),
        ..next(epoch, vec![])
    };
    let first = || vec![of("plain", &[(2, 0), (0, 30)]), of("strict", &[(0, 0)])];
    let cases = [
        ("a session: opened", request(0, 0, first())),
        ("a session: the same again", next(1, vec![])),
        ("a session: from elsewhere", next(2, vec![of("plain", &[(0, 3)]), of("strict", &[(0, 1)])])),
        ("a session: one more", next(3, vec![of("small", &[(0, 1_000_000)])])),
        ("a session: its error again", next(4, vec![])),
        ("a session: mended", next(5, vec![of("small", &[(0, 0)])])),
        ("a session: one forgotten", forgetting(6, "plain", &[0])),
        ("a session: one forgotten that was not there", forgetting(7, "plain", &[9])),
        ("a session: unknown partition", next(8, vec![of("plain", &[(9, 0)])])),
        ("a session: unknown topic", next(9, vec![of("nowhere", &[(0, 0)])])),
        ("a session: an epoch again", next(9, vec![])),
        ("a session: an epoch left out", next(77, vec![])),
        ("a session: still there", next(10, vec![])),
        ("a session: opened in its place", request(SESSION, 0, first())),
        (
            "a session: everything forgotten",
            FetchRequest {
                forgotten_topics_data: [without("plain", &[2, 0]), without("strict", &[0])].concat(),
                ..next(1, vec![])
            },
        ),
        ("a session: gone", next(2, vec![])),
        ("a session: opened for nothing", request(0, 0, vec![])),
        ("a session: grown from nothing", next(1, vec![of("plain", &[(0, 0)])])),
        ("a session: ended", next(-1, vec![of("plain", &[(0, 3)])])),
        ("a session: after its end", next(3, vec![])),
        ("a session: of an unknown partition alone", request(0, 0, vec![of("plain", &[(9, 0)])])),
    ];
    cases.into_iter().map(|(name, request)| (name, request.into())).collect()
}
