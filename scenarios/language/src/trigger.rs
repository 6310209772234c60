//! When a fault happens: at a time, or when the run has come to a point.

use toml::Spanned;
use toml::de::DeValue;
use tribunal_common::ObsKind;
use tribunal_contract::Span;

use super::keys::{Context, Keys, Value, Visitor, read_inline, write_inline};
use super::target::{Partition, Target};

/// When a fault happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// So long after the workload's clock starts at zero.
    At(Span),
    /// The first time this holds.
    When(Condition),
}

/// A point that a run may come to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// So many records of the partition were acknowledged to their producers.
    Acknowledged {
        /// Which partition.
        partition: Partition,
        /// How many.
        at_least: u64,
    },
    /// The partition's followers have fetched records so many times; a fetch that finds none does not count.
    Fetch {
        /// Which partition.
        partition: Partition,
        /// How many times.
        count: u32,
    },
    /// The leader's high watermark has come so far.
    HighWatermark {
        /// Which partition.
        partition: Partition,
        /// How far.
        at_least: u64,
    },
    /// A replica has joined the partition's in-sync replicas so many times.
    IsrExpanded {
        /// Which partition.
        partition: Partition,
        /// How many times.
        count: u32,
    },
    /// A replica has left the partition's in-sync replicas so many times.
    IsrShrunk {
        /// Which partition.
        partition: Partition,
        /// How many times.
        count: u32,
    },
    /// The partition has had so many new leaders since the workload began.
    LeaderElected {
        /// Which partition.
        partition: Partition,
        /// How many.
        count: u32,
    },
    /// Something was observed so many times.
    Observed {
        /// What.
        event: ObsKind,
        /// On which node; none is on any.
        of: Option<Target>,
        /// How many times.
        count: u32,
    },
}

impl Condition {
    /// The partition it speaks of.
    pub fn partition(&self) -> Option<&Partition> {
        match self {
            Condition::Acknowledged { partition, .. }
            | Condition::Fetch { partition, .. }
            | Condition::HighWatermark { partition, .. }
            | Condition::IsrExpanded { partition, .. }
            | Condition::IsrShrunk { partition, .. }
            | Condition::LeaderElected { partition, .. } => Some(partition),
            Condition::Observed { of, .. } => of.as_ref().and_then(Target::partition),
        }
    }
}

/// The keys of `when`, before it is known which condition they make.
#[derive(Clone, Debug, Default)]
pub(crate) struct WhenKeys {
    acknowledged: Option<Partition>,
    fetch: Option<Partition>,
    high_watermark: Option<Partition>,
    isr_expanded: Option<Partition>,
    isr_shrunk: Option<Partition>,
    leader_elected: Option<Partition>,
    event: Option<ObsKind>,
    of: Option<Target>,
    at_least: Option<u64>,
    count: Option<u32>,
}

impl Keys for WhenKeys {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.key("high_watermark", "Partition whose high watermark is `at_least` so high.", &mut self.high_watermark);
        v.key(
            "acknowledged",
            "Partition of which `at_least` so many records were acknowledged to producers.",
            &mut self.acknowledged,
        );
        v.key("leader_elected", "Partition that has its `count`th new leader.", &mut self.leader_elected);
        v.key("isr_shrunk", "Partition whose ISR shrinks the `count`th time.", &mut self.isr_shrunk);
        v.key("isr_expanded", "Partition whose ISR grows the `count`th time.", &mut self.isr_expanded);
        v.key("fetch", "Partition whose leader sends records to a follower the `count`th time.", &mut self.fetch);
        v.key("event", "Any observation (`tribunal list observations`), the `count`th time.", &mut self.event);
        v.key("of", "With `event`: the node that makes the observation; any if left out.", &mut self.of);
        v.key("at_least", "With `high_watermark` and `acknowledged`: the number.", &mut self.at_least);
        v.key("count", "With the others: which occurrence, counted from 1; 1 if left out.", &mut self.count);
    }
}

