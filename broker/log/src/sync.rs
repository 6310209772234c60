//! What is durable, and the rounds of syncs that make it so.
//!
//! A round covers everything up to the end offset at its start: the records of every segment written since the last
//! round, the indexes of closed ones, the leader-epoch checkpoint and the names of files. Only when all of it is
//! durable does the flushed offset move (KAFKA-10101, KAFKA-16541). The epoch checkpoint is written beside the old
//! one and renamed only after its contents are durable: a power loss finds the old file or the new one, whole.

use bytes::Bytes;
use tribunal_contract::{Disk, DiskError, FileId, SyncOp};

use crate::names::{CUT, DELETED, EPOCHS, TMP, parent, segment_file};
use crate::segment::{Files, Segment};
use crate::{Log, LogError, names};

/// What of the log is durable, and what is being made so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SyncState {
    /// All records below this are durable, and so is all that is needed to find them.
    flushed: i64,
    /// The lowest offset the log was cut at since the last round began: a loss of power may bring back what was there.
    cut: Option<i64>,
    /// Whether files were created, renamed or removed since the folder was last synced.
    pub(crate) names_dirty: bool,
    /// Whether the folder itself may be new.
    folder_dirty: bool,
    /// Whether the leader epochs differ from their checkpoint.
    pub(crate) epochs_dirty: bool,
    /// A file of the caller's that the next round covers.
    beside: Option<FileId>,
    /// Files out of use under another name, to be removed once that name is durable.
    doomed: Vec<Doomed>,
    round: Option<Round>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Round {
    op: SyncOp,
    /// Syncs not yet completed.
    pending: u32,
    /// What the flushed offset becomes.
    covers: i64,
    /// The lowest cut that it makes durable.
    cut: Option<i64>,
    /// The new epoch checkpoint, until it has been renamed.
    epochs: Option<FileId>,
    /// The file of the caller's.
    beside: Option<FileId>,
    /// Files whose new names this round makes durable.
    doomed: Vec<Doomed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Doomed {
    base_offset: i64,
    files: Files,
    reason: Reason,
}

/// Why a segment goes, and so the suffix of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// It does not.
    InUse,
    /// Retention: what is below it goes too, even if a power loss brings it back.
    Retention,
    /// Truncation. The number tells apart segments of the same base offset.
    Truncation(u32),
}

impl SyncState {
    /// Of a log in which nothing but `flushed` is known to be durable.
    pub(crate) fn new(flushed: i64) -> SyncState {
        SyncState {
            flushed,
            cut: None,
            names_dirty: true,
            folder_dirty: true,
            epochs_dirty: false,
            beside: None,
            doomed: Vec::new(),
            round: None,
        }
    }

    /// Of a log that was closed cleanly.
    pub(crate) fn clean(flushed: i64) -> SyncState {
        SyncState { names_dirty: false, folder_dirty: false, ..SyncState::new(flushed) }
    }

    /// The log was cut to `end`: what is written there from now on is not covered by any sync so far.
    pub(crate) fn cut_to(&mut self, end: i64) {
        self.flushed = self.flushed.min(end);
        self.cut_at(end);
        if let Some(round) = &mut self.round {
            round.covers = round.covers.min(end);
        }
    }

    /// The log begins anew at `start`.
    pub(crate) fn restart_at(&mut self, start: i64) {
        self.flushed = start;
        self.cut_at(start);
        if let Some(round) = &mut self.round {
            round.covers = start;
        }
    }

    fn cut_at(&mut self, offset: i64) {
        self.cut = Some(self.cut.map_or(offset, |cut| cut.min(offset)));
    }

    pub(crate) fn close<D: Disk>(&self, disk: &mut D) {
        let round = self.round.as_ref();
        let epochs = round.and_then(|r| r.epochs);
        let beside = self.beside.into_iter().chain(round.and_then(|r| r.beside));
        epochs.into_iter().chain(beside).for_each(|file| disk.close(file));
        self.doomed.iter().chain(round.iter().flat_map(|r| &r.doomed)).for_each(|d| d.files.close(disk));
    }
}

impl Log {
    /// The recovery point: everything below it survives a loss of power.
    pub fn flushed_offset(&self) -> i64 {
        self.sync.flushed
    }

    /// Where records begin that a loss of power may replace by others, which were cut off here before; None if there
    /// are none. Whatever is to outlive a loss of power must not speak of them.
    pub fn unsynced_cut(&self) -> Option<i64> {
        let in_round = self.sync.round.as_ref().and_then(|round| round.cut);
        // A round that was under way may have covered the cut, too.
        self.sync.cut.filter(|_| self.unsynced()).into_iter().chain(in_round).min()
    }

