//! Folders of partitions and the mark of a clean shutdown, through deletions, crashes and losses of power.

use tribunal_common::syncs;
use tribunal_contract::Disk;
use tribunal_core::{FlushPolicy, Obs};
use tribunal_protocol::messages::DeleteTopicsRequest;
use tribunal_protocol::messages::delete_topics_request::DeleteTopicState;
use tribunal_protocol::{ResponseBody, Str, Uuid};
use tribunal_records::Batches;

use super::clients::{fetch, produce};
use super::support::Cluster;

fn flushing(brokers: u32) -> Cluster {
    Cluster::new(brokers, |cfg| {
        cfg.log.flush = FlushPolicy::EveryWrite;
        cfg.file_delete_delay = tribunal_contract::Span::from_secs(5);
    })
}

/// The topic's id, once broker 1 leads it.
fn led(cluster: &mut Cluster, name: &'static str) -> Uuid {
    let leads = |cluster: &mut Cluster| {
        let found = cluster.metadata(1, Some(name)).topics.remove(0);
        (found.partitions.first().is_some_and(|partition| partition.leader_id == 1)).then_some(found.topic_id)
    };
    cluster.until(|cluster| leads(cluster).is_some());
    leads(cluster).expect("it has just been so")
}

/// Whether the value was acknowledged.
fn send(cluster: &mut Cluster, topic: Uuid, value: &'static [u8]) -> bool {
    let ResponseBody::Produce(produced) = cluster.ask(1, 13, produce(topic, value)) else { panic!("another answer") };
    produced.responses[0].partition_responses[0].error_code == 0
}

fn delete(cluster: &mut Cluster, name: &'static str) {
    let topic = DeleteTopicState { name: Some(Str::from_static(name)), ..Default::default() };
    let request = DeleteTopicsRequest { topics: vec![topic], timeout_ms: 1_000, ..Default::default() };
    let ResponseBody::DeleteTopics(deleted) = cluster.ask(1, 6, request.into()) else { panic!("another answer") };
    assert_eq!(deleted.responses[0].error_code, 0);
}

/// What broker 1 has of a topic.
fn values(cluster: &mut Cluster, topic: Uuid) -> Vec<String> {
    let ResponseBody::Fetch(mut fetched) = cluster.ask(1, 17, fetch(topic, 0, 0)) else { panic!("another answer") };
    let data = fetched.responses.remove(0).partitions.remove(0);
    assert_eq!(data.error_code, 0);
    let mut values = Vec::new();
    for batch in Batches::new(data.records.unwrap_or_default()) {
        for record in batch.expect("a whole batch").records().expect("records") {
            let value = record.expect("a whole record").value.expect("a value");
            values.push(String::from_utf8(value.to_vec()).expect("text"));
        }
    }
    values
}

/// The names in the log directory that begin so.
fn folders(cluster: &mut Cluster, begin: &str) -> Vec<String> {
    let names = cluster.disk(1).list("").expect("the disk works");
    names.into_iter().filter(|name| name.starts_with(begin)).collect()
}

#[test]
fn a_deleted_partition_is_kept_under_another_name_and_then_removed() {
    let mut cluster = flushing(1);
    cluster.create_topic(1, "orders", 1);
    let first = led(&mut cluster, "orders");
    assert!(send(&mut cluster, first, b"a"));
    delete(&mut cluster, "orders");
    let kept = folders(&mut cluster, "orders-0");
    assert!(matches!(&kept[..], [name] if name.starts_with("orders-0.") && name.ends_with("-delete")), "{kept:?}");
    cluster.create_topic(1, "orders", 1);
    let second = led(&mut cluster, "orders");
    assert!(send(&mut cluster, second, b"b"));
    assert_eq!(values(&mut cluster, second), ["b"]);
    assert_eq!(folders(&mut cluster, "orders-0"), ["orders-0", &kept[0]]);
    cluster.until(|cluster| folders(cluster, "orders-0").len() == 1);
    assert_eq!(values(&mut cluster, second), ["b"]);
}

#[test]
fn what_was_to_be_removed_when_the_broker_ended_is_removed_by_the_next() {
    let mut cluster = flushing(1);
    cluster.create_topic(1, "orders", 1);
    led(&mut cluster, "orders");
    delete(&mut cluster, "orders");
    cluster.kill(1);
    assert_eq!(folders(&mut cluster, "orders-0").len(), 1);
    cluster.start(1);
    cluster.until(|cluster| folders(cluster, "orders-0").is_empty());
}

