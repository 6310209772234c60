//! lost-write: an acknowledged value below the highest one read is never polled.
//!
//! If anybody polled a later value of the partition, somebody must have polled this one. A record acknowledged with
//! acks=0 is not at a known offset and is not claimed. Records that retention deleted are not lost.
//!
//! Jepsen cannot know whether a record that was polled is still there. Where an auditor has read every partition from
//! beginning to end at last, we can: an acknowledged value that it did not see is lost, even if it was polled before.

use tribunal_contract::NodeId;

use super::analysis::{Analysis, Cases};
use crate::{Property, Violation};

pub(super) fn check(analysis: &Analysis, auditor: Option<NodeId>, violations: &mut Vec<Violation>) {
    let mut cases = Cases::new();
    let audited = auditor.map(|auditor| analysis.polled_by(auditor));
    for ack in &analysis.acks {
        let bound = analysis.bound(ack.partition);
        let lost = match &audited {
            Some(audited) if analysis.identifies(ack.value) => {
                audited.binary_search(&(ack.partition, ack.value)).is_err()
            }
            _ => ack.offset <= bound && !analysis.is_read(ack),
        };
        if !lost || analysis.is_deleted(ack.partition, ack.offset) {
            continue;
        }
        cases.add(analysis, Property::LostWrite, ack.partition, || {
            let (called, at) = (analysis.called(ack.partition), analysis.names.seconds(ack.at));
            let (absent, cause) = analysis.loss(ack);
            let gone = absent.unwrap_or_else(|| match audited {
                Some(_) => "not in the log at the end".to_owned(),
                None => format!("never polled though offset {bound} was"),
            });
            let detail = format!("{called} offset {}, acknowledged at {at} s, {gone}", ack.offset);
            let mut violation = analysis.violation(Property::LostWrite, ack.partition, ack.at, detail);
            violation.cause = cause;
            violation
        });
    }
    cases.into(violations);
}
