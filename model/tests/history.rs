//! Each validation: a history that passes, and one of the same shape that does not.

use std::collections::BTreeSet;

use bytes::Bytes;
use tribunal_common::{ClientObs, Obs, TopicIdPartition};
use tribunal_contract::{NodeId, Time};
use tribunal_model::{History, Judgement, Names, Promises, Property, Violation};
use tribunal_protocol::Uuid;

mod common;

const P: TopicIdPartition = common::ORDERS;
const PRODUCER: u32 = 8;
const CONSUMER: u32 = 9;

/// A history told by its producer and consumer. Values are `v<id>`; a call is a millisecond.
struct Told {
    history: History,
    now: u64,
}

impl Told {
    fn new() -> Told {
        Told { history: History::new(), now: 0 }
    }

    fn add(&mut self, node: u32, obs: ClientObs) {
        self.now += 1_000_000;
        self.history.record(Time(self.now), NodeId(node), &obs);
    }

    fn send(&mut self, id: u64) {
        let value = Some(Bytes::from(format!("v{id}")));
        self.add(PRODUCER, ClientObs::Send { id, partition: P, key: None, value });
    }

    fn fails(&mut self, id: u64, definite: bool) {
        self.add(PRODUCER, ClientObs::Failed { id, error: 7, definite });
    }

    fn acknowledged(&mut self, id: u64, offset: i64) {
        self.send(id);
        self.add(PRODUCER, ClientObs::Acknowledged { id, partition: P, offset });
    }

    fn polls_at(&mut self, node: u32, records: &[(i64, u64)]) {
        self.now += 1_000_000;
        for (offset, id) in records {
            let value = Some(Bytes::from(format!("v{id}")));
            let obs = ClientObs::Polled { partition: P, offset: *offset, timestamp: 0, key: None, value };
            self.history.record(Time(self.now), NodeId(node), &obs);
        }
    }

    /// One poll of these offsets, and values.
    fn polls(&mut self, records: &[(i64, u64)]) {
        self.polls_at(CONSUMER, records);
    }

    fn judged(&self, idempotent: bool, final_polls: bool) -> Judgement {
        let idempotent = BTreeSet::from_iter(idempotent.then_some(NodeId(PRODUCER)));
        let mut names = Names::default();
        names.topic(P.topic, "orders");
        names.node(NodeId(PRODUCER), "producer");
        names.node(NodeId(CONSUMER), "consumer");
        self.history.judge(&Promises { idempotent, final_polls, auditor: None }, &names, None)
    }

    /// The violations of a history whose producer is idempotent and whose consumers have polled everything.
    fn violations(&self) -> Vec<Violation> {
        self.judged(true, true).violations
    }

    #[track_caller]
    fn passes(&self) {
        assert_eq!(self.violations(), []);
    }

    #[track_caller]
    fn is(&self, expected: &[Property]) -> Violation {
        let violations = self.violations();
        let found: Vec<_> = violations.iter().map(|violation| violation.property).collect();
        assert_eq!(found, expected, "{violations:?}");
        violations[0].clone()
    }
}

/// Records 0 to `n` are acknowledged at the offsets of their numbers.
fn acknowledged(n: u64) -> Told {
    let mut told = Told::new();
    (0..n).for_each(|id| told.acknowledged(id, id as i64));
    told
}

