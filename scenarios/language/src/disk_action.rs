//! What faults do to disks.

use toml::Spanned;
use toml::de::DeValue;

use super::action::{defaults, tables};
use super::keys::{Context, Keys, Value, Visitor, read_inline, write_inline};
use super::target::Target;
use super::units::{quote, read_str, word_value};

/// What bytes of a log turn into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Corruption {
    /// A write lands in another file of the broker, over what is there.
    Misdirected,
    /// A bit of a byte flips.
    #[default]
    Rot,
}

/// How a disk operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum DiskErrorKind {
    /// EIO.
    #[default]
    Io,
    /// ENOSPC.
    NoSpace,
}

/// What a broker's disk comes back as after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum DiskLoss {
    /// As it was.
    #[default]
    Kept,
    /// As it was when the workload began.
    Old,
    /// Empty.
    Wiped,
}

/// A disk operation that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum DiskOperation {
    /// Writing.
    #[default]
    Append,
    /// Making a file.
    Create,
    /// Opening a file.
    Open,
    /// Reading.
    Read,
    /// Removing a file or folder.
    Remove,
    /// Renaming a file or folder.
    Rename,
    /// Making durable.
    Sync,
    /// Cutting a file.
    Truncate,
}

/// `corrupt = { broker, how }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Corrupt {
    /// The broker whose disk it is.
    pub broker: Target,
    /// In which way.
    pub how: Corruption,
}

/// `disk = { broker, fail, error, once }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DiskFault {
    /// The broker whose disk it is.
    pub broker: Target,
    /// What fails.
    pub fail: DiskOperation,
    /// With which error.
    pub error: DiskErrorKind,
    /// Whether only the next such operation fails, or all from now on.
    pub once: bool,
}

/// `full_disk = { broker, free }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FullDisk {
    /// The broker whose disk it is.
    pub broker: Target,
    /// Bytes that still fit.
    pub free: u64,
}

/// `slow_disk = { broker, factor }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlowDisk {
    /// The broker whose disk it is.
    pub broker: Target,
    /// How many times longer a sync takes.
    pub factor: u32,
}

/// `stall_disk = { broker }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StallDisk {
    /// The broker whose disk it is.
    pub broker: Target,
}

defaults! {
    Corrupt Corrupt { broker: Target::Any, how: Corruption::Rot };
    DiskFault DiskFault {
        broker: Target::Any,
        fail: DiskOperation::Append,
        error: DiskErrorKind::Io,
        once: true,
    };
    FullDisk FullDisk { broker: Target::Any, free: 4_096 };
    SlowDisk SlowDisk { broker: Target::Any, factor: 10 };
    StallDisk StallDisk { broker: Target::Any };
}

tables! {
    Corrupt, "a table such as { broker = \"broker 2\", how = \"rot\" }", |this, v| {
        v.required("broker", "The broker whose logs it is.", &mut this.broker);
        v.key(
            "how",
            "\"rot\": a bit flips; \"misdirected\": the next write lands in another file. The seed decides which.",
            &mut this.how,
        );
    };
    DiskFault, "a table such as { broker = \"broker 2\", fail = \"sync\" }", |this, v| {
        v.required("broker", "The broker whose disk it is.", &mut this.broker);
        v.required(
            "fail",
            "The operation that fails: \"append\", \"create\", \"open\", \"read\", \"remove\", \"rename\", \"sync\" or \"truncate\".",
            &mut this.fail,
        );
        v.key("error", "The error: \"io\" (EIO) or \"no-space\" (ENOSPC).", &mut this.error);
        v.key("once", "Whether only the next such operation fails, or all from now on.", &mut this.once);
    };
    FullDisk, "a table such as { broker = \"broker 2\", free = \"4KiB\" }", |this, v| {
        v.required("broker", "The broker whose disk it is.", &mut this.broker);
        v.key("free", "Free space, in bytes.", &mut this.free);
    };
    SlowDisk, "a table such as { broker = \"broker 2\", factor = 20 }", |this, v| {
        v.required("broker", "The broker whose disk it is.", &mut this.broker);
        v.key("factor", "Factor by which a sync takes longer.", &mut this.factor);
    };
    StallDisk, "a table such as { broker = \"broker 2\" }", |this, v| {
        v.required("broker", "The broker whose disk completes no sync until the fault ends.", &mut this.broker);
    };
}

word_value! {
    Corruption, "\"misdirected\" or \"rot\"", {
        "misdirected" => Corruption::Misdirected, "rot" => Corruption::Rot,
    };
    DiskErrorKind, "\"io\" or \"no-space\"", { "io" => DiskErrorKind::Io, "no-space" => DiskErrorKind::NoSpace };
    DiskLoss, "\"kept\", \"old\" or \"wiped\"", {
        "kept" => DiskLoss::Kept, "old" => DiskLoss::Old, "wiped" => DiskLoss::Wiped,
    };
    DiskOperation, "an operation, such as \"append\", \"read\" or \"sync\"", {
        "append" => DiskOperation::Append,
        "create" => DiskOperation::Create,
        "open" => DiskOperation::Open,
        "read" => DiskOperation::Read,
        "remove" => DiskOperation::Remove,
        "rename" => DiskOperation::Rename,
        "sync" => DiskOperation::Sync,
        "truncate" => DiskOperation::Truncate,
    };
}
