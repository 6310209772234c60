//! duplicate: one value is at two offsets of a partition.
//!
//! Only idempotent producers have this promise. A retry of any other producer may write a record twice; such duplicates
//! are counted, not reported. A value that was sent n times may be at n offsets.

use super::analysis::{Analysis, Cases};
use super::{Promises, ValueRef};
use crate::{Property, Violation};

/// Returns the number of duplicates that break no promise, because their producers are not idempotent.
pub(super) fn check(analysis: &Analysis, promises: &Promises, violations: &mut Vec<Violation>) -> u64 {
    let mut cases = Cases::new();
    let mut counted = 0;
    for same in analysis.places.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (partition, value, first) = same[0];
        let Some(sends) = analysis.sends(value) else { continue };
        if value == ValueRef::NULL || same.len() <= sends.count as usize {
            continue;
        }
        if !promises.idempotent.contains(&sends.producer) {
            counted += 1;
            continue;
        }
        cases.add(analysis, Property::Duplicate, partition, || {
            let again = same[same.len() - 1].2;
            let at = analysis.reads.iter().filter(|read| read.partition == partition && read.value == value);
            let at = at.map(|read| read.at).max().unwrap_or_default();
            let (called, shown) = (analysis.called(partition), analysis.shown(value));
            let detail = format!("{called} holds {shown} of an idempotent producer at offsets {first} and {again}");
            analysis.violation(Property::Duplicate, partition, at, detail)
        });
    }
    cases.into(violations);
    counted
}
