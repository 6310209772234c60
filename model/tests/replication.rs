//! Each promise of replication: a history that keeps it, and one of the same shape that does not.

mod common;

use common::*;
use tribunal_common::{BatchMark, ClientObs, Obs};
use tribunal_model::Property;

#[test]
fn a_clean_election_of_an_in_sync_replica_breaks_nothing() {
    let mut trial = Trial::with_records(5);
    trial.crash(1, false);
    trial.holds(2, committed(2, 2, 2, &[2, 3]));
    trial.holds(2, leads(2, 5));
    trial.holds(3, follows(2, 2));
    trial.holds(2, append(5, 2));
    trial.holds(3, append(5, 2));
    trial.holds(2, exposes(6));
    trial.holds(3, learns(6));
}

#[test]
fn a_leader_without_a_committed_record_breaks_leader_completeness() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 1, 1, &[1, 3]));
    trial.holds(2, truncates(4));
    trial.crash(1, false);
    // Not from the ISR, and not said to be unclean.
    trial.holds(3, committed(3, -1, 2, &[3]));
    let violation = trial.breaks(2, leads(3, 4), Property::LeaderCompleteness);
    assert_eq!(violation.detail, "orders/0: b2 leads epoch 3 with log end 4, and offsets up to 4 are committed");
    let names = trial.invariants.truth().names();
    assert_eq!(
        violation.cause_line(names),
        "0.020 b1 exposes high watermark 5 → 0.024 b2 cuts its log to 4 → 0.025 b1 crashes"
    );
}

#[test]
fn an_election_is_judged_as_soon_as_it_is_committed() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 1, 1, &[1, 3]));
    trial.holds(2, truncates(4));
    trial.breaks(1, committed(3, 2, 2, &[2, 3]), Property::LeaderCompleteness);
}

#[test]
fn a_leader_that_starts_late_need_not_hold_what_later_epochs_committed() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 2, 2, &[1, 2, 3]));
    trial.holds(1, committed(3, 3, 3, &[1, 2, 3]));
    trial.holds(3, leads(3, 5));
    trial.holds(1, follows(3, 3));
    (1..=3).for_each(|node| trial.holds(node, append(5, 3)));
    trial.holds(3, exposes(6));
    trial.holds(2, truncates(6));
    trial.holds(2, leads(2, 6));
}

#[test]
fn an_unclean_election_may_lose_committed_records() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, polled(4, "old"));
    trial.holds(1, committed(2, 1, 1, &[1]));
    trial.holds(2, truncates(3));
    trial.crash(1, false);
    trial.holds(2, with(committed(3, 2, 2, &[2]), |state| state.unclean = true));
    trial.holds(2, leads(2, 3));
    assert_eq!(trial.invariants.truth().committed_end(ORDERS), 3);
    trial.holds(3, truncates(3));
    trial.holds(3, follows(2, 2));
    (2..=3).for_each(|node| (3..6).for_each(|offset| trial.holds(node, append(offset, 2))));
    trial.holds(2, exposes(6));
    trial.holds(1, polled(4, "new"));
    // The old leader, which does not know yet.
    trial.start(1);
    trial.holds(1, Obs::HighWatermark { partition: ORDERS, value: 5, leader: true });
    // And what was committed since is a promise again.
    trial.holds(2, committed(4, 2, 2, &[2, 3]));
    trial.breaks(3, truncates(5), Property::StrongIsr);
}

#[test]
fn different_records_below_two_high_watermarks_break_log_matching() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 1, 1, &[1, 2]));
    (1..=2).for_each(|node| trial.holds(node, append(5, 1)));
    trial.holds(3, appended(ORDERS, 5, 1, 99));
    trial.holds(1, exposes(6));
    let violation = trial.breaks(3, learns(6), Property::LogMatching);
    assert_eq!(violation.detail, "orders/0: b1 and b3 hold different records at offset 5, below high watermark 6");
}

#[test]
fn different_records_above_the_high_watermark_break_nothing() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, append(5, 1));
    trial.holds(3, appended(ORDERS, 5, 1, 99));
    trial.holds(3, learns(5));
    trial.holds(3, truncates(5));
    (2..=3).for_each(|node| trial.holds(node, append(5, 1)));
    trial.holds(1, exposes(6));
    trial.holds(3, learns(6));
}

