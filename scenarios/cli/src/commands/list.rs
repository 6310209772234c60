//! `tribunal list`.

use serde::Serialize;
use tribunal_common::{Bug, ObsKind, RarePath};
use tribunal_language::files::{catalog, regressions};
use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, faults, reference};
use tribunal_model::{Property, PropertyKind};

use super::args::MessageFormat;
use super::lookup_args::{ListArgs, Listed};
use super::{Exit, json, print};

/// A line of a list.
#[derive(Serialize)]
struct Item {
    r#type: &'static str,
    name: String,
    about: String,
}

/// Lists what there is.
pub(super) fn list(args: ListArgs) -> Exit {
    const ALL: [Listed; 8] = [
        Listed::Scenarios,
        Listed::Regressions,
        Listed::Checks,
        Listed::Faults,
        Listed::RarePaths,
        Listed::Properties,
        Listed::Bugs,
        Listed::Observations,
    ];
    let chosen = args.what.map_or(ALL.to_vec(), |what| vec![what]);
    for (index, what) in chosen.iter().enumerate() {
        if *what == Listed::Keys {
            print(&reference());
            continue;
        }
        let items = items(*what);
        match args.output.message_format {
            MessageFormat::Json => items.iter().for_each(json::print),
            MessageFormat::Human => {
                let gap = if index == 0 { "" } else { "\n" };
                let width = items.iter().map(|item| item.name.chars().count()).max().unwrap_or(0);
                let lines = items.iter().map(|item| format!("  {:<width$}  {}\n", item.name, item.about));
                print(&format!("{gap}{}\n{}", title(*what), lines.collect::<String>()));
            }
        }
    }
    Exit::AllHeld
}

fn title(what: Listed) -> &'static str {
    match what {
        Listed::Bugs => "bugs, for --bug",
        Listed::Checks => "configurations, for `check`",
        Listed::Faults => "faults, for [[fault]]",
        Listed::Keys => "keys",
        Listed::Observations => "observations, for `sometimes` and `when = { event = … }`",
        Listed::Properties => "properties, for [expect]",
        Listed::RarePaths => "rare paths, for `rare_paths` of [cluster]",
        Listed::Regressions => "regressions: runs that failed once, and the promise that holds since",
        Listed::Scenarios => "scenarios of the catalog",
    }
}

fn items(what: Listed) -> Vec<Item> {
    let item = |r#type, name: &str, about: &str| Item { r#type, name: name.to_owned(), about: about.to_owned() };
    match what {
        Listed::Bugs => Bug::ALL.iter().map(|bug| item("bug", bug.id(), bug.about())).collect(),
        Listed::Checks => tribunal_checker::shipped()
            .into_iter()
            .flatten()
            .map(|config| item("check", &config.name, config.promise.lines().next().unwrap_or_default()))
            .collect(),
        Listed::Faults => faults().into_iter().map(|(name, about)| item("fault", name, about)).collect(),
        Listed::Keys => Vec::new(),
        Listed::Observations => {
            ObsKind::ALL.iter().map(|kind| item("observation", kind.name(), kind.about())).collect()
        }
        Listed::Properties => Property::ALL
            .iter()
            .map(|property| {
                let judged = match property.kind() {
                    PropertyKind::Invariant => "after every event",
                    PropertyKind::Liveness => "after healing",
                    PropertyKind::Validation => "at the end",
                };
                let always = if property.always_on() { ", always" } else { "" };
                item("property", property.name(), &format!("{} ({judged}{always})", property.about()))
            })
            .collect(),
        Listed::RarePaths => RarePath::ALL.iter().map(|path| item("rare-path", path.name(), path.about())).collect(),
        Listed::Regressions => regressions()
            .filter_map(|source| Plan::parse(source).ok())
            .map(|plan| item("regression", &plan.scenario, &plan.about))
            .collect(),
        Listed::Scenarios => catalog()
            .filter_map(|source| Scenario::parse(source).ok())
            .map(|scenario| item("scenario", &scenario.name, &scenario.about))
            .collect(),
    }
}
