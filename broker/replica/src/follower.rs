//! How a follower's log comes to agree with its leader's.

use tribunal_common::{Bugs, Obs, planted};
use tribunal_common::{Fx, Io};
use tribunal_contract::Disk;
use tribunal_log::LogError;

use crate::partition::Partition;

/// Where to cut, and whether the logs are then known to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub offset: i64,
    pub agreed: bool,
}

impl Partition {
    /// Where to cut this follower's log, given that the leader's largest epoch at or below the one asked for is
    /// `leader_epoch` and ends at `leader_end`.
    ///
    /// The leader may name an epoch this follower never had (KIP-279): then both are compared at the follower's
    /// largest epoch below it, and asked again.
    pub(crate) fn truncation_point(&self, leader_epoch: i32, leader_end: i64, bugs: Bugs) -> Cut {
        let end = self.log.end_offset();
        if leader_epoch < 0 || leader_end < 0 {
            // The leader knows no such epoch: nothing of ours above the high watermark is known to be its.
            return Cut { offset: self.high_watermark.min(end), agreed: true };
        }
        if planted!(bugs, Kip279) {
            return Cut { offset: leader_end.min(end), agreed: true };
        }
        match self.log.end_offset_for_epoch(leader_epoch) {
            None => Cut { offset: leader_end.min(end), agreed: true },
            Some((epoch, own_end)) if epoch == leader_epoch => {
                Cut { offset: own_end.min(leader_end).min(end), agreed: true }
            }
            Some((_, own_end)) => Cut { offset: own_end.min(end), agreed: false },
        }
    }

    /// Cuts the log at `offset`.
    pub(crate) fn truncate<D: Disk, F: Fx>(&mut self, offset: i64, io: &mut Io<'_, D, F>) -> Result<(), LogError> {
        let (start, before) = (self.log.start_offset(), self.log.end_offset());
        if offset >= before && planted!(io.cfg.bugs, Kafka10706) {
            return Ok(());
        }
        // Also where no record goes: an epoch that began at the log end without writing anything must not stay, or the
        // leader would find the logs to differ for ever (KAFKA-10706).
        let end = self.log.truncate_to(offset, io.disk)?;
        if end == before {
            return Ok(());
        }
        // Only a leader that nobody vouched for ends below: then the log begins there too, with nothing in it.
        io.fx.observe(match end < start {
            true => Obs::LogStart { log: self.id, start: end, emptied: true },
            false => Obs::Truncated { log: self.id, end },
        });
        io.fx.observe(Obs::FollowerTruncated { partition: self.id, end });
        if self.high_watermark > end {
            self.high_watermark = end;
            io.fx.observe(Obs::HighWatermark { partition: self.id, value: end, leader: false });
        }
        Ok(())
    }

    /// Takes the leader's high watermark as far as this log reaches.
    pub(crate) fn follow_high_watermark<D: Disk, F: Fx>(&mut self, leaders: i64, io: &mut Io<'_, D, F>) {
        let value = leaders.min(self.log.end_offset());
        if value > self.high_watermark {
            self.high_watermark = value;
            io.fx.observe(Obs::HighWatermark { partition: self.id, value, leader: false });
        }
    }
}
