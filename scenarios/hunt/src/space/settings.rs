//! Settings of clusters.

use proptest::prelude::*;
use tribunal_common::TruncationMode;
use tribunal_contract::Span;
use tribunal_language::{After, Cluster, SpanRange};

use super::Shape;

/// A cluster of a shape, its timeouts in Kafka's ratios or out of them.
pub(super) fn cluster(shape: &Shape) -> impl Strategy<Value = Cluster> + use<> {
    let shape = shape.clone();
    (timeouts(), storage(), network()).prop_map(move |(timeouts, storage, network)| Cluster {
        brokers: shape.brokers,
        join_later: shape.later,
        controllers: shape.controllers,
        flush: shape.flush,
        session_timeout: timeouts.session,
        heartbeat_interval: Span(timeouts.session.0 / u64::from(timeouts.heartbeats)),
        replica_lag: timeouts.lag,
        replica_fetch_wait: timeouts.wait,
        election_timeout: timeouts.election,
        fetch_timeout: timeouts.fetch,
        request_timeout: timeouts.request,
        leader_rebalance: timeouts.rebalance,
        truncation: storage.truncation,
        segment_bytes: storage.segment,
        snapshot_every: storage.snapshot_every,
        sync_latency: storage.sync,
        disk_throughput: storage.throughput,
        latency: network.latency,
        bandwidth: network.bandwidth,
        link_spread: network.spread,
        clock_skew: network.skew,
        ..Cluster::default()
    })
}

#[derive(Clone, Debug)]
struct Timeouts {
    session: Span,
    /// Heartbeats in a session.
    heartbeats: u32,
    lag: Span,
    wait: Span,
    election: Span,
    fetch: Span,
    request: Span,
    rebalance: After,
}

fn timeouts() -> impl Strategy<Value = Timeouts> {
    let rebalance = prop_oneof![
        3 => Just(After::Never),
        1 => (500u64..2_000).prop_map(|millis| After::Span(Span::from_millis(millis))),
    ];
    (millis(&[600, 1_000, 2_000, 5_000]), millis(&[600, 800, 1_500, 3_000, 20_000]), millis(&[50, 200, 500]))
        .prop_flat_map(move |(session, lag, wait)| {
            let request = millis(&[500, 1_000, 2_000, 6_000]);
            let rest = (millis(&[300, 500, 1_000]), 2..=4u64, request, 3..=8u32, rebalance.clone());
            rest.prop_map(move |(election, fetches, request, heartbeats, rebalance)| Timeouts {
                session,
                heartbeats,
                lag,
                wait,
                election,
                // Longer than a fetch of the metadata log may wait, or no leader would last.
                fetch: election.times(fetches),
                request: request.max(wait + wait),
                rebalance,
            })
        })
}

#[derive(Clone, Debug)]
struct Storage {
    truncation: TruncationMode,
    segment: u64,
    snapshot_every: u32,
    sync: SpanRange,
    throughput: Option<u64>,
}

fn storage() -> impl Strategy<Value = Storage> {
    let truncation = prop::sample::select(vec![TruncationMode::Fetch, TruncationMode::Lookup]);
    let segment = prop::sample::select(vec![1u64 << 20, 1 << 20, 4_096]);
    let snapshot = prop::sample::select(vec![100u32, 20, 5]);
    let sync = prop::sample::select(vec![(1u64, 4u64), (1, 4), (5, 50)]);
    let throughput = prop::option::weighted(0.2, prop::sample::select(vec![5_000_000u64, 50_000_000]));
    (truncation, segment, snapshot, sync, throughput).prop_map(
        |(truncation, segment, snapshot_every, (min, max), throughput)| Storage {
            truncation,
            segment,
            snapshot_every,
            sync: SpanRange { min: Span::from_millis(min), max: Span::from_millis(max) },
            throughput,
        },
    )
}

#[derive(Clone, Debug)]
struct Network {
    latency: SpanRange,
    bandwidth: Option<u64>,
    spread: u32,
    skew: Span,
}

fn network() -> impl Strategy<Value = Network> {
    let latency = prop::sample::select(vec![(200u64, 1_000u64), (200, 1_000), (1_000, 20_000)]);
    let skew = prop::sample::select(vec![0u64, 0, 500]);
    // What one fetch may carry has to arrive within the shortest timeout of a client.
    let bandwidth = prop::option::weighted(0.2, prop::sample::select(vec![10_000_000u64, 100_000_000]));
    let spread = prop::sample::select(vec![0u32, 0, 50, 100]);
    (latency, bandwidth, spread, skew).prop_map(|((min, max), bandwidth, spread, skew)| Network {
        latency: SpanRange { min: Span::from_micros(min), max: Span::from_micros(max) },
        bandwidth,
        spread,
        skew: Span::from_millis(skew),
    })
}

fn millis(choices: &[u64]) -> impl Strategy<Value = Span> + Clone + use<> {
    prop::sample::select(choices.iter().map(|&millis| Span::from_millis(millis)).collect::<Vec<_>>())
}
