//! Control batches of the metadata log and of its snapshots.

use bytes::{Bytes, BytesMut};
use tribunal_protocol::messages::{
    LeaderChangeMessage, SnapshotFooterRecord, SnapshotHeaderRecord, leader_change_message,
};
use tribunal_records::{BatchBuilder, BatchOptions, ControlType, control_key};

/// Version of every control record written here.
const VERSION: i16 = 0;

/// The batch that opens a leader's epoch (KIP-595): its first entry, with whose commit all before it is committed.
/// `now` is in milliseconds.
pub(crate) fn leader_change(leader: i32, voters: &[i32], granting: impl Iterator<Item = i32>, now: i64) -> Bytes {
    let voter = |id: i32| leader_change_message::Voter { voter_id: id, ..Default::default() };
    let message = LeaderChangeMessage {
        version: VERSION,
        leader_id: leader,
        voters: voters.iter().copied().map(voter).collect(),
        granting_voters: granting.map(voter).collect(),
    };
    let mut value = BytesMut::with_capacity(message.encoded_size(VERSION));
    message.encode(VERSION, &mut value).expect("every field has its place in version 0");
    batch(BatchOptions { control: true, ..Default::default() }, ControlType::LeaderChange, &value, now)
}

/// The first batch of a snapshot (KIP-630). `last_timestamp` is that of the last record covered, in milliseconds.
pub(crate) fn snapshot_header(epoch: i32, last_timestamp: i64) -> Bytes {
    let message = SnapshotHeaderRecord { version: VERSION, last_contained_log_timestamp: last_timestamp };
    let mut value = BytesMut::with_capacity(message.encoded_size(VERSION));
    message.encode(VERSION, &mut value).expect("every field has its place in version 0");
    batch(options(0, epoch), ControlType::SnapshotHeader, &value, last_timestamp)
}

/// The last batch of a snapshot (KIP-630).
pub(crate) fn snapshot_footer(base_offset: i64, epoch: i32, last_timestamp: i64) -> Bytes {
    let message = SnapshotFooterRecord { version: VERSION };
    let mut value = BytesMut::with_capacity(message.encoded_size(VERSION));
    message.encode(VERSION, &mut value).expect("every field has its place in version 0");
    batch(options(base_offset, epoch), ControlType::SnapshotFooter, &value, last_timestamp)
}

fn options(base_offset: i64, epoch: i32) -> BatchOptions {
    BatchOptions { base_offset, partition_leader_epoch: epoch, control: true, ..Default::default() }
}

fn batch(options: BatchOptions, kind: ControlType, value: &[u8], timestamp: i64) -> Bytes {
    let mut builder = BatchBuilder::with_capacity(options, 96 + value.len());
    builder.append(timestamp, Some(&control_key(kind)), Some(value), &[]);
    builder.build()
}

#[cfg(test)]
mod tests {
    use tribunal_protocol::Reader;
    use tribunal_records::Batch;

    use super::*;

    #[test]
    fn a_leader_change_names_leader_voters_and_who_granted() {
        let batch = Batch::validated(leader_change(2, &[1, 2, 3], [2, 3].into_iter(), 5)).unwrap();
        assert!(batch.header.attributes.is_control());
        let record = batch.records().unwrap().next().unwrap().unwrap();
        assert_eq!(ControlType::from_key(&record.key.unwrap()), Some(ControlType::LeaderChange));
        let message = LeaderChangeMessage::decode(0, &mut Reader::new(record.value.unwrap())).unwrap();
        assert_eq!(message.leader_id, 2);
        assert_eq!(message.voters.iter().map(|v| v.voter_id).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(message.granting_voters.iter().map(|v| v.voter_id).collect::<Vec<_>>(), [2, 3]);
    }
}
