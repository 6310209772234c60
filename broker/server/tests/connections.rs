//! What one connection may do, and what it cannot do to others.

mod common;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use common::{Client, batch, fetch, first, produce, start, start_with};
use tempfile::tempdir;
use tribunal_protocol::messages::{ApiVersionsRequest, MetadataRequest, VoteRequest};
use tribunal_protocol::{ApiKey, ErrorCode, ResponseBody, Str, decode_response};

fn named() -> ApiVersionsRequest {
    let name = Str::from_static("test");
    ApiVersionsRequest { client_software_name: name.clone(), client_software_version: name }
}

#[test]
fn a_frame_may_be_cut_at_any_byte() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    let (_, frame) = client.frame(4, named());
    for at in 1..frame.len() {
        let (id, frame) = client.frame(4, named());
        client.stream.write_all(&frame[..at]).unwrap();
        // The answer to a request of another connection proves that the first part was read and waits.
        Client::connect(first(&cluster)).call(4, named());
        client.stream.write_all(&frame[at..]).unwrap();
        assert_eq!(client.answer(ApiKey::ApiVersions, 4).unwrap().0, id, "cut at {at}");
    }
    common::block_on(cluster.shut_down());
}

#[test]
fn pipelined_requests_are_answered_in_order_also_behind_one_that_waits() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    client.create("t", 1, 1);
    client.leader("t", 0);
    let mut waits = fetch("t", 0, 1 << 20);
    waits.max_wait_ms = 300;
    let mut sent = Vec::new();
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for (version, body, api) in [
        (11, waits.into(), ApiKey::Fetch),
        (4, tribunal_protocol::RequestBody::from(named()), ApiKey::ApiVersions),
        (9, produce("t", 1, batch(&["a"])).into(), ApiKey::Produce),
        // Without acks there is no answer, and what follows must not take its place.
        (9, produce("t", 0, batch(&["b"])).into(), ApiKey::Produce),
        (12, MetadataRequest::default().into(), ApiKey::Metadata),
    ] {
        let answered = !matches!(&body, tribunal_protocol::RequestBody::Produce(produce) if produce.acks == 0);
        let (id, frame) = client.frame(version, body);
        bytes.extend_from_slice(&frame);
        sent.push(id);
        if answered {
            expected.push((id, api, version));
        }
    }
    client.stream.write_all(&bytes).unwrap();
    for (id, api, version) in expected {
        assert_eq!(client.answer(api, version).unwrap().0, id, "{api:?}");
    }
    assert_eq!(client.values("t"), ["a", "b"]);
    common::block_on(cluster.shut_down());
}

#[test]
fn what_is_no_request_closes_its_connection_and_no_other() {
    let folder = tempdir().unwrap();
    let cluster = start_with(1, folder.path(), |config| config.max_frame = 1 << 20);
    let mut bystander = Client::connect(first(&cluster));
    bystander.call(4, named());
    let vote = Client::connect(first(&cluster)).frame(2, VoteRequest::default()).1;
    let hostile: [(&str, &[u8]); 6] = [
        ("a negative length", &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
        ("a frame over the limit", &[0x00, 0x10, 0x00, 0x01]),
        ("no header", &[0, 0, 0, 2, 0, 0]),
        ("an unknown API", &[0, 0, 0, 8, 0x7f, 0xff, 0, 0, 0, 0, 0, 1]),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a client that expects TLS"),
        ("what only brokers may ask", &vote),
    ];
    for (what, bytes) in hostile {
        let mut client = Client::connect(first(&cluster));
        client.stream.write_all(bytes).unwrap();
        assert!(client.answer_frame().is_none(), "{what}: the connection stays open");
        bystander.call(4, named());
    }
    common::block_on(cluster.shut_down());
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    // ApiVersions, version 99, correlation id 7, no client id, and a body that nobody can know.
    client.stream.write_all(&[0, 0, 0, 12, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 1, 2]).unwrap();
    let (header, body) = decode_response(client.answer_frame().unwrap(), ApiKey::ApiVersions, 0).unwrap();
    let ResponseBody::ApiVersions(answer) = body else { panic!("another answer") };
    assert_eq!((header.correlation_id, answer.error_code), (7, ErrorCode::UnsupportedVersion.code()));
    assert_eq!(answer.api_keys.len(), 1);
    // It may go on with a version that both know.
    let ResponseBody::ApiVersions(answer) = client.call(4, named()) else { panic!("another answer") };
    assert_eq!(answer.error_code, 0);
    common::block_on(cluster.shut_down());
}

#[test]
fn who_sends_without_reading_is_held_up_alone() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    client.create("t", 1, 1);
    client.leader("t", 0);
    let value = "x".repeat(1 << 19);
    client.produce("t", 1, &[&value]).unwrap();
    let mut greedy = Client::connect(first(&cluster));
    greedy.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let (_, frame) = greedy.frame(11, fetch("t", 0, 1 << 20));
    let frames: Vec<u8> = frame.repeat(1 << 12);
    // Each asks for half a megabyte. A broker that took all of them would hold what they ask for in memory.
    let held_up = (0..64).any(|_| greedy.stream.write_all(&frames).is_err());
    assert!(held_up, "the broker reads on though nobody reads its answers");
    client.call(4, named());
    // Whoever begins to read gets what was asked for.
    assert!(greedy.answer(ApiKey::Fetch, 11).is_some());
    common::block_on(cluster.shut_down());
}

#[test]
fn half_open_connections_end_and_hold_up_nobody() {
    let folder = tempdir().unwrap();
    let cluster = start_with(1, folder.path(), |config| config.max_idle = Duration::from_millis(300));
    let mut silent = Client::connect(first(&cluster));
    let mut partial = Client::connect(first(&cluster));
    partial.stream.write_all(&[0, 0, 1, 0, 0, 18]).unwrap();
    let mut closing = Client::connect(first(&cluster));
    let (_, frame) = closing.frame(4, named());
    closing.stream.write_all(&frame).unwrap();
    closing.stream.shutdown(Shutdown::Write).unwrap();
    for client in [&mut silent, &mut partial] {
        assert_eq!(client.stream.read(&mut [0; 1]).unwrap(), 0, "nothing moves on it, and it stays open");
    }
    Client::connect(first(&cluster)).call(4, named());
    common::block_on(cluster.shut_down());
}

#[test]
fn long_requests_that_never_end_are_bounded_in_all() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let mut bystander = Client::connect(first(&cluster));
    // Each announces 96 MiB and sends 80: more than the broker holds of all together.
    let part = vec![0; 80 << 20];
    let mut hostile = Vec::new();
    let mut refused = 0;
    for _ in 0..5 {
        let mut client = Client::connect(first(&cluster));
        client.stream.write_all(&(96_u32 << 20).to_be_bytes()).unwrap();
        refused += usize::from(client.stream.write_all(&part).is_err());
        hostile.push(client);
        bystander.call(4, named());
    }
    assert!(refused >= 1, "400 MiB of unfinished requests are held");
    drop(hostile);
    bystander.call(4, named());
    common::block_on(cluster.shut_down());
}
