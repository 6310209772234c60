//! What a test of one's own looks like: an application that uses the client library and is killed, a property of its
//! own, many seeds; and how it fails.

use tribunal::testing::{Trials, broker_nodes};
use tribunal::world::Watch;
use tribunal_client::{ClientIo, Producer, ProducerConfig, ProducerRecord};
use tribunal_common::{Bug, ClientObs, Obs, timers};
use tribunal_contract::{Disk, Effects, Event, Machine, NodeId, Span, Time, TimerId};
use tribunal_protocol::{Message, Str};

const SCENARIO: &str = r#"
name = "payments-in-order"
seeds = "0..3"
duration = "6s"

[[topic]]
name = "payments"
replication = 3
min_insync = 2

[[workload]]
kind = "consumer"
topic = "payments"

[[fault]]
at = "2s"
crash = { broker = "leader:payments/0", power = "kept" }
restart_after = "1s"
"#;

/// Sends a payment every 50 ms, each when the one before is acknowledged: so they stand in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Payments {
    producer: Producer,
    incarnation: u32,
    sent: u64,
    waits: bool,
}

const NEXT: TimerId = TimerId { class: timers::WORKLOAD, index: 0 };

impl Payments {
    fn new(incarnation: u32) -> Payments {
        let producer = Producer::new(ProducerConfig::new(broker_nodes(3)));
        Payments { producer, incarnation, sent: 0, waits: false }
    }
}

impl Machine for Payments {
    type Msg = Message;
    type Input = ();
    type Obs = Obs;

    fn step<D: Disk, F: Effects<Message, Obs>>(&mut self, now: Time, event: Event<Message, ()>, _: &mut D, fx: &mut F) {
        let io = &mut ClientIo { now, fx };
        if let Some(Event::Start | Event::Timer(NEXT)) = self.producer.handle(event, io) {
            if !self.waits {
                let value = format!("payment {}.{}", self.incarnation, self.sent);
                let record = ProducerRecord {
                    topic: Str::from_static("payments"),
                    partition: Some(0),
                    timestamp: None,
                    key: None,
                    value: Some(value.into()),
                    headers: Vec::new(),
                };
                self.waits = self.producer.send(record, io).is_ok();
                self.sent += u64::from(self.waits);
            }
            let pause = Span::from_millis(50);
            io.fx.set_timer(NEXT, pause, pause);
        }
        while self.producer.next_delivery().is_some() {
            self.waits = false;
        }
    }
}

/// Each payment stands behind the one before.
#[derive(Debug, Default)]
struct InOrder {
    last: Option<i64>,
    acknowledged: u64,
}

impl Watch for InOrder {
    fn observe(&mut self, _: Time, _: NodeId, obs: &Obs) -> Result<(), String> {
        let Obs::Client(ClientObs::Acknowledged { offset, .. }) = obs else { return Ok(()) };
        self.acknowledged += 1;
        let last = self.last.replace(*offset);
        match last.filter(|last| last >= offset) {
            Some(last) => Err(format!("offset {offset} is acknowledged after offset {last}")),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        // A property that has seen nothing has not held: nothing was asked of it.
        if self.acknowledged < 20 { Err(format!("only {} payments", self.acknowledged)) } else { Ok(()) }
    }
}

/// Holds until a second leader is elected: what a property that is wrong of the cluster looks like.
#[derive(Debug, Default)]
struct OneLeaderForEver(u32);

impl Watch for OneLeaderForEver {
    fn observe(&mut self, _: Time, node: NodeId, obs: &Obs) -> Result<(), String> {
        self.0 += u32::from(matches!(obs, Obs::LeaderStarted { .. }));
        if self.0 > 1 { Err(format!("b{} is another leader", node.0)) } else { Ok(()) }
    }
}

fn payments() -> Trials {
    Trials::of_text(SCENARIO).app("payments", Payments::new)
}

#[test]
fn payments_stand_in_order_though_broker_and_application_are_killed() {
    payments().crash_app(Span::from_secs(3), Span::from_millis(500)).property("in-order", InOrder::default).run();
}

#[test]
fn a_property_that_does_not_hold_fails_with_the_line_that_repeats_it() {
    let failed = payments().property("one-leader", OneLeaderForEver::default).outcome().unwrap_err();
    let violation = failed.violation.expect("a run did not hold");
    assert!(violation.detail.starts_with("one-leader: b"), "{}", failed.message);
    assert!(failed.message.contains("own-property: one-leader"), "{}", failed.message);
    let replay = format!(
        "replay: TRIBUNAL_SEED={:#x} cargo test a_property_that_does_not_hold",
        failed.seed.unwrap_or_default()
    );
    assert!(failed.message.contains(&replay), "{}", failed.message);
    assert!(!violation.chain.is_empty(), "what led to it is told: {}", failed.message);
}

#[test]
#[should_panic(expected = "replay: tribunal replay")]
fn a_planted_bug_fails_a_scenario_of_the_catalog_with_the_command_that_repeats_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/catalog/writes-below-min-insync-are-refused.toml");
    Trials::of_file(path).bug(Bug::Kafka15583).run();
}
