//! Opening a log that is on disk.

use std::ops::ControlFlow;

use tribunal_contract::{Disk, DiskError, FileId};
use tribunal_records::{BatchHeader, HEADER_LEN, validate, walk};

use crate::derived::Derived;
use crate::epochs::EpochCache;
use crate::error::Refusal;
use crate::names::{self, Entry};
use crate::recover::Recovery;
use crate::replace::read_file;
use crate::segment::{Files, Segment};
use crate::sync::SyncState;
use crate::{Log, LogConfig, LogError};

/// What the broker's checkpoint files say of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Checkpoints {
    /// Everything below was durable; 0 if unknown. Recovery scans from the segment that holds it.
    pub recovery_point: i64,
    /// The log's start offset; 0 if unknown: then it is the first segment's.
    pub log_start_offset: i64,
    /// Whether the clean-shutdown marker was there: then nothing is scanned.
    pub clean: bool,
}

/// What opening a log took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct RecoveryReport {
    /// Every batch from this offset on was read and checked; the end offset if none was.
    pub scanned_from: i64,
    /// Bytes of records that were cut off because they were torn or did not fit.
    pub truncated_bytes: u64,
    /// Segments whose indexes were missing, wrong or out of date and were written anew.
    pub rebuilt_indexes: u32,
}

impl Log {
    /// Opens the log in `dir`, or makes an empty one if there is none.
    ///
    /// Unless the shutdown was clean, scans the segment with the recovery point, the last segment, and all between:
    /// cuts the log at the first batch that is torn, corrupt or out of order, removes what lies behind a hole, and
    /// rebuilds the indexes and leader epochs of what it scanned. `on_batch` sees every batch scanned that stays.
    /// Segments that the start offset has passed are removed.
    pub fn open<D: Disk>(
        dir: &str,
        config: LogConfig,
        checkpoints: Checkpoints,
        disk: &mut D,
        mut on_batch: impl FnMut(&BatchHeader),
    ) -> Result<(Log, RecoveryReport), LogError> {
        let epochs = read_epochs(dir, disk)?;
        let epochs_lost = epochs.is_none();
        let epochs = epochs.unwrap_or_default();
        let bases = segments_on_disk(dir, checkpoints.log_start_offset, disk)?;
        let mut segments = Vec::with_capacity(bases.len());
        let mut whole = Vec::with_capacity(bases.len());
        for base_offset in bases {
            let (segment, has_indexes) = open_segment(dir, base_offset, disk)?;
            segments.push(segment);
            whole.push(has_indexes);
        }
        let had = epochs.clone();
        let mut recovery = Recovery { dir, config, segments, epochs, epochs_lost, report: RecoveryReport::default() };
        let first = recovery.first_to_scan(checkpoints, &whole, disk).map_err(LogError::disk("read a segment"))?;
        let (end_offset, indexes) =
            recovery.scan_from(first, disk, &mut on_batch).map_err(LogError::disk("recover a log"))?;
        let Recovery { segments, epochs, report, .. } = recovery;
        let scanned = first < segments.len() || segments.is_empty();
        let mut log = Log {
            dir: dir.to_owned(),
            config,
            start_offset: segments.first().map_or(end_offset, |s| s.base_offset),
            segments,
            end_offset,
            sync: SyncState::clean(end_offset),
            failed: false,
            epochs,
            indexes: Derived(indexes),
            tail: Derived::default(),
        };
        if scanned {
            // What was read may be in the page cache only (KAFKA-10101).
            log.sync = SyncState::new(if checkpoints.clean { end_offset } else { checkpoints.recovery_point });
            log.sync.cut_to(end_offset);
            // The incarnation before may have cut it, too.
            log.segments.iter_mut().for_each(|segment| segment.was_cut = true);
            // The segment before was perhaps cut or closed after the last sync.
            log.segments.iter_mut().skip(first.saturating_sub(1)).for_each(|s| {
                (s.log_dirty, s.index_dirty) = (true, true);
            });
        }
        if log.segments.is_empty() || log.end_offset < checkpoints.log_start_offset {
            log.truncate_fully_and_start_at(checkpoints.log_start_offset.max(0), disk)?;
        }
        log.epochs.truncate_from_end(log.end_offset);
        log.epochs.truncate_from_start(log.start_offset);
        log.delete_records_before(checkpoints.log_start_offset);
        log.sync.epochs_dirty = log.epochs != had;
        let report = RecoveryReport { scanned_from: report.scanned_from.min(log.end_offset), ..report };
        Ok((log, report))
    }
}