#[test]
fn an_in_sync_replica_with_other_records_breaks_strong_isr() {
    let mut trial = Trial::with_records(5);
    (1..=2).for_each(|node| trial.holds(node, append(5, 1)));
    trial.holds(3, appended(ORDERS, 5, 1, 99));
    trial.breaks(1, exposes(6), Property::StrongIsr);
}

#[test]
fn a_replica_that_joins_the_isr_too_early_breaks_strong_isr() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 1, 1, &[1, 2]));
    (1..=2).for_each(|node| trial.holds(node, append(5, 1)));
    trial.holds(1, exposes(6));
    let violation = trial.breaks(1, committed(3, 1, 1, &[1, 2, 3]), Property::StrongIsr);
    assert_eq!(violation.detail, "orders/0: b3 is in sync with log end 5, below high watermark 6");
}

#[test]
fn a_replica_that_has_caught_up_may_join_the_isr() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 1, 1, &[1, 2]));
    (1..=2).for_each(|node| trial.holds(node, append(5, 1)));
    trial.holds(1, exposes(6));
    trial.holds(3, append(5, 1));
    trial.holds(1, committed(3, 1, 1, &[1, 2, 3]));
}

#[test]
fn a_stale_leader_that_commits_alone_breaks_a_promise_to_the_isr_that_the_controller_knows() {
    let mut trial = Trial::with_records(5);
    trial.holds(2, committed(2, 2, 2, &[2, 3]));
    trial.holds(2, leads(2, 5));
    trial.holds(1, append(5, 1));
    trial.breaks(1, exposes(6), Property::ValidHighWatermark);
}

#[test]
fn an_in_sync_follower_that_cuts_committed_records_breaks_strong_isr() {
    Trial::with_records(5).breaks(2, truncates(4), Property::StrongIsr);
}

#[test]
fn a_follower_out_of_sync_may_cut_what_it_likes() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 1, 1, &[1, 2]));
    trial.holds(3, truncates(1));
}

#[test]
fn a_high_watermark_beyond_an_in_sync_log_breaks_valid_high_watermark() {
    let mut trial = Trial::with_records(5);
    (1..=2).for_each(|node| trial.holds(node, append(5, 1)));
    let violation = trial.breaks(1, exposes(6), Property::ValidHighWatermark);
    assert_eq!(violation.detail, "orders/0: b1 exposes high watermark 6, and b3 is in sync with log end 5");
}

#[test]
fn a_replica_that_is_down_is_not_asked() {
    let mut trial = Trial::with_records(5);
    trial.crash(3, false);
    (1..=2).for_each(|node| trial.holds(node, append(5, 1)));
    trial.holds(1, exposes(6));
}

#[test]
fn an_eligible_replica_without_committed_records_breaks_the_elr() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, with(committed(2, 1, 1, &[1]), |state| state.elr = vec![2, 3]));
    trial.holds(1, append(5, 1));
    trial.breaks(1, exposes(6), Property::ElrHoldsHighWatermark);
}

#[test]
fn eligible_replicas_hold_a_high_watermark_that_stands_still() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, with(committed(2, 1, 1, &[1]), |state| state.elr = vec![2, 3]));
    trial.holds(1, append(5, 1));
    trial.holds(1, exposes(5));
    trial.holds(1, with(committed(3, 1, 1, &[1, 2]), |state| state.elr = vec![]));
    trial.holds(2, append(5, 1));
    trial.holds(1, exposes(6));
}

#[test]
fn a_read_that_changes_breaks_consistent_read() {
    let mut trial = Trial::with_records(5);
    trial.holds(9, polled(3, "a"));
    trial.holds(10, polled(3, "a"));
    trial.holds(9, polled(4, "b"));
    trial.breaks(10, polled(4, "c"), Property::ConsistentRead);
}

#[test]
fn a_leader_that_cuts_committed_records_loses_them() {
    let mut trial = Trial::with_records(5);
    let violation = trial.breaks(1, truncates(3), Property::NoCommittedRecordLost);
    assert_eq!(violation.detail, "orders/0: b1 leads epoch 1 and cuts its log to 3, and offsets up to 4 are committed");
}

#[test]
fn an_acknowledgement_with_acks_all_is_below_an_exposed_high_watermark() {
    let acknowledged = |offset| Obs::Client(ClientObs::Acknowledged { id: 0, partition: ORDERS, offset });
    let mut trial = Trial::with_records(5);
    trial.holds(PRODUCER, acknowledged(4));
    trial.holds(PRODUCER + 1, acknowledged(5));
    trial.breaks(PRODUCER, acknowledged(5), Property::NoCommittedRecordLost);
}

