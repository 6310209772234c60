//! Random errors, resets, stalls and leader changes: what holds in all of them.

mod world;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use tribunal_client::{Acks, ConsumerConfig, OffsetReset, Partitioner, ProducerConfig, ProducerRecord};
use tribunal_common::ClientObs;
use tribunal_contract::Span;
use tribunal_protocol::Str;

use world::{Brokers, ConsumerClient, ProducerClient, Rng, World};

const PARTITIONS: i32 = 3;
const RECORDS: u64 = 60;

#[derive(Clone, Debug)]
struct Produced {
    seed: u64,
    fault_rate: u64,
    max_in_flight: u8,
    acks: Acks,
    linger: u64,
    batch_size: u32,
    retries: u32,
    partitioner: Partitioner,
}

fn produced() -> impl Strategy<Value = Produced> {
    (
        any::<u64>(),
        0..400_u64,
        prop_oneof![Just(1_u8), Just(5)],
        prop_oneof![3 => Just(Acks::All), 1 => Just(Acks::Leader), 1 => Just(Acks::None)],
        prop_oneof![Just(0_u64), Just(5), Just(200)],
        prop_oneof![Just(1_u32), Just(200), Just(16_384)],
        prop_oneof![3 => Just(i32::MAX as u32), 1 => 0..4_u32],
        prop_oneof![Just(Partitioner::KeyHash), Just(Partitioner::RoundRobin), Just(Partitioner::Sticky)],
    )
        .prop_map(|(seed, fault_rate, max_in_flight, acks, linger, batch_size, retries, partitioner)| Produced {
            seed,
            fault_rate,
            max_in_flight,
            acks,
            linger,
            batch_size,
            retries,
            partitioner,
        })
}

