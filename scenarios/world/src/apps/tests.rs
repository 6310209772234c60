//! The applications in the client library's own test world.

#[path = "../../../../broker/client/tests/world/mod.rs"]
mod world;

use std::sync::Arc;

use bytes::Bytes;
use tribunal_client::{ClientIo, ConsumerConfig, OffsetReset, ProducerConfig, ProducerRecord};
use tribunal_common::{ClientObs, Fx, Obs};
use tribunal_contract::{Disk, DiskError, Event, FileId, Machine, Span, SyncOp};
use tribunal_protocol::{Message, Str};

use super::{
    ConsumerApp, ConsumerAppConfig, ConsumerInput, DueRecord, Generated, ProducerApp, ProducerAppConfig,
    ProducerCounters, ProducerInput, Source, ValueFormat, Values,
};
use world::{Brokers, Client, Fault, World};

/// A machine in a world that knows no inputs.
struct App<M>(M);

impl<M: Machine<Msg = Message, Obs = Obs>> Client for App<M> {
    fn event<F: Fx>(&mut self, event: Event<Message, ()>, io: &mut ClientIo<'_, F>) {
        let event = match event {
            Event::Start => Event::Start,
            Event::Timer(id) => Event::Timer(id),
            Event::Up { conn, peer, inbound } => Event::Up { conn, peer, inbound },
            Event::Refused { peer, lane } => Event::Refused { peer, lane },
            Event::Down { conn, peer } => Event::Down { conn, peer },
            Event::Msg { conn, peer, msg } => Event::Msg { conn, peer, msg },
            Event::Synced { op, result } => Event::Synced { op, result },
            Event::Input(()) => return,
        };
        self.0.step(io.now, event, &mut NoDisk, io.fx);
    }
}

impl<M: Machine<Msg = Message, Obs = Obs>> App<M> {
    fn start(world: &mut World, machine: M) -> App<M> {
        let mut app = App(machine);
        app.event(Event::Start, &mut world.io());
        app
    }

    fn input(&mut self, world: &mut World, input: M::Input) {
        let io = world.io();
        self.0.step(io.now, Event::Input(input), &mut NoDisk, io.fx);
    }
}

fn producer_config(brokers: &Brokers, source: Source) -> ProducerAppConfig {
    ProducerAppConfig { client: ProducerConfig::new(brokers.nodes()), start_after: Span::from_millis(100), source }
}

fn generated(count: u64, interval: Span) -> Generated {
    Generated {
        topic: Str::from_static("t"),
        partition: None,
        interval,
        at: None,
        count,
        keys: Some(7),
        values: Values { client: Str::from_static("p1"), number: 1, format: ValueFormat::Text },
        value_size: (20, 40),
    }
}

fn consumer(brokers: &Brokers, partitions: i32) -> ConsumerApp {
    let client = ConsumerConfig { offset_reset: OffsetReset::Earliest, ..ConsumerConfig::new(brokers.nodes()) };
    let partitions = (0..partitions).map(|p| (Str::from_static("t"), p)).collect();
    ConsumerApp::new(ConsumerAppConfig { client, partitions, start_after: Span::from_millis(50), max_poll_records: 3 })
}

/// Times and values of the records that were handed to the producer.
fn sent(world: &World) -> Vec<Bytes> {
    let value = |obs: &ClientObs| match obs {
        ClientObs::Send { value, .. } => value.clone(),
        _ => None,
    };
    world.observed.iter().filter_map(value).collect()
}

#[test]
fn a_producer_sends_all_it_was_told_each_value_once() {
    let mut world = World::new(Brokers::new(3, 3, 1), 1);
    let source = Source::Generated(generated(200, Span::from_millis(5)));
    let app = ProducerApp::new(producer_config(&world.brokers, source));
    let mut app = App::start(&mut world, app);
    assert!(!app.0.is_finished());
    // 100 ms before it begins, and 199 intervals.
    world.run(&mut app, 100 + 199 * 5);
    assert!(app.0.is_finished() && !app.0.is_drained());
    world.run(&mut app, 100);
    assert!(app.0.is_drained());
    assert_eq!(app.0.counters(), ProducerCounters { sent: 200, acked: 200, failed: 0, rejected: 0 });
    let mut values = sent(&world);
    assert!(values.iter().all(|value| value.starts_with(b"p1-") && (20..=40).contains(&value.len())));
    values.sort();
    values.dedup();
    assert_eq!(values.len(), 200);
}

#[test]
fn a_slow_cluster_does_not_slow_the_workload() {
    let mut world = World::new(Brokers::new(1, 1, 1), 1);
    let source = Source::Generated(generated(200, Span::from_millis(5)));
    let app = ProducerApp::new(producer_config(&world.brokers, source));
    let mut app = App::start(&mut world, app);
    world.run(&mut app, 300);
    world.brokers.script.extend([Fault::DoAndStall; 5]);
    world.run(&mut app, 800);
    assert!(app.0.is_finished());
    assert_eq!(app.0.counters().sent, 200);
    assert!(app.0.in_flight() > 100);
}

#[test]
fn a_full_buffer_rejects_and_the_counters_say_so() {
    let mut world = World::new(Brokers::new(1, 1, 1), 1);
    world.brokers.unknown = true;
    let source = Source::Generated(generated(100, Span::from_millis(1)));
    let mut config = producer_config(&world.brokers, source);
    config.client.buffer_memory = 2_000;
    let mut app = App::start(&mut world, ProducerApp::new(config));
    world.run(&mut app, 1_000);
    let counters = app.0.counters();
    assert_eq!(counters.sent + counters.rejected, 100);
    assert!(counters.sent > 10 && counters.rejected > 50, "{counters:?}");
}

