//! Consumers always read the same record at an offset.
//!
//! Every poll of a (partition, offset), by any consumer and at any time, returns the same key, value and timestamp.
//! Offsets that were taken back by an unclean election, or by a loss that was already reported, are exempt: reads
//! before and after may differ there.

use tribunal_contract::{NodeId, Time};

use crate::digest;
use crate::invariants::Verdict;
use crate::{Property, Truth};

/// Digests of the records read, by partition and offset. Zero means that nobody has read the offset yet.
#[derive(Clone, Debug, Default, Hash)]
pub(in crate::invariants) struct Reads {
    partitions: Vec<Vec<u64>>,
}

/// Reads at offsets beyond this are not checked: the digests are kept in a dense array.
const MAX_OFFSET: i64 = 1 << 26;

impl Reads {
    #[inline]
    #[allow(clippy::too_many_arguments)] // The fields of one observation.
    pub(in crate::invariants) fn check(
        &mut self,
        truth: &Truth,
        p: usize,
        at: Time,
        node: NodeId,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Verdict {
        if !(0..MAX_OFFSET).contains(&offset) {
            return Ok(());
        }
        if self.partitions.len() <= p {
            self.partitions.resize_with(p + 1, Vec::new);
        }
        let reads = &mut self.partitions[p];
        let index = offset as usize;
        if reads.len() <= index {
            reads.resize(index + 1, 0);
        }
        let digest = digest::optional(digest::optional(timestamp as u64, key), value) | 1;
        let first = core::mem::replace(&mut reads[index], digest);
        if first == 0 || first == digest || truth.partitions[p].committed.is_void(offset) {
            return Ok(());
        }
        let (called, reader) = (truth.called(p), truth.names.of_node(node));
        let detail = format!(
            "{called} offset {offset} was read with another content before {reader} read it at {} s",
            truth.names.seconds(at)
        );
        let mut violation = truth.violation(Property::ConsistentRead, p, at, node, detail);
        violation.cause = truth.cause_of_loss(p, offset, at, None);
        Err(Box::new(violation))
    }
}
