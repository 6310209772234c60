//! `[sweep]`: one knob over several values.
//!
//! A knob is any key of the file, as a path: `cluster.session_timeout`, `topic.replication`, `fault.slow_disk.factor`.
//! For each value the text of that key is replaced, wherever the file has it, and the result is read like any scenario,
//! so a value that makes no sense is a mistake of the sweep, with its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::keys::{Context, Keys, Value, Visitor};
use super::nearest::nearest;
use super::source::Source;
use super::units::quote;

/// A scenario at several values of a knob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The knob: one key, or several that change together.
    pub knob: String,
    /// The scenario at each value, in the order of the file.
    pub points: Vec<SweepPoint>,
}

/// A scenario at one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepPoint {
    /// The value, as it is written.
    pub value: String,
    /// The scenario's text with it.
    pub source: Source,
}

/// The keys of `[sweep]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SweepKeys {
    knob: Names,
    values: Values,
}

impl Keys for SweepKeys {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.key(
            "knob",
            "The key to vary, which the file must have: \"cluster.session_timeout\"; or a list of keys.",
            &mut self.knob,
        );
        v.key("values", "The values to try; with several keys, a list for each value.", &mut self.values);
    }
}

/// One name, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names(Vec<String>);

impl Value for Names {
    const FORM: &'static str = "a key of the file, such as \"cluster.session_timeout\", or a list of keys";
    fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Names> {
        if value.get_ref().is_array() {
            return Vec::read(cx, path, value).map(Names);
        }
        String::read(cx, path, value).map(|name| Names(vec![name]))
    }
    fn write(&self) -> Option<String> {
        let names = self.0.iter().map(|name| quote(name)).collect::<Vec<_>>();
        (!names.is_empty()).then(|| format!("[{}]", names.join(", ")))
    }
}

/// The values of the knob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Values(Vec<Text>);

impl Value for Values {
    const FORM: &'static str = "a list of values";
    fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Values> {
        Vec::read(cx, path, value).map(Values)
    }
    fn write(&self) -> Option<String> {
        if self.0.is_empty() { None } else { self.0.write() }
    }
}

/// Any value, as the file has it: of a list, each element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Text {
    whole: String,
    elements: Option<Vec<String>>,
}

impl Value for Text {
    const FORM: &'static str = "a value of the key";
    fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        let text = |range: Range<usize>| cx.source.text().get(range).unwrap_or_default().to_owned();
        let elements = value.get_ref().as_array();
        let elements = elements.map(|all| all.iter().map(|element| text(element.span())).collect());
        Some(Text { whole: text(value.span()), elements })
    }
    fn write(&self) -> Option<String> {
        Some(self.whole.clone())
    }
}

impl SweepKeys {
    /// The sweep, if the file has one. Reads the scenario at each value by `check`, which says what is wrong with it.
    pub(crate) fn resolve(&self, cx: &mut Context, check: impl Fn(Source) -> Result<(), String>) -> Option<Sweep> {
        if !cx.has("sweep") {
            return None;
        }
        for (key, empty) in [("knob", self.knob.0.is_empty()), ("values", self.values.0.is_empty())] {
            if empty && (!cx.has(&format!("sweep.{key}")) || cx.diagnostics.0.is_empty()) {
                cx.error_at("sweep", format!("missing key `{key}` in [sweep]"), format!("needs `{key}`"));
                return None;
            }
        }
        let places = self.places(cx)?;
        let mut points = Vec::new();
        for (n, value) in self.values.0.iter().enumerate() {
            let at = format!("sweep.values[{n}]");
            let texts = self.texts(cx, &at, value)?;
            let source = replaced(&cx.source, &places, &texts);
            if let Err(why) = check(source.clone()) {
                cx.error_at(&at, format!("with {} = {} the scenario is wrong", self.name(), value.whole), why);
            }
            points.push(SweepPoint { value: label(&texts), source });
        }
        Some(Sweep { knob: self.name(), points })
    }

    fn name(&self) -> String {
        self.knob.0.join(", ")
    }