#[test]
fn what_is_acknowledged_and_polled_once_and_in_order_passes() {
    let mut told = acknowledged(4);
    told.polls(&[(0, 0), (1, 1)]);
    told.polls(&[(2, 2), (3, 3)]);
    told.polls_at(CONSUMER + 1, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
    told.passes();
    assert_eq!(told.judged(false, true), Judgement::default());
}

#[test]
fn an_offset_that_holds_two_values_is_inconsistent() {
    let mut told = acknowledged(2);
    told.polls(&[(0, 0), (1, 7)]);
    let violation = told.is(&[Property::InconsistentOffsets, Property::LostWrite, Property::Unseen]);
    assert_eq!(violation.detail, "orders/0 offset 1 holds \"v1\" and \"v7\"");
}

#[test]
fn two_polls_that_disagree_are_inconsistent() {
    let mut told = Told::new();
    told.polls(&[(4, 1)]);
    told.polls_at(CONSUMER + 1, &[(4, 2)]);
    told.is(&[Property::InconsistentOffsets]);
}

#[test]
fn a_value_at_two_offsets_is_a_duplicate_where_the_producer_is_idempotent() {
    let mut told = acknowledged(2);
    told.polls(&[(0, 0), (1, 1), (2, 1)]);
    let violation = told.is(&[Property::Duplicate]);
    assert_eq!(violation.detail, "orders/0 holds \"v1\" of an idempotent producer at offsets 1 and 2");
    let judgement = told.judged(false, true);
    assert_eq!((judgement.violations.len(), judgement.duplicates), (0, 1));
}

#[test]
fn a_value_that_was_sent_twice_may_be_at_two_offsets() {
    let mut told = acknowledged(1);
    told.acknowledged(0, 1);
    told.polls(&[(0, 0), (1, 0)]);
    told.passes();
}

#[test]
fn an_acknowledged_value_below_the_highest_read_and_never_polled_is_lost() {
    let mut told = acknowledged(5);
    told.polls(&[(0, 0), (1, 1)]);
    told.add(CONSUMER, ClientObs::Reset { partition: P, offset: 4, truncated: false });
    told.polls(&[(4, 4)]);
    let violation = told.is(&[Property::LostWrite, Property::Unseen]);
    assert_eq!(
        violation.detail,
        "orders/0 offset 2, acknowledged at 0.006 s, never polled though offset 4 was (2 such)"
    );
}

#[test]
fn a_value_whose_offset_another_took_is_lost() {
    let mut told = acknowledged(3);
    told.polls(&[(0, 0), (1, 11), (2, 2)]);
    told.is(&[Property::InconsistentOffsets, Property::LostWrite, Property::Unseen]);
}

#[test]
fn a_value_of_an_unknown_outcome_is_not_lost() {
    let mut told = acknowledged(2);
    told.send(7);
    told.fails(7, false);
    told.polls(&[(0, 0), (1, 1)]);
    told.passes();
}

#[test]
fn a_record_acknowledged_without_an_offset_is_never_claimed() {
    let mut told = acknowledged(1);
    told.acknowledged(5, -1);
    told.acknowledged(6, 1);
    told.polls(&[(0, 0), (1, 6)]);
    told.passes();
}

#[test]
fn an_acknowledged_value_at_the_end_that_nobody_polls_is_unseen_after_final_polls_only() {
    let mut told = acknowledged(3);
    told.polls(&[(0, 0), (1, 1)]);
    let violation = told.is(&[Property::Unseen]);
    assert_eq!(violation.detail, "orders/0 offset 2, acknowledged to producer at 0.006 s, never polled by the end");
    assert_eq!(told.judged(true, false), Judgement::default());
}

#[test]
fn records_below_the_log_start_are_deleted_unread_and_not_lost() {
    let mut told = acknowledged(4);
    told.add(CONSUMER, ClientObs::Assigned { partition: P, offset: 0 });
    told.add(CONSUMER, ClientObs::Reset { partition: P, offset: 2, truncated: false });
    told.polls(&[(2, 2), (3, 3)]);
    told.is(&[Property::LostWrite, Property::Unseen]);
    let mut trial = common::Trial::with_records(4);
    trial.holds(1, Obs::LogStart { log: P, start: 2, emptied: false });
    let promises = Promises { final_polls: true, ..Promises::default() };
    let judgement = told.history.judge(&promises, &Names::default(), Some(trial.invariants.truth()));
    assert_eq!(judgement, Judgement { deleted_unread: [(P, 2)].into(), ..Judgement::default() });
}

#[test]
fn a_loss_is_told_with_who_acknowledged_who_crashed_and_who_was_elected() {
    let mut trial = common::Trial::with_records(2);
    let mut told = Told::new();
    let mut at = trial.now();
    told.send(0);
    told.history.record(at, NodeId(PRODUCER), &ClientObs::Acknowledged { id: 0, partition: P, offset: 2 });
    trial.crash(1, true);
    trial.holds(2, common::committed(2, 2, 2, &[2, 3]));
    trial.holds(2, common::leads(2, 2));
    at = trial.now();
    told.now = at.0;
    told.polls(&[(2, 9)]);
    let names = trial.invariants.truth().names();
    let judgement = told.history.judge(&Promises::default(), names, Some(trial.invariants.truth()));
    let lost = judgement.violations.iter().find(|violation| violation.property == Property::LostWrite).unwrap();
    assert_eq!(lost.detail, "orders/0 offset 2, acknowledged at 0.014 s, absent after epoch 1");
    assert_eq!(
        lost.cause_line(names),
        "0.014 b1 acknowledges → 0.015 b1 loses power → 0.017 b2 elected with log end 2"
    );
}

#[test]
fn a_value_of_a_send_that_definitely_failed_is_an_aborted_read() {
    let mut told = acknowledged(1);
    told.send(1);
    told.fails(1, true);
    told.polls(&[(0, 0), (1, 1)]);
    let violation = told.is(&[Property::AbortedRead]);
    assert_eq!(
        violation.detail,
        "orders/0 offset 1: consumer polls \"v1\" at 0.005 s, whose send definitely failed at 0.004 s"
    );
    let mut told = acknowledged(1);
    told.send(1);
    told.fails(1, false);
    told.polls(&[(0, 0), (1, 1)]);
    told.passes();
}

#[test]
fn a_known_record_left_out_from_poll_to_poll_is_skipped() {
    let mut told = acknowledged(4);
    told.polls_at(CONSUMER + 1, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
    told.polls(&[(0, 0)]);
    told.polls(&[(3, 3)]);
    let violation = told.is(&[Property::PollSkip]);
    assert_eq!(
        violation.detail,
        "orders/0: consumer polls offset 0 and then 3 at 0.011 s, and skips 2 known to be between"
    );
}

#[test]
fn a_known_record_left_out_within_a_poll_is_skipped() {
    let mut told = acknowledged(3);
    told.polls_at(CONSUMER + 1, &[(0, 0), (1, 1), (2, 2)]);
    told.polls(&[(0, 0), (2, 2)]);
    told.is(&[Property::IntPollSkip]);
}

#[test]
fn offsets_where_nothing_is_known_to_be_are_no_skips() {
    let mut told = Told::new();
    told.acknowledged(0, 0);
    told.acknowledged(1, 5);
    told.polls(&[(0, 0), (5, 1)]);
    told.passes();
}

#[test]
fn a_poll_that_goes_back_or_repeats_is_nonmonotonic() {
    for again in [(0, 0), (1, 1)] {
        let mut told = acknowledged(2);
        told.polls(&[(0, 0), (1, 1)]);
        told.polls(&[again]);
        told.is(&[Property::NonmonotonicPoll]);
    }
    let mut told = acknowledged(2);
    told.polls(&[(0, 0), (1, 1), (1, 1)]);
    told.is(&[Property::IntNonmonotonicPoll]);
}

#[test]
fn a_consumer_may_go_anywhere_after_an_assignment_or_a_reset() {
    let mut told = acknowledged(4);
    told.polls(&[(0, 0), (1, 1), (2, 2), (3, 3)]);
    told.add(CONSUMER, ClientObs::Assigned { partition: P, offset: 0 });
    told.polls(&[(0, 0)]);
    told.add(CONSUMER, ClientObs::Reset { partition: P, offset: 2, truncated: true });
    told.polls(&[(2, 2), (3, 3)]);
    told.add(CONSUMER, ClientObs::Reset { partition: P, offset: 1, truncated: true });
    told.polls(&[(1, 1), (2, 2)]);
    told.passes();
}

#[test]
fn partitions_are_judged_apart() {
    let other = TopicIdPartition { topic: Uuid(77), partition: 1 };
    let mut told = acknowledged(2);
    told.polls(&[(0, 0)]);
    for offset in [5, 6] {
        let value = Some(Bytes::from(format!("other {offset}")));
        told.add(CONSUMER, ClientObs::Polled { partition: other, offset, timestamp: 0, key: None, value });
    }
    told.polls(&[(1, 1)]);
    told.passes();
}
