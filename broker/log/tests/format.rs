//! The bytes on disk are Kafka's.

mod common;

use common::{DIR, OP, TestDisk, batch, small, sync};
use tribunal_contract::Time;
use tribunal_log::*;

#[test]
fn index_files_hold_an_entry_every_interval_and_the_last_timestamp_when_closed() {
    let disk = &mut TestDisk::default();
    let mut log = Log::create(DIR, LogConfig { index_interval_bytes: 150, ..small() }, 1000, disk).unwrap();
    let size = batch(0, 0, 2, 0, 20).len() as u32;
    assert_eq!(size, 61 + 2 * 30);
    for timestamp in [500, 400, 700, 600, 900] {
        log.append_as_leader(batch(0, -1, 2, timestamp, 20), 7, Time(0), disk).unwrap();
    }
    let file = |kind: &str, disk: &TestDisk| disk.contents(&format!("{DIR}/00000000000000001000.{kind}")).unwrap();
    assert_eq!(file("log", disk).len() as u32, 5 * size);
    // The third batch begins more than 150 bytes behind the start, the fifth more than 150 behind the third. An entry
    // is the batch's last offset, relative, and where the batch begins.
    let entry = |relative: u32, position: u32| [relative.to_be_bytes(), position.to_be_bytes()].concat();
    assert_eq!(file("index", disk), [entry(5, 2 * size), entry(9, 4 * size)].concat());
    let time = |timestamp: i64, relative: u32| [&timestamp.to_be_bytes()[..], &relative.to_be_bytes()].concat();
    assert_eq!(file("timeindex", disk), [time(701, 5), time(901, 9)].concat());

    log.append_as_leader(batch(0, -1, 1, 2000, 20), 7, Time(0), disk).unwrap();
    log.roll(disk).unwrap();
    assert_eq!(file("timeindex", disk), [time(701, 5), time(901, 9), time(2000, 10)].concat());
    assert_eq!(disk.contents(&format!("{DIR}/00000000000000001011.log")).unwrap(), b"");
}

#[test]
fn the_epoch_checkpoint_is_kafkas_text() {
    let disk = &mut TestDisk::default();
    let mut log = Log::create(DIR, small(), 0, disk).unwrap();
    for epoch in [0, 0, 3, 4] {
        log.append_as_leader(batch(0, -1, 2, 1, 4), epoch, Time(0), disk).unwrap();
    }
    sync(&mut log, disk);
    let text = disk.contents(&format!("{DIR}/leader-epoch-checkpoint")).unwrap();
    assert_eq!(String::from_utf8(text.clone()).unwrap(), "0\n3\n0 0\n3 4\n4 6\n");
    assert_eq!(&EpochCache::decode(&text).unwrap(), log.epochs());
    for (bad, why) in [
        ("", Refusal::Line(1)),
        ("1\n0\n", Refusal::Version(1)),
        ("0\n", Refusal::Line(2)),
        ("0\n2\n0 0\n", Refusal::Line(4)),
        ("0\n1\n0 0\n1 5\n", Refusal::Line(4)),
        ("0\n2\n5 0\n3 9\n", Refusal::Line(4)),
        ("0\n1\nx 0\n", Refusal::Line(3)),
    ] {
        assert_eq!(EpochCache::decode(bad.as_bytes()), Err(why), "{bad:?}");
    }
}

#[test]
fn the_offset_checkpoint_is_kafkas_text() {
    let mut checkpoint = OffsetCheckpoint::default();
    checkpoint.set("payments", 1, 9);
    checkpoint.set("orders", 10, 0);
    checkpoint.set("orders", 2, 57);
    checkpoint.set("orders", 3, 1);
    checkpoint.remove("orders", 3);
    assert_eq!(&checkpoint.encode()[..], b"0\n3\norders 2 57\norders 10 0\npayments 1 9\n");
    assert_eq!(OffsetCheckpoint::decode(&checkpoint.encode()), Ok(checkpoint.clone()));
    assert_eq!(checkpoint.get("orders", 2), Some(57));
    assert_eq!(checkpoint.get("orders", 3), None);
    assert_eq!(OffsetCheckpoint::decode(b"0\n1\norders 2\n"), Err(Refusal::Line(3)));
    assert_eq!(OffsetCheckpoint::decode(b"0\n1\norders 2 5 6\n"), Err(Refusal::Line(3)));
}

