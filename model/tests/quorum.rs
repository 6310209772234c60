//! Each promise of the controller quorum: a history that keeps it, and one of the same shape that does not.

mod common;

use common::*;
use tribunal_common::{METADATA_LOG, Obs, QuorumRole};
use tribunal_model::Property;

#[test]
fn a_new_leader_with_all_that_is_committed_breaks_nothing() {
    let mut trial = Trial::quorum(4);
    trial.crash(1, true);
    trial.holds(2, role(QuorumRole::Candidate, 2, -1));
    trial.holds(3, role(QuorumRole::Unattached, 2, -1));
    trial.holds(3, votes(2, 2));
    trial.holds(2, role(QuorumRole::Leader, 2, 2));
    trial.holds(3, role(QuorumRole::Follower, 2, 2));
    (2..=3).for_each(|node| trial.holds(node, quorum_append(4, 2)));
    trial.holds(2, quorum_high_watermark(5));
    assert_eq!(trial.invariants.finish(), []);
}

#[test]
fn two_quorum_leaders_of_one_epoch_break_election_safety() {
    let mut trial = Trial::quorum(4);
    trial.holds(1, role(QuorumRole::Leader, 1, 1));
    trial.breaks(2, role(QuorumRole::Leader, 1, -1), Property::QuorumElectionSafety);
}

#[test]
fn members_that_know_different_leaders_of_an_epoch_break_single_leader() {
    let mut trial = Trial::quorum(4);
    trial.holds(4, role(QuorumRole::Follower, 1, 1));
    let violation = trial.breaks(5, role(QuorumRole::Follower, 1, 2), Property::QuorumSingleLeader);
    assert_eq!(violation.detail, "b1 knows b1 as quorum leader of epoch 1, and b5 knows b2");
}

#[test]
fn a_batch_of_the_same_epoch_and_offset_after_another_history_breaks_log_matching() {
    let mut trial = Trial::quorum(4);
    trial.holds(1, quorum_append(4, 1));
    trial.holds(1, quorum_append(5, 1));
    trial.holds(2, appended(METADATA_LOG, 4, 0x7fff_ffff, 1));
    trial.holds(2, Obs::Truncated { log: METADATA_LOG, end: 4 });
    trial.breaks(2, appended(METADATA_LOG, 4, 1, 77), Property::QuorumLogMatching);
}

#[test]
fn uncommitted_metadata_of_another_epoch_may_differ() {
    let mut trial = Trial::quorum(4);
    trial.holds(1, quorum_append(4, 1));
    trial.holds(2, quorum_append(4, 2));
    trial.holds(1, Obs::Truncated { log: METADATA_LOG, end: 4 });
    trial.holds(1, quorum_append(4, 2));
}

#[test]
fn a_quorum_leader_without_committed_metadata_breaks_leader_completeness() {
    let mut trial = Trial::quorum(4);
    (1..=2).for_each(|node| trial.holds(node, quorum_append(4, 1)));
    trial.holds(1, quorum_high_watermark(5));
    trial.breaks(3, role(QuorumRole::Leader, 2, 3), Property::QuorumLeaderCompleteness);
}

#[test]
fn another_record_at_a_metadata_offset_breaks_state_machine_safety() {
    let mut trial = Trial::replicated();
    trial.holds(2, committed(1, 1, 1, &[1, 2, 3]));
    trial.breaks(3, committed(1, 1, 1, &[1, 2]), Property::QuorumStateMachineSafety);
    let mut trial = Trial::replicated();
    trial.holds(1, Obs::BrokerFenced { offset: 7, broker: 2 });
    trial.breaks(2, Obs::BrokerUnfenced { offset: 7, broker: 2 }, Property::QuorumStateMachineSafety);
}

#[test]
fn another_content_of_a_partition_epoch_breaks_state_machine_safety() {
    let mut trial = Trial::replicated();
    let as_of_snapshot =
        |isr: Vec<i32>| with(committed(9, 1, 1, &[1, 2, 3]), |state| (state.partition_epoch, state.isr) = (1, isr));
    trial.holds(2, as_of_snapshot(vec![1, 2, 3]));
    let mut trial = Trial::replicated();
    trial.breaks(2, as_of_snapshot(vec![1, 2]), Property::QuorumStateMachineSafety);
}

