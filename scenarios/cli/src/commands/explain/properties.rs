//! What a property means and how to read the report of a run that broke it.

use tribunal_common::Bug;
use tribunal_model::{Property, PropertyKind};

use super::bugs;

/// What it promises, when it is judged, what broke it, and what to look at.
pub(super) fn text(property: Property) -> String {
    let judged = match property.kind() {
        PropertyKind::Invariant => "after every event",
        PropertyKind::Liveness => "after healing",
        PropertyKind::Validation => "at the end, on the history of all clients",
    };
    let asked = match property.always_on() {
        true => "always".to_owned(),
        false => format!("unless a scenario allows it: `allow = [\"{}\"]` in [expect]", property.name()),
    };
    let broke = Bug::ALL.iter().filter(|bug| bugs::known(**bug).0.contains(&property));
    let broke: String = broke.map(|bug| format!("  {:<20} {}\n", bug.id(), bug.about())).collect();
    let broke = match broke.is_empty() {
        true => "No planted bug is known to break it.\n".to_owned(),
        false => format!("Planted bugs that break it (`--bug ID`):\n{broke}"),
    };
    let sentence = property.about();
    format!("{sentence}\nJudged {judged}, {asked}.\n{broke}In the report: {}\n", reading(property))
}

/// What to look at first.
fn reading(property: Property) -> &'static str {
    use Property as P;
    match property {
        P::LostWrite | P::Unseen | P::NoCommittedRecordLost => {
            "find the replica whose log end falls under \"Partitions\": the truncation there, or the election\n\
             just before it, lost the record. The steps under the verdict name both. history.jsonl has the acknowledgement."
        }
        P::DeletedAsAsked => {
            "the steps under the verdict name the broker and the offset. Compare, under \"Partitions\", its log start\n\
             with the high watermark, and look for what moved the start before: retention, or the leader's answer to a fetch."
        }
        P::StrongIsr | P::ValidHighWatermark | P::ElrHoldsHighWatermark => {
            "compare, under \"Partitions\", the high watermark of the leader with the log end of the replica that\n\
             the violation names. The last change of the ISR before it let that replica in, or let the high watermark pass it."
        }
        P::IsrJoinedByActive | P::IsrWithinReplicas | P::ReplacedReplicasHeld => {
            "look at the ISR under \"Partitions\" and at the faults around it. \"Space-time\" shows the AlterPartition\n\
             request and what the controller had heard of the broker by then."
        }
        P::LogMatching | P::LeaderCompleteness | P::LogContiguous | P::InconsistentOffsets | P::ConsistentRead => {
            "two logs differ at one offset. Compare both replicas' log ends under \"Partitions\" around the last\n\
             change of the leader epoch: one of them did not truncate, or truncated too little or too much.\n\
             `tribunal replay FOLDER --log brokerN` prints where a broker cut its log."
        }
        P::NoProgress => {
            "\"Availability\" shows which partition did not serve after healing, \"Partitions\" whether it has a leader\n\
             and whether its ISR grows again, \"Faults\" what was still broken."
        }
        P::AtMost => {
            "\"Reached\" lists how often each observation occurred; \"Space-time\" shows the first one too many."
        }
        P::OwnProperty => {
            "the message is the test's own. The test is repeated with TRIBUNAL_SEED; nothing of it is in a folder."
        }
        P::Panic => {
            "the message has file and line. `tribunal replay FOLDER --log brokerN` prints what the broker did before."
        }
        P::Duplicate | P::AbortedRead => {
            "look up the value in history.jsonl: how often it was sent, and how each attempt ended."
        }
        P::NonmonotonicPoll | P::PollSkip | P::IntNonmonotonicPoll | P::IntPollSkip => {
            "\"Operations\" shows the consumer's polls. Compare the offsets around the one that is named with the\n\
             truncations and elections of that partition under \"Partitions\"."
        }
        P::RefinesKip320 => {
            "the message names the step that the model does not allow. `tribunal replay FOLDER --log brokerN` prints\n\
             the steps before it."
        }
        _ if property.name().starts_with("quorum-") => {
            "\"Space-time\" shows votes and fetches between the voters; the lane's colour is the epoch it knows.\n\
             `tribunal replay FOLDER --log brokerN` prints when a voter voted, synced and restarted."
        }
        _ => match property.kind() {
            PropertyKind::Invariant => {
                "the steps under the verdict lead to it. \"Partitions\" shows the replica that is named, \"Space-time\" its\n\
                 messages."
            }
            PropertyKind::Validation => "look up the record in history.jsonl, then its partition under \"Partitions\".",
            PropertyKind::Liveness => "\"Availability\" shows what did not serve, \"Faults\" what was still broken.",
        },
    }
}
