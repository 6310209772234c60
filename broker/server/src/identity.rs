//! Whose folder it is: `meta.properties`, as Kafka writes it, and a lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use tribunal_protocol::{Str, Uuid};

use crate::StartError;

/// The file that says whose folder it is.
const META_PROPERTIES: &str = "meta.properties";
/// What a voter remembers of elections; there once it has taken part in one.
const QUORUM_STATE: &str = "__cluster_metadata-0/quorum-state";
/// Locked while a broker uses the folder.
const LOCK: &str = ".lock";

/// Marks the folder of a voter that has lost its disk, until it has fetched the cluster's metadata.
const LOST_DISK: &str = ".lost-disk";

/// What a broker's folder says of it.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) cluster_id: Str,
    pub(crate) directory: Uuid,
    /// Held as long as the broker uses the folder.
    pub(crate) lock: File,
}

/// Takes the folder of broker `node_id`, and makes it if there is none. `cluster_id` is what the cluster should be;
/// none takes what the folder says, or `fresh` where it is new.
pub(crate) fn claim(
    folder: &Path,
    node_id: i32,
    cluster_id: Option<&Str>,
    fresh: &Str,
) -> Result<Identity, StartError> {
    let unwritable = |error: io::Error| StartError::Folder { folder: folder.to_owned(), error };
    fs::create_dir_all(folder).map_err(unwritable)?;
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK));
    let lock = lock.map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StartError::Locked { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(unwritable(error)),
    }
    let path = folder.join(META_PROPERTIES);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let cluster_id = cluster_id.unwrap_or(fresh).clone();
            let directory = random_uuid();
            write(&path, node_id, &cluster_id, directory).map_err(unwritable)?;
            return Ok(Identity { cluster_id, directory, lock });
        }
        Err(error) => return Err(unwritable(error)),
    };
    let damaged = |why: String| StartError::Meta { file: path.clone(), why };
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
    };
    let required = |key: &str| value(key).ok_or_else(|| damaged(format!("it has no `{key}`")));
    let node: i32 = required("node.id")?.parse().map_err(|_| damaged("`node.id` is no number".into()))?;
    if node != node_id {
        return Err(StartError::OtherNode { folder: folder.to_owned(), theirs: node, ours: node_id });
    }
    let theirs = Str::from(required("cluster.id")?);
    if let Some(ours) = cluster_id
        && *ours != theirs
    {
        return Err(StartError::OtherCluster { folder: folder.to_owned(), theirs, ours: ours.clone() });
    }
    let directory = match value("directory.id") {
        Some(id) => id.parse().map_err(|_| damaged("`directory.id` is no id".into()))?,
        None => {
            // Folders of Kafka before 3.7 have none.
            let directory = random_uuid();
            write(&path, node_id, &theirs, directory).map_err(unwritable)?;
            directory
        }
    };
    Ok(Identity { cluster_id: theirs, directory, lock })
}

/// Whether the folder says of which cluster it is.
pub(crate) fn names_cluster(folder: &Path) -> bool {
    folder.join(META_PROPERTIES).exists()
}

/// Whether a voter of a quorum has used the folder, and has the cluster's metadata unless it is behind.
pub(crate) fn has_data(folder: &Path) -> bool {
    folder.join(QUORUM_STATE).exists() && !folder.join(LOST_DISK).exists()
}

/// Marks the folder of a voter that lost its disk, or takes the mark away.
pub(crate) fn mark_lost_disk(folder: &Path, lost: bool) -> io::Result<()> {
    match lost {
        true => File::create(folder.join(LOST_DISK))?.sync_data(),
        false => match fs::remove_file(folder.join(LOST_DISK)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
    }
}

/// Writes the file so that it is there whole or not at all.
fn write(path: &Path, node_id: i32, cluster_id: &Str, directory: Uuid) -> io::Result<()> {
    let tmp = path.with_extension("properties.tmp");
    let mut file = File::create(&tmp)?;
    write!(file, "version=1\ncluster.id={cluster_id}\nnode.id={node_id}\ndirectory.id={directory}\n")?;
    // Before anything runs, so nobody waits for it.
    file.sync_data()?;
    fs::rename(tmp, path)
}

/// An id that nobody else has. Kafka's begin with no dash, so that tools do not take them for options.
pub(crate) fn random_uuid() -> Uuid {
    loop {
        let id = Uuid(rand::random());
        if id.0 > u128::from(u8::MAX) && !id.to_string().starts_with('-') {
            return id;
        }
    }
}
