//! The thread that makes files durable, so that a core never waits for a device.

use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tribunal_contract::{DiskError, SyncOp};

/// A sync that completed.
pub(crate) type Synced = (SyncOp, Result<(), DiskError>);

/// What is to be made durable.
#[derive(Debug)]
pub(crate) enum Job {
    /// What was written to a file, or the names in a folder.
    File(Arc<File>, SyncOp),
    /// Nothing: it could not even be asked for.
    Failed(DiskError, SyncOp),
}

/// Where syncs are asked for. Dropping it ends the thread once it has done all it was asked.
#[derive(Debug)]
pub(crate) struct Syncer {
    jobs: mpsc::Sender<Job>,
}

impl Syncer {
    /// Starts the thread of broker `id`.
    pub(crate) fn start(id: i32) -> std::io::Result<(Syncer, UnboundedReceiver<Synced>)> {
        let (jobs, asked) = mpsc::channel();
        let (done, results) = unbounded_channel();
        thread::Builder::new().name(format!("sync-{id}")).spawn(move || serve(&asked, &done))?;
        Ok((Syncer { jobs }, results))
    }

    /// Asks for a sync. The order of completion is that of asking.
    pub(crate) fn ask(&self, job: Job) {
        // The thread ends only after this sender.
        let _ = self.jobs.send(job);
    }
}

/// Does what is asked, in order. Syncs of one file that wait together are one sync: it begins after the last was asked.
fn serve(asked: &mpsc::Receiver<Job>, done: &UnboundedSender<Synced>) {
    while let Ok(first) = asked.recv() {
        let mut jobs = vec![first];
        jobs.extend(asked.try_iter());
        let mut results: Vec<(*const File, Result<(), DiskError>)> = Vec::new();
        for job in &jobs {
            let (op, result) = match job {
                Job::Failed(error, op) => (*op, Err(*error)),
                Job::File(file, op) => {
                    let key = Arc::as_ptr(file);
                    let known = results.iter().find(|(file, _)| *file == key).map(|(_, result)| *result);
                    let result = known.unwrap_or_else(|| {
                        let result = sync_data(file);
                        results.push((key, result));
                        result
                    });
                    (*op, result)
                }
            };
            if done.send((op, result)).is_err() {
                return;
            }
        }
    }
}

fn sync_data(file: &File) -> Result<(), DiskError> {
    file.sync_data().map_err(|error| failed(&error))
}

fn failed(error: &std::io::Error) -> DiskError {
    tracing::error!("cannot sync: {error}");
    match error.kind() {
        std::io::ErrorKind::NotFound => DiskError::NotFound,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => DiskError::NoSpace,
        _ => DiskError::Io,
    }
}