#[test]
fn partition_metadata_is_kafkas_text() {
    let zero = PartitionMetadata { topic_id: [0; 16] };
    assert_eq!(&zero.encode()[..], b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA");
    // RFC 4648: the bytes fb ff bf … in the URL-safe alphabet.
    let mut topic_id = [0xff; 16];
    topic_id[0] = 0xfb;
    assert_eq!(
        &PartitionMetadata { topic_id }.encode()[..],
        b"version: 0\ntopic_id: -____________________w".as_slice()
    );
    for n in 0..16u8 {
        let metadata = PartitionMetadata { topic_id: core::array::from_fn(|i| (i as u8).wrapping_mul(37) ^ (n * 11)) };
        assert_eq!(PartitionMetadata::decode(&metadata.encode()), Ok(metadata));
    }
    assert_eq!(PartitionMetadata::decode(b"version: 1\ntopic_id: x"), Err(Refusal::Version(1)));
    assert_eq!(PartitionMetadata::decode(b"version: 0\ntopic_id: x"), Err(Refusal::Line(2)));
}

#[test]
fn meta_properties_and_the_clean_shutdown_marker_read_back() {
    let meta = MetaProperties {
        cluster_id: "MkU3OEVBNTcwNTJENDM2Qg".into(),
        node_id: 3,
        directory_id: Some("8HUNZ1HLRzaW6qBCZMF8wg".into()),
    };
    assert_eq!(MetaProperties::decode(&meta.encode()), Ok(meta.clone()));
    let kafkas = b"#\n#Mon Nov 02 10:00:00 UTC 2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\nversion=1\n\
        directory.id=8HUNZ1HLRzaW6qBCZMF8wg\nnode.id=3\n";
    assert_eq!(MetaProperties::decode(kafkas), Ok(meta));
    assert_eq!(MetaProperties::decode(b"version=0\nbroker.id=1\n"), Err(Refusal::Version(0)));
    assert_eq!(MetaProperties::decode(b"version=1\nnode.id=x\n"), Err(Refusal::Line(2)));

    let marker = CleanShutdown { broker_epoch: 12 };
    assert_eq!(&marker.encode()[..], b"{\"version\":0,\"brokerEpoch\":12}");
    assert_eq!(CleanShutdown::decode(&marker.encode()), marker);
    assert_eq!(CleanShutdown::decode(b"{ \"version\" : 0, \"brokerEpoch\" : 7 }").broker_epoch, 7);
    assert_eq!(CleanShutdown::decode(b"").broker_epoch, -1);
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_one_whole() {
    for seed in 0..200 {
        for completed in 0..=2 {
            let disk = &mut TestDisk::default();
            let replace = |text: &'static str, syncs: usize, disk: &mut TestDisk| {
                let mut write = Replace::start("data/checkpoint", text.into(), OP, disk).unwrap();
                let mut done = false;
                for _ in 0..syncs {
                    let (_, result) = disk.complete().unwrap();
                    done = write.synced(result, disk).unwrap();
                }
                done
            };
            disk.sync_dir_of_root();
            assert!(replace("old contents", 2, disk));
            disk.sync_dir_of_root();
            assert_eq!(replace("the new contents", completed, disk), completed == 2);
            disk.power_loss(seed);
            let found = disk.contents("data/checkpoint").unwrap();
            match completed {
                2 => assert_eq!(found, b"the new contents"),
                1 => assert!(found == b"the new contents" || found == b"old contents"),
                _ => assert_eq!(found, b"old contents"),
            }
        }
    }
}