/// The epoch checkpoint; `None` if it is missing or damaged, since the records have it all.
fn read_epochs<D: Disk>(dir: &str, disk: &mut D) -> Result<Option<EpochCache>, LogError> {
    let file = format!("{dir}/{}", names::EPOCHS);
    let bytes = read_file(&file, disk).map_err(LogError::disk("read the epoch checkpoint"))?;
    match bytes.map(|bytes| EpochCache::decode(&bytes)) {
        None | Some(Err(Refusal::Line(_))) => Ok(None),
        Some(Ok(epochs)) => Ok(Some(epochs)),
        Some(Err(why)) => Err(LogError::Refused { file, why }),
    }
}

/// The base offsets of the segments that count, in order. Removes all that does not count, once it is sure that it
/// understands every name.
fn segments_on_disk<D: Disk>(dir: &str, log_start: i64, disk: &mut D) -> Result<Vec<i64>, LogError> {
    let list = disk.list(dir).map_err(LogError::disk("list the log folder"))?;
    let entries: Vec<_> = list.iter().map(|name| (name, names::classify(name))).collect();
    if let Some((name, _)) = entries.iter().find(|(_, entry)| *entry == Entry::Misnamed) {
        return Err(LogError::Refused { file: format!("{dir}/{name}"), why: Refusal::Name });
    }
    let mut bases: Vec<i64> =
        entries.iter().filter_map(|(_, entry)| if let Entry::Log(base) = entry { Some(*base) } else { None }).collect();
    bases.sort_unstable();
    for &base in &bases {
        check_format(dir, base, disk)?;
    }
    // A loss of power may have undone the renaming of older segments but not that of a newer one.
    let deleted = entries.iter().filter_map(|(_, e)| if let Entry::Deleted(base) = e { *base } else { None }).max();
    let gone = bases.iter().enumerate().take_while(|&(i, &base)| {
        deleted.is_some_and(|d| base <= d) || bases.get(i + 1).is_some_and(|&next| next <= log_start)
    });
    let gone = gone.count();
    for (name, entry) in &entries {
        let remove = match entry {
            Entry::Log(base) | Entry::Index(base) => !bases[gone..].contains(base),
            Entry::Deleted(_) | Entry::Leftover => true,
            Entry::Misnamed | Entry::Other => false,
        };
        if remove {
            disk.remove(&format!("{dir}/{name}")).map_err(LogError::disk("remove a leftover"))?;
        }
    }
    Ok(bases.split_off(gone))
}

/// Refuses segments whose first batch is of a format that this code does not read. Torn bytes are recovery's affair.
fn check_format<D: Disk>(dir: &str, base: i64, disk: &mut D) -> Result<(), LogError> {
    let path = names::segment_file(dir, base, names::LOG);
    let file = disk.open(&path).map_err(LogError::disk("open a segment"))?;
    let len = disk.len(file).map_err(LogError::disk("read a segment"))?;
    if len > u64::from(u32::MAX) {
        return Err(LogError::Refused { file: path, why: Refusal::Size(len) });
    }
    let magic = foreign_magic(file, base, len, disk).map_err(LogError::disk("read a segment"))?;
    disk.close(file);
    magic.map_or(Ok(()), |magic| Err(LogError::Refused { file: path, why: Refusal::Magic(magic) }))
}