    /// Counts the records from `from` on as after a cut: of a log that was not closed cleanly nobody knows where it was
    /// cut last.
    pub fn distrust(&mut self, from: i64) {
        self.sync.cut_at(from);
    }

    /// Whether there is anything that a sync round started now would make durable: records, epochs or names.
    pub fn unsynced(&self) -> bool {
        // Dirty segments are the last ones, but the active one may be clean because it is new.
        self.segments.iter().rev().take(2).any(is_dirty)
            || self.sync.names_dirty
            || self.sync.epochs_dirty
            || self.sync.beside.is_some()
    }

    /// Makes a file of the log's folder part of the next sync round: nothing counts as flushed before it is durable.
    /// The log closes it.
    pub fn sync_too<D: Disk>(&mut self, file: FileId, disk: &mut D) {
        if let Some(before) = self.sync.beside.replace(file) {
            disk.close(before);
        }
    }

    /// Whether a sync round is under way.
    pub fn is_syncing(&self) -> bool {
        self.sync.round.is_some()
    }

    /// Begins a round that makes durable everything up to the present end offset. All its syncs carry `op`; hand
    /// every completion to [`Log::synced`]. `Ok(false)` if there is nothing to do: no completion comes then.
    pub fn start_sync<D: Disk>(&mut self, op: SyncOp, disk: &mut D) -> Result<bool, LogError> {
        self.check()?;
        if self.sync.round.is_some() {
            return Err(LogError::SyncUnderWay);
        }
        let beside = self.sync.beside.take();
        let cut = self.sync.cut.take();
        let covers = self.end_offset;
        let mut round = Round { op, pending: 0, covers, cut, epochs: None, beside, doomed: Vec::new() };
        if let Some(file) = beside {
            disk.sync(file, op);
            round.pending += 1;
        }
        let closed = self.segments.len() - 1;
        for (i, segment) in self.segments.iter_mut().enumerate().rev() {
            if i < closed && !is_dirty(segment) {
                break;
            }
            round.pending += sync_segment(segment, op, disk);
        }
        if self.sync.epochs_dirty {
            let written = self.write_epochs(disk);
            let file = self.wrote("write the epoch checkpoint", written)?;
            disk.sync(file, op);
            round.pending += 1;
            round.epochs = Some(file);
            self.sync.epochs_dirty = false;
        } else if self.sync.names_dirty {
            self.sync_names(&mut round, disk);
        }
        if round.pending == 0 {
            self.sync.flushed = round.covers;
            self.settle_cuts(round.cut);
            return Ok(false);
        }
        self.sync.round = Some(round);
        Ok(true)
    }

    /// Takes a completion. `Ok(Some(offset))` once the round is complete: everything below `offset` is durable.
    /// Completions of another round are ignored.
    pub fn synced<D: Disk>(
        &mut self,
        op: SyncOp,
        result: Result<(), DiskError>,
        disk: &mut D,
    ) -> Result<Option<i64>, LogError> {
        let Some(mut round) = self.sync.round.take_if(|r| r.op == op && !self.failed) else {
            return Ok(None);
        };
        self.wrote("sync", result)?;
        round.pending -= 1;
        if round.pending == 0
            && let Some(file) = round.epochs.take()
        {
            disk.close(file);
            let path = format!("{}/{EPOCHS}", self.dir);
            let renamed = disk.rename(&format!("{path}.{TMP}"), &path);
            self.wrote("rename the epoch checkpoint", renamed)?;
            self.sync_names(&mut round, disk);
        }
        if round.pending > 0 {
            self.sync.round = Some(round);
            return Ok(None);
        }
        round.beside.into_iter().for_each(|file| disk.close(file));
        for doomed in &round.doomed {
            doomed.files.close(disk);
            let removed = Files::remove(&self.dir, doomed.base_offset, &doomed.reason.suffix(), disk);
            self.wrote("remove a segment", removed)?;
        }
        // A truncation may have lowered what this round covers, never below what was durable then.
        self.sync.flushed = self.sync.flushed.max(round.covers);
        self.settle_cuts(round.cut);
        Ok(Some(self.sync.flushed))
    }

    /// Forgets cuts that are durable by now; `covered` is what the round that is over has made durable.
    fn settle_cuts(&mut self, covered: Option<i64>) {
        if self.sync.cut.or(covered).is_some() && self.unsynced_cut().is_none() {
            self.sync.cut = None;
            self.segments.iter_mut().for_each(|segment| segment.was_cut = false);
        }
    }

