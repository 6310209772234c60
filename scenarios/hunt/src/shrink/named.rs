//! Names the nodes that faults strike. `any` and `follower:…` are drawn by a fault's place in the plan, and the leader
//! depends on everything before: both change when something else is removed from the plan. A name does not.

use tribunal_contract::NodeId;
use tribunal_language::plan::Plan;
use tribunal_language::{Fault, Target};
use tribunal_world::run::{RunError, Struck};

use super::{FEW_FAULTS, Search};

/// Names the nodes that the seed has chosen. The run stays the same.
pub(super) fn chosen(search: &mut Search<'_>) -> Result<(), RunError> {
    let is_chosen = |target: &Target| matches!(target, Target::Any | Target::Follower(_) | Target::Subject);
    name(search, is_chosen)
}

/// Names every target that is one broker, leaders too.
pub(super) fn all(search: &mut Search<'_>) -> Result<(), RunError> {
    name(search, |target| target.is_broker() && !matches!(target, Target::Broker(_)))
}

/// Tries one broker alone where a fault means several, while there are more than a few faults: other faults may have
/// struck the rest.
pub(super) fn narrow(search: &mut Search<'_>) -> Result<(), RunError> {
    let several =
        |target: &Target| matches!(target, Target::All | Target::Followers(_) | Target::Isr(_) | Target::Rack(_));
    let is_wide = |fault: &Fault| fault.action.targets().into_iter().any(several);
    if search.best.faults.len() <= FEW_FAULTS || !search.best.faults.iter().any(is_wide) {
        return Ok(());
    }
    for Struck { fault, meant, .. } in search.again()?.struck {
        for (nth, meant) in meant.iter().enumerate() {
            if !several(search.best.faults[fault].action.targets()[nth]) {
                continue;
            }
            for &NodeId(id) in meant {
                let one = |plan: &mut Plan| *plan.faults[fault].action.targets_mut()[nth] = Target::Broker(id);
                if search.change(one)? {
                    break;
                }
            }
        }
    }
    Ok(())
}

fn name(search: &mut Search<'_>, which: impl Fn(&Target) -> bool) -> Result<(), RunError> {
    let names = |fault: &Fault| fault.action.targets().into_iter().any(&which);
    if !search.best.faults.iter().any(names) {
        return Ok(());
    }
    let struck = search.again()?.struck;
    let brokers = search.best.cluster.brokers;
    let named = |fault: &mut Fault, place: usize| {
        let Some(happened) = struck.iter().find(|struck| struck.fault == place) else { return };
        for (target, meant) in fault.action.targets_mut().into_iter().zip(&happened.meant) {
            if let [NodeId(id)] = meant[..]
                && which(target)
                && (1..=brokers).contains(&id)
            {
                *target = Target::Broker(id);
            }
        }
    };
    if search.change(|plan| plan.faults.iter_mut().enumerate().for_each(|(place, fault)| named(fault, place)))? {
        return Ok(());
    }
    for place in 0..search.best.faults.len() {
        search.change(|plan| named(&mut plan.faults[place], place))?;
    }
    Ok(())
}