/// A topic is deleted and made again, and the power fails after each number of syncs that this takes: what is found is
/// one topic's or the other's, and what was acknowledged is there.
#[test]
fn a_loss_of_power_leaves_a_deleted_topic_or_its_successor_and_never_a_mixture() {
    let (mut olds, mut news) = (0, 0);
    for (syncs, held) in (0..12).map(|syncs| (syncs, None)).chain([(99, Some(syncs::LOG_DIRECTORY))]) {
        for seed in 0..16 {
            let mut cluster = flushing(1);
            cluster.create_topic(1, "orders", 1);
            let first = led(&mut cluster, "orders");
            let old = [b"old 1".as_slice(), b"old 2", b"old 3"];
            assert!(old.iter().all(|value| send(&mut cluster, first, value)));
            cluster.disk(1).hold = held;
            let acknowledged = succeed(&mut cluster, first, syncs);
            cluster.kill(1);
            cluster.disk(1).power_loss((syncs as u64 * 1_000 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            cluster.let_sync(1, None);
            cluster.disk(1).hold = None;
            cluster.start(1);
            // What it says first is what it knew before.
            (0..100).for_each(|_| cluster.pass_a_timer());
            let found = cluster.metadata(1, Some("orders")).topics.remove(0);
            if found.partitions.is_empty() {
                assert!(!acknowledged);
                continue;
            }
            let id = led(&mut cluster, "orders");
            let values = values(&mut cluster, id);
            if id == first {
                olds += 1;
                assert!(!acknowledged);
                assert_eq!(values, ["old 1", "old 2", "old 3"], "after {syncs} syncs, seed {seed}");
            } else {
                news += 1;
                let new = values.is_empty() && !acknowledged || values == ["new"];
                assert!(new, "after {syncs} syncs, seed {seed}: {values:?}, acknowledged: {acknowledged}");
            }
        }
    }
    assert!(olds > 3 && news > 100, "{olds} times the old topic, {news} times the new one");
}

/// Deletes the topic, makes it again and writes to it, as far as so many syncs allow. Whether the write was
/// acknowledged.
fn succeed(cluster: &mut Cluster, first: Uuid, syncs: usize) -> bool {
    let topic = DeleteTopicState { name: Some(Str::from_static("orders")), ..Default::default() };
    let request = DeleteTopicsRequest { topics: vec![topic], timeout_ms: 1_000, ..Default::default() };
    cluster.let_sync(1, Some(syncs));
    let conn = cluster.connect(1);
    cluster.send(conn, 6, request.into());
    let conn = cluster.connect(1);
    cluster.send(conn, 7, super::support::creation("orders", 1));
    let id = cluster.metadata(1, Some("orders")).topics.remove(0).topic_id;
    id != first && id != Uuid::default() && {
        let conn = cluster.connect(1);
        cluster.send(conn, 13, produce(id, b"new"));
        let answer = cluster.answers.get(&conn.attempt).and_then(|answers| answers.first());
        matches!(answer, Some(ResponseBody::Produce(p)) if p.responses[0].partition_responses[0].error_code == 0)
    }
}

#[test]
fn a_folder_that_does_not_say_whose_it_is_is_set_aside() {
    let another = b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA".as_slice();
    for says in [None, Some(b"".as_slice()), Some(b"version: 0\ntop"), Some(another)] {
        let mut cluster = flushing(1);
        cluster.create_topic(1, "orders", 1);
        let id = led(&mut cluster, "orders");
        assert!(send(&mut cluster, id, b"whose?"));
        cluster.shut_down(1);
        cluster.until(|cluster| cluster.halted(1).is_some());
        let path = "orders-0/partition.metadata";
        match says {
            None => cluster.disk(1).remove(path).expect("it is there"),
            Some(text) => cluster.disk(1).edit(path, |bytes| *bytes = text.to_vec()),
        }
        cluster.start(1);
        assert_eq!(led(&mut cluster, "orders"), id);
        assert!(values(&mut cluster, id).is_empty(), "{says:?}");
        let found = folders(&mut cluster, "orders-0");
        assert!(matches!(&found[..], [_, stray] if stray.ends_with("-stray")), "{says:?}: {found:?}");
        let told = |obs: &Obs| matches!(obs, Obs::FolderSetAside { folder } if **folder == *found[1]);
        assert!(cluster.observed(1).iter().any(told), "{says:?}");
        // It stays, whatever happens.
        cluster.kill(1);
        cluster.start(1);
        cluster.until(|cluster| cluster.metadata(1, None).brokers.len() == 1);
        assert_eq!(folders(&mut cluster, "orders-0"), found);
    }
}

#[test]
fn no_log_is_opened_before_a_loss_of_power_cannot_bring_the_mark_of_a_clean_shutdown_back() {
    for seed in 0..8 {
        let mut cluster = flushing(3);
        cluster.create_topic(2, "orders", 3);
        let opened = |obs: &Obs| matches!(obs, Obs::LogOpened { log, .. } if log.topic != Uuid(1));
        cluster.until(|cluster| cluster.observed(1).iter().any(opened));
        cluster.shut_down(1);
        cluster.until(|cluster| cluster.halted(1).is_some());
        // Also by an incarnation that finds no mark, because one before it has removed it.
        let crashes = seed % 2 == 1;
        for _ in 0..=usize::from(crashes) {
            cluster.disk(1).hold = Some(syncs::LOG_DIRECTORY);
            cluster.start(1);
            for _ in 0..300 {
                cluster.pass_a_timer();
            }
            assert!(!cluster.observed(1).iter().any(opened), "seed {seed}");
            assert_eq!(cluster.metadata(2, None).brokers.len(), 2, "it registers before it could open its logs");
            if crashes {
                cluster.kill(1);
            }
        }
        if crashes {
            cluster.start(1);
        }
        cluster.disk(1).hold = None;
        cluster.let_sync(1, None);
        cluster.until(|cluster| cluster.observed(1).iter().any(opened));
        cluster.kill(1);
        cluster.disk(1).power_loss(seed);
        assert_eq!(cluster.disk(1).contents(".kafka_cleanshutdown"), None, "seed {seed}");
    }
}
