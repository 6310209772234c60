//! Recovery: what the disk says this node was.

use tribunal_common::{Fx, Io};
use tribunal_contract::{Disk, DiskError};

use crate::metadata_log::MetadataLog;
use crate::role::{Following, Resigned, Role};
use crate::snapshot_fetch::Fetching;
use crate::snapshots::Snapshots;
use crate::vote_store::{self, VoteStore};
use crate::voters::{MAX_VOTERS, VoterSet};
use crate::{Election, Quorum, QuorumError, state_file};

impl Quorum {
    /// Recovers from disk: the metadata log, its snapshots, and `quorum-state`, in the folder [`crate::FOLDER`]. Makes
    /// what is not there.
    pub fn open<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) -> Result<Quorum, QuorumError> {
        let voters = &io.cfg.voters;
        if voters.is_empty() || voters.len() > MAX_VOTERS || !voters.is_sorted_by(|a, b| a < b) || voters[0] < 0 {
            return Err(QuorumError::Voters);
        }
        // Before anything is changed.
        let (election, theirs) = read_election(io.disk)?.unzip();
        if let Some(theirs) = theirs.filter(|theirs| !theirs.is_empty() && theirs != voters) {
            return Err(QuorumError::OtherVoters { theirs, ours: voters.clone() });
        }
        let mut snapshots = Snapshots::open(io.disk)?;
        snapshots.report(io)?;
        let (mut log, found) = MetadataLog::open(io)?;
        let hw = begin_after_snapshot(&mut log, &mut snapshots, io.disk)?;
        log.opened(found, io);
        let newest = snapshots.fetching.map_or(0, |f| f.id.epoch).max(log.end().epoch);
        let election = match election {
            Some(election) if election.epoch >= newest => election,
            // Records of a later epoch were fetched, which takes no promise.
            _ => Election::unknown(newest),
        };
        let (election, role) = role_after_restart(election, voters, io.cfg.node_id);
        let lost_disk = io.cfg.lost_disk && io.cfg.is_voter() && newest == 0 && log.end().offset == 0;
        Ok(Quorum {
            log,
            snapshots,
            election,
            store: VoteStore::default(),
            role,
            hw,
            held: Vec::new(),
            backoff: VoterSet::default(),
            fetch_backoff: VoterSet::default(),
            reported: None,
            stopping: false,
            lost_disk,
            failed: false,
        })
    }
}

/// Lets the log begin where the snapshots say. Returns the high watermark that is certain: snapshots cover only what is
/// committed.
fn begin_after_snapshot<D: Disk>(
    log: &mut MetadataLog,
    snapshots: &mut Snapshots,
    disk: &mut D,
) -> Result<i64, QuorumError> {
    let mut fetched = None;
    if let Some(latest) = snapshots.latest()
        && latest.log_end() > log.end()
    {
        // It came from a leader and was to replace the log. Perhaps its name is not durable yet, so the log stays for
        // now.
        snapshots.kept.pop();
        fetched = Some(Fetching::named(latest));
    }
    // One that the log does not reach is of no use either: the log was emptied for `fetched`.
    let in_log = snapshots.kept.partition_point(|id| id.log_end() <= log.end());
    // The log begins after the second last: what is before is the last one's. Or its first segments are gone.
    let second_last = in_log.checked_sub(2).map(|at| snapshots.kept[at].end);
    let start = log.start().max(second_last.unwrap_or(0));
    if start > 0 {
        match snapshots.kept[..in_log].iter().find(|id| id.end >= start) {
            Some(first) => {
                log.begin_after(*first);
            }
            None if fetched.is_some() => {}
            None => return Err(QuorumError::SnapshotMissing(start)),
        }
        snapshots.remove_before(log.start(), disk)?;
    }
    snapshots.fetching = fetched;
    let covered = snapshots.kept.iter().rev().find(|id| id.log_end() <= log.end());
    Ok(covered.map_or(log.start(), |id| id.end))
}

/// What was promised, and the voters then.
fn read_election<D: Disk>(disk: &mut D) -> Result<Option<(Election, Vec<i32>)>, QuorumError> {
    let file = match disk.open(&vote_store::path()) {
        Ok(file) => file,
        Err(DiskError::NotFound) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let bytes = disk.len(file).and_then(|len| disk.read(file, 0, len as usize));
    disk.close(file);
    state_file::decode(&bytes?).map(Some).map_err(QuorumError::QuorumState)
}

/// What a node is that promised this before it went down.
///
/// Kafka lets a node that voted for itself go on as candidate of that epoch. There, becoming leader is a synchronous
/// write; here it is not waited for, so such a node may have led, and lost records of that epoch with the power: it
/// must not lead it again, and waits for the next.
fn role_after_restart(election: Election, voters: &[i32], me: i32) -> (Election, Role) {
    let is_voter = voters.contains(&me);
    match election.leader {
        Some(leader) if leader == me && is_voter => {
            let mut unacknowledged = VoterSet::all(voters.len());
            voters.iter().position(|id| *id == me).iter().for_each(|at| unacknowledged.remove(*at));
            (election, Role::Resigned(Resigned { unacknowledged, successors: Vec::new() }))
        }
        Some(leader) if leader != me && voters.contains(&leader) => {
            (election, Role::Follower(Following { heard: false, leader_hw: -1 }))
        }
        _ => (Election { leader: None, ..election }, Role::Unattached),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QuorumRole;

    fn role(leader: Option<i32>, voted: Option<i32>, me: i32) -> QuorumRole {
        role_after_restart(Election { epoch: 4, leader, voted }, &[1, 2, 3], me).1.kind()
    }

    #[test]
    fn a_leader_restarts_as_resigned_and_a_follower_follows() {
        assert_eq!(role(Some(1), Some(1), 1), QuorumRole::Resigned);
        assert_eq!(role(Some(2), Some(1), 1), QuorumRole::Follower);
        assert_eq!(role(Some(2), None, 9), QuorumRole::Follower);
        assert_eq!(role(None, Some(2), 1), QuorumRole::Unattached);
    }

    #[test]
    fn a_candidate_does_not_go_on_in_an_epoch_it_may_have_led() {
        let (election, role) = role_after_restart(Election { epoch: 4, leader: None, voted: Some(1) }, &[1, 2, 3], 1);
        assert_eq!(role, Role::Unattached);
        assert_eq!(election.voted, Some(1));
    }

    #[test]
    fn a_leader_that_is_no_voter_is_forgotten() {
        assert_eq!(role(Some(9), None, 1), QuorumRole::Unattached);
        assert_eq!(role(Some(9), None, 9), QuorumRole::Unattached);
    }
}
