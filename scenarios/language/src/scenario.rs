//! The scenario: everything a file says, checked.

use std::path::Path;

use toml::de::DeTable;
use tribunal_contract::Span;

use super::check::{self, Setup};
use super::cluster::{Cluster, Topic};
use super::diagnostic::Diagnostics;
use super::expect::Expect;
use super::fault::ScenarioFault;
use super::keys::{Context, Keys, Table, Visitor, Writer, read_keys};
use super::records::{checksum, parse_records};
use super::source::Source;
use super::sweep::{Sweep, SweepKeys};
use super::units::{LONGEST, Rate, Seeds};
use super::workload::{Producer, Workload};
use crate::files;

/// A scenario file, read and found to make sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The file, as people know it.
    pub path: String,
    /// Its name: the promise it checks.
    pub name: String,
    /// What it is about, in a sentence.
    pub about: String,
    /// Which seeds `run` uses.
    pub seeds: Seeds,
    /// How long the safety phase lasts.
    pub duration: Span,
    /// The cluster.
    pub cluster: Cluster,
    /// Its topics.
    pub topics: Vec<Topic>,
    /// What clients do.
    pub workloads: Vec<Workload>,
    /// What goes wrong.
    pub faults: Vec<ScenarioFault>,
    /// What is expected.
    pub expect: Expect,
    /// One of its keys over several values, for `tribunal sweep`.
    pub sweep: Option<Sweep>,
}

/// Seeds of a scenario that does not say.
const DEFAULT_SEEDS: Seeds = Seeds { start: 0, end: 5 };
/// Duration of a workload, and of a scenario, that does not say.
const DEFAULT_DURATION: Span = Span::from_secs(30);
/// Records a second of a producer that does not say.
const DEFAULT_RATE: Rate = Rate { count: 100, per: Span::from_secs(1) };

/// The keys of a scenario file.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScenarioKeys {
    name: String,
    about: String,
    seeds: Option<Seeds>,
    duration: Option<Span>,
    cluster: Cluster,
    topics: Vec<Topic>,
    workloads: Vec<Workload>,
    faults: Vec<ScenarioFault>,
    expect: Expect,
    sweep: SweepKeys,
}

impl Keys for ScenarioKeys {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.required("name", "The promise; it names the folder of the runs.", &mut self.name);
        v.key("about", "The promise in a sentence.", &mut self.about);
        v.key("seeds", "Which seeds `run` uses, the end not included; \"0..5\" if left out.", &mut self.seeds);
        v.key(
            "duration",
            "Length of the safety phase, in simulated time; to the end of the workloads if left out.",
            &mut self.duration,
        );
        v.table("cluster", "The cluster; may be left out.", &mut self.cluster);
        v.tables("topic", "A topic, created before the workload begins.", &mut self.topics);
        v.tables("workload", "Clients and what they do; `kind` is the first key.", &mut self.workloads);
        v.tables("fault", "A fault: its trigger and one action.", &mut self.faults);
        v.table("expect", "What runs must, may and must not show; may be left out.", &mut self.expect);
        v.table("sweep", "A key over several values, for `tribunal sweep`; `run` ignores it.", &mut self.sweep);
    }
}

impl Scenario {
    /// Reads a scenario from the text of a file. Files that it names are looked for beside it.
    pub fn parse(source: Source) -> Result<Scenario, Diagnostics> {
        Scenario::read(source, true)
    }

    /// Reads a scenario, and the values of its sweep if `swept`: each of those is a scenario that is read without.
    fn read(source: Source, swept: bool) -> Result<Scenario, Diagnostics> {
        let mut cx = Context::new(source, false);
        let keys: Option<ScenarioKeys> = parse_file(&mut cx);
        let sweep = keys.as_ref().map(|keys| keys.sweep.clone());
        let mut scenario = keys.map(|keys| keys.resolve(&mut cx));
        if let Some(scenario) = &scenario {
            check::name(&mut cx, "name", &scenario.name);
            check::setup(&mut cx, &Setup::of(scenario));
        }
        if let (Some(scenario), Some(sweep), true) = (&mut scenario, sweep, swept) {
            let first = |wrong: Diagnostics| wrong.0.first().map_or_else(String::new, |wrong| wrong.message.clone());
            scenario.sweep = sweep.resolve(&mut cx, |source| Scenario::read(source, false).map(drop).map_err(first));
        }
        match scenario {
            Some(scenario) if cx.diagnostics.0.is_empty() => Ok(scenario),
            _ => Err(cx.diagnostics.in_order()),
        }
    }

    /// The scenario as a file, every key written out. Reading it gives a scenario that runs the same.
    pub fn to_toml(&self) -> String {
        let mut writer = Writer::default();
        let mut workloads = self.workloads.clone();
        for workload in &mut workloads {
            if let Workload::Producer(producer) = workload {
                producer.file_checksum = None;
                if producer.at.is_some() {
                    (producer.rate, producer.lasts) = (None, None);
                }
            }
        }
        let mut faults = self.faults.clone();
        for fault in &mut faults {
            if let ScenarioFault::Once(fault) = fault {
                fault.line = 0;
            }
        }
        ScenarioKeys {
            name: self.name.clone(),
            about: self.about.clone(),
            seeds: Some(self.seeds),
            duration: Some(self.duration),
            cluster: self.cluster.clone(),
            topics: self.topics.clone(),
            workloads,
            faults,
            expect: self.expect.clone(),
            sweep: SweepKeys::default(),
        }
        .keys(&mut writer);
        writer.finish()
    }