#[test]
fn a_stopped_producer_sends_no_more_and_drains() {
    let mut world = World::new(Brokers::new(1, 1, 1), 1);
    let source = Source::Generated(generated(1_000_000, Span::from_millis(5)));
    let mut config = producer_config(&world.brokers, source);
    config.client.linger = Span::from_secs(1_000);
    let mut app = App::start(&mut world, ProducerApp::new(config));
    world.run(&mut app, 500);
    app.input(&mut world, ProducerInput::Stop);
    let counters = app.0.counters();
    assert!(counters.sent > 70);
    world.run(&mut app, 1_000);
    assert!(app.0.is_drained());
    assert_eq!(app.0.counters(), ProducerCounters { acked: counters.sent, ..counters });
}

#[test]
fn given_records_are_sent_when_they_are_due_as_they_are() {
    let record = |due: u64, value: &'static str| DueRecord {
        due: Span::from_millis(due),
        record: ProducerRecord {
            timestamp: Some(1_772_446_523_400 + due as i64),
            ..ProducerRecord::new(Str::from_static("t"), Bytes::from_static(value.as_bytes()))
        },
    };
    let records: Arc<[DueRecord]> = [record(0, "a"), record(0, "b"), record(70, "c"), record(500, "d")].into();
    let mut world = World::new(Brokers::new(1, 1, 1), 1);
    let app = ProducerApp::new(producer_config(&world.brokers, Source::Given(records)));
    let mut app = App::start(&mut world, app);
    let mut after = |millis| {
        world.run(&mut app, millis);
        app.0.counters().sent
    };
    assert_eq!(after(99), 0);
    assert_eq!(after(2), 2);
    assert_eq!(after(67), 2);
    assert_eq!(after(3), 3);
    assert_eq!(after(428), 3);
    assert_eq!(after(2), 4);
    world.run(&mut app, 100);
    assert!(app.0.is_drained());
    assert_eq!(sent(&world), ["a", "b", "c", "d"]);
}

#[test]
fn a_consumer_knows_when_it_has_read_everything_again() {
    let mut world = World::new(Brokers::new(3, 2, 1), 1);
    for n in 0..10 {
        world.brokers.partitions[n % 2].append_values(&["x", "y"]);
    }
    let app = consumer(&world.brokers, 2);
    let mut app = App::start(&mut world, app);
    world.run(&mut app, 40);
    assert_eq!(app.0.position(0), None, "not begun");
    world.run(&mut app, 1_000);
    assert_eq!((app.0.polled(0), app.0.polled(1)), (10, 10));
    assert!(!app.0.has_reached_end(), "nobody asked");
    app.input(&mut world, ConsumerInput::SeekToBeginning);
    app.input(&mut world, ConsumerInput::ReadToEnd { targets: vec![10, 12] });
    world.run(&mut app, 1_000);
    assert_eq!(app.0.total_polled(), 40);
    assert!(!app.0.has_reached_end(), "partition 1 ends before its target");
    world.brokers.partitions[1].append_values(&["late", "later"]);
    world.run(&mut app, 1_000);
    assert!(app.0.has_reached_end());
    assert_eq!(app.0.position(1), Some(12));
    app.input(&mut world, ConsumerInput::ReadToEnd { targets: vec![] });
    assert!(!app.0.has_reached_end(), "not known yet");
    world.run(&mut app, 1_000);
    assert!(app.0.has_reached_end());
}

#[test]
fn a_stopped_consumer_reads_nothing_more() {
    let mut world = World::new(Brokers::new(1, 1, 1), 1);
    let app = consumer(&world.brokers, 1);
    let mut app = App::start(&mut world, app);
    world.run(&mut app, 500);
    app.input(&mut world, ConsumerInput::Stop);
    world.brokers.partitions[0].append_values(&["x"]);
    world.run(&mut app, 5_000);
    assert_eq!(app.0.total_polled(), 0);
}

/// Clients have no disk.
struct NoDisk;

impl Disk for NoDisk {
    fn open(&mut self, _: &str) -> Result<FileId, DiskError> {
        Err(DiskError::NotFound)
    }
    fn create(&mut self, _: &str) -> Result<FileId, DiskError> {
        Err(DiskError::Io)
    }
    fn len(&mut self, _: FileId) -> Result<u64, DiskError> {
        Err(DiskError::Io)
    }
    fn append(&mut self, _: FileId, _: Bytes) -> Result<u64, DiskError> {
        Err(DiskError::Io)
    }
    fn read(&mut self, _: FileId, _: u64, _: usize) -> Result<Bytes, DiskError> {
        Err(DiskError::Io)
    }
    fn truncate(&mut self, _: FileId, _: u64) -> Result<(), DiskError> {
        Err(DiskError::Io)
    }
    fn rename(&mut self, _: &str, _: &str) -> Result<(), DiskError> {
        Err(DiskError::Io)
    }
    fn remove(&mut self, _: &str) -> Result<(), DiskError> {
        Err(DiskError::Io)
    }
    fn list(&mut self, _: &str) -> Result<Vec<String>, DiskError> {
        Err(DiskError::Io)
    }
    fn close(&mut self, _: FileId) {}
    fn sync(&mut self, _: FileId, _: SyncOp) {}
    fn sync_dir(&mut self, _: &str, _: SyncOp) {}
}
