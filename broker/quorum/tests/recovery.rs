//! What a node remembers after a crash or a loss of power, and what it refuses to start from.

mod world;

use bytes::Bytes;
use tribunal_common::{BrokerConfig, Io, Net, Obs, QuorumRole};
use tribunal_contract::{Disk, NodeId, Time};
use tribunal_protocol::ErrorCode;
use tribunal_quorum::{Quorum, QuorumError};
use tribunal_records::{BatchBuilder, BatchOptions};
use world::Dice;
use world::alone::{Alone, answer_on, follower, vote};
use world::disk::MemDisk;
use world::node::{Happens, Node, Quiet};

#[test]
fn a_vote_survives_a_crash_at_any_moment_or_was_never_answered() {
    for syncs in 0..4 {
        let mut alone = Alone::settled();
        let conn = Alone::conn(1, 0);
        let mut sent = alone.ask_on(conn, 2, vote(1, 5, (0, 0), false));
        for _ in 0..syncs {
            if alone.node.disk.pending() > 0 {
                let op = alone.node.disk.complete_sync(&mut alone.dice);
                sent.extend(alone.happen(Happens::Synced(op)));
            }
        }
        let answered = answer_on(sent, conn).is_some();
        let mut disk = alone.node.disk.clone();
        // The loss of power takes all that it may take.
        disk.lose_power(&mut Dice::new(vec![1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2], 1));
        let mut again = Alone::new(disk);
        again.settle();
        let (error, granted, _) = again.vote(vote(2, 5, (0, 0), false));
        assert_eq!(error, ErrorCode::None);
        assert!(!(answered && granted), "two votes in epoch 5, after {syncs} syncs");
    }
}

fn write(disk: &mut MemDisk, name: &str, content: &'static [u8]) {
    let file = disk.create(&format!("__cluster_metadata-0/{name}")).expect("works");
    disk.append(file, Bytes::from_static(content)).expect("works");
    disk.close(file);
}

fn open(disk: &mut MemDisk, voters: Vec<i32>) -> Result<Quorum, QuorumError> {
    let cfg = BrokerConfig::new(0, voters);
    let (mut fx, mut net) = (Quiet, Net::new(NodeId(0)));
    Quorum::open(&mut Io { cfg: &cfg, now: Time(1), disk, fx: &mut fx, net: &mut net })
}

#[test]
fn a_snapshot_that_was_acknowledged_counts_in_votes_before_it_is_in_the_logs_place_again() {
    let mut disk = follower().node.disk;
    // The power went after the snapshot had its name, and before the emptied log was durable.
    write(&mut disk, "00000000000000000030-0000000006.checkpoint", b"any");
    for (last, granted) in [((5, 3), false), ((6, 30), true)] {
        let mut alone = Alone::new(disk.clone());
        assert!(alone.node.quorum.as_ref().expect("up").log_end() == 3, "the old log is still there");
        assert_eq!(alone.vote(vote(1, 9, last, false)), (ErrorCode::None, granted, 9));
        assert_eq!(alone.node.quorum.as_ref().expect("up").view().log_start, 30);
    }
}

#[test]
fn a_leader_restarts_as_resigned_and_ends_its_epoch() {
    let mut disk = MemDisk::default();
    let line = b"{\"leaderId\":0,\"leaderEpoch\":7,\"votedId\":0,\"data_version\":0}";
    write(&mut disk, "quorum-state", line);
    let mut alone = Alone::new(disk);
    assert_eq!(alone.role(), QuorumRole::Resigned);
    alone.settle();
    let election = *alone.node.timers.keys().find(|id| id.class == 0).expect("the election timer");
    alone.happen(Happens::Timer(election));
    let view = alone.node.quorum.as_ref().expect("up").view();
    assert_eq!((view.role, view.epoch), (QuorumRole::Prospective, 8), "never again in epoch 7");
}