    /// Reads a scenario file.
    pub fn load(path: &Path) -> Result<Scenario, files::LoadError> {
        Ok(Scenario::parse(files::load(path)?)?)
    }
}

/// Reads the tables of a file. `None` if it is not TOML, which has been said.
pub(crate) fn parse_file<T: Keys>(cx: &mut Context) -> Option<T> {
    let source = cx.source.clone();
    let (root, errors) = DeTable::parse_recoverable(source.text());
    for error in &errors {
        let end = source.text().len();
        let range = error.span().unwrap_or(end..end);
        cx.error(range, format!("not TOML: {}", error.message()), "");
    }
    if !errors.is_empty() {
        return None;
    }
    let mut table = Table::new(cx, String::new(), "the file".into(), root.get_ref(), 0..0);
    let keys = read_keys(cx, &mut table);
    table.finish(cx);
    Some(keys)
}

impl ScenarioKeys {
    /// Fills in what follows from the rest.
    fn resolve(mut self, cx: &mut Context) -> Scenario {
        if !cx.has("cluster.controllers") {
            self.cluster.controllers = self.cluster.default_controllers();
        }
        if !cx.has("expect.never") {
            self.expect.yield_defaults();
        }
        for (index, workload) in self.workloads.iter_mut().enumerate() {
            if let Workload::Producer(producer) = workload {
                resolve_producer(cx, &format!("workload[{index}]"), producer, self.duration);
            }
        }
        let ends = self.workloads.iter().map(|workload| match workload {
            Workload::Producer(producer) => producer.start.0.saturating_add(producer.lasts.unwrap_or_default().0),
            Workload::Consumer(_) => 0,
        });
        let end = ends.max().filter(|&end| end > 0).map_or(DEFAULT_DURATION, Span);
        Scenario {
            path: cx.source.name().to_owned(),
            name: self.name,
            about: self.about,
            seeds: self.seeds.unwrap_or(DEFAULT_SEEDS),
            duration: self.duration.unwrap_or(end),
            cluster: self.cluster,
            topics: self.topics,
            workloads: self.workloads,
            faults: self.faults,
            expect: self.expect,
            sweep: None,
        }
    }
}

/// Reads the producer's file, and fills in its rate and how long it lasts.
pub(crate) fn resolve_producer(cx: &mut Context, path: &str, producer: &mut Producer, duration: Option<Span>) {
    if producer.file_checksum.is_some() && !cx.plan {
        cx.error_at(&format!("{path}.file_checksum"), "`file_checksum` is for plans", "leave it out");
    }
    if let Some(at) = &producer.at {
        let key = format!("{path}.at");
        for other in ["rate", "for", "file"] {
            if cx.has(&format!("{path}.{other}")) && !cx.plan {
                cx.error_at(&format!("{path}.{other}"), format!("`{other}` does not go with `at`"), "leave it out");
            }
        }
        match at.last() {
            None => cx.error_at(&key, "no record falls due", "name at least one time"),
            Some(_) if !at.is_sorted() => cx.error_at(&key, "the times are not in order", ""),
            Some(_) if producer.clients != 1 => cx.error_at(&key, "`at` is for one client", "clients = 1"),
            Some(last) => producer.lasts = Some(Span(last.0.saturating_add(1))),
        }
    }
    let Some(file) = producer.file.clone() else {
        producer.rate = producer.rate.or(Some(DEFAULT_RATE));
        let rest = duration.map(|duration| Span(duration.0.saturating_sub(producer.start.0)));
        producer.lasts = producer.lasts.or(rest).or(Some(DEFAULT_DURATION));
        return;
    };
    // Until the file says how long it lasts; so that a file that cannot be read is one mistake.
    producer.lasts = producer.lasts.or(Some(Span(1)));
    let at = format!("{path}.file");
    for (key, why) in [
        ("keys", "the keys are in the file"),
        ("value_size", "the values are in the file"),
        ("for", "each record of the file is sent once"),
    ] {
        if cx.has(&format!("{path}.{key}")) && !cx.plan {
            cx.error_at(&format!("{path}.{key}"), format!("`{key}` does not go with `file`"), why);
        }
    }
    let source = match files::load_beside(cx.source.name(), &file) {
        Ok(source) => source,
        Err(why) => return cx.error_at(&at, format!("cannot read {file}"), why.to_string()),
    };
    let found = checksum(source.text());
    if let Some(noted) = producer.file_checksum.replace(found.clone()).filter(|noted| *noted != found) {
        let label = format!("it hashes to {found} now");
        return cx.error_at(&format!("{path}.file_checksum"), format!("{file} is not what it was ({noted})"), label);
    }
    producer.file = Some(source.name().to_owned());
    let longest = producer.rate.is_none().then_some(LONGEST);
    match parse_records(&source, producer.serializer, longest, producer.null_value.as_deref()) {
        Ok(records) => producer.records = records,
        Err(mut wrong) => return cx.diagnostics.0.append(&mut wrong.0),
    }
    let count = producer.records.len() as u64;
    producer.lasts = Some(match producer.rate {
        Some(rate) => {
            let lasts = u128::from(count) * u128::from(rate.per.0) / u128::from(rate.count);
            if lasts > u128::from(LONGEST.0) {
                let label = format!("the {count} records of {file} take longer than a year");
                return cx.error_at(&format!("{path}.rate"), "too low a rate for the file", label);
            }
            Span(lasts as u64)
        }
        None => {
            let (first, last) = (producer.records[0].timestamp_ms, producer.records[count as usize - 1].timestamp_ms);
            Span::from_millis((last - first) as u64 + 1)
        }
    });
}
