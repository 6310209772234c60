//! Starting and ending.

use tribunal_core::Obs;

use super::support::Cluster;

#[test]
fn one_broker_is_a_cluster() {
    let mut cluster = Cluster::new(1, |_| {});
    assert_eq!(cluster.controller(), 1);
    assert_eq!(cluster.create_topic(1, "orders", 1).topics[0].error_code, 0);
}

#[test]
fn a_majority_is_enough_to_begin_and_a_minority_is_not() {
    let mut cluster = Cluster::off(3, |_| {});
    cluster.start(1);
    for _ in 0..200 {
        cluster.pass_a_timer();
    }
    assert!(cluster.metadata(1, None).brokers.is_empty());
    cluster.start(2);
    cluster.until(|cluster| cluster.metadata(1, None).brokers.len() == 2);
}

#[test]
fn a_broker_that_shuts_down_in_order_has_given_its_leaders_away_and_comes_back() {
    let mut cluster = Cluster::new(3, |_| {});
    cluster.create_topic(1, "orders", 3);
    let leader = |cluster: &mut Cluster, at: u32| -> i32 {
        cluster.metadata(at, Some("orders")).topics[0].partitions.first().map_or(-1, |partition| partition.leader_id)
    };
    cluster.until(move |cluster| leader(cluster, 1) > 0);
    let first = leader(&mut cluster, 1) as u32;
    let other = first % 3 + 1;
    cluster.shut_down(first);
    cluster.until(move |cluster| cluster.halted(first).is_some());
    assert_eq!(cluster.halted(first), Some("controlled shutdown"));
    let second = leader(&mut cluster, other);
    assert!(second > 0 && second != first as i32, "led by {second}, after {first}");
    cluster.start(first);
    cluster.until(move |cluster| cluster.metadata(other, None).brokers.len() == 3);
    cluster.until(move |cluster| {
        cluster.metadata(other, Some("orders")).topics[0].partitions[0].isr_nodes.contains(&(first as i32))
    });
    let led = |obs: &Obs| matches!(obs, Obs::LeaderStarted { .. });
    assert!(!cluster.observed(first).iter().any(led), "it does not lead because it once did");
}

#[test]
fn who_stops_before_it_opens_its_logs_leaves_the_marker_as_it_found_it() {
    let mut cluster = Cluster::new(3, |_| {});
    cluster.create_topic(1, "orders", 3);
    let marker = |cluster: &mut Cluster| cluster.disk(1).contents(".kafka_cleanshutdown");
    let starts_and_stops_alone = |cluster: &mut Cluster| {
        (1..=3).for_each(|id| cluster.kill(id));
        cluster.start(1);
        cluster.shut_down(1);
        cluster.until(|cluster| cluster.halted(1).is_some());
    };
    // Its logs have to be recovered, and this start did not get there.
    starts_and_stops_alone(&mut cluster);
    assert_eq!(marker(&mut cluster), None);
    (1..=3).for_each(|id| cluster.start(id));
    let follows_or_leads = |obs: &Obs| matches!(obs, Obs::FollowerStarted { .. } | Obs::LeaderStarted { .. });
    cluster.until(|cluster| cluster.observed(1).iter().any(follows_or_leads));
    cluster.shut_down(1);
    cluster.until(|cluster| cluster.halted(1).is_some());
    let clean = marker(&mut cluster);
    assert!(clean.is_some());
    starts_and_stops_alone(&mut cluster);
    assert_eq!(marker(&mut cluster), clean);
}

#[test]
fn a_quorum_state_that_cannot_be_read_ends_the_broker_rather_than_its_promises() {
    let mut cluster = Cluster::new(1, |_| {});
    cluster.shut_down(1);
    cluster.until(|cluster| cluster.halted(1).is_some());
    let path = cluster.disk(1).paths().into_iter().find(|path| path.contains("quorum-state")).expect("a quorum state");
    cluster.disk(1).edit(&path, |bytes| *bytes = b"no json".to_vec());
    cluster.start(1);
    assert_eq!(cluster.halted(1), Some("the metadata log or the quorum state cannot be read"));
}
