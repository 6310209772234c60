//! What was acknowledged is there: after a restart, after a broker has left, and whatever client asks.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Instant;

use common::{Client, PATIENCE, batch, block_on, first, produce, start, start_with};
use tempfile::tempdir;
use tribunal_protocol::messages::DeleteTopicsRequest;
use tribunal_protocol::{ErrorCode, ResponseBody};
use tribunal_server::{Cluster, ClusterConfig, Member, StartError};

#[test]
fn a_restart_keeps_topics_and_records() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    client.create("t", 1, 1);
    client.leader("t", 0);
    assert_eq!(client.produce("t", -1, &["a", "b"]), Ok(0));
    block_on(cluster.shut_down());

    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    client.leader("t", 0);
    assert_eq!(client.values("t"), ["a", "b"]);
    assert_eq!(client.produce_at_last("t", &["c"]), 2);
    block_on(cluster.shut_down());
}

#[test]
fn a_deleted_topic_s_folder_goes_under_another_name_and_then_for_good() {
    let folder = tempdir().unwrap();
    let cluster = start_with(1, folder.path(), |config| {
        config.settings.file_delete_delay = tribunal_contract::Span::from_millis(200);
    });
    let mut client = Client::connect(first(&cluster));
    client.create("t", 1, 1);
    client.leader("t", 0);
    client.produce_at_last("t", &["old"]);
    let folders = || partition_folders(folder.path(), "t-0");
    assert_eq!(folders(), ["t-0"]);
    let gone = DeleteTopicsRequest { topic_names: vec!["t".into()], timeout_ms: 10_000, ..Default::default() };
    client.call(5, gone);
    until(|| matches!(&folders()[..], [name] if name.starts_with("t-0.") && name.ends_with("-delete")));
    client.create("t", 1, 1);
    client.leader("t", 0);
    client.produce_at_last("t", &["new"]);
    assert_eq!(client.values("t"), ["new"]);
    until(|| folders() == ["t-0"]);
    block_on(cluster.shut_down());
}

#[test]
fn a_folder_that_belongs_to_no_topic_of_the_cluster_is_set_aside_and_kept() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    for topic in ["t", "other"] {
        client.create(topic, 1, 1);
        client.leader(topic, 0);
        client.produce_at_last(topic, &[topic]);
    }
    block_on(cluster.shut_down());
    // Somebody puts one topic's folder in the place of another's, and one that does not say whose it is beside it.
    let data = folder.path().join("broker-1");
    fs::remove_dir_all(data.join("t-0")).unwrap();
    fs::rename(data.join("other-0"), data.join("t-0")).unwrap();

    let cluster = start(1, folder.path());
    let mut client = Client::connect(first(&cluster));
    for topic in ["t", "other"] {
        client.leader(topic, 0);
        let offset = client.produce_at_last(topic, &["again"]);
        assert_eq!((offset, client.values(topic)), (0, vec!["again".to_owned()]), "{topic}");
    }
    block_on(cluster.shut_down());
    let strays = partition_folders(folder.path(), "t-0.");
    assert!(matches!(&strays[..], [name] if name.ends_with("-stray")), "{strays:?}");
    let records = data.join(&strays[0]).join("00000000000000000000.log");
    assert!(fs::metadata(records).unwrap().len() > 0, "what was set aside has lost its records");
}

#[test]
fn large_batches_go_through_where_the_limit_allows_them_and_nowhere_else() {
    let folder = tempdir().unwrap();
    let cluster = start_with(3, folder.path(), |config| {
        config.settings.log.max_message_bytes = 6 << 20;
        config.settings.topic.min_insync_replicas = 2;
    });
    let mut client = Client::connect(first(&cluster));
    client.create("large", 1, 3);
    let leader = client.leader("large", 0);
    let mut client = Client::connect(leader);
    let five = "x".repeat(5 << 20);
    client.produce_at_last("large", &[&five]);
    assert_eq!(client.values("large"), [five]);
    let ResponseBody::Produce(answer) = client.call(9, produce("large", -1, batch(&["x".repeat(7 << 20).as_str()])))
    else {
        panic!("another answer")
    };
    assert_eq!(answer.responses[0].partition_responses[0].error_code, ErrorCode::MessageTooLarge.code());
    block_on(cluster.shut_down());
}