    /// Where the file has each of the keys.
    fn places(&self, cx: &mut Context) -> Option<Vec<(Range<usize>, usize)>> {
        let known: Vec<(String, Range<usize>)> = cx
            .spans
            .iter()
            .filter(|(path, range)| !path.starts_with("sweep") && !range.is_empty())
            .map(|(path, range)| (plain(path), range.clone()))
            .collect();
        let mut places = Vec::new();
        for (n, name) in self.knob.0.iter().enumerate() {
            let found: Vec<_> = known.iter().filter(|(path, _)| path == name && path.contains('.')).collect();
            if found.is_empty() {
                let listed = cx.has(&format!("sweep.knob[{n}]"));
                let at = if listed { format!("sweep.knob[{n}]") } else { "sweep.knob".to_owned() };
                let paths = known.iter().map(|(path, _)| path.as_str()).filter(|path| path.contains('.'));
                let label = match nearest(name, paths) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "the file must have the key that is varied".to_owned(),
                };
                cx.error_at(&at, format!("the file has no key `{name}`"), label);
                return None;
            }
            places.extend(found.into_iter().map(|(_, range)| (range.clone(), n)));
        }
        // From the end, so that places before stay where they are.
        places.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        Some(places)
    }

    /// The text of each key at a value.
    fn texts(&self, cx: &mut Context, at: &str, value: &Text) -> Option<Vec<String>> {
        let keys = self.knob.0.len();
        if keys == 1 {
            return Some(vec![value.whole.clone()]);
        }
        match &value.elements {
            Some(elements) if elements.len() == keys => Some(elements.clone()),
            _ => {
                cx.error_at(at, format!("expected a list of {keys} values"), "one for each key of `knob`");
                None
            }
        }
    }
}

/// A path without the numbers of tables: `topic[0].name` is `topic.name`.
fn plain(path: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// Values as people read them.
fn label(texts: &[String]) -> String {
    texts.iter().map(|text| text.trim_matches('"')).collect::<Vec<_>>().join(", ")
}

fn replaced(source: &Source, places: &[(Range<usize>, usize)], texts: &[String]) -> Source {
    let mut text = source.text().to_owned();
    for (range, key) in places {
        text.replace_range(range.clone(), &texts[*key]);
    }
    Source::new(source.name(), text)
}

#[cfg(test)]
mod tests {
    use crate::{Scenario, Source};

    const FILE: &str = r#"
name = "swept"
[cluster]
session_timeout = "2s"
brokers = 5
[[topic]]
name = "orders"
replication = 3
min_insync = 2
[[workload]]
kind = "producer"
topic = "orders"
"#;

    fn parse(sweep: &str) -> Result<Scenario, String> {
        Scenario::parse(Source::new("swept.toml", format!("{FILE}[sweep]\n{sweep}"))).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_knob_takes_each_of_its_values_and_nothing_else_changes() {
        let scenario = parse("knob = \"cluster.session_timeout\"\nvalues = [\"1s\", \"4s\"]").unwrap();
        let sweep = scenario.sweep.clone().unwrap();
        assert_eq!(sweep.points.iter().map(|point| point.value.as_str()).collect::<Vec<_>>(), ["1s", "4s"]);
        let at = |n: usize| Scenario::parse(sweep.points[n].source.clone()).unwrap();
        assert_eq!(at(0).cluster.session_timeout.as_millis(), 1_000);
        assert_eq!(at(1).cluster.session_timeout.as_millis(), 4_000);
        assert_eq!(at(1).topics, scenario.topics);
    }

    #[test]
    fn keys_that_belong_together_change_together() {
        let values = "values = [[1, 1], [5, 3]]";
        let scenario = parse(&format!("knob = [\"topic.replication\", \"topic.min_insync\"]\n{values}")).unwrap();
        let sweep = scenario.sweep.unwrap();
        let last = Scenario::parse(sweep.points[1].source.clone()).unwrap();
        assert_eq!((last.topics[0].replication, last.topics[0].min_insync), (5, 3));
        assert_eq!(sweep.points[1].value, "5, 3");
    }

    #[test]
    fn a_mistake_in_a_sweep_is_shown_where_it_is() {
        let said = parse("knob = \"cluster.session_timeot\"\nvalues = [\"1s\"]").unwrap_err();
        assert!(said.contains("the file has no key `cluster.session_timeot`"), "{said}");
        assert!(said.contains("did you mean `cluster.session_timeout`?") && said.contains("swept.toml:14:"), "{said}");
        let said = parse("knob = \"topic.replication\"\nvalues = [3, 9]").unwrap_err();
        assert!(said.contains("with topic.replication = 9 the scenario is wrong"), "{said}");
        assert!(said.contains("swept.toml:15:14"), "{said}");
        let said = parse("knob = \"topic.replication\"\nvales = [3]").unwrap_err();
        assert!(said.contains("did you mean `values`?"), "{said}");
        let said = parse("knob = [\"topic.replication\", \"topic.min_insync\"]\nvalues = [3]").unwrap_err();
        assert!(said.contains("expected a list of 2 values"), "{said}");
    }
}