#[test]
fn an_epoch_in_the_log_is_at_least_the_quorums() {
    let mut disk = follower().node.disk;
    write(&mut disk, "quorum-state", b"{\"leaderId\":-1,\"leaderEpoch\":2,\"votedId\":1,\"data_version\":1}");
    let view = open(&mut disk, vec![0, 1, 2]).expect("opens").view();
    assert_eq!((view.epoch, view.voted), (5, None));
}

#[test]
fn a_broken_quorum_state_keeps_the_node_from_starting() {
    let mut disk = MemDisk::default();
    write(&mut disk, "quorum-state", b"{\"leaderEpoch\":");
    assert!(matches!(open(&mut disk, vec![0, 1, 2]), Err(QuorumError::QuorumState(_))));
}

#[test]
fn a_log_whose_beginning_no_snapshot_covers_keeps_the_node_from_starting() {
    let mut disk = MemDisk::default();
    write(&mut disk, "00000000000000000040.log", b"");
    assert_eq!(open(&mut disk, vec![0, 1, 2]).err(), Some(QuorumError::SnapshotMissing(40)));
}

#[test]
fn voters_must_be_ascending_and_few() {
    for voters in [vec![], vec![2, 1], vec![1, 1], vec![-1, 1], (0..65).collect()] {
        assert_eq!(open(&mut MemDisk::default(), voters).err(), Some(QuorumError::Voters));
    }
}

#[test]
fn the_beginning_of_a_snapshot_is_removed() {
    let mut disk = MemDisk::default();
    write(&mut disk, "00000000000000000040-0000000003.checkpoint.part", b"half");
    open(&mut disk, vec![0, 1, 2]).expect("opens");
    let left = disk.list("__cluster_metadata-0").expect("works");
    assert!(!left.iter().any(|name| name.ends_with(".part")), "{left:?}");
}

#[test]
fn a_log_that_was_emptied_and_not_begun_anew_waits_for_its_snapshot() {
    let mut disk = MemDisk::default();
    write(&mut disk, "00000000000000000019-0000000001.checkpoint", b"older");
    write(&mut disk, "00000000000000000042-0000000003.checkpoint", b"any");
    let mut alone = Alone::new(disk);
    let view = alone.node.quorum.as_ref().expect("up").view();
    assert_eq!((view.log_start, view.log_end, view.high_watermark), (0, 0, 0));
    alone.settle();
    let view = alone.node.quorum.as_ref().expect("up").view();
    assert_eq!((view.log_start, view.log_end, view.high_watermark), (42, 42, 42));
    assert_eq!((view.last_epoch, view.snapshot_end), (3, Some(42)));
}

#[test]
fn what_lies_before_the_first_snapshot_is_not_reported_as_the_log() {
    // A segment is closed where the log ends, which may be before or after the end of the snapshot that is taken then.
    let batch = |base_offset| {
        let mut batch =
            BatchBuilder::new(BatchOptions { base_offset, partition_leader_epoch: 5, ..Default::default() });
        (0..2).for_each(|n| batch.append(n, None, Some(b"value"), &[]));
        batch.build()
    };
    let mut disk = MemDisk::default();
    let segment = disk.create("__cluster_metadata-0/00000000000000000003.log").expect("works");
    disk.append(segment, batch(3)).expect("works");
    disk.append(segment, batch(5)).expect("works");
    disk.close(segment);
    write(&mut disk, "00000000000000000005-0000000005.checkpoint", b"any");

    let mut node = Node::new(BrokerConfig::new(0, vec![0, 1, 2]));
    node.disk = disk;
    let observed = node.handle(1_000_000_000, Happens::Start, &mut Dice::new(Vec::new(), 5)).observed;
    let places = observed.iter().filter_map(|obs| match obs {
        Obs::SnapshotTaken { end, .. } => Some(("snapshot", *end)),
        Obs::LogOpened { start, .. } => Some(("opened", *start)),
        Obs::LogStart { start, .. } => Some(("start", *start)),
        Obs::Appended { batch, .. } => Some(("appended", batch.base)),
        _ => None,
    });
    assert_eq!(places.collect::<Vec<_>>(), [("snapshot", 5), ("opened", 5), ("appended", 5)]);
}
