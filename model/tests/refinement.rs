//! Conformance to the abstract model: steps that it allows pass, and each kind that it does not is told.

use tribunal_common::{BatchMark, Obs, PartitionState, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_model::{Names, Property, Refinement};
use tribunal_protocol::Uuid;

const ORDERS: TopicIdPartition = TopicIdPartition { topic: Uuid(7), partition: 0 };

#[derive(Default)]
struct Trial {
    model: Refinement,
    partition_epoch: i32,
}

impl Trial {
    /// Three replicas that have opened empty logs; b0 leads epoch 0, the others follow.
    fn begun() -> Trial {
        let mut trial = Trial::default();
        for node in 0..3 {
            trial.allowed(node, Obs::LogOpened { log: ORDERS, start: 0, kept: 0 });
        }
        trial.commits(0, 0, &[0, 1, 2]);
        trial.allowed(0, Obs::LeaderStarted { partition: ORDERS, epoch: 0, end: 0 });
        trial.follows(1, 0, 0);
        trial.follows(2, 0, 0);
        trial
    }

    fn step(&mut self, node: u32, obs: &Obs) -> Result<(), String> {
        self.model.observe(Time(0), NodeId(node), obs, &Names::default()).map_err(|violation| {
            assert_eq!(violation.property, Property::RefinesKip320);
            violation.detail
        })
    }

    #[track_caller]
    fn allowed(&mut self, node: u32, obs: Obs) {
        assert_eq!(self.step(node, &obs), Ok(()), "{obs:?}");
    }

    #[track_caller]
    fn refused(&mut self, node: u32, obs: Obs, why: &str) {
        let said = self.step(node, &obs).expect_err("the model does not allow it");
        assert!(said.contains(why), "{said}");
    }

    fn state(&mut self, leader: i32, leader_epoch: i32, isr: &[i32]) -> Obs {
        self.partition_epoch += 1;
        let state = PartitionState {
            partition: ORDERS,
            replicas: vec![0, 1, 2],
            isr: isr.to_vec(),
            elr: Vec::new(),
            leader,
            leader_epoch,
            partition_epoch: self.partition_epoch,
            unclean: false,
        };
        Obs::PartitionCommitted { offset: self.partition_epoch.into(), state }
    }

    fn commits(&mut self, leader: i32, epoch: i32, isr: &[i32]) {
        let obs = self.state(leader, epoch, isr);
        self.allowed(9, obs);
    }

    fn follows(&mut self, node: u32, epoch: i32, leader: i32) {
        self.allowed(node, Obs::FollowerStarted { partition: ORDERS, epoch, leader });
    }

    fn leads(&mut self, node: u32, epoch: i32) {
        self.allowed(node, Obs::LeaderStarted { partition: ORDERS, epoch, end: 0 });
    }

    fn appends(&mut self, node: u32, base: i64, epoch: i32) {
        self.allowed(node, appended(base, epoch));
    }
}

fn appended(base: i64, epoch: i32) -> Obs {
    Obs::Appended { log: ORDERS, batch: BatchMark { base, last: base, epoch, crc: epoch as u32 } }
}

fn exposes(value: i64) -> Obs {
    Obs::HighWatermark { partition: ORDERS, value, leader: true }
}

#[test]
fn replication_a_failover_and_truncation_are_steps_of_the_model() {
    let mut trial = Trial::begun();
    for base in [0, 1] {
        trial.appends(0, base, 0);
        trial.appends(1, base, 0);
    }
    trial.appends(2, 0, 0);
    trial.allowed(0, exposes(1));
    trial.commits(1, 1, &[1, 2]);
    trial.leads(1, 1);
    trial.appends(1, 2, 1);
    trial.follows(2, 1, 1);
    trial.appends(2, 1, 0);
    trial.appends(0, 2, 0);
    trial.follows(0, 1, 1);
    trial.allowed(0, Obs::Truncated { log: ORDERS, end: 2 });
    trial.appends(0, 2, 1);
    trial.appends(2, 2, 1);
    trial.allowed(1, exposes(3));
    trial.commits(1, 1, &[0, 1, 2]);
}

#[test]
fn a_high_watermark_above_what_the_isr_has_fetched_in_the_epoch_is_refused() {
    let mut trial = Trial::begun();
    trial.appends(0, 0, 0);
    trial.appends(1, 0, 0);
    trial.refused(0, exposes(1), "exposes high watermark 1 in epoch 0, which b2 has not fetched in it");
}

/// b1 fetches in epoch 1, is named leader of epoch 2, and only then b2 starts to lead epoch 1 and hears that fetch.
fn gone_before_its_leader_has_started(of_b1: i64) -> Trial {
    let mut trial = Trial::begun();
    trial.appends(0, 0, 0);
    (0..of_b1).for_each(|base| trial.appends(1, base, 0));
    trial.appends(2, 0, 0);
    trial.commits(2, 1, &[1, 2]);
    trial.follows(1, 1, 2);
    trial.commits(1, 2, &[1]);
    trial.leads(1, 2);
    trial.leads(2, 1);
    trial
}

#[test]
fn a_fetch_of_a_follower_that_has_gone_on_counts_once_its_leader_has_started() {
    gone_before_its_leader_has_started(1).allowed(2, exposes(1));
    gone_before_its_leader_has_started(0).refused(2, exposes(1), "which b1 has not fetched in it");
}

#[test]
fn a_cut_below_where_the_logs_part_is_refused() {
    let mut trial = Trial::begun();
    trial.appends(0, 0, 0);
    trial.appends(1, 0, 0);
    trial.refused(1, Obs::Truncated { log: ORDERS, end: 0 }, "cuts its log to 0 in epoch 0, and up to 1");
}

#[test]
fn a_leader_that_cuts_its_log_is_refused() {
    let mut trial = Trial::begun();
    trial.appends(0, 0, 0);
    trial.refused(0, Obs::Truncated { log: ORDERS, end: 0 }, "leads epoch 0 and cuts its log");
}

#[test]
fn a_follower_that_fetches_over_records_its_leader_never_had_is_refused() {
    let mut trial = Trial::begun();
    trial.appends(0, 0, 0);
    trial.commits(1, 1, &[1, 2]);
    trial.leads(1, 1);
    trial.appends(1, 0, 1);
    trial.appends(1, 1, 1);
    trial.follows(0, 1, 1);
    trial.refused(0, appended(1, 1), "its log parts from that of the epoch's leader at 0");
}

#[test]
fn an_isr_with_a_follower_that_has_not_caught_up_is_refused() {
    let mut trial = Trial::begun();
    trial.commits(0, 0, &[0, 1]);
    trial.appends(0, 0, 0);
    trial.appends(1, 0, 0);
    trial.allowed(0, exposes(1));
    let joined = trial.state(0, 0, &[0, 1, 2]);
    trial.refused(9, joined, "b2 is in the ISR of epoch 0");
}

#[test]
fn a_leader_that_the_controller_did_not_name_is_refused() {
    let mut trial = Trial::begun();
    trial.refused(2, Obs::LeaderStarted { partition: ORDERS, epoch: 0, end: 0 }, "the controller named b0");
    let mut trial = Trial::begun();
    trial.refused(1, Obs::FollowerStarted { partition: ORDERS, epoch: 5, leader: 0 }, "has not begun");
}

#[test]
fn a_leader_from_outside_the_isr_and_a_record_of_another_epoch_are_refused() {
    let mut trial = Trial::begun();
    trial.commits(0, 0, &[0, 1]);
    let elected = trial.state(2, 1, &[2]);
    trial.refused(9, elected, "b2 leads, which was not in the ISR");
    let mut trial = Trial::begun();
    trial.refused(0, appended(0, 3), "leads epoch 0 and appends in epoch 3");
}

#[test]
fn after_a_loss_of_power_the_partition_is_judged_no_more() {
    let mut trial = Trial::begun();
    trial.model.on_loss(NodeId(2));
    trial.appends(0, 0, 0);
    trial.allowed(0, exposes(1));
}