#[test]
fn different_snapshots_of_one_end_break_state_machine_safety() {
    let mut trial = Trial::quorum(4);
    trial.holds(1, Obs::SnapshotTaken { end: 4, epoch: 1, crc: 5 });
    trial.holds(2, Obs::SnapshotInstalled { end: 4, epoch: 1, crc: 5 });
    trial.breaks(3, Obs::SnapshotTaken { end: 4, epoch: 1, crc: 6 }, Property::QuorumStateMachineSafety);
}

#[test]
fn a_quorum_epoch_that_goes_back_breaks_monotonic_epoch() {
    let mut trial = Trial::quorum(4);
    trial.holds(3, role(QuorumRole::Unattached, 5, -1));
    trial.crash(3, true);
    trial.start(3);
    trial.breaks(3, role(QuorumRole::Unattached, 4, -1), Property::QuorumMonotonicEpoch);
}

#[test]
fn a_quorum_epoch_that_survives_a_restart_is_monotonic() {
    let mut trial = Trial::quorum(4);
    trial.crash(3, true);
    trial.start(3);
    trial.holds(3, role(QuorumRole::Unattached, 1, -1));
    trial.holds(3, role(QuorumRole::Follower, 1, 1));
}

#[test]
fn a_metadata_high_watermark_that_goes_back_breaks_its_monotony() {
    Trial::quorum(4).breaks(2, quorum_high_watermark(3), Property::QuorumMonotonicHighWatermark);
    let mut trial = Trial::quorum(4);
    trial.crash(2, false);
    trial.start(2);
    trial.holds(2, role(QuorumRole::Follower, 1, 1));
    trial.holds(2, quorum_high_watermark(3));
}

#[test]
fn a_new_leader_that_exposes_less_than_was_committed_breaks_the_monotony_of_the_high_watermark() {
    let mut trial = Trial::quorum(4);
    trial.crash(2, false);
    trial.start(2);
    trial.holds(2, role(QuorumRole::Leader, 2, 2));
    trial.breaks(2, quorum_high_watermark(3), Property::QuorumMonotonicHighWatermark);
}

#[test]
fn a_metadata_high_watermark_that_no_majority_reached_breaks_a_promise() {
    let mut trial = Trial::quorum(4);
    trial.holds(1, quorum_append(4, 1));
    let violation = trial.breaks(1, quorum_high_watermark(5), Property::QuorumMajorityReachedHighWatermark);
    assert_eq!(violation.detail, "metadata below high watermark 5 is held by 1 of 3 voters, and 2 are a majority");
    let mut trial = Trial::quorum(4);
    (1..=2).for_each(|node| trial.holds(node, quorum_append(4, 1)));
    trial.holds(1, quorum_high_watermark(5));
}

#[test]
fn voters_that_cut_committed_metadata_break_the_majority() {
    let mut trial = Trial::quorum(4);
    trial.holds(2, Obs::Truncated { log: METADATA_LOG, end: 3 });
    trial.breaks(3, Obs::Truncated { log: METADATA_LOG, end: 3 }, Property::QuorumMajorityReachedHighWatermark);
}

#[test]
fn where_a_metadata_log_begins_a_snapshot_must_end() {
    let begins = |start| Obs::LogStart { log: METADATA_LOG, start, emptied: false };
    let mut trial = Trial::quorum(4);
    trial.holds(1, Obs::SnapshotTaken { end: 3, epoch: 1, crc: 5 });
    trial.holds(1, begins(3));
    trial.holds(1, quorum_append(4, 1));
    trial.holds(2, begins(2));
    trial.breaks(2, quorum_append(4, 1), Property::QuorumSnapshotAtLogStart);
    let mut trial = Trial::quorum(4);
    trial.holds(2, begins(2));
    assert_eq!(trial.invariants.finish()[0].property, Property::QuorumSnapshotAtLogStart);
}

#[test]
fn who_stops_before_it_reports_the_snapshot_at_its_log_start_owes_it_once_it_runs_again() {
    let begins = Obs::LogStart { log: METADATA_LOG, start: 4, emptied: true };
    let mut trial = Trial::quorum(4);
    trial.holds(4, begins.clone());
    trial.crash(4, false);
    assert_eq!(trial.invariants.finish(), []);
    trial.invariants.on_start(tribunal_contract::NodeId(4));
    trial.breaks(4, role(QuorumRole::Unattached, 1, -1), Property::QuorumSnapshotAtLogStart);
}