/// The format version of a file that begins with a message of another format.
fn foreign_magic<D: Disk>(file: FileId, base: i64, len: u64, disk: &mut D) -> Result<Option<i8>, DiskError> {
    let head = disk.read(file, 0, 17)?;
    let Some(&[o0, o1, o2, o3, o4, o5, o6, o7, s0, s1, s2, s3, c0, c1, c2, c3, magic]) = head.first_chunk::<17>()
    else {
        return Ok(None);
    };
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    if magic >= 3 {
        // Every format so far begins with the offset and the size. So may what a torn sector has kept of a batch.
        let offset = i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]);
        let later = offset == base && is_of_later_format(file, base, magic, size, len, disk)?;
        return Ok(later.then_some(magic as i8));
    }
    if magic == 2 || size < 14 || u64::from(size) + 12 > len {
        return Ok(None);
    }
    // Formats 0 and 1 have a checksum of all that follows it. A torn batch may look like them, but for that.
    let message = disk.read(file, 16, size as usize - 4)?;
    Ok((crc_fast::crc32_iso_hdlc(&message) == u32::from_be_bytes([c0, c1, c2, c3])).then_some(magic as i8))
}

/// Whether a file was written as it is, in a format that is not known here, rather than torn or rotten: its first batch
/// has the checksum where format 2 has it, or is followed by another batch of the same format.
fn is_of_later_format<D: Disk>(
    file: FileId,
    base: i64,
    magic: u8,
    size: u32,
    len: u64,
    disk: &mut D,
) -> Result<bool, DiskError> {
    let end = u64::from(size) + 12;
    if size < 9 || end > len {
        return Ok(false);
    }
    let next = disk.read(file, end, 17)?;
    if let Some(&[o0, o1, o2, o3, o4, o5, o6, o7, .., next_magic]) = next.first_chunk::<17>()
        && next_magic == magic
        // No batch has more offsets than its length can tell.
        && (1..=i64::from(i32::MAX)).contains(&i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]).wrapping_sub(base))
    {
        return Ok(true);
    }
    let batch = disk.read(file, 0, end as usize)?;
    let Some((&crc, checked)) = batch.get(17..).and_then(|rest| rest.split_first_chunk()) else { return Ok(false) };
    Ok(u32::from_be_bytes(crc) == crc_fast::crc32_iscsi(checked) && !is_format_2_but_for_its_number(&batch))
}

/// Whether only the byte with the format's number has rotted, which no checksum covers: the rest is a batch of format 2
/// down to its records. A format that differs in nothing but the number needs no number of its own.
fn is_format_2_but_for_its_number(batch: &[u8]) -> bool {
    let mut batch = batch.to_vec();
    batch[16] = 2;
    validate(&batch).is_ok_and(|header| walk(&header, &batch[HEADER_LEN..], |_| ControlFlow::Continue(())).is_ok())
}

/// Opens a segment's files; whether its indexes were there.
fn open_segment<D: Disk>(dir: &str, base_offset: i64, disk: &mut D) -> Result<(Segment, bool), LogError> {
    let failed = LogError::disk("open a segment");
    let mut whole = true;
    let mut open = |kind: &str, disk: &mut D| match disk.open(&names::segment_file(dir, base_offset, kind)) {
        Err(DiskError::NotFound) if kind != names::LOG => {
            whole = false;
            disk.create(&names::segment_file(dir, base_offset, kind))
        }
        opened => opened,
    };
    let files = Files {
        log: open(names::LOG, disk).map_err(&failed)?,
        index: open(names::INDEX, disk).map_err(&failed)?,
        time_index: open(names::TIME_INDEX, disk).map_err(&failed)?,
    };
    let mut segment = Segment::new(base_offset, files);
    segment.size = disk.len(files.log).map_err(&failed)?;
    Ok((segment, whole))
}
