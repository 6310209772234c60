//! Why brokers do not start, with what to do.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tribunal_protocol::Str;

/// Why a broker or a cluster did not start.
#[derive(Debug)]
pub enum StartError {
    /// The address cannot be listened on.
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// A folder cannot be used.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another process uses the folder.
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// `meta.properties` cannot be understood.
    Meta {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The folder is of another cluster.
    OtherCluster {
        /// The folder.
        folder: PathBuf,
        /// The cluster whose it is.
        theirs: Str,
        /// The cluster that was to be started.
        ours: Str,
    },
    /// The folder is of another broker.
    OtherNode {
        /// The folder.
        folder: PathBuf,
        /// The broker whose it is.
        theirs: i32,
        /// The broker that was to be started.
        ours: i32,
    },
    /// The folders of most voters are new, and another has the cluster's data.
    MajorityLost {
        /// The brokers whose folders are new.
        new: Vec<i32>,
        /// A folder with data.
        kept: PathBuf,
    },
    /// A broker has ended before it served.
    Ended {
        /// The broker.
        broker: i32,
        /// Why.
        reason: String,
    },
    /// The brokers did not come together in time.
    NotReady {
        /// How long was waited.
        seconds: u64,
    },
    /// A thread or a runtime could not be made.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Bind { address, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{address} is in use: stop what listens there, or choose another with --listen")
            }
            StartError::Bind { address, error } => write!(f, "cannot listen on {address}: {error}"),
            StartError::Folder { folder, error } => {
                write!(f, "cannot use the folder {}: {error}; choose another with --data", folder.display())
            }
            StartError::Locked { folder } => {
                write!(f, "{} is used by another process: stop it, or choose another with --data", folder.display())
            }
            StartError::Meta { file, why } => {
                let file = file.display();
                write!(f, "{file}: {why}; restore the file, or choose another folder with --data")
            }
            StartError::OtherCluster { folder, theirs, ours } => {
                let folder = folder.display();
                write!(f, "{folder} holds data of cluster {theirs}, not of {ours}: ")?;
                write!(f, "choose another folder with --data, or the cluster with --cluster-id {theirs}")
            }
            StartError::OtherNode { folder, theirs, ours } => {
                let folder = folder.display();
                write!(f, "{folder} holds data of broker {theirs}, not of broker {ours}: choose another with --data")
            }
            StartError::MajorityLost { new, kept } => {
                let kept = kept.display();
                write!(
                    f,
                    "the folders of brokers {new:?} are new, but {kept} has data of a cluster: a majority of its "
                )?;
                f.write_str(
                    "voters would have no metadata, and would throw away what is left of it. Restore the folders, ",
                )?;
                f.write_str("start with as many brokers as before, or say --allow-empty-voters to go on without them")
            }
            StartError::Ended { broker, reason } => write!(f, "broker {broker} has ended: {reason}"),
            StartError::NotReady { seconds } => {
                write!(f, "the brokers did not find together in {seconds} s; --log debug says what they do")
            }
            StartError::System(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}