#[test]
fn a_log_that_ends_before_a_snapshot_of_the_same_node_is_about_to_make_place_for_it() {
    let opened = Obs::LogOpened { log: METADATA_LOG, start: 2, kept: 2 };
    let mut trial = Trial::quorum(4);
    trial.holds(2, Obs::SnapshotTaken { end: 4, epoch: 1, crc: 5 });
    trial.crash(2, true);
    trial.invariants.on_start(tribunal_contract::NodeId(2));
    trial.holds(2, Obs::SnapshotTaken { end: 4, epoch: 1, crc: 5 });
    trial.holds(2, opened.clone());
    trial.holds(2, quorum_append(2, 1));
    assert_eq!(trial.invariants.finish(), []);
    // Now it has all that the snapshot has, and no beginning.
    trial.breaks(2, quorum_append(3, 1), Property::QuorumSnapshotAtLogStart);

    // The same loss of power has taken the snapshot too.
    let mut trial = Trial::quorum(4);
    trial.holds(2, Obs::SnapshotTaken { end: 4, epoch: 1, crc: 5 });
    trial.crash(2, true);
    trial.invariants.on_start(tribunal_contract::NodeId(2));
    trial.holds(2, opened.clone());
    trial.breaks(2, quorum_append(2, 1), Property::QuorumSnapshotAtLogStart);

    // A process that only crashed has lost nothing.
    let mut trial = Trial::quorum(4);
    trial.holds(2, Obs::SnapshotTaken { end: 4, epoch: 1, crc: 5 });
    trial.crash(2, false);
    trial.invariants.on_start(tribunal_contract::NodeId(2));
    trial.holds(2, opened.clone());
    trial.breaks(2, quorum_append(2, 1), Property::QuorumSnapshotAtLogStart);

    let mut trial = Trial::quorum(4);
    trial.crash(2, true);
    trial.invariants.on_start(tribunal_contract::NodeId(2));
    trial.holds(2, opened);
    trial.breaks(2, quorum_append(2, 1), Property::QuorumSnapshotAtLogStart);
}

#[test]
fn an_installed_snapshot_may_be_reported_after_the_log_start_that_it_makes() {
    let mut trial = Trial::quorum(4);
    trial.holds(4, Obs::LogStart { log: METADATA_LOG, start: 4, emptied: true });
    trial.holds(4, Obs::SnapshotInstalled { end: 4, epoch: 1, crc: 5 });
    trial.holds(4, role(QuorumRole::Follower, 1, 1));
    (1..=4).for_each(|node| trial.holds(node, quorum_append(4, 1)));
    trial.holds(1, quorum_high_watermark(5));
    trial.holds(4, quorum_high_watermark(5));
    assert_eq!(trial.invariants.finish(), []);
}

#[test]
fn a_snapshot_of_what_is_not_committed_is_none() {
    let mut trial = Trial::quorum(4);
    trial.holds(1, quorum_append(4, 1));
    trial.breaks(1, Obs::SnapshotTaken { end: 5, epoch: 1, crc: 5 }, Property::QuorumSnapshotAtLogStart);
}

#[test]
fn a_voter_that_forgets_its_vote_over_a_power_loss_breaks_vote_safety() {
    let mut trial = Trial::quorum(4);
    trial.holds(3, votes(2, 2));
    trial.crash(3, true);
    trial.start(3);
    trial.holds(3, votes(2, 2));
    let violation = trial.breaks(3, votes(2, 1), Property::QuorumVoteSafety);
    assert_eq!(violation.detail, "b3 votes for b2 and for b1 in epoch 2");
}

#[test]
fn a_candidate_has_voted_for_itself_and_pre_votes_bind_nobody() {
    let mut trial = Trial::quorum(4);
    trial.holds(3, Obs::VoteGranted { epoch: 2, candidate: 1, pre_vote: true });
    trial.holds(3, role(QuorumRole::Candidate, 2, -1));
    trial.breaks(3, votes(2, 1), Property::QuorumVoteSafety);
}

#[test]
fn metadata_logs_that_end_different_below_their_high_watermarks_are_found_at_the_end() {
    let mut trial = Trial::quorum(4);
    assert_eq!(trial.invariants.finish(), []);
    // A follower that had less rewrites what it had, without a word about its high watermark.
    trial.holds(3, Obs::Truncated { log: METADATA_LOG, end: 2 });
    trial.holds(3, quorum_append(2, 2));
    trial.holds(3, quorum_append(3, 2));
    let violations = trial.invariants.finish();
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].property, Property::QuorumConsistentCommittedData);
    assert_eq!(violations[0].detail, "b3 ends with another committed metadata record at offset 2");
}
