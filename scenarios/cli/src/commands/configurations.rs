//! Which configurations `tribunal check` is to check, and what is wrong with their files.

use std::path::Path;

use tribunal_checker::{CheckConfig, ConfigError, SHIPPED};
use tribunal_language::files;
use tribunal_language::nearest::{nearest, suggestion};
use tribunal_language::{Diagnostic, Diagnostics, Source};

use super::args::CheckArgs;
use super::select::Wrong;

/// The configurations and their texts.
pub(super) fn selected(args: &CheckArgs) -> Result<Vec<(CheckConfig, String)>, Wrong> {
    let mut configs = Vec::new();
    if args.configurations.is_empty() {
        for (name, text) in SHIPPED {
            let config = parse(name, text)?;
            if args.nightly || !config.nightly {
                configs.push((config, (*text).to_owned()));
            }
        }
    }
    for wanted in &args.configurations {
        let name = wanted.to_string_lossy();
        let shipped = SHIPPED.iter().find(|(file, _)| file.trim_end_matches(".toml") == name.trim_end_matches(".toml"));
        let (name, text) = match shipped {
            Some((file, text)) if !wanted.is_file() => ((*file).to_owned(), (*text).to_owned()),
            _ => match std::fs::read_to_string(wanted) {
                Ok(text) => (name.into_owned(), text),
                Err(error) => return Err(unknown(wanted, &error)),
            },
        };
        configs.push((parse(&name, &text)?, text));
    }
    Ok(configs.into_iter().map(|(config, text)| (config.with_bugs(&args.bugs), text)).collect())
}

fn parse(name: &str, text: &str) -> Result<CheckConfig, Wrong> {
    CheckConfig::parse(name, text).map_err(|wrong| Wrong::File(Diagnostics(vec![diagnostic(text, wrong)]).into()))
}

/// With the place, and the word that was perhaps meant.
fn diagnostic(text: &str, wrong: ConfigError) -> Diagnostic {
    let word = text.get(wrong.range.clone()).unwrap_or_default().trim_matches('"').to_owned();
    let known: Vec<&str> = wrong.known.iter().map(String::as_str).collect();
    let label = if known.is_empty() { String::new() } else { suggestion(&word, &known) };
    // Whoever gives a scenario to `check` is told where it belongs.
    let is_scenario = text.contains("[[workload]]") || text.contains("[[fault]]");
    let help = is_scenario.then(|| "this is a scenario: run it with `tribunal run`".to_owned());
    Diagnostic { source: Source::new(wrong.file, text), range: wrong.range, message: wrong.message, label, help }
}

fn unknown(wanted: &Path, error: &std::io::Error) -> Wrong {
    let name = wanted.to_string_lossy();
    if name.contains(['/', '.']) {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file; `tribunal list checks` lists the configurations".to_owned(),
            _ => error.to_string(),
        };
        return Wrong::from(files::FileError { path: name.into_owned(), why });
    }
    let names = SHIPPED.iter().map(|(file, _)| file.trim_end_matches(".toml"));
    let near = nearest(&name, names).map_or_else(|| ":".to_owned(), |near| format!("; did you mean {near}?"));
    Wrong::Nothing(format!("no configuration `{name}`{near} `tribunal list checks` lists them"))
}
