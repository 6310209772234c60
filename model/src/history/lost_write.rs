//! lost-write: an acknowledged value below the highest one read is never polled.
//!
//! If any consumer polled a later value of the partition, some consumer must have polled this one. A record sent with
//! acks=0 has no known offset, so nothing is claimed about it. Records that retention deleted are not lost.
//!
//! Jepsen cannot know whether a polled record is still in the log. A run with an auditor can: the auditor reads every
//! partition from beginning to end last. An acknowledged value that it does not see is lost, even if it was polled
//! before.

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