#[test]
fn the_last_in_sync_replica_that_loses_committed_records_with_its_power_loses_them_for_all() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, Obs::BrokerRegistered { offset: 2, broker: 1, epoch: 2 });
    (1..=3).for_each(|node| trial.crash(node, true));
    (1..=3).for_each(|node| trial.start(node));
    trial.holds(2, opens(3));
    trial.holds(2, Obs::BrokerRegistered { offset: 3, broker: 2, epoch: 3 });
    trial.holds(2, Obs::BrokerUnfenced { offset: 4, broker: 2 });
    trial.holds(2, committed(5, 2, 2, &[2]));
    let violation = trial.breaks(2, leads(2, 3), Property::NoCommittedRecordLost);
    assert_eq!(
        violation.detail,
        "orders/0: offsets 3 to 4 were committed and are gone: b2, the last in sync, lost them with its power"
    );
    let line = violation.cause_line(trial.invariants.truth().names());
    assert_eq!(
        line,
        "0.020 b1 exposes high watermark 5 → 0.024 b1 loses power → 0.025 b2 loses power → 0.026 b3 loses power"
    );
    // What follows from it is not reported again.
    trial.holds(1, opens(4));
    trial.holds(2, append(3, 2));
    trial.holds(2, exposes(4));
}

#[test]
fn a_power_loss_that_takes_only_unflushed_records_of_one_replica_loses_nothing() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, Obs::BrokerRegistered { offset: 2, broker: 1, epoch: 2 });
    trial.crash(2, true);
    trial.start(2);
    trial.holds(2, opens(3));
    trial.holds(1, Obs::BrokerRegistered { offset: 3, broker: 2, epoch: 3 });
    trial.holds(1, committed(4, 1, 1, &[1, 3]));
    trial.holds(2, follows(1, 1));
    trial.holds(1, Obs::BrokerUnfenced { offset: 5, broker: 2 });
    (3..5).for_each(|offset| trial.holds(2, append(offset, 1)));
    trial.holds(2, learns(5));
    trial.holds(1, committed(6, 1, 1, &[1, 2, 3]));
}

#[test]
fn a_replica_left_in_sync_over_a_power_loss_is_judged_once_it_is_unfenced() {
    let mut trial = Trial::with_records(5);
    trial.crash(2, true);
    trial.start(2);
    trial.holds(2, opens(3));
    trial.holds(1, Obs::BrokerRegistered { offset: 3, broker: 2, epoch: 3 });
    trial.holds(2, follows(1, 1));
    trial.breaks(1, Obs::BrokerUnfenced { offset: 4, broker: 2 }, Property::StrongIsr);
}

#[test]
fn a_process_crash_keeps_the_log() {
    let mut trial = Trial::with_records(5);
    trial.crash(2, false);
    trial.start(2);
    trial.holds(2, opens(3));
    (3..5).for_each(|offset| trial.holds(2, append(offset, 1)));
    trial.holds(2, follows(1, 1));
    trial.holds(2, learns(5));
}

#[test]
fn two_leaders_of_one_epoch_are_one_too_many() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, leads(1, 5));
    let violation = trial.breaks(2, leads(1, 5), Property::OneLeaderPerEpoch);
    assert_eq!(violation.detail, "orders/0: b1 and b2 both lead epoch 1");
    Trial::with_records(5).breaks(1, committed(2, 2, 1, &[1, 2, 3]), Property::OneLeaderPerEpoch);
}

#[test]
fn epochs_of_a_partition_never_go_back() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 2, 2, &[1, 2, 3]));
    trial.breaks(1, committed(3, 1, 1, &[1, 2, 3]), Property::MonotonicEpochs);
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 1, 1, &[1, 2]));
    let again = with(committed(3, 1, 1, &[1, 2, 3]), |state| state.partition_epoch = 0);
    trial.breaks(1, again, Property::MonotonicEpochs);
}

#[test]
fn in_sync_replicas_are_assigned_disjoint_from_the_elr_and_led_by_one_of_them() {
    let cases: [fn(&mut tribunal_common::PartitionState); 5] = [
        |state| state.isr = vec![1, 4],
        |state| state.elr = vec![4],
        |state| state.elr = vec![1],
        |state| state.isr = vec![1, 1],
        |state| state.isr = vec![2, 3],
    ];
    for change in cases {
        Trial::replicated().breaks(1, with(committed(2, 1, 1, &[1, 2]), change), Property::IsrWithinReplicas);
    }
    Trial::replicated().holds(1, with(committed(2, 1, 1, &[1]), |state| state.elr = vec![2, 3]));
}

