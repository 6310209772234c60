//! The same body in the simulator and before real sockets and files.

use std::collections::BTreeMap;
use std::time::Duration;

use tribunal::testing::{Trials, broker_nodes};
use tribunal::world::Watch;
use tribunal_contract::NodeId;
use tribunal_server::{Cluster, ClusterConfig};
use tribunal_sim::{DiskConfig, NodeDisk, Seed};
use tribunal_tests::real;
use tribunal_tests::round_trip::{Promises, RoundTrip};

/// The topic is there already, for the audit at the end knows only those of the scenario; before real brokers the body
/// creates it.
const SCENARIO: &str = r#"
name = "round-trip"
about = "a client's records are where they were acknowledged, also when the leader moves"
duration = "15s"

[[topic]]
name = "round-trip"
partitions = 1
replication = 3

[[workload]]
kind = "consumer"
topic = "round-trip"
"#;

fn body() -> RoundTrip {
    RoundTrip::new(broker_nodes(3).try_into().expect("three brokers"))
}

#[test]
fn a_round_trip_in_the_simulator() {
    Trials::of_text(SCENARIO).seeds(0..5).app("round trip", |_| body()).property("promises", Promises::default).run();
}

#[test]
fn a_round_trip_before_real_brokers() {
    let folder = tempfile::tempdir().unwrap();
    let config = ClusterConfig::local(3, "127.0.0.1:0".parse().unwrap(), folder.path()).unwrap();
    let cluster = Cluster::start(config).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(cluster.ready(Duration::from_secs(30))).unwrap();
    let brokers: BTreeMap<NodeId, _> = cluster.addresses().map(|(id, address)| (NodeId(id as u32), address)).collect();

    let (mut body, mut promises) = (body(), Promises::default());
    let mut disk = NodeDisk::new(Seed(0), DiskConfig::default());
    let mut broken = None;
    let mut watch = |at, node, obs: &_| {
        if let Err(why) = promises.observe(at, node, obs) {
            broken.get_or_insert(why);
        }
    };
    let within = Duration::from_secs(60);
    let done = real::run(&mut body, &mut disk, &brokers, within, &mut watch, RoundTrip::is_done);
    assert_eq!(broken, None);
    assert!(done, "not done in {within:?}: {body:?}");
    promises.finish().unwrap();
    runtime.block_on(cluster.shut_down());
}
