//! File names in a partition's folder.

pub(crate) const LOG: &str = "log";
pub(crate) const INDEX: &str = "index";
pub(crate) const TIME_INDEX: &str = "timeindex";
pub(crate) const EPOCHS: &str = "leader-epoch-checkpoint";
/// Segments that retention gave up: they stay under this suffix until their new names are durable.
pub(crate) const DELETED: &str = "deleted";
/// Segments cut off by a truncation while a sync of them was under way.
pub(crate) const CUT: &str = "cut";
pub(crate) const TMP: &str = "tmp";

/// The path of a segment's file.
pub(crate) fn segment_file(dir: &str, base_offset: i64, kind: &str) -> String {
    format!("{dir}/{base_offset:020}.{kind}")
}

/// The folder that `dir` is in; the root is the empty path.
pub(crate) fn parent(dir: &str) -> &str {
    dir.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// What a name in a partition's folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A segment's records.
    Log(i64),
    /// A segment's index of either kind.
    Index(i64),
    /// Given up by retention: with the base offset if it is a segment's records.
    Deleted(Option<i64>),
    /// Safe to remove: half-written or cut off.
    Leftover,
    /// A segment's file with a name that cannot be.
    Misnamed,
    /// Someone else's.
    Other,
}

/// Reads a file name.
pub(crate) fn classify(name: &str) -> Entry {
    let Some((stem, suffix)) = name.rsplit_once('.') else {
        return Entry::Other;
    };
    match suffix {
        LOG => base_offset(stem).map_or(Entry::Misnamed, Entry::Log),
        INDEX | TIME_INDEX => base_offset(stem).map_or(Entry::Misnamed, Entry::Index),
        DELETED => Entry::Deleted(stem.strip_suffix(".log").and_then(base_offset)),
        TMP => Entry::Leftover,
        _ if suffix.strip_prefix(CUT).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())) => Entry::Leftover,
        _ => Entry::Other,
    }
}

fn base_offset(stem: &str) -> Option<i64> {
    (stem.len() == 20 && stem.bytes().all(|b| b.is_ascii_digit())).then(|| stem.parse().ok()).flatten()
}