/// The committed assignment is now `replicas`, all in sync, led by the first.
fn reassigned(offset: i64, epoch: i32, replicas: &[i32]) -> tribunal_common::Obs {
    with(committed(offset, replicas[0], epoch, replicas), |state| state.replicas = replicas.to_vec())
}

#[test]
fn replicas_go_only_when_one_that_stays_holds_what_is_committed() {
    let empty = |isr: &'static [i32]| {
        with(reassigned(2, 2, &[2, 3]), move |state| (state.leader, state.isr) = (-1, isr.to_vec()))
    };
    Trial::with_records(5).breaks(1, empty(&[]), Property::ReplacedReplicasHeld);
    let mut eligible = Trial::with_records(5);
    eligible.holds(1, with(empty(&[]), |state| state.elr = vec![3]));
    // Broker 3 is down and its log short: nothing but this property asks anything of it.
    let mut short = Trial::with_records(5);
    short.holds(1, committed(2, 1, 1, &[1, 2]));
    short.holds(3, truncates(2));
    short.invariants.on_crash(tribunal_contract::Time(999), tribunal_contract::NodeId(3), false);
    short.breaks(1, reassigned(3, 2, &[3]), Property::ReplacedReplicasHeld);
    Trial::with_records(5).holds(1, reassigned(2, 2, &[2, 3]));
}

#[test]
fn a_leader_that_was_replaced_deletes_its_log_and_others_do_not() {
    let gone = tribunal_common::Obs::LogDeleted { log: ORDERS };
    Trial::with_records(5).breaks(1, gone.clone(), Property::NoCommittedRecordLost);
    let mut trial = Trial::with_records(5);
    trial.holds(2, reassigned(2, 2, &[2, 3]));
    trial.holds(1, gone.clone());
    // It learns that it leads an earlier epoch only when it was replaced already.
    let mut trial = Trial::with_records(5);
    trial.holds(2, committed(2, 1, 2, &[1, 2, 3]));
    trial.holds(2, reassigned(3, 3, &[2, 3]));
    trial.holds(1, leads(2, 5));
    trial.holds(1, gone.clone());
    // Added again before it has deleted its log: it may still do so, and begins anew.
    let mut trial = Trial::with_records(5);
    trial.holds(2, reassigned(2, 2, &[2, 3]));
    trial.holds(2, with(reassigned(3, 2, &[2, 3, 1]), |state| state.isr = vec![2, 3]));
    trial.holds(1, gone.clone());
    trial.holds(1, follows(2, 2));
    trial.breaks(1, reassigned(4, 2, &[2, 3, 1]), Property::StrongIsr);
}

#[test]
fn a_high_watermark_never_exceeds_the_log() {
    Trial::with_records(5).breaks(1, exposes(6), Property::HighWatermarkWithinLog);
    Trial::with_records(5).breaks(2, learns(6), Property::HighWatermarkWithinLog);
}

#[test]
fn a_leader_s_high_watermark_goes_back_only_in_another_epoch() {
    Trial::with_records(5).breaks(1, exposes(4), Property::MonotonicHighWatermark);
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 1, 2, &[1, 2, 3]));
    trial.holds(1, leads(2, 5));
    trial.holds(1, exposes(4));
    trial.holds(1, exposes(5));
}

#[test]
fn batches_are_appended_at_the_log_end_in_epochs_that_never_go_back() {
    Trial::with_records(5).breaks(1, append(4, 1), Property::LogContiguous);
    Trial::with_records(5).breaks(1, append(5, 0), Property::LogContiguous);
    Trial::with_records(5).breaks(1, leads(1, 6), Property::LogContiguous);
    let mut trial = Trial::with_records(5);
    trial.holds(1, Obs::Appended { log: ORDERS, batch: BatchMark { base: 7, last: 9, epoch: 1, crc: 0 } });
    // Nothing of the newer epoch is left: all of it was deleted.
    let mut emptied = Trial::with_records(5);
    emptied.holds(1, Obs::LogStart { log: ORDERS, start: 5, emptied: false });
    emptied.holds(1, append(5, 0));
    let mut shortened = Trial::with_records(5);
    shortened.holds(1, Obs::LogStart { log: ORDERS, start: 4, emptied: false });
    shortened.breaks(1, append(5, 0), Property::LogContiguous);
}

