//! A violation: the property that did not hold, its place and time, and its causes.

use core::fmt::Write;

use tribunal_common::TopicIdPartition;
use tribunal_contract::{NodeId, Time};

use crate::{Names, Property};

/// One step of what led to a violation, as `6.103 b1 loses power`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CauseStep {
    /// Time of the step.
    pub at: Time,
    /// The node that took it.
    pub node: NodeId,
    /// The predicate that follows the node's name in a sentence: `loses power`.
    pub text: String,
}

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Violation {
    /// The property.
    pub property: Property,
    /// The partition, or none if the violation concerns no single partition.
    pub partition: Option<TopicIdPartition>,
    /// Time at which the violation was seen.
    pub at: Time,
    /// The node, or none if the violation concerns no single node.
    pub node: Option<NodeId>,
    /// A sentence with partitions, offsets, broker names and simulated seconds.
    pub detail: String,
    /// The steps that led to it, in order of time. Empty if none are known.
    pub cause: Vec<CauseStep>,
}

impl Violation {
    /// Groups violations that are the same failure under other numbers: the property, and the sentence without numbers.
    pub fn signature(&self) -> String {
        let mut signature = format!("{}: ", self.property);
        let mut in_number = false;
        for c in self.detail.chars() {
            let digit = c.is_ascii_digit() || (in_number && c == '.');
            if digit && !in_number {
                signature.push('#');
            } else if !digit {
                signature.push(c);
            }
            in_number = digit;
        }
        signature
    }

    /// The causes in a line: `6.102 b1 acknowledges → 6.103 b1 loses power`. Empty if none are known.
    pub fn cause_line(&self, names: &Names) -> String {
        let mut line = String::new();
        for step in &self.cause {
            if !line.is_empty() {
                line.push_str(" → ");
            }
            let _ = write!(line, "{} {} {}", names.seconds(step.at), names.of_node(step.node), step.text);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(detail: &str) -> Violation {
        let cause = vec![
            CauseStep { at: Time(6_102_000_000), node: NodeId(1), text: "acknowledges".to_owned() },
            CauseStep { at: Time(6_103_400_000), node: NodeId(1), text: "loses power".to_owned() },
        ];
        let property = Property::LostWrite;
        Violation { property, partition: None, at: Time(0), node: None, detail: detail.to_owned(), cause }
    }

    #[test]
    fn violations_that_differ_in_numbers_only_have_one_signature() {
        let a = violation("orders/0 offset 517, acknowledged at 6.104 s, absent after epoch 4");
        let b = violation("orders/2 offset 9, acknowledged at 16.1 s, absent after epoch 12");
        assert_eq!(a.signature(), b.signature());
        assert_eq!(a.signature(), "lost-write: orders/# offset #, acknowledged at # s, absent after epoch #");
        assert_ne!(a.signature(), violation("clicks/0 offset 517").signature());
    }

    #[test]
    fn causes_read_as_a_line_in_simulated_seconds() {
        let line = violation("").cause_line(&Names::new(Time(1_000_000_000)));
        assert_eq!(line, "5.102 b1 acknowledges → 5.103 b1 loses power");
    }
}
