//! Whom faults strike, by name. Who `any` is, or a follower, is drawn for a fault's place in the plan, and who leads is
//! what came before it: each changes with what is taken away. A name does not.

use tribunal_contract::NodeId;
use tribunal_language::plan::Plan;
use tribunal_language::{Fault, Target};
use tribunal_world::run::{RunError, Struck};

use super::{FEW_FAULTS, Search};

/// Names whom chance has chosen. The run stays what it was.
pub(super) fn chosen(search: &mut Search<'_>) -> Result<(), RunError> {
    let is_chosen = |target: &Target| matches!(target, Target::Any | Target::Follower(_) | Target::Subject);
    name(search, is_chosen)
}

/// Names everyone that is one broker, also who led.
pub(super) fn all(search: &mut Search<'_>) -> Result<(), RunError> {
    name(search, |target| target.is_broker() && !matches!(target, Target::Broker(_)))
}

/// Of several whom a fault means, one alone, while there are more than a few faults: others may have been there for the
/// rest.
pub(super) fn narrow(search: &mut Search<'_>) -> Result<(), RunError> {
    let several = |target: &Target| matches!(target, Target::All | Target::Followers(_) | Target::Isr(_));
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
