//! One for several: a fault of wider reach, or a setting, that does the work of some of the faults.

use tribunal_contract::Span;
use tribunal_language::plan::Plan;
use tribunal_language::{
    Action, After, Crash, Cut, Elect, Election, Fault, Power, RestartLoop, RollingRestart, SlowLink, Stop, Target,
    Trigger,
};
use tribunal_world::run::RunError;

use super::seeds::with_seeds;
use super::{FEW_FAULTS, Search};

/// Pairs of more faults than this are not tried: there would be too many of them.
const MOST_PAIRED: usize = 8;

/// While there are more than a few faults.
pub(super) fn all(search: &mut Search<'_>) -> Result<(), RunError> {
    elections(search)?;
    network(search)?;
    while search.best.faults.len() <= MOST_PAIRED && pairs(search)? {}
    Ok(())
}

fn is_large(search: &Search<'_>) -> bool {
    search.best.faults.len() > FEW_FAULTS
}

/// How soon the controller looks for leaders that are not the preferred replica, where faults did.
const REBALANCE: [Span; 3] = [Span::from_millis(300), Span::from_secs(1), Span::from_millis(2_500)];

/// Elections of the preferred replica are what the controller does on its own, if it is told to.
fn elections(search: &mut Search<'_>) -> Result<(), RunError> {
    let is_election = |fault: &Fault| matches!(fault.action, Action::Elect(Elect { kind: Election::Preferred, .. }));
    for every in REBALANCE {
        let rebalanced = |plan: &mut Plan| {
            plan.faults.retain(|fault| !is_election(fault));
            plan.cluster.leader_rebalance = After::Span(every);
        };
        if !is_large(search) || !search.best.faults.iter().any(is_election) || with_seeds(search, rebalanced)? {
            break;
        }
    }
    Ok(())
}

/// Where some links are slow for a while, all are for good.
fn network(search: &mut Search<'_>) -> Result<(), RunError> {
    let slow = search.best.faults.iter().filter_map(|fault| match &fault.action {
        Action::SlowLink { what, .. } => Some(what.latency),
        _ => None,
    });
    for latency in slow.collect::<Vec<_>>() {
        let everywhere = |plan: &mut Plan| {
            plan.faults.retain(|fault| !matches!(fault.action, Action::SlowLink { .. }));
            plan.cluster.latency = latency;
        };
        if !is_large(search) || with_seeds(search, everywhere)? {
            break;
        }
    }
    Ok(())
}

