//! Control records: markers among the data that only brokers write and read.

/// Bytes of a control record's key: version and type.
pub const CONTROL_KEY_LEN: usize = 4;

/// What a control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum ControlType {
    /// The producer's transaction was aborted (KIP-98).
    Abort = 0,
    /// The producer's transaction was committed (KIP-98).
    Commit = 1,
    /// A quorum leader took over (KIP-595).
    LeaderChange = 2,
    /// First record of a snapshot (KIP-630).
    SnapshotHeader = 3,
    /// Last record of a snapshot (KIP-630).
    SnapshotFooter = 4,
    /// The quorum's protocol version (KIP-853).
    KRaftVersion = 5,
    /// The quorum's voters (KIP-853).
    KRaftVoters = 6,
}

impl ControlType {
    /// Reads a control record's key. `None` if it is too short or of an unknown type.
    pub fn from_key(key: &[u8]) -> Option<ControlType> {
        let key: &[u8; CONTROL_KEY_LEN] = key.first_chunk()?;
        if i16::from_be_bytes([key[0], key[1]]) < 0 {
            return None;
        }
        Some(match i16::from_be_bytes([key[2], key[3]]) {
            0 => ControlType::Abort,
            1 => ControlType::Commit,
            2 => ControlType::LeaderChange,
            3 => ControlType::SnapshotHeader,
            4 => ControlType::SnapshotFooter,
            5 => ControlType::KRaftVersion,
            6 => ControlType::KRaftVoters,
            _ => return None,
        })
    }
}

/// The key of a control record of this type.
pub fn control_key(kind: ControlType) -> [u8; CONTROL_KEY_LEN] {
    let [hi, lo] = (kind as i16).to_be_bytes();
    [0, 0, hi, lo]
}
