//! Promises of groups, one scenario each.

mod common;

use common::*;
use tribunal_common::Obs;
use tribunal_groups::{Alarm, Reply, State};
use tribunal_protocol::messages::offset_fetch_request::OffsetFetchRequestTopics;
use tribunal_protocol::{ErrorCode, Str};

#[test]
fn two_members_share_a_generation_and_its_assignment_is_committed_before_anyone_has_it() {
    let mut run = Run::new();
    let (a, b) = run.stable_pair();
    let group = run.group();
    assert_eq!((group.state, group.generation, group.members.len()), (State::Stable, 1, 2));
    let started = run.observed.iter().filter(|obs| matches!(obs, Obs::GenerationStarted { generation: 1, .. }));
    assert_eq!(started.count(), 1);
    assert_eq!(run.heartbeat(&a, 1), 0);
    assert_eq!(run.heartbeat(&b, 0), ErrorCode::IllegalGeneration.code());
    assert_eq!(run.heartbeat(&"stranger".into(), 1), ErrorCode::UnknownMemberId.code());
}

#[test]
fn a_member_must_know_its_id_before_it_joins() {
    let mut run = Run::new();
    let Some(Reply::Join(first)) = run.join(1, 9, "", None) else { panic!("no answer") };
    assert_eq!(first.error_code, ErrorCode::MemberIdRequired.code());
    assert!(run.join(1, 9, &first.member_id, None).is_none(), "it waits for the generation");
    run.ring(Alarm::Join { group: GROUP.into() });
    let Some(Reply::Join(joined)) = run.answer(1) else { panic!("no answer") };
    assert_eq!((joined.error_code, joined.generation_id, joined.leader), (0, 1, first.member_id));
}

#[test]
fn a_member_whose_session_ends_is_replaced_by_the_others() {
    let mut run = Run::new();
    let (a, b) = run.stable_pair();
    run.ring(Alarm::Session { group: GROUP.into(), member: b.clone() });
    assert_eq!(run.group().state, State::PreparingRebalance);
    assert_eq!(run.heartbeat(&a, 1), ErrorCode::RebalanceInProgress.code());
    let Some(Reply::Join(joined)) = run.join(1, 5, &a, None) else { panic!("the last one completes the phase") };
    assert_eq!((joined.generation_id, joined.members.len()), (2, 1));
    assert_eq!(run.heartbeat(&b, 1), ErrorCode::UnknownMemberId.code());
}

#[test]
fn an_older_generation_commits_nothing() {
    let mut run = Run::new();
    let (a, b) = run.stable_pair();
    assert_eq!(run.commit(&a, 1, 10), 0);
    run.leave(&b);
    run.join(1, 5, &a, None);
    assert_eq!(run.commit(&a, 1, 5), ErrorCode::IllegalGeneration.code());
    assert_eq!(run.commit(&b, 1, 5), ErrorCode::UnknownMemberId.code());
    assert_eq!(run.commit(&a, 2, 20), ErrorCode::RebalanceInProgress.code());
    assert_eq!(run.fetch(), 10);
}

#[test]
fn an_offset_is_shown_only_once_it_is_committed() {
    let mut run = Run::new();
    run.holds = true;
    assert!(run.try_commit(1, &Str::new(), -1, 7).is_none());
    let topics = vec![OffsetFetchRequestTopics { name: "t".into(), partition_indexes: vec![0], ..Default::default() }];
    assert!(run.try_fetch(2, Some(topics)).is_none(), "what is written is not replicated yet");
    run.commit_all();
    assert!(matches!(run.answer(1), Some(Reply::Commit(_))));
    let Some(Reply::Fetch(fetched)) = run.answer(2) else { panic!("no answer") };
    assert_eq!(fetched.topics[0].partitions[0].committed_offset, 7);
}

#[test]
fn a_static_member_that_comes_back_keeps_its_assignment_and_fences_its_former_self() {
    let mut run = Run::new();
    run.join(1, 5, "", Some("one"));
    run.ring(Alarm::Join { group: GROUP.into() });
    let Some(Reply::Join(joined)) = run.answer(1) else { panic!("no answer") };
    run.sync(1, &joined.member_id, 1, &[(&joined.member_id, b"mine")]);
    let Some(Reply::Join(again)) = run.join(2, 9, "", Some("one")) else { panic!("no rebalance") };
    assert_eq!((again.error_code, again.generation_id, again.skip_assignment), (0, 1, true));
    assert_ne!(again.member_id, joined.member_id);
    let Some(Reply::Sync(synced)) = run.sync(2, &again.member_id, 1, &[]) else { panic!("no answer") };
    assert_eq!(&*synced.assignment, b"mine");
    assert_eq!(run.heartbeat_of(&joined.member_id, 1, Some("one")), ErrorCode::FencedInstanceId.code());
}

#[test]
fn a_log_that_refuses_the_assignment_sends_every_member_back_to_join() {
    let mut run = Run::new();
    let (a, _) = run.stable_pair();
    run.refuses = Some(ErrorCode::CoordinatorNotAvailable);
    // The leader forces a rebalance, in which nobody else joins.
    run.join(1, 5, &a, None);
    run.ring(Alarm::Join { group: GROUP.into() });
    let Some(Reply::Join(joined)) = run.answer(1) else { panic!("no answer") };
    let Some(Reply::Sync(synced)) = run.sync(1, &a, joined.generation_id, &[(&a, b"x")]) else { panic!("no answer") };
    assert_eq!(synced.error_code, ErrorCode::CoordinatorNotAvailable.code());
    assert_eq!(run.group().state, State::PreparingRebalance);
}

#[test]
fn a_group_of_too_many_members_takes_no_more() {
    let mut run = Run::new();
    run.cfg.max_size = 2;
    run.stable_pair();
    let Some(Reply::Join(refused)) = run.join(3, 5, "", None) else { panic!("no answer") };
    assert_eq!(refused.error_code, ErrorCode::GroupMaxSizeReached.code());
}

#[test]
fn a_group_with_members_is_not_deleted_and_an_empty_one_goes_with_its_offsets() {
    let mut run = Run::new();
    let (a, b) = run.stable_pair();
    run.commit(&a, 1, 3);
    assert_eq!(run.delete(), ErrorCode::NonEmptyGroup);
    run.leave(&a);
    run.leave(&b);
    assert_eq!(run.group().state, State::Empty);
    assert_eq!(run.delete(), ErrorCode::None);
    assert_eq!((run.fetch(), run.delete()), (-1, ErrorCode::GroupIdNotFound));
    assert!(run.replayed().iter().next().is_none(), "the log has tombstones for all of it");
}

#[test]
fn offsets_of_an_empty_group_expire() {
    let mut run = Run::new();
    run.try_commit(1, &Str::new(), -1, 7);
    run.now_ms += run.cfg.offsets_retention_ms - 1;
    run.expire();
    assert_eq!(run.fetch(), 7);
    run.now_ms += 1;
    run.expire();
    assert_eq!(run.fetch(), -1);
    assert!(run.replayed().iter().next().is_none());
}
