//! `plan.toml`.

use std::path::Path;

use toml::de::DeTable;
use tribunal_common::Bug;
use tribunal_contract::Span;

use super::{Found, Plan};
use crate::check::{self, Checked, Setup};
use crate::files::{self, LoadError};
use crate::keys::{Context, Keys, Visitor, Writer};
use crate::units::{quote, read_str, string_value};
use crate::{
    Cluster, Diagnostics, Expect, Offset, ScenarioFault, Source, Topic, Workload, parse_bug, parse_file, parse_seed,
    resolve_producer,
};

/// The version of the format of plan files that this tool writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// A seed, written in hexadecimal as everywhere.
#[derive(Clone, Copy, Debug, Default)]
struct Seed(u64);

use crate::keys::Value;
use toml::Spanned;
use toml::de::DeValue;

/// A trace hash, as `verdict.json` has it.
#[derive(Clone, Copy, Debug)]
struct Hash(u64);

/// A planted bug, by its id.
#[derive(Clone, Copy, Debug)]
struct PlantedBug(Bug);

string_value! {
    Hash, "a trace hash, such as \"0x9f3c51e03dd20a77\"", |text| match parse_seed(text) {
        Ok(hash) => Ok(Hash(hash)),
        Err(_) => Err(format!("`{text}` is not a hash: 0x and 16 hexadecimal digits")),
    }, |hash: &Hash| {
        format!("{:#018x}", hash.0)
    };
}

string_value! {
    PlantedBug, "a bug, such as \"KIP-101\"", |text| parse_bug(text).map(PlantedBug), |bug: &PlantedBug| {
        bug.0.id().to_owned()
    };
}

string_value! {
    Seed, "a seed, such as \"0x2a\"", |text| parse_seed(text).map(Seed), |seed: &Seed| format!("{:#x}", seed.0);
}

/// The keys of a plan file.
#[derive(Clone, Debug, Default)]
struct PlanKeys {
    format: u32,
    tribunal: String,
    scenario: String,
    about: Option<String>,
    path: String,
    seed: Seed,
    duration: Span,
    clock_offsets: Vec<Offset>,
    cluster: Cluster,
    topics: Vec<Topic>,
    workloads: Vec<Workload>,
    faults: Vec<ScenarioFault>,
    expect: Expect,
    signature: Option<String>,
    bugs: Option<Vec<PlantedBug>>,
    trace_hash: Option<Hash>,
}

impl Keys for PlanKeys {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.required("format", "Version of this format.", &mut self.format);
        v.required("tribunal", "Version of the tool that made it.", &mut self.tribunal);
        v.required("scenario", "The scenario's name.", &mut self.scenario);
        v.key("about", "The promise in a sentence.", &mut self.about);
        v.required("path", "The scenario's file.", &mut self.path);
        v.required("seed", "Of all that the world draws.", &mut self.seed);
        v.required("duration", "Of the safety phase.", &mut self.duration);
        v.required("clock_offsets", "How far each broker's clock is off.", &mut self.clock_offsets);
        v.key("signature", "In a regression: what was found.", &mut self.signature);
        v.key("bugs", "In a regression: bugs that were planted, without which it must hold.", &mut self.bugs);
        v.key("trace_hash", "In a regression: of the run that found it.", &mut self.trace_hash);
        v.table("cluster", "As in a scenario.", &mut self.cluster);
        v.tables("topic", "As in a scenario.", &mut self.topics);
        v.tables("workload", "As in a scenario.", &mut self.workloads);
        v.tables("fault", "As in a scenario, but none at random.", &mut self.faults);
        v.table("expect", "As in a scenario.", &mut self.expect);
    }
}

/// Whether a file is a plan rather than a scenario, as far as its first keys tell.
pub fn is_plan(source: &Source) -> bool {
    let (root, _) = DeTable::parse_recoverable(source.text());
    let has = |key| root.get_ref().contains_key(key);
    // One from which a hand has taken the format is to be told that, and not what a scenario needs.
    has("format") || has("tribunal") && has("clock_offsets")
}

