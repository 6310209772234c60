//! `tribunal explain NAME`: what a name means, wherever the tool shows it.
//!
//! Names and sentences come from where they are defined; [`bugs`] and [`properties`] add how they hang together and
//! how to read a report, [`exits`] what to do next.

mod bugs;
mod exits;
mod properties;

use serde::Serialize;
use tribunal_common::{Bug, ObsKind, RarePath};
use tribunal_language::files::{catalog, regressions, sweeps};
use tribunal_language::nearest::nearest;
use tribunal_language::plan::Plan;
use tribunal_language::{Scenario, faults, reference};
use tribunal_model::Property;

use super::args::MessageFormat;
use super::lookup_args::ExplainArgs;
use super::{Exit, json, print, say_error};

/// What a name means.
#[derive(Serialize)]
struct Explanation {
    r#type: &'static str,
    /// What it is: a property, a planted bug, an exit code.
    kind: &'static str,
    name: String,
    text: String,
}

/// Explains everything that has the name.
pub(super) fn explain(args: &ExplainArgs) -> Exit {
    let name = args.name.trim().trim_matches('`');
    let found = explanations(name);
    if found.is_empty() {
        let names = names();
        let is_code = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let hint = match nearest(name, names.iter().map(String::as_str)) {
            _ if is_code => {
                let codes: Vec<String> = Exit::ALL.iter().map(|(exit, _)| (*exit as u8).to_string()).collect();
                format!("exit codes are {}", codes.join(", "))
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => "`tribunal list` shows the names that can be explained".to_owned(),
        };
        say_error(format!("there is nothing named `{name}`; {hint}"), args.output);
        return Exit::Usage;
    }
    for (index, explanation) in found.iter().enumerate() {
        match args.output.message_format {
            MessageFormat::Json => json::print(explanation),
            MessageFormat::Human => {
                let gap = if index == 0 { "" } else { "\n" };
                print(&format!("{gap}{} ({})\n{}", explanation.name, explanation.kind, explanation.text));
            }
        }
    }
    Exit::AllHeld
}

/// Everything of that name: `crash` is a fault and a key of the language.
fn explanations(name: &str) -> Vec<Explanation> {
    let explanation = |kind, name: &str, text| Explanation { r#type: "explanation", kind, name: name.to_owned(), text };
    let same = |other: &str| plain(other) == plain(name);
    let mut all = Vec::new();
    let property = Property::from_name(&plain(name)).or_else(|| Property::ALL.iter().copied().find(|p| same(p.name())));
    all.extend(property.map(|property| explanation("property", property.name(), properties::text(property))));
    all.extend(Bug::from_id(name).map(|bug| explanation("planted bug", bug.id(), bugs::text(bug))));
    all.extend(name.parse().ok().and_then(exits::text).map(|text| explanation("exit code", name, text)));
    for (fault, about) in faults().into_iter().filter(|(fault, _)| same(fault)) {
        let keys = section(&format!("{fault} = {{ … }}"));
        let keys = if keys.is_empty() { keys } else { format!("Its keys, with their defaults:\n{keys}") };
        let text = format!("{about}\n{keys}Use it as an action of a [[fault]]: tribunal list keys\n");
        all.push(explanation("fault", fault, text));
    }
    for seen in ObsKind::ALL.iter().filter(|kind| same(kind.name())) {
        let text = format!(
            "{}.\nName it in `sometimes` of [expect] to require it, or in `when = {{ event = \"{}\" }}` of a [[fault]] to wait for it.\n",
            first_upper(seen.about()),
            seen.name()
        );
        all.push(explanation("observation", seen.name(), text));
    }
    for path in RarePath::ALL.iter().filter(|path| same(path.name())) {
        let text = format!(
            "{}.\nThe broker is right either way. Switch it on with `rare_paths = [\"{}\"]` in [cluster]; hunts do so at random.\n",
            first_upper(path.about()),
            path.name()
        );
        all.push(explanation("rare path", path.name(), text));
    }
    for source in catalog().chain(sweeps()).filter(|source| same(stem(source.name()))) {
        let path = source.name().to_owned();
        if let Ok(scenario) = Scenario::parse(source) {
            let command = if path.contains("/sweeps/") { "sweep" } else { "run" };
            let text = format!("{}\nFile: {path}\nNext: tribunal {command} {}\n", scenario.about, scenario.name);
            all.push(explanation("scenario", &scenario.name, text));
        }
    }
    for source in regressions().filter(|source| same(stem(source.name()))) {
        let path = source.name().to_owned();
        let story: Vec<&str> = source.text().lines().map_while(|line| line.strip_prefix("# ")).collect();
        let story = story.join("\n");
        if let Ok(plan) = Plan::parse(source) {
            let text = format!("{story}\nNow: {}\nFile: {path}\nNext: tribunal replay {path}\n", plan.about);
            all.push(explanation("regression", &plan.scenario, text));
        }
    }
    for config in tribunal_checker::shipped().into_iter().flatten().filter(|config| same(&config.name)) {
        let text = format!("{}\nNext: tribunal check {}\n", config.promise.trim_end(), config.name);
        all.push(explanation("configuration of the checker", &config.name, text));
    }
    let keys = keys(name);
    if !keys.is_empty() {
        all.push(explanation("key of the scenario language", name, keys));
    }
    all
}

/// Every name that can be explained.
pub(super) fn names() -> Vec<String> {
    let mut names: Vec<String> = Property::ALL.iter().map(|property| property.name().to_owned()).collect();
    names.extend(Bug::ALL.iter().map(|bug| bug.id().to_owned()));
    names.extend(faults().into_iter().map(|(name, _)| name.to_owned()));
    names.extend(ObsKind::ALL.iter().map(|kind| kind.name().to_owned()));
    names.extend(RarePath::ALL.iter().map(|path| path.name().to_owned()));
    names.extend(catalog().chain(sweeps()).chain(regressions()).map(|source| stem(source.name()).to_owned()));
    names.extend(tribunal_checker::shipped().into_iter().flatten().map(|config| config.name));
    names.extend(Exit::ALL.iter().map(|(exit, _)| (*exit as u8).to_string()));
    names.extend(reference().lines().filter_map(key_of).map(str::to_owned));
    names
}

/// The lines of the reference that define a key of that name, or name one of Kafka's settings, each under its table.
fn keys(name: &str) -> String {
    let reference = reference();
    let (mut table, mut told, mut text) = ("", "", String::new());
    for line in reference.lines() {
        if !line.is_empty() && !line.starts_with(' ') {
            table = line;
        }
        let setting = name.contains('.') && line.split([' ', ',', ';']).any(|word| word == name);
        if key_of(line).is_some_and(|key| plain(key) == plain(name)) || setting {
            if told != table {
                text += &format!("{table}\n");
                told = table;
            }
            text += &format!("{line}\n");
        }
    }
    text
}

/// The key that a line of the reference defines.
fn key_of(line: &str) -> Option<&str> {
    let key = line.strip_prefix("  ")?.split(' ').next()?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!key.is_empty() && key.chars().all(is_name)).then_some(key)
}

/// The lines of the reference below a title.
fn section(title: &str) -> String {
    let reference = reference();
    let lines = reference.lines().skip_while(|line| *line != title).skip(1).take_while(|line| line.starts_with(' '));
    lines.map(|line| format!("{line}\n")).collect()
}

/// A name without what people mix up: case, `_` and `-`.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".toml").unwrap_or(file)
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_a_list_shows_is_explained() {
        for name in names() {
            let all = explanations(&name);
            assert!(!all.is_empty(), "{name}");
            for explanation in all {
                assert!(
                    explanation.text.ends_with('\n') && explanation.text.len() > 20,
                    "{name}: {}",
                    explanation.text
                );
            }
        }
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        for name in
            ["lost-write", "LOST_WRITE", "kip-101", "g1a", "slow-disk", "slow_disk", "100", "min.insync.replicas"]
        {
            assert!(!explanations(name).is_empty(), "{name}");
        }
        for name in ["", " ", "=", "7", "lost-writes", "a.b"] {
            assert!(explanations(name).is_empty(), "{name}");
        }
    }
}
