//! Fetch sessions (KIP-227): what is told of a partition, and when.

use tribunal_common::TruncationMode;
use tribunal_protocol::messages::FetchRequest;
use tribunal_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use tribunal_protocol::messages::fetch_response::FetchResponse;
use tribunal_protocol::{ErrorCode, ResponseBody};

use super::support::{PARTITION, World};

const VERSION: i16 = 17;

fn world() -> World {
    let mut world = World::new(3, 2, TruncationMode::Fetch);
    world.produce(1, -1, "a");
    world.run();
    world.end_waits();
    world
}

fn from(fetch_offset: i64) -> Vec<FetchTopic> {
    let wanted = FetchPartition { fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() };
    vec![FetchTopic { topic_id: PARTITION.topic, partitions: vec![wanted], ..Default::default() }]
}

fn request(session_id: i32, session_epoch: i32, topics: Vec<FetchTopic>) -> FetchRequest {
    FetchRequest { session_id, session_epoch, topics, max_bytes: 1 << 20, ..Default::default() }
}

fn ask(world: &mut World, request: FetchRequest) -> FetchResponse {
    let asked = world.ask(1, VERSION, request.into());
    match world.answers.remove(&asked) {
        Some(ResponseBody::Fetch(response)) => response,
        other => panic!("{other:?}"),
    }
}

/// Opens a session at the end of the log and gives its id.
fn opened(world: &mut World) -> i32 {
    let answer = ask(world, request(0, 0, from(1)));
    assert_eq!((answer.error_code, answer.responses.len()), (0, 1));
    assert_ne!(answer.session_id, 0);
    answer.session_id
}

#[test]
fn a_session_tells_of_a_partition_when_something_is_new() {
    let mut world = world();
    let id = opened(&mut world);
    let quiet = ask(&mut world, request(id, 1, vec![]));
    assert_eq!((quiet.error_code, quiet.session_id, quiet.responses.len()), (0, id, 0));
    world.produce(1, -1, "b");
    world.run();
    let answer = ask(&mut world, request(id, 2, vec![]));
    assert_eq!(answer.responses[0].topic_id, PARTITION.topic);
    assert!(!answer.responses[0].partitions[0].records.as_ref().unwrap().is_empty());
    // The client goes on where it is now: only that is said.
    let quiet = ask(&mut world, request(id, 3, from(2)));
    assert_eq!((quiet.error_code, quiet.responses.len()), (0, 0));
}

#[test]
fn an_error_is_told_until_it_is_over_and_so_is_its_end() {
    let mut world = world();
    let id = opened(&mut world);
    for epoch in [1, 2] {
        let topics = if epoch == 1 { from(7) } else { vec![] };
        let answer = ask(&mut world, request(id, epoch, topics));
        assert_eq!(answer.responses[0].partitions[0].error_code, ErrorCode::OffsetOutOfRange.code());
    }
    let mended = ask(&mut world, request(id, 3, from(1)));
    assert_eq!(mended.responses[0].partitions[0].error_code, 0);
    assert_eq!(ask(&mut world, request(id, 4, vec![])).responses.len(), 0);
}

#[test]
fn only_the_next_request_of_a_session_that_there_is_is_served() {
    let mut world = world();
    let id = opened(&mut world);
    let refused = |error: ErrorCode| FetchResponse { error_code: error.code(), ..Default::default() };
    assert_eq!(ask(&mut world, request(id, 7, vec![])), refused(ErrorCode::InvalidFetchSessionEpoch));
    let other = id.wrapping_add(1);
    assert_eq!(ask(&mut world, request(other, 1, vec![])), refused(ErrorCode::FetchSessionIdNotFound));
    assert_eq!(ask(&mut world, request(id, 1, vec![])).session_id, id);
    // The last one is served without it.
    let last = ask(&mut world, request(id, -1, from(0)));
    assert_eq!((last.session_id, last.responses.len()), (0, 1));
    assert_eq!(ask(&mut world, request(id, 2, vec![])), refused(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn a_session_whose_partitions_are_forgotten_is_over() {
    let mut world = world();
    let id = opened(&mut world);
    let forgotten = ForgottenTopic { topic_id: PARTITION.topic, partitions: vec![0], ..Default::default() };
    let last = FetchRequest { forgotten_topics_data: vec![forgotten], ..request(id, 1, vec![]) };
    let answer = ask(&mut world, last);
    assert_eq!((answer.error_code, answer.session_id, answer.responses.len()), (0, 0, 0));
    assert_eq!(ask(&mut world, request(id, 2, vec![])).error_code, ErrorCode::FetchSessionIdNotFound.code());
}

#[test]
fn sessions_have_ids_of_their_own_and_as_many_as_there_is_room_for() {
    let mut world = world();
    let ids: std::collections::BTreeSet<i32> = (0..1_000).map(|_| opened(&mut world)).collect();
    assert_eq!(ids.len(), 1_000);
    // Each has a client that may come back at any time: the next one does without.
    let answer = ask(&mut world, request(0, 0, from(0)));
    assert_eq!((answer.error_code, answer.session_id, answer.responses.len()), (0, 0, 1));
}