    /// Makes the active segment's indexes ready to be trusted after a clean shutdown. The next sync round covers them;
    /// when it is complete, and nothing was appended since, the log may be closed and the clean-shutdown marker
    /// written.
    pub fn prepare_close<D: Disk>(&mut self, disk: &mut D) -> Result<(), LogError> {
        self.check()?;
        let ended = self.add_last_time_entry(disk);
        self.wrote("close a segment", ended)
    }

    /// Puts a segment out of use. Its files go once that is durable; until then a sync under way finds them.
    pub(crate) fn doom<D: Disk>(&mut self, segment: &Segment, truncated: bool, disk: &mut D) -> Result<(), LogError> {
        let base_offset = segment.base_offset;
        let reason = if truncated { Reason::Truncation(self.free_number(base_offset)) } else { Reason::Retention };
        let renamed = rename_segment(&self.dir, base_offset, Reason::InUse, reason, disk);
        self.wrote("rename a segment", renamed)?;
        self.sync.names_dirty = true;
        self.sync.doomed.push(Doomed { base_offset, files: segment.files, reason });
        Ok(())
    }

    /// Renames segments that retention gave up, so that they no longer say that all below them goes: the log is about
    /// to begin anew below them.
    pub(crate) fn disown_deleted<D: Disk>(&mut self, disk: &mut D) -> Result<(), LogError> {
        let mut waiting = core::mem::take(&mut self.sync.doomed);
        if let Some(round) = &mut self.sync.round {
            waiting.append(&mut round.doomed);
        }
        for mut doomed in waiting {
            if doomed.reason == Reason::Retention {
                let to = Reason::Truncation(self.free_number(doomed.base_offset));
                let renamed = rename_segment(&self.dir, doomed.base_offset, doomed.reason, to, disk);
                self.wrote("rename a segment", renamed)?;
                doomed.reason = to;
            }
            self.sync.doomed.push(doomed);
        }
        self.sync.names_dirty = true;
        Ok(())
    }

    fn free_number(&self, base_offset: i64) -> u32 {
        let in_round = self.sync.round.iter().flat_map(|r| &r.doomed);
        let used = |n| {
            let mut all = self.sync.doomed.iter().chain(in_round.clone());
            all.any(|d| d.base_offset == base_offset && d.reason == Reason::Truncation(n))
        };
        (0..).find(|&n| !used(n)).unwrap_or(0)
    }

    fn sync_names<D: Disk>(&mut self, round: &mut Round, disk: &mut D) {
        disk.sync_dir(&self.dir, round.op);
        round.pending += 1;
        if self.sync.folder_dirty {
            disk.sync_dir(parent(&self.dir), round.op);
            round.pending += 1;
        }
        self.sync.names_dirty = false;
        self.sync.folder_dirty = false;
        round.doomed.append(&mut self.sync.doomed);
    }

    fn write_epochs<D: Disk>(&self, disk: &mut D) -> Result<FileId, DiskError> {
        let file = disk.create(&format!("{}/{EPOCHS}.{TMP}", self.dir))?;
        disk.append(file, Bytes::from(self.epochs.encode()))?;
        Ok(file)
    }
}

impl Reason {
    fn suffix(self) -> String {
        match self {
            Reason::InUse => String::new(),
            Reason::Retention => format!(".{DELETED}"),
            Reason::Truncation(n) => format!(".{CUT}{n}"),
        }
    }
}

fn rename_segment<D: Disk>(
    dir: &str,
    base_offset: i64,
    from: Reason,
    to: Reason,
    disk: &mut D,
) -> Result<(), DiskError> {
    for kind in [names::LOG, names::INDEX, names::TIME_INDEX] {
        let path = segment_file(dir, base_offset, kind);
        disk.rename(&(path.clone() + &from.suffix()), &(path + &to.suffix()))?;
    }
    Ok(())
}

fn is_dirty(segment: &Segment) -> bool {
    segment.log_dirty || segment.index_dirty
}

/// Asks for the syncs a segment needs; how many they are. The active segment's indexes are rebuilt by recovery, so
/// they need no sync until the segment is closed.
fn sync_segment<D: Disk>(segment: &mut Segment, op: SyncOp, disk: &mut D) -> u32 {
    let mut pending = 0;
    if segment.log_dirty {
        disk.sync(segment.files.log, op);
        pending += 1;
    }
    if segment.index_dirty {
        disk.sync(segment.files.index, op);
        disk.sync(segment.files.time_index, op);
        pending += 2;
    }
    (segment.log_dirty, segment.index_dirty) = (false, false);
    pending
}
