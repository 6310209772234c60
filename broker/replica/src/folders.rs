//! Folders of partitions in the log directory: whose one is (KIP-516), and how it goes.
//!
//! A folder goes under another name, whole and at once, and that name is durable before a folder of the old name is
//! made. So a loss of power never leaves what was deleted in the place of what came after it, nor a mixture of both.

use std::collections::BTreeMap;

use tribunal_common::{Fx, Io, Obs, TopicIdPartition, syncs, timers};
use tribunal_contract::{Disk, DiskError, FileId, SyncOp, TimerId};
use tribunal_log::{
    DELETED_FOLDER, LogError, PARTITION_METADATA, PartitionMetadata, Refusal, STRAY_FOLDER, folder_out_of_use,
    parse_partition_folder, partition_folder,
};
use tribunal_protocol::{Str, Uuid};

use crate::replicas::Replicas;

/// What is known of the names in the log directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Folders {
    /// Syncs of the directory that are under way.
    syncs: u32,
    /// Folders of deleted partitions that are still there, by number.
    deleted: BTreeMap<u32, Deleted>,
    /// Number of the next folder that goes. Never reused within an incarnation.
    next: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Deleted {
    folder: String,
    /// Whether its name is durable, so that the time until its removal runs.
    durable: bool,
}

/// What a partition's folder holds.
pub(crate) enum Found {
    /// Nothing that counts.
    Nothing,
    /// A log of this topic.
    Log,
}

impl Folders {
    /// Looks at what earlier incarnations left, and makes durable what they and this one have renamed or removed.
    pub(crate) fn open<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) -> Result<Folders, DiskError> {
        let mut folders = Folders::default();
        for folder in io.disk.list("")?.into_iter().filter(|name| name.ends_with(DELETED_FOLDER)) {
            folders.deleted.insert(folders.next, Deleted { folder, durable: false });
            folders.next += 1;
        }
        folders.sync(io);
        Ok(folders)
    }

    /// Whether a loss of power leaves every name in the directory as it is now.
    pub(crate) fn are_durable(&self) -> bool {
        self.syncs == 0
    }

    /// A partition is no longer this broker's. Its folder is removed once `log.segment.delete.delay.ms` is over.
    pub(crate) fn delete<D: Disk, F: Fx>(
        &mut self,
        topic: &str,
        partition: i32,
        io: &mut Io<'_, D, F>,
    ) -> Result<(), DiskError> {
        let number = self.next;
        let folder = self.put_out_of_use(topic, partition, DELETED_FOLDER, io)?;
        self.deleted.insert(number, Deleted { folder, durable: false });
        Ok(())
    }

    /// Sets aside every folder that `mine` does not say to be a replica of this broker's, and every one with records of
    /// which no `partition.metadata` says whose they are: that file is durable before any record counts as flushed, so
    /// nothing was promised of them. Tells which replicas are gone by that.
    ///
    /// Kafka sets both aside too, and never removes them: a cluster that has lost its metadata should not lose the
    /// records as well.
    fn set_strays_aside<D: Disk, F: Fx>(
        &mut self,
        except: &str,
        mine: impl Fn(&str, TopicIdPartition) -> bool,
        io: &mut Io<'_, D, F>,
    ) -> Result<Vec<(String, i32, Option<Uuid>)>, DiskError> {
        let mut strays = Vec::new();
        for folder in io.disk.list("")?.into_iter().filter(|name| name != except) {
            let Some((topic, partition)) = parse_partition_folder(&folder) else { continue };
            let id = match topic_of(&folder, io.disk) {
                Ok(id) => id,
                Err(LogError::Disk { error, .. }) => return Err(error),
                // Of a later version, say. If it is needed, opening it says so.
                Err(_) => continue,
            };
            let stray = match id {
                Some(id) => !mine(topic, TopicIdPartition { topic: id, partition }),
                None => has_segments(&folder, io.disk)?,
            };
            if stray {
                let to = self.put_out_of_use(topic, partition, STRAY_FOLDER, io)?;
                io.fx.observe(Obs::FolderSetAside { folder: Str::from(to) });
                strays.push((topic.to_owned(), partition, id));
            }
        }
        Ok(strays)
    }

    fn put_out_of_use<D: Disk, F: Fx>(
        &mut self,
        topic: &str,
        partition: i32,
        suffix: &str,
        io: &mut Io<'_, D, F>,
    ) -> Result<String, DiskError> {
        // Unlike any of another incarnation, which has another id.
        let id = io.cfg.incarnation.0 ^ u128::from(self.next) << 96;
        let name = folder_out_of_use(topic, partition, id, suffix);
        io.disk.rename(&partition_folder(topic, partition), &name)?;
        self.next += 1;
        self.sync(io);
        Ok(name)
    }

    fn sync<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        io.disk.sync_dir("", SyncOp { class: syncs::LOG_DIRECTORY, index: 0 });
        self.syncs += 1;
    }

    fn synced<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.syncs -= 1;
        if self.syncs == 0 {
            for (number, deleted) in self.deleted.iter_mut().filter(|(_, deleted)| !deleted.durable) {
                deleted.durable = true;
                let delay = io.cfg.file_delete_delay;
                io.fx.set_timer(TimerId { class: timers::FOLDER_DELETE, index: *number }, delay, delay);
            }
        }
    }

    fn remove<D: Disk, F: Fx>(&mut self, number: u32, io: &mut Io<'_, D, F>) -> Result<(), DiskError> {
        let Some(deleted) = self.deleted.remove(&number) else { return Ok(()) };
        match io.disk.remove(&deleted.folder) {
            Err(DiskError::NotFound) => Ok(()),
            removed => removed,
        }
    }
}