impl Plan {
    /// The plan as a file. Reading it gives the same plan.
    pub fn to_toml(&self) -> String {
        let plan = self.clone();
        let mut writer = Writer::default();
        writer.comment("Everything this run does. Edit it and run it again: tribunal replay FILE");
        PlanKeys {
            format: FORMAT,
            tribunal: plan.tribunal,
            scenario: plan.scenario,
            about: (!plan.about.is_empty()).then_some(plan.about),
            path: plan.path,
            seed: Seed(plan.seed),
            duration: plan.duration,
            clock_offsets: plan.clock_offsets,
            cluster: plan.cluster,
            topics: plan.topics,
            workloads: plan.workloads,
            faults: plan.faults.into_iter().map(ScenarioFault::Once).collect(),
            expect: plan.expect,
            signature: plan.found.as_ref().map(|found| found.signature.clone()),
            bugs: plan.found.as_ref().map(|found| found.bugs.iter().copied().map(PlantedBug).collect()),
            trace_hash: plan.found.map(|found| Hash(found.trace_hash)),
        }
        .keys(&mut writer);
        writer.finish()
    }

    /// Reads a plan from the text of a file, checked as strictly as a scenario.
    pub fn parse(source: Source) -> Result<Plan, Diagnostics> {
        let mut cx = Context::new(source, true);
        let keys: Option<PlanKeys> = parse_file(&mut cx);
        // What is no number has been told as such.
        let is_number = cx.diagnostics.0.iter().all(|wrong| wrong.range != cx.span("format"));
        let is_other = |keys: &PlanKeys| cx.has("format") && is_number && keys.format != FORMAT;
        let other_format = keys.as_ref().is_some_and(is_other);
        if let Some(keys) = keys.as_ref().filter(|_| other_format) {
            // What else is wrong with it follows from that.
            cx.diagnostics.0.clear();
            let message = format!("a plan of format {}, made by tribunal {}", keys.format, keys.tribunal);
            let label = format!("tribunal {} reads format {FORMAT}", env!("CARGO_PKG_VERSION"));
            cx.error_at("format", message, label);
        }
        let plan = keys.filter(|_| !other_format).map(|keys| keys.resolve(&mut cx));
        match plan {
            Some(plan) if cx.diagnostics.0.is_empty() => Ok(plan),
            _ => Err(cx.diagnostics.in_order()),
        }
    }

    /// Reads a plan file.
    pub fn load(path: &Path) -> Result<Plan, LoadError> {
        Ok(Plan::parse(files::load(path)?)?)
    }
}

impl PlanKeys {
    fn resolve(mut self, cx: &mut Context) -> Plan {
        if !cx.has("cluster.controllers") {
            self.cluster.controllers = self.cluster.default_controllers();
        }
        for (index, workload) in self.workloads.iter_mut().enumerate() {
            if let Workload::Producer(producer) = workload {
                resolve_producer(cx, &format!("workload[{index}]"), producer, Some(self.duration));
            }
        }
        let setup = Setup {
            duration: self.duration,
            cluster: &self.cluster,
            topics: &self.topics,
            workloads: &self.workloads,
            faults: self.faults.iter().filter_map(checked).collect(),
            expect: &self.expect,
        };
        check::name(cx, "scenario", &self.scenario);
        check::setup(cx, &setup);
        let (offsets, brokers) = (self.clock_offsets.len(), self.cluster.brokers);
        if cx.has("clock_offsets") && offsets != brokers as usize {
            cx.error_at("clock_offsets", format!("{offsets} clocks for {brokers} brokers"), "one for each broker");
        }
        let keys = ["signature", "bugs", "trace_hash"];
        if let Some(there) = keys.into_iter().find(|key| cx.has(key))
            && let Some(missing) = keys.into_iter().find(|key| !cx.has(key))
        {
            cx.error_at(there, format!("a regression without `{missing}`"), "these three go together");
        }
        let found = self.signature.zip(self.bugs).zip(self.trace_hash).map(|((signature, bugs), hash)| Found {
            signature,
            bugs: bugs.into_iter().map(|bug| bug.0).collect(),
            trace_hash: hash.0,
        });
        Plan {
            found,
            tribunal: self.tribunal,
            scenario: self.scenario,
            about: self.about.unwrap_or_default(),
            path: self.path,
            seed: self.seed.0,
            duration: self.duration,
            cluster: self.cluster,
            clock_offsets: self.clock_offsets,
            topics: self.topics,
            workloads: self.workloads,
            faults: self.faults.into_iter().filter_map(once).collect(),
            expect: self.expect,
        }
    }
}

fn checked(fault: &ScenarioFault) -> Option<Checked<'_>> {
    match fault {
        ScenarioFault::Once(fault) => Some(Checked::Once(fault)),
        ScenarioFault::Random(_) => None,
    }
}

fn once(fault: ScenarioFault) -> Option<crate::Fault> {
    match fault {
        ScenarioFault::Once(fault) => Some(fault),
        ScenarioFault::Random(_) => None,
    }
}