/// One fault for two; says whether there is one.
fn pairs(search: &mut Search<'_>) -> Result<bool, RunError> {
    let spells: Vec<(usize, Spell)> =
        search.best.faults.iter().enumerate().filter_map(|(place, fault)| Some((place, Spell::of(fault)?))).collect();
    for (n, (first, one)) in spells.iter().enumerate() {
        for (second, other) in &spells[n + 1..] {
            for action in one.with(other) {
                let merged = |plan: &mut Plan| {
                    plan.faults[*first] = Fault { action: action.clone(), ..plan.faults[*first].clone() };
                    (plan.faults[*first].trigger, plan.faults[*first].after) =
                        (Trigger::At(one.at.min(other.at)), Span::ZERO);
                    plan.faults.remove(*second);
                };
                if !is_large(search) {
                    return Ok(false);
                }
                if with_seeds(search, merged)? {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// A fault that goes on for a while.
struct Spell {
    at: Span,
    lasts: Span,
    what: What,
}

enum What {
    /// A broker stands still, or does not hear others.
    Apart(Target),
    Slow(SlowLink),
    Stopped(Target, Stop),
}

impl Spell {
    /// None if the fault is another, has no time, or goes on for ever.
    fn of(fault: &Fault) -> Option<Spell> {
        let Trigger::At(at) = fault.trigger else { return None };
        let (what, lasts) = match &fault.action {
            Action::Crash { what, restart: After::Span(down) } => {
                let stop = if what.power == Power::Lost { Stop::PowerLoss } else { Stop::Kill };
                (What::Stopped(what.broker.clone(), stop), *down)
            }
            Action::Partition { what, heal: After::Span(heal) } => (What::Apart(alone(what)?.clone()), *heal),
            Action::Pause { what, lasts } => (What::Apart(what.broker.clone()), *lasts),
            Action::Shutdown { what, restart: After::Span(down) } => {
                (What::Stopped(what.broker.clone(), Stop::Clean), *down)
            }
            Action::SlowLink { what, lasts } => (What::Slow(what.clone()), *lasts),
            _ => return None,
        };
        Some(Spell { at: at + fault.after, lasts, what })
    }

    /// Actions that may do the work of both, from when the first begins.
    fn with(&self, other: &Spell) -> Vec<Action> {
        let begin = self.at.min(other.at);
        let end = (self.at + self.lasts).max(other.at + other.lasts);
        let (whole, overlap) =
            (Span(end.0 - begin.0), self.at.max(other.at) < (self.at + self.lasts).min(other.at + other.lasts));
        match (&self.what, &other.what) {
            (What::Apart(one), What::Apart(two)) if one == two && overlap => {
                let what = Cut { isolate: Some(one.clone()), ..Cut::default() };
                let crash = Crash { broker: one.clone(), power: Power::Kept, ..Crash::default() };
                // For as long as both, as either of them.
                let lengths = [whole, self.lasts, other.lasts];
                let isolated = lengths.map(|heal| Action::Partition { what: what.clone(), heal: After::Span(heal) });
                let stopped = lengths.map(|down| Action::Crash { what: crash.clone(), restart: After::Span(down) });
                isolated.into_iter().chain(stopped).collect()
            }
            (What::Slow(one), What::Slow(two)) => {
                let shared = one.between.iter().filter(|target| two.between.contains(target)).cloned();
                let reach = shared
                    .chain([Target::All])
                    .map(|target| SlowLink { between: [target, Target::All], ..one.clone() });
                reach.map(|what| Action::SlowLink { what, lasts: whole }).collect()
            }
            (What::Stopped(broker, stop), What::Stopped(..)) => {
                let every = Span(self.at.0.abs_diff(other.at.0)).max(Span::from_millis(1));
                let (down, stop) = (self.lasts, *stop);
                let up = Span(every.0.saturating_sub(down.0)).max(Span::from_millis(1));
                let again = RestartLoop { broker: broker.clone(), times: 2, up, down, stop };
                let each = RollingRestart { every, down, stop, truncation: None };
                vec![Action::RestartLoop(again), Action::RollingRestart(each)]
            }
            _ => Vec::new(),
        }
    }
}

/// The node that is cut off, if one is.
fn alone(cut: &Cut) -> Option<&Target> {
    let groups = cut.groups.iter().flatten();
    cut.isolate.as_ref().or_else(|| groups.filter(|group| group.len() == 1).find_map(|group| group.first()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use tribunal_language::SpanRange;

    fn spell() -> impl Strategy<Value = (u64, u64)> {
        (0u64..10_000, 1u64..5_000)
    }

    fn of(what: What, (at, lasts): (u64, u64)) -> Spell {
        Spell { at: Span::from_millis(at), lasts: Span::from_millis(lasts), what }
    }

    fn slow(one: Target, other: Target) -> What {
        let latency = SpanRange { min: Span::from_millis(1), max: Span::from_millis(2) };
        What::Slow(SlowLink { between: [one, other], latency, bandwidth: None })
    }

    fn stopped(broker: u32) -> What {
        What::Stopped(Target::Broker(broker), Stop::Kill)
    }

    /// From the first that begins to the last that ends, in milliseconds.
    fn both(one: (u64, u64), other: (u64, u64)) -> Span {
        Span::from_millis((one.0 + one.1).max(other.0 + other.1) - one.0.min(other.0))
    }

    proptest! {
        #[test]
        fn who_is_apart_twice_at_once_is_cut_off_for_as_long_as_both(one in spell(), other in spell()) {
            let apart = |times| of(What::Apart(Target::Broker(1)), times);
            let actions = apart(one).with(&apart(other));
            let overlap = one.0.max(other.0) < (one.0 + one.1).min(other.0 + other.1);
            prop_assert_eq!(overlap, !actions.is_empty());
            for action in &actions {
                prop_assert_eq!(action.targets(), [&Target::Broker(1)]);
            }
            if overlap {
                let Action::Partition { heal, .. } = &actions[0] else {
                    return Err(TestCaseError::fail("another kind"));
                };
                prop_assert_eq!(*heal, After::Span(both(one, other)));
            }
        }

        #[test]
        fn a_slow_link_for_two_lasts_as_long_as_both_and_lies_on_each(
            one in spell(), other in spell(), to in 2u32..4, from in 1u32..4
        ) {
            let ends = [[Target::Broker(1), Target::Broker(to)], [Target::Broker(from), Target::Broker(1)]];
            let [a, b] = ends.clone().map(|[one, other]| slow(one, other));
            let actions = of(a, one).with(&of(b, other));
            prop_assert!(!actions.is_empty());
            for action in actions {
                let Action::SlowLink { what, lasts } = action else { return Err(TestCaseError::fail("another kind")) };
                prop_assert_eq!(lasts, both(one, other));
                let [reach, rest] = &what.between;
                prop_assert_eq!(rest, &Target::All);
                prop_assert!(ends.iter().all(|ends| *reach == Target::All || ends.contains(reach)));
            }
        }

        #[test]
        fn a_loop_for_two_stops_begins_each_when_they_did(one in spell(), other in spell()) {
            let apart = one.0.abs_diff(other.0);
            prop_assume!(apart > one.1);
            let actions = of(stopped(1), one).with(&of(stopped(2), other));
            let [Action::RestartLoop(again), Action::RollingRestart(each)] = &actions[..] else {
                return Err(TestCaseError::fail(format!("{actions:?}")));
            };
            let every = Span::from_millis(apart);
            prop_assert_eq!((again.times, again.up + again.down, again.stop), (2, every, Stop::Kill));
            prop_assert_eq!((each.every, each.down), (every, Span::from_millis(one.1)));
        }

        #[test]
        fn what_has_nothing_in_common_is_not_one(one in spell(), other in spell()) {
            let apart = |broker| What::Apart(Target::Broker(broker));
            prop_assert_eq!(of(apart(1), one).with(&of(apart(2), other)), []);
            prop_assert_eq!(of(apart(1), one).with(&of(stopped(1), other)), []);
            prop_assert_eq!(of(stopped(1), one).with(&of(slow(Target::Any, Target::All), other)), []);
        }
    }
}