impl Replicas {
    /// Sets aside what earlier incarnations left and is not `mine` any more: partitions that were reassigned (KIP-455)
    /// or deleted while this broker was away, and what belongs to nobody. `mine` is asked with the topic's name too. To
    /// be called before any log is opened; `except` is the folder of the metadata log.
    pub fn set_strays_aside<D: Disk, F: Fx>(
        &mut self,
        except: &str,
        mine: impl Fn(&str, TopicIdPartition) -> bool,
        io: &mut Io<'_, D, F>,
    ) {
        if self.is_stopped() {
            return;
        }
        let strays = match self.folders.set_strays_aside(except, mine, io) {
            Ok(strays) => strays,
            Err(error) => return self.fail(&format_args!("set strays aside: {error}"), io),
        };
        for (topic, partition, id) in strays {
            self.checkpoints.forget(&Str::from(topic), partition);
            if let Some(topic) = id {
                io.fx.observe(Obs::LogDeleted { log: TopicIdPartition { topic, partition } });
            }
        }
    }

    /// Whether logs may be opened and made: a loss of power brings back neither the mark of a clean shutdown nor a
    /// folder that went. Kafka waits for these syncs where it asks for them; here the one who publishes metadata waits.
    pub fn may_open_logs(&self) -> bool {
        self.folders.are_durable()
    }

    /// A sync of class `LOG_DIRECTORY` completed.
    pub(crate) fn on_directory_synced<D: Disk, F: Fx>(&mut self, result: Result<(), DiskError>, io: &mut Io<'_, D, F>) {
        if let Err(error) = result {
            self.fail(&format_args!("sync the log directory: {error}"), io);
        }
        self.folders.synced(io);
    }

    /// `FOLDER_DELETE`: a deleted partition's folder has been kept long enough.
    pub(crate) fn remove_folder<D: Disk, F: Fx>(&mut self, number: u32, io: &mut Io<'_, D, F>) {
        if !self.is_stopped()
            && let Err(error) = self.folders.remove(number, io)
        {
            self.fail(&format_args!("remove a deleted partition's folder: {error}"), io);
        }
    }
}

/// What is in the folder of a partition of `topic`, before it is opened. A log of another topic, or of none that is
/// known, is refused: what was there at start has been set aside, so somebody has put it there since.
pub(crate) fn look_into<D: Disk>(folder: &str, topic: Uuid, disk: &mut D) -> Result<Found, LogError> {
    match topic_of(folder, disk)? {
        Some(id) if id == topic => Ok(Found::Log),
        None if !has_segments(folder, disk).map_err(listing)? => Ok(Found::Nothing),
        _ => Err(LogError::Refused { file: format!("{folder}/{PARTITION_METADATA}"), why: Refusal::Topic }),
    }
}

/// Says in `folder` whose it is, in one step that a crash of the process does not divide. Durable with the log's first
/// sync, which is to cover the file given.
pub(crate) fn claim<D: Disk>(folder: &str, topic: Uuid, disk: &mut D) -> Result<FileId, DiskError> {
    let path = format!("{folder}/{PARTITION_METADATA}");
    let beside = format!("{path}.tmp");
    let file = disk.create(&beside)?;
    disk.append(file, PartitionMetadata { topic_id: topic.0.to_be_bytes() }.encode())?;
    disk.rename(&beside, &path)?;
    Ok(file)
}

/// Whose folder it is; none if it does not say, or was cut off by a loss of power before it was durable.
fn topic_of<D: Disk>(folder: &str, disk: &mut D) -> Result<Option<Uuid>, LogError> {
    match PartitionMetadata::read(&format!("{folder}/{PARTITION_METADATA}"), disk) {
        Ok(metadata) => Ok(metadata.map(|metadata| Uuid(u128::from_be_bytes(metadata.topic_id)))),
        Err(LogError::Refused { why: Refusal::Line(_), .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn has_segments<D: Disk>(folder: &str, disk: &mut D) -> Result<bool, DiskError> {
    Ok(disk.list(folder)?.iter().any(|name| name.ends_with(".log")))
}

fn listing(error: DiskError) -> LogError {
    LogError::Disk { doing: "list the log folder", error }
}