/// Sends records over some seconds of faults, then lets everything end.
fn produce(case: &Produced) -> (World, ProducerClient, BTreeMap<u64, Bytes>) {
    let brokers = Brokers::new(3, PARTITIONS, case.seed);
    let mut config = ProducerConfig::new(brokers.nodes());
    config.acks = case.acks;
    config.max_in_flight = case.max_in_flight;
    config.linger = Span::from_millis(case.linger);
    config.batch_size = case.batch_size;
    config.retries = case.retries;
    config.partitioner = case.partitioner;
    config.net.request_timeout = Span::from_secs(2);
    config.delivery_timeout = Span::from_secs(12);
    let mut world = World::new(brokers, case.seed);
    world.brokers.fault_rate = case.fault_rate;
    let mut client = ProducerClient::new(config);
    let mut rng = Rng::new(case.seed ^ 0x5e4d);
    let mut sent = BTreeMap::new();
    for n in 0..RECORDS {
        let value = Bytes::from(format!("value-{n}"));
        let mut record = ProducerRecord::new(Str::from_static("t"), value.clone());
        if rng.below(2) == 0 {
            record = record.with_key(Bytes::from(format!("key-{}", rng.below(10))));
        }
        let id = client.send(&mut world, record);
        sent.insert(id.0, value);
        let pause = rng.below(3) * rng.below(60);
        world.run(&mut client, pause);
    }
    world.brokers.fault_rate = 0;
    world.run(&mut client, 60_000);
    (world, client, sent)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_has_one_delivery_and_it_is_true(case in produced()) {
        let (world, client, sent) = produce(&case);
        let delivered: BTreeSet<u64> = client.deliveries.iter().map(|delivery| delivery.id.0).collect();
        prop_assert_eq!(client.deliveries.len(), delivered.len(), "none twice");
        prop_assert_eq!(delivered.len(), sent.len(), "none missing");
        prop_assert_eq!(client.producer.buffered_bytes(), 0);
        prop_assert!(world.most_in_flight <= usize::from(case.max_in_flight));
        let logs: Vec<BTreeMap<i64, Bytes>> =
            world.brokers.partitions.iter().map(|log| log.values().into_iter().collect()).collect();
        for delivery in &client.deliveries {
            let value = &sent[&delivery.id.0];
            match delivery.result {
                Ok(at) if case.acks == Acks::None => prop_assert_eq!(at.offset, -1),
                Ok(at) => {
                    prop_assert_eq!(logs[at.partition.partition as usize].get(&at.offset), Some(value));
                }
                Err(error) => {
                    let there = logs.iter().any(|log| log.values().any(|other| other == value));
                    prop_assert!(!(error.definite && there), "{:?} is in a log", delivery);
                }
            }
        }
    }

    #[test]
    fn observations_agree_with_deliveries(case in produced()) {
        let (world, client, sent) = produce(&case);
        let mut announced = BTreeSet::new();
        let mut ended = BTreeMap::new();
        for obs in &world.observed {
            match obs {
                ClientObs::Send { id, value, .. } => {
                    prop_assert!(announced.insert(*id), "sent once");
                    prop_assert_eq!(value.as_ref(), Some(&sent[id]));
                }
                ClientObs::Acknowledged { id, offset, .. } => {
                    prop_assert!(announced.contains(id));
                    prop_assert_eq!(ended.insert(*id, Some(*offset)), None);
                }
                ClientObs::Failed { id, .. } => prop_assert_eq!(ended.insert(*id, None), None),
                ClientObs::Retried { .. } => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let told: BTreeMap<u64, Option<i64>> =
            client.deliveries.iter().map(|d| (d.id.0, d.result.ok().map(|at| at.offset))).collect();
        prop_assert_eq!(ended, told);
    }

    #[test]
    fn one_request_in_flight_keeps_the_order_within_a_partition(case in produced()) {
        let case = Produced { max_in_flight: 1, acks: Acks::All, ..case };
        let (_, client, _) = produce(&case);
        let mut last: BTreeMap<i32, (u64, i64)> = BTreeMap::new();
        let mut acked: Vec<_> = client.deliveries.iter().filter_map(|d| Some((d.id.0, d.result.ok()?))).collect();
        acked.sort_by_key(|(id, _)| *id);
        for (id, at) in acked {
            if let Some((before, offset)) = last.insert(at.partition.partition, (id, at.offset)) {
                prop_assert!(offset < at.offset, "{before} at {offset}, {id} at {}", at.offset);
            }
        }
    }

    #[test]
    fn a_run_is_the_same_again(case in produced()) {
        let (world, client, _) = produce(&case);
        let (again, same, _) = produce(&case);
        prop_assert_eq!(world.observed, again.observed);
        prop_assert_eq!(client.producer, same.producer);
    }

    #[test]
    fn a_consumer_skips_and_repeats_nothing_without_a_reset_and_ends_with_the_log(
        seed in any::<u64>(), fault_rate in 0..300_u64, unclean in any::<bool>(), latest in any::<bool>(),
    ) {
        let (world, client) = consume(seed, fault_rate, unclean, latest);
        // What each partition has shown, and where it has to go on.
        let mut views: Vec<BTreeMap<i64, Bytes>> = vec![BTreeMap::new(); PARTITIONS as usize];
        let mut next: Vec<Option<i64>> = vec![None; PARTITIONS as usize];
        for obs in &world.observed {
            match obs {
                ClientObs::Assigned { partition, offset } => {
                    prop_assert_eq!(next[partition.partition as usize].replace(*offset), None, "assigned once");
                }
                ClientObs::Reset { partition, offset, truncated } => {
                    prop_assert!(*truncated, "nothing was deleted");
                    let p = partition.partition as usize;
                    prop_assert!(Some(*offset) <= next[p], "back, not on");
                    next[p] = Some(*offset);
                    views[p].split_off(offset);
                }
                ClientObs::Polled { partition, offset, value, .. } => {
                    let p = partition.partition as usize;
                    prop_assert_eq!(Some(*offset), next[p], "no gap and no repetition");
                    next[p] = Some(offset + 1);
                    views[p].insert(*offset, value.clone().expect("a value"));
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        for (p, log) in world.brokers.partitions.iter().enumerate() {
            prop_assert_eq!(client.consumer.position(p as u32), Some(log.end()));
            prop_assert!(client.consumer.is_at_end(p as u32));
            let first = views[p].first_key_value().map_or(log.end(), |(offset, _)| *offset);
            let held: BTreeMap<i64, Bytes> = log.values().into_iter().filter(|(offset, _)| *offset >= first).collect();
            prop_assert_eq!(&views[p], &held, "every truncation was noticed");
        }
    }
}

#[test]
fn the_random_faults_reach_what_they_are_for() {
    let mut reached = BTreeSet::new();
    for seed in 0..40 {
        let case = Produced {
            seed,
            fault_rate: 300,
            max_in_flight: 5,
            acks: Acks::All,
            linger: 5,
            batch_size: 200,
            retries: 3,
            partitioner: Partitioner::RoundRobin,
        };
        let (world, _, sent) = produce(&case);
        for obs in &world.observed {
            match obs {
                ClientObs::Failed { definite: true, .. } => reached.insert("failed, definite"),
                ClientObs::Failed { definite: false, .. } => reached.insert("failed, unknown"),
                ClientObs::Retried { error: 0, .. } => reached.insert("retried after a loss"),
                ClientObs::Retried { error: 6, .. } => reached.insert("retried at a new leader"),
                ClientObs::Retried { error: 10, .. } => reached.insert("split"),
                _ => false,
            };
        }
        let appended: usize = world.brokers.partitions.iter().map(|log| log.values().len()).sum();
        if appended > sent.len() {
            reached.insert("appended twice");
        }
        let (world, _) = consume(seed, 200, true, seed % 2 == 0);
        if world.observed.iter().any(|obs| matches!(obs, ClientObs::Reset { truncated: true, .. })) {
            reached.insert("truncated");
        }
    }
    let all = [
        "appended twice",
        "failed, definite",
        "failed, unknown",
        "retried after a loss",
        "retried at a new leader",
        "split",
        "truncated",
    ];
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), all);
}

fn consume(seed: u64, fault_rate: u64, unclean: bool, latest: bool) -> (World, ConsumerClient) {
    let brokers = Brokers::new(3, PARTITIONS, seed);
    let mut config = ConsumerConfig::new(brokers.nodes());
    config.offset_reset = if latest { OffsetReset::Latest } else { OffsetReset::Earliest };
    config.net.request_timeout = Span::from_secs(2);
    config.max_partition_bytes = 300;
    let mut world = World::new(brokers, seed);
    world.brokers.fault_rate = fault_rate;
    world.brokers.unclean = unclean;
    let mut rng = Rng::new(seed ^ 0xc0);
    let mut client = ConsumerClient::new(config);
    for _ in 0..5 {
        write(&mut world, &mut rng, &mut 1_000_000);
    }
    client.assign(&mut world, &[0, 1, 2]);
    let mut n = 0;
    for _ in 0..80 {
        write(&mut world, &mut rng, &mut n);
        let pause = rng.below(200);
        world.run(&mut client, pause);
    }
    world.brokers.fault_rate = 0;
    world.run(&mut client, 20_000);
    (world, client)
}

fn write(world: &mut World, rng: &mut Rng, n: &mut u64) {
    let partition = rng.below(PARTITIONS as u64) as usize;
    let values: Vec<String> = (0..=rng.below(4)).map(|i| format!("written-{n}-{i}")).collect();
    *n += 1;
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    world.brokers.partitions[partition].append_values(&values);
}