#[test]
fn a_broker_that_leaves_hands_over_what_it_led() {
    let folder = tempdir().unwrap();
    let addresses: BTreeMap<i32, SocketAddr> = (1..=3).zip(free_addresses()).collect();
    let one = |id: i32| {
        let mut elsewhere: BTreeMap<i32, String> =
            addresses.iter().map(|(id, address)| (*id, address.to_string())).collect();
        elsewhere.remove(&id);
        let member = Member::new(id, addresses[&id], folder.path().join(id.to_string()));
        let mut config = ClusterConfig::new(vec![member], elsewhere);
        config.cluster_id = Some("MkU3OEVBNTcwNTJENDM2Qg".into());
        config.settings.topic.min_insync_replicas = 2;
        Cluster::start(config).unwrap()
    };
    let mut brokers: BTreeMap<i32, Cluster> = (1..=3).map(|id| (id, one(id))).collect();
    for broker in brokers.values() {
        block_on(broker.ready(PATIENCE)).unwrap();
    }
    let mut client = Client::connect(addresses[&1]);
    // All three must be known before a topic can have three replicas.
    while broker_count(&mut client) < 3 {
        std::thread::yield_now();
    }
    client.create("t", 1, 3);
    let mut expected = Vec::new();
    for round in 0..3 {
        let any = brokers.keys().next().copied().unwrap();
        let leader = Client::connect(addresses[&any]).leader("t", 0);
        let value = format!("round {round}");
        let offset = Client::connect(leader).produce_at_last("t", &[&value]);
        assert_eq!(offset, expected.len() as i64);
        expected.push(value);
        // The leader leaves, and comes back.
        let leaves = addresses.iter().find(|(_, address)| **address == leader).map(|(id, _)| *id).unwrap();
        block_on(brokers.remove(&leaves).unwrap().shut_down());
        let other = brokers.keys().next().copied().unwrap();
        let mut client = Client::connect(addresses[&other]);
        let next = client.leader("t", 0);
        assert_ne!(next, leader, "who has left still leads");
        assert_eq!(Client::connect(next).values("t"), expected);
        brokers.insert(leaves, one(leaves));
        block_on(brokers[&leaves].ready(PATIENCE)).unwrap();
    }
    for (_, broker) in brokers {
        block_on(broker.shut_down_now());
    }
}

#[test]
fn a_folder_serves_one_broker_of_one_cluster_at_a_time() {
    let folder = tempdir().unwrap();
    let cluster = start(1, folder.path());
    let again = |change: &dyn Fn(&mut ClusterConfig)| {
        let mut config = ClusterConfig::local(1, "127.0.0.1:0".parse().unwrap(), folder.path()).unwrap();
        change(&mut config);
        match Cluster::start(config) {
            Ok(_) => panic!("it starts"),
            Err(error) => error,
        }
    };
    assert!(matches!(again(&|_| ()), StartError::Locked { .. }));
    let taken = first(&cluster);
    assert!(matches!(again(&|config| config.members[0].listen = taken), StartError::Bind { .. }));
    block_on(cluster.shut_down());

    let other = again(&|config| config.cluster_id = Some("MkU3OEVBNTcwNTJENDM2Qg".into()));
    assert!(matches!(other, StartError::OtherCluster { .. }), "{other}");
    let other = again(&|config| config.members[0].id = 2);
    assert!(matches!(other, StartError::OtherNode { theirs: 1, ours: 2, .. }), "{other}");
    assert!(other.to_string().contains("--data"), "it does not say what to do: {other}");
}

/// The names in the folder of broker 1 that begin so.
fn partition_folders(data: &Path, begin: &str) -> Vec<String> {
    let names =
        fs::read_dir(data.join("broker-1")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = names.filter(|name| name.starts_with(begin)).collect();
    found.sort_unstable();
    found
}

fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come to hold");
        std::thread::yield_now();
    }
}

fn broker_count(client: &mut Client) -> usize {
    let ResponseBody::Metadata(answer) = client.call(12, tribunal_protocol::messages::MetadataRequest::default())
    else {
        panic!("another answer")
    };
    answer.brokers.len()
}

/// Addresses that are free now. Another process may take one before it is used; nothing but this test binds here.
fn free_addresses() -> Vec<SocketAddr> {
    let listeners: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
}
