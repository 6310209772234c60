//! Why a loss that a scenario expects may not happen in it.

use tribunal_contract::Span;
use tribunal_language::plan::Plan;
use tribunal_language::{Acks, Producer, Workload};
use tribunal_model::Property;

/// What may keep these properties from being broken, and which setting changes that.
pub(super) fn hints(plan: &Plan, never_shown: &[Property]) -> Vec<String> {
    let loss = |property: &Property| {
        matches!(property, Property::LostWrite | Property::NoCommittedRecordLost | Property::Unseen)
    };
    let mut hints = Vec::new();
    if !never_shown.iter().any(loss) {
        return hints;
    }
    if plan.cluster.fault_atlas {
        hints.push(
            "the fault atlas leaves out damage that takes a record's last copy: `fault_atlas = false` in [cluster] \
             allows it"
                .to_owned(),
        );
    }
    let producers = plan.workloads.iter().filter_map(|workload| match workload {
        Workload::Producer(producer) => Some(producer),
        Workload::Consumer(_) => None,
    });
    let mut at_risk: Vec<&Producer> = producers.filter(|producer| producer.acks != Acks::All).collect();
    at_risk.sort_by_key(|producer| producer.rate.map(|rate| rate.interval()));
    match at_risk.first().map(|producer| producer.rate) {
        None => hints.push(
            "every producer has acks = \"all\": with acks = 1 a record is at risk until its followers have it"
                .to_owned(),
        ),
        Some(Some(rate)) => {
            // A fetch and its answer.
            let window = Span(plan.cluster.latency.max.0.saturating_mul(2));
            let records = window.0 / rate.interval().0.max(1);
            let many = if records < 2 { "hardly one record is".to_owned() } else { format!("{records} records are") };
            hints.push(format!(
                "with acks = 1 a record is at risk until its followers have it, for up to {window:?}, so {many} at risk at a \
                 time: raise `rate`, or slow the followers by `slow_link`"
            ));
        }
        Some(None) => {}
    }
    hints
}

#[cfg(test)]
mod tests {
    use tribunal_language::{Scenario, Source};

    use super::*;

    fn hinted(atlas: bool, acks: &str, rate: &str) -> Vec<String> {
        let text = format!(
            "name = \"x\"\n[cluster]\nfault_atlas = {atlas}\n[[topic]]\nname = \"t\"\nreplication = 3\n\
             [[workload]]\nkind = \"producer\"\ntopic = \"t\"\nacks = {acks}\nrate = \"{rate}\"\n"
        );
        let scenario = Scenario::parse(Source::new("x.toml", text)).unwrap_or_else(|wrong| panic!("{wrong}"));
        hints(&Plan::generate(&scenario, 0), &[Property::LostWrite])
    }

    #[test]
    fn a_hint_names_the_setting_that_keeps_a_loss_away() {
        let [atlas, acks] = &hinted(true, "\"all\"", "500/s")[..] else { panic!("two hints") };
        assert!(atlas.contains("fault_atlas = false") && acks.contains("acks = 1"), "{atlas} {acks}");
        let [window] = &hinted(false, "1", "500/s")[..] else { panic!("one hint") };
        assert!(window.contains("hardly one record is at risk") && window.contains("raise `rate`"), "{window}");
        let [window] = &hinted(false, "1", "3000/s")[..] else { panic!("one hint") };
        assert!(window.contains("6 records are at risk") && window.contains("slow_link"), "{window}");
    }

    #[test]
    fn only_losses_have_hints() {
        let scenario = Scenario::parse(Source::new(
            "x.toml",
            "name = \"x\"\n[[topic]]\nname = \"t\"\n[[workload]]\nkind = \"producer\"\ntopic = \"t\"\n",
        ));
        let plan = Plan::generate(&scenario.unwrap_or_else(|wrong| panic!("{wrong}")), 0);
        assert_eq!(hints(&plan, &[Property::Duplicate]), Vec::<String>::new());
    }
}
