use tribunal_common::{BrokerConfig, timers};
use tribunal_contract::Span;
use tribunal_protocol::messages::ElectLeadersRequest;
use tribunal_protocol::messages::elect_leaders_request::TopicPartitions;
use tribunal_protocol::messages::elect_leaders_response::PartitionResult;
use tribunal_protocol::{ErrorCode, ResponseBody, Str};

use crate::support::Cluster;

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

fn elect(cluster: &mut Cluster, election_type: i8, topics: Option<&[&str]>) -> Vec<Vec<PartitionResult>> {
    let topics = topics
        .map(|topics| topics.iter().map(|topic| TopicPartitions { topic: Str::from(*topic), partitions: vec![0] }));
    let topic_partitions = topics.map(Iterator::collect);
    let request = ElectLeadersRequest { election_type, topic_partitions, timeout_ms: 1_000 };
    match cluster.call(2, request) {
        ResponseBody::ElectLeaders(reply) => {
            assert_eq!(reply.error_code, 0);
            reply.replica_election_results.into_iter().map(|topic| topic.partition_result).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn error(results: &[Vec<PartitionResult>]) -> ErrorCode {
    ErrorCode::from_code(results[0][0].error_code)
}

#[test]
fn the_preferred_leader_leads_again_when_it_is_in_sync() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    assert_eq!(error(&elect(&mut cluster, PREFERRED, Some(&["t"]))), ErrorCode::ElectionNotNeeded);
    cluster.expire(1);
    assert_eq!(error(&elect(&mut cluster, PREFERRED, Some(&["t"]))), ErrorCode::PreferredLeaderNotAvailable);
    cluster.beat(1);
    assert_eq!(error(&elect(&mut cluster, PREFERRED, Some(&["t"]))), ErrorCode::PreferredLeaderNotAvailable);
    cluster.set_isr(id, &[2, 1]);
    assert_eq!(error(&elect(&mut cluster, PREFERRED, Some(&["t"]))), ErrorCode::None);
    let partition = cluster.partition(id);
    assert_eq!((partition.leader, partition.leader_epoch, &partition.isr[..]), (1, 2, &[2, 1][..]));
}

#[test]
fn an_unclean_election_takes_any_replica_that_is_there() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic_with("t", &[1, 2], &[("min.insync.replicas", "1")]);
    cluster.set_isr(id, &[1]);
    assert_eq!(error(&elect(&mut cluster, UNCLEAN, Some(&["t"]))), ErrorCode::ElectionNotNeeded);
    cluster.expire(1);
    assert_eq!(cluster.partition(id).leader, -1);
    assert_eq!(error(&elect(&mut cluster, UNCLEAN, Some(&["t"]))), ErrorCode::None);
    let partition = cluster.partition(id);
    assert_eq!((partition.leader, &partition.isr[..], &partition.elr[..]), (2, &[2][..], &[][..]));
    assert_eq!(partition.leader_recovery_state.value(), 1);
}

#[test]
fn an_unclean_election_finds_nobody_among_the_fenced() {
    let mut cluster = Cluster::of(1);
    cluster.topic("t", &[1]);
    cluster.expire(1);
    assert_eq!(error(&elect(&mut cluster, UNCLEAN, Some(&["t"]))), ErrorCode::EligibleLeadersNotAvailable);
}

#[test]
fn an_election_of_all_mentions_only_where_something_was_to_be_done() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("a", &[1, 2]);
    cluster.topic("b", &[2, 1]);
    cluster.expire(1);
    cluster.beat(1);
    cluster.set_isr(id, &[2, 1]);
    let results = elect(&mut cluster, PREFERRED, None);
    assert_eq!(results.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(cluster.partition(id).leader, 1);
}

#[test]
fn what_does_not_exist_is_refused_and_what_comes_twice_is_elected_once() {
    let mut cluster = Cluster::of(2);
    let id = cluster.topic("t", &[1, 2]);
    cluster.topic("led", &[2, 1]);
    cluster.expire(1);
    cluster.beat(1);
    cluster.set_isr(id, &[2, 1]);
    let records = cluster.log.records.len();
    let results = elect(&mut cluster, PREFERRED, Some(&["nothing", "led", "t", "t"]));
    let errors: Vec<i16> = results.iter().map(|topic| topic[0].error_code).collect();
    let [unknown, needless] = [ErrorCode::UnknownTopicOrPartition, ErrorCode::ElectionNotNeeded];
    assert_eq!(errors, [unknown.code(), needless.code(), 0, 0]);
    assert_eq!(cluster.log.records.len(), records + 1);
    let request = ElectLeadersRequest { election_type: 9, ..Default::default() };
    let ResponseBody::ElectLeaders(reply) = cluster.call(2, request) else { panic!() };
    assert_eq!(reply.error_code, ErrorCode::InvalidRequest.code());
}

#[test]
fn rebalancing_gives_leadership_back_and_looks_again_later() {
    let interval = Span::from_secs(300);
    let mut cluster = Cluster::with(BrokerConfig { rebalance_interval: interval, ..BrokerConfig::new(0, vec![0]) });
    cluster.start(1);
    cluster.start(2);
    let id = cluster.topic("t", &[1, 2]);
    cluster.expire(1);
    cluster.beat(1);
    cluster.set_isr(id, &[2, 1]);
    cluster.fire(timers::REBALANCE, 0);
    assert_eq!(cluster.partition(id).leader, 1);
    let before = cluster.log.records.len();
    cluster.fire(timers::REBALANCE, 0);
    assert_eq!(cluster.log.records.len(), before);
}
