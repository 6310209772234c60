//! What was acknowledged is there: after a restart, after a broker has left, and whatever client asks.

mod common;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use common::{Client, PATIENCE, batch, block_on, first, produce, start, start_with};
use tempfile::tempdir;
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
        let member = Member { id, listen: addresses[&id], folder: folder.path().join(id.to_string()) };
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
