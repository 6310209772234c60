//! The steps of the abstract model.

use super::{Abstract, EPOCHS, LeaderAndIsr, RECORDS, REPLICAS, Record};

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepKind {
    /// A replica learns that it follows, and cuts its log where it parts from the leader's.
    BecomeFollower,
    /// A replica learns that it leads.
    BecomeLeader,
    /// The controller elects a member of the ISR.
    ElectLeader,
    /// A leader adds a follower to the ISR.
    ExpandIsr,
    /// A follower copies the next record.
    Fetch,
    /// A leader advances its high watermark by one.
    IncHighWatermark,
    /// The controller takes a replica out of the ISR; a leader is nobody's any more.
    ControllerShrinkIsr,
    /// A leader takes a follower out of the ISR.
    ShrinkIsr,
    /// A leader appends a record.
    Write,
}

/// Every step that is possible in `state`.
pub(super) fn all(state: &Abstract, max_epoch: u8, step: &mut impl FnMut(StepKind, Abstract)) {
    controller(state, max_epoch, step);
    for replica in 0..REPLICAS {
        learn(state, replica, step);
        if state.presumes_leadership(replica) {
            lead(state, replica, step);
        }
        if let Some(leader) = state.replicas[replica].known.leader {
            fetch(state, replica, leader.into(), step);
        }
    }
}

fn controller(state: &Abstract, max_epoch: u8, step: &mut impl FnMut(StepKind, Abstract)) {
    let LeaderAndIsr { epoch, leader, isr } = state.quorum;
    let epoch = epoch.map_or(0, |epoch| epoch + 1);
    if epoch > max_epoch || usize::from(epoch) >= EPOCHS {
        return;
    }
    let mut tell = |kind, leader, isr| {
        let mut next = *state;
        next.quorum = LeaderAndIsr { epoch: Some(epoch), leader, isr };
        next.told[usize::from(epoch)] = Some(next.quorum);
        step(kind, next);
    };
    for replica in (0..REPLICAS as u8).filter(|replica| isr >> replica & 1 == 1 || leader == Some(*replica)) {
        let alone = isr == 1 << replica;
        match leader == Some(replica) {
            true if alone => tell(StepKind::ControllerShrinkIsr, None, isr),
            true => tell(StepKind::ControllerShrinkIsr, None, isr & !(1 << replica)),
            // Also the last member, once nobody leads: so in the version of the specification whose states were
            // counted. A later one forbids it (736,906 states where this one has 737,794).
            false => tell(StepKind::ControllerShrinkIsr, leader, isr & !(1 << replica)),
        }
        if leader != Some(replica) && isr >> replica & 1 == 1 {
            tell(StepKind::ElectLeader, Some(replica), isr);
        }
    }
}

/// A replica hears what the controller has told at some time.
fn learn(state: &Abstract, replica: usize, step: &mut impl FnMut(StepKind, Abstract)) {
    let me = &state.replicas[replica];
    for told in state.told.iter().flatten().filter(|told| told.epoch > me.known.epoch) {
        let Some(leader) = told.leader else { continue };
        let mut next = *state;
        let (leader, mine) = (usize::from(leader), &mut next.replicas[replica]);
        mine.known = *told;
        if leader == replica {
            step(StepKind::BecomeLeader, next);
            continue;
        }
        // Where the logs part is asked of a leader of the same epoch only.
        if !state.presumes_leadership(leader) || state.replicas[leader].known.epoch != told.epoch {
            continue;
        }
        let theirs = &state.replicas[leader].log;
        let common = (0..RECORDS).rev().find(|at| me.log[*at].is_some() && me.log[*at] == theirs[*at]);
        let cut = common.map_or(0, |at| at + 1);
        mine.log[cut..].fill(None);
        mine.hw = mine.hw.min(cut as u8);
        step(StepKind::BecomeFollower, next);
    }
}

fn lead(state: &Abstract, leader: usize, step: &mut impl FnMut(StepKind, Abstract)) {
    let me = &state.replicas[leader];
    let Some(epoch) = me.known.epoch else { return };
    let end = me.end();
    if usize::from(state.written) < RECORDS && usize::from(end) < RECORDS {
        let mut next = *state;
        next.replicas[leader].log[usize::from(end)] = Some(Record { id: state.written, epoch });
        next.written += 1;
        step(StepKind::Write, next);
    }
    let members = |isr: u8| (0..REPLICAS).filter(move |member| isr >> member & 1 == 1);
    if me.has(me.hw) && members(me.known.isr).all(|m| state.follows(m, leader) && state.replicas[m].has(me.hw)) {
        let mut next = *state;
        next.replicas[leader].hw += 1;
        step(StepKind::IncHighWatermark, next);
    }
    if !state.is_true_leader(leader) {
        return;
    }
    let mut alter = |kind, isr| {
        let mut next = *state;
        next.quorum.isr = isr;
        next.replicas[leader].known.isr = isr;
        step(kind, next);
    };
    for member in members(me.known.isr).filter(|member| *member != leader) {
        if !state.follows(member, leader) || state.replicas[member].end() < end {
            alter(StepKind::ShrinkIsr, me.known.isr & !(1 << member));
        }
    }
    let at_hw = me.log.get(usize::from(me.hw)).copied().flatten();
    let in_epoch = me.hw == end || at_hw.is_some_and(|record| record.epoch == epoch);
    for other in members(!me.known.isr & ((1 << REPLICAS) - 1)) {
        let caught_up = me.hw == 0 || state.replicas[other].has(me.hw - 1);
        if in_epoch && caught_up && state.follows(other, leader) {
            alter(StepKind::ExpandIsr, me.known.isr | 1 << other);
        }
    }
}

fn fetch(state: &Abstract, follower: usize, leader: usize, step: &mut impl FnMut(StepKind, Abstract)) {
    let end = state.replicas[follower].end();
    if follower == leader || !state.follows(follower, leader) || !state.replicas[leader].has(end) {
        return;
    }
    let mut next = *state;
    let theirs = &state.replicas[leader];
    next.replicas[follower].log[usize::from(end)] = theirs.log[usize::from(end)];
    next.replicas[follower].hw = theirs.hw.min(end + 1);
    step(StepKind::Fetch, next);
}
