//! `[expect]`: what a run must, may and must not show.

use toml::Spanned;
use toml::de::DeValue;
use tribunal_common::ObsKind;
use tribunal_contract::Span;
use tribunal_model::Property;

use super::action::{defaults, tables};
use super::keys::{Context, Keys, Value, Visitor, read_inline, write_inline};
use super::units::{quote, read_str, word_value};

/// What a scenario expects of its runs. Ground-truth invariants are always on unless expected or allowed to break.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expect {
    /// A run that shows one of these fails.
    pub never: Vec<Property>,
    /// Over the seeds at least one run must show each of these; it is reported as expected.
    pub must: Vec<Property>,
    /// Counted, but neither needed nor a failure.
    pub allow: Vec<Property>,
    /// The same, on partitions of some topics only.
    pub allow_on: Vec<AllowOn>,
    /// Progress in the liveness phase.
    pub eventually: Eventually,
    /// Over the seeds at least one run must reach each of these.
    pub sometimes: Vec<ObsKind>,
    /// What no run may reach more often than so.
    pub at_most: Vec<AtMost>,
}

/// `{ topic = "audit", properties = ["lost-write"] }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllowOn {
    /// The topic.
    pub topic: String,
    /// What may be broken on its partitions.
    pub properties: Vec<Property>,
}

/// `{ event = "quorum-leader-elected", count = 0 }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AtMost {
    /// What happens.
    pub event: ObsKind,
    /// How often it may, from the workload's zero to the end of the run.
    pub count: u64,
}

defaults! {
    AllowOn AllowOn { topic: String::new(), properties: Vec::new() };
    AtMost AtMost { event: ObsKind::Appended, count: 0 };
}

tables! {
    AllowOn, "a table such as { topic = \"audit\", properties = [\"lost-write\"] }", |this, v| {
        v.required("topic", "The topic.", &mut this.topic);
        v.required("properties", "What may be broken on its partitions.", &mut this.properties);
    };
    AtMost, "a table such as { event = \"quorum-leader-elected\", count = 0 }", |this, v| {
        v.required("event", "What happens; `tribunal list observations` has the names.", &mut this.event);
        v.required("count", "How often it may, from the workload's zero to the end of the run.", &mut this.count);
    };
}

/// The progress that is required once all is healed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Eventually {
    /// A record is acknowledged on every partition within this time.
    pub produce_within: Span,
    /// A record is polled from every partition within this time.
    pub consume_within: Span,
    /// Every replica of every partition is in its ISR within this time, if it is said.
    pub in_sync_within: Option<Span>,
    /// From when the time counts.
    pub after: Milestone,
}

/// A point of a run from which a bound counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Milestone {
    /// The liveness phase begins: a core of brokers that can serve is healed.
    Heal,
}

/// What `never` is where the file does not say: every anomaly of the history that is one without idempotence.
pub(crate) const NEVER_BY_DEFAULT: [Property; 8] = [
    Property::LostWrite,
    Property::Unseen,
    Property::InconsistentOffsets,
    Property::AbortedRead,
    Property::PollSkip,
    Property::NonmonotonicPoll,
    Property::IntPollSkip,
    Property::IntNonmonotonicPoll,
];

impl Default for Expect {
    fn default() -> Expect {
        Expect {
            never: NEVER_BY_DEFAULT.into_iter().collect(),
            must: Vec::new(),
            allow: Vec::new(),
            allow_on: Vec::new(),
            eventually: Eventually::default(),
            sometimes: Vec::new(),
            at_most: Vec::new(),
        }
    }
}

impl Default for Eventually {
    fn default() -> Eventually {
        Eventually {
            produce_within: Span::from_secs(15),
            consume_within: Span::from_secs(15),
            in_sync_within: None,
            after: Milestone::Heal,
        }
    }
}

impl Keys for Expect {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.key(
            "never",
            "Anomalies of the history that no run may show. Invariants are always judged and need not be named.",
            &mut self.never,
        );
        v.key(
            "must",
            "Properties that at least one run over the seeds must break: losses that this configuration is known for.",
            &mut self.must,
        );
        v.key("allow", "Properties that runs may break; they are counted.", &mut self.allow);
        v.key(
            "allow_on",
            "Properties that runs may break on partitions of a topic; they are counted.",
            &mut self.allow_on,
        );
        v.key("eventually", "Progress that is required after healing.", &mut self.eventually);
        v.key("sometimes", "Observations that at least one run over the seeds must reach.", &mut self.sometimes);
        v.key("at_most", "How often an observation may occur in a run, at most.", &mut self.at_most);
    }
}

impl Keys for Eventually {
    fn keys<V: Visitor>(&mut self, v: &mut V) {
        v.key(
            "produce_within",
            "Time within which a record must be acknowledged on every partition.",
            &mut self.produce_within,
        );
        v.key(
            "consume_within",
            "Time within which a record must be polled from every partition.",
            &mut self.consume_within,
        );
        v.key(
            "in_sync_within",
            "Time within which every replica must be in its ISR; not required if left out.",
            &mut self.in_sync_within,
        );
        v.key("after", "Start of that time: \"heal\".", &mut self.after);
    }
}

impl Value for Eventually {
    const FORM: &'static str = "a table such as { produce_within = \"10s\", after = \"heal\" }";
    fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Eventually> {
        read_inline(cx, path, value, Self::FORM)
    }
    fn write(&self) -> Option<String> {
        Some(write_inline(self))
    }
}

word_value! {
    Milestone, "\"heal\"", { "heal" => Milestone::Heal };
}

impl Expect {
    /// Whether a property may be broken, everywhere or on the partitions of this topic.
    pub fn allows(&self, property: Property, topic: Option<&str>) -> bool {
        let on = |on: &AllowOn| topic == Some(&on.topic[..]) && on.properties.contains(&property);
        self.allow.contains(&property) || self.allow_on.iter().any(on)
    }

    /// Where the file names what is expected or allowed but not what must never be, the default gives way.
    pub fn yield_defaults(&mut self) {
        let Expect { never, must, allow, .. } = self;
        never.retain(|name| !must.contains(name) && !allow.contains(name));
    }
}