#[test]
fn a_follower_that_starts_at_the_leader_s_log_start_holds_what_is_committed() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, committed(2, 1, 1, &[1, 2]));
    trial.holds(1, Obs::LogStart { log: ORDERS, start: 3, emptied: false });
    trial.holds(3, Obs::LogStart { log: ORDERS, start: 3, emptied: true });
    (3..5).for_each(|offset| trial.holds(3, append(offset, 1)));
    trial.holds(3, learns(5));
    trial.holds(1, committed(3, 1, 1, &[1, 2, 3]));
    assert_eq!(trial.invariants.truth().log_start(ORDERS), 3);
}

#[test]
fn nothing_is_promised_of_a_removed_topic() {
    let mut trial = Trial::with_records(5);
    trial.holds(1, Obs::TopicRemoved { offset: 9, topic: ORDERS.topic });
    trial.holds(2, Obs::LogDeleted { log: ORDERS });
    let mut trial = Trial::with_records(5);
    trial.breaks(2, Obs::LogDeleted { log: ORDERS }, Property::StrongIsr);
}

#[test]
fn a_broken_promise_is_reported_once_a_partition() {
    let mut trial = Trial::with_records(5);
    trial.breaks(2, truncates(4), Property::StrongIsr);
    trial.holds(3, truncates(3));
}

#[test]
fn what_a_crash_brings_back_from_below_a_follower_s_log_start_need_not_be_what_was_committed() {
    let returns = |start| {
        let mut trial = Trial::with_records(5);
        trial.holds(1, committed(2, 1, 1, &[1, 2]));
        trial.holds(3, truncates(2));
        trial.holds(3, appended(ORDERS, 2, 1, 99));
        (3..5).for_each(|offset| trial.holds(3, append(offset, 1)));
        trial.holds(3, Obs::LogStart { log: ORDERS, start, emptied: false });
        trial.crash(3, false);
        trial.start(3);
        trial.holds(3, opens(0));
        (0..2).for_each(|offset| trial.holds(3, append(offset, 1)));
        trial.holds(3, appended(ORDERS, 2, 1, 99));
        (3..5).for_each(|offset| trial.holds(3, append(offset, 1)));
        trial
    };
    returns(3).holds(3, learns(5));
    returns(2).breaks(3, learns(5), Property::LogMatching);
    // Who leads with it shows it.
    let mut leads_with_it = returns(3);
    leads_with_it.holds(1, committed(3, 3, 2, &[3]));
    leads_with_it.tell(3, &leads(2, 5)).and_then(|()| leads_with_it.tell(3, &exposes(5))).unwrap_err();
}

#[test]
fn records_are_deleted_as_asked_and_stay_deleted_while_the_broker_runs() {
    let begins = |start| Obs::LogStart { log: ORDERS, start, emptied: false };
    let deletes = |before, start| Obs::RecordsDeleted { partition: ORDERS, before, start };
    let mut trial = Trial::with_records(5);
    trial.holds(1, begins(3));
    trial.holds(1, deletes(3, 3));
    trial.holds(2, begins(3));
    let broken = trial.breaks(2, begins(2), Property::DeletedAsAsked);
    assert_eq!(broken.detail, "orders/0: the log start of b2 goes back from 3 to 2");

    let mut elsewhere = Trial::with_records(5);
    elsewhere.holds(1, begins(4));
    let broken = elsewhere.breaks(1, deletes(3, 4), Property::DeletedAsAsked);
    assert_eq!(broken.detail, "orders/0: b1 begins its log at 4, asked to delete what is before 3");

    let mut beyond = Trial::with_records(5);
    beyond.holds(1, append(5, 1));
    beyond.holds(1, begins(6));
    let broken = beyond.breaks(1, deletes(6, 6), Property::DeletedAsAsked);
    assert_eq!(broken.detail, "orders/0: b1 deletes what is before 6, and 5 is committed");

    // A crash may bring back what no checkpoint has noted yet.
    let mut crashed = Trial::with_records(5);
    crashed.holds(1, begins(3));
    crashed.crash(1, false);
    crashed.start(1);
    crashed.holds(1, Obs::LogOpened { log: ORDERS, start: 0, kept: 5 });
    crashed.holds(1, begins(2));
}