const SUBJECTS: [&str; 7] =
    ["high_watermark", "acknowledged", "leader_elected", "isr_shrunk", "isr_expanded", "fetch", "event"];

impl Value for Condition {
    const FORM: &'static str = "a condition, such as { high_watermark = \"orders/0\", at_least = 500 }";

    fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Condition> {
        let before = cx.diagnostics.0.len();
        let keys: WhenKeys = read_inline(cx, path, value, Self::FORM)?;
        let given: Vec<&str> = SUBJECTS.into_iter().filter(|key| cx.has(&format!("{path}.{key}"))).collect();
        match given[..] {
            [_] => (),
            [] => {
                if cx.diagnostics.0.len() == before {
                    cx.error(
                        value.span(),
                        "`when` says nothing to wait for",
                        format!("needs one of {}", SUBJECTS.join(", ")),
                    );
                }
                return None;
            }
            [_, second, ..] => {
                cx.error_at(&format!("{path}.{second}"), "`when` waits for one thing", "this is a second one");
                return None;
            }
        }
        keys.condition(cx, path, given[0])
    }

    fn write(&self) -> Option<String> {
        Some(write_inline(&WhenKeys::of(self)))
    }
}

impl WhenKeys {
    fn condition(self, cx: &mut Context, path: &str, subject: &str) -> Option<Condition> {
        let amount = matches!(subject, "high_watermark" | "acknowledged");
        let (wanted, unwanted) = if amount { ("at_least", "count") } else { ("count", "at_least") };
        for (key, wrong) in [(unwanted, true), ("of", subject != "event")] {
            if wrong && cx.has(&format!("{path}.{key}")) {
                let message = format!("`{key}` does not go with `{subject}`");
                let label = if key == unwanted { format!("write `{wanted}`") } else { "only with `event`".into() };
                cx.error_at(&format!("{path}.{key}"), message, label);
                return None;
            }
        }
        if amount && self.at_least.is_none() {
            if !cx.has(&format!("{path}.at_least")) {
                cx.error_at(path, format!("`{subject}` needs `at_least`"), "how much?");
            }
            return None;
        }
        if self.count == Some(0) {
            cx.error_at(&format!("{path}.count"), "`count` is counted from 1", "");
            return None;
        }
        let (at_least, count) = (self.at_least.unwrap_or(0), self.count.unwrap_or(1));
        Some(match subject {
            "acknowledged" => Condition::Acknowledged { partition: self.acknowledged?, at_least },
            "event" => Condition::Observed { event: self.event?, of: self.of, count },
            "fetch" => Condition::Fetch { partition: self.fetch?, count },
            "high_watermark" => Condition::HighWatermark { partition: self.high_watermark?, at_least },
            "isr_expanded" => Condition::IsrExpanded { partition: self.isr_expanded?, count },
            "isr_shrunk" => Condition::IsrShrunk { partition: self.isr_shrunk?, count },
            _ => Condition::LeaderElected { partition: self.leader_elected?, count },
        })
    }

    fn of(condition: &Condition) -> WhenKeys {
        let mut keys = WhenKeys::default();
        match condition.clone() {
            Condition::Acknowledged { partition, at_least } => {
                (keys.acknowledged, keys.at_least) = (Some(partition), Some(at_least));
            }
            Condition::Fetch { partition, count } => (keys.fetch, keys.count) = (Some(partition), Some(count)),
            Condition::HighWatermark { partition, at_least } => {
                (keys.high_watermark, keys.at_least) = (Some(partition), Some(at_least));
            }
            Condition::IsrExpanded { partition, count } => {
                (keys.isr_expanded, keys.count) = (Some(partition), Some(count));
            }
            Condition::IsrShrunk { partition, count } => (keys.isr_shrunk, keys.count) = (Some(partition), Some(count)),
            Condition::LeaderElected { partition, count } => {
                (keys.leader_elected, keys.count) = (Some(partition), Some(count));
            }
            Condition::Observed { event, of, count } => {
                (keys.event, keys.of, keys.count) = (Some(event), of, Some(count));
            }
        }
        keys
    }
}
