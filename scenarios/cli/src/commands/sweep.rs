//! `sweep`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;
use tribunal_hunt::sweep::{SweepOutcome, SweepRequest};
use tribunal_language::files;
use tribunal_language::{Scenario, Source};
use tribunal_reports::ReportOptions;
use tribunal_reports::compare::{Group, Mean};
use tribunal_world::run::World;

use super::args::{DEFAULT_OUT, MessageFormat, SweepArgs};
use super::report::say_written;
use super::{Exit, complain, json, print, say_error, select};

/// The runs at a value.
#[derive(Serialize)]
struct PointRecord<'g> {
    r#type: &'static str,
    sweep: &'g str,
    knob: &'g str,
    value: &'g str,
    runs: usize,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    acknowledged: Option<f64>,
    unavailable_s: Option<f64>,
    failover_s: Option<f64>,
}

pub(super) fn sweep(args: &SweepArgs, world: Option<&dyn World>) -> Exit {
    let Some(world) = world else {
        say_error("this build has no world to run plans in", args.output);
        return Exit::Failed;
    };
    let scenarios = match scenarios(&args.paths) {
        Ok(scenarios) => scenarios,
        Err(wrong) => return complain(&wrong, args.output),
    };
    let mut exit = Exit::AllHeld;
    for scenario in scenarios {
        let base = args.out.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_OUT).join("sweeps"));
        let request = SweepRequest {
            out: base.join(&scenario.name),
            jobs: args.jobs.unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
            seeds: args.seeds,
            scenario,
        };
        match one(&request, args, world) {
            Ok(Exit::AllHeld) => {}
            Ok(other) => exit = other,
            Err(error) => {
                say_error(error, args.output);
                return Exit::Failed;
            }
        }
    }
    exit
}

/// The scenarios of the paths, or all sweeps that are built in. Each must have a `[sweep]`.
fn scenarios(paths: &[PathBuf]) -> Result<Vec<Scenario>, select::Wrong> {
    let sources: Vec<Source> = if paths.is_empty() { files::sweeps().collect() } else { select::files(paths)? };
    let mut all = Vec::new();
    for source in sources {
        let scenario = Scenario::parse(source).map_err(files::LoadError::from)?;
        if scenario.sweep.is_none() {
            let why = format!("{}: there is no [sweep] in it, so there is nothing to sweep", scenario.path);
            return Err(select::Wrong::Usage(why));
        }
        all.push(scenario);
    }
    Ok(all)
}

fn one(request: &SweepRequest, args: &SweepArgs, world: &dyn World) -> Result<Exit, Box<dyn std::error::Error>> {
    let bar = ProgressBar::with_draw_target(Some(request.runs()?), ProgressDrawTarget::stderr());
    let outcome = request.run(world, &|| bar.inc(1))?;
    bar.finish_and_clear();
    let page = outcome.comparison.write(&request.out, ReportOptions { png: args.png })?;
    match args.output.message_format {
        MessageFormat::Human => print(&shown(&outcome)),
        MessageFormat::Json => outcome.comparison.groups.iter().for_each(|group| record(&outcome, group)),
    }
    say_written(&page, args.output);
    Ok(Exit::of(&outcome.summary))
}

fn record(outcome: &SweepOutcome, group: &Group) {
    let mean = |of: fn(&tribunal_reports::compare::Figures) -> Option<f64>| group.mean(of).map(|mean| mean.mean);
    json::print(&PointRecord {
        r#type: "sweep-point",
        sweep: &outcome.comparison.title,
        knob: &outcome.comparison.knob,
        value: &group.label,
        runs: group.runs.len(),
        p50_ms: mean(|run| Some(run.p50_ms)),
        p99_ms: mean(|run| Some(run.p99_ms)),
        max_ms: mean(|run| Some(run.max_ms)),
        acknowledged: mean(|run| Some(run.acknowledged)),
        unavailable_s: mean(|run| Some(run.unavailable_s)),
        failover_s: mean(|run| run.failover_s),
    });
}

/// A table, a line a value: means over the runs with half of the 95 % interval.
fn shown(outcome: &SweepOutcome) -> String {
    let comparison = &outcome.comparison;
    let mut text = format!("{}: {}\n", comparison.title, comparison.about);
    let figure = |mean: Option<Mean>, unit: &str| match mean {
        Some(Mean { mean, half: Some(half), .. }) => format!("{mean:.2} ± {half:.2} {unit}"),
        Some(Mean { mean, half: None, .. }) => format!("{mean:.2} {unit}"),
        None => "-".to_owned(),
    };
    let mut rows = vec![[
        comparison.knob.clone(),
        "median".into(),
        "0.99".into(),
        "unavailable".into(),
        "failover".into(),
        "did not hold".into(),
    ]];
    for group in &comparison.groups {
        let broken = group.broken().into_iter().map(|(property, runs)| format!("{property} ×{runs}"));
        rows.push([
            group.label.clone(),
            figure(group.mean(|run| Some(run.p50_ms)), "ms"),
            figure(group.mean(|run| Some(run.p99_ms)), "ms"),
            figure(group.mean(|run| Some(run.unavailable_s)), "s"),
            figure(group.mean(|run| run.failover_s), "s"),
            broken.collect::<Vec<_>>().join(", "),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    for row in &rows {
        let line: String = row.iter().zip(&widths).map(|(cell, width)| format!("  {cell:<width$}")).collect();
        text += line.trim_end();
        text += "\n";
    }
    for (value, seed, what) in &outcome.violated {
        text += &format!("  FAIL {} = {value}, seed {seed:#x}: {what}\n", comparison.knob);
    }
    text
}
