//! Kafka's text checkpoint files: a version line, a line with the number of entries, an entry a line.

use crate::error::Refusal;

/// Reads a checkpoint of version 0 and hands each entry to `entry`, which answers `None` to refuse it.
pub(crate) fn read_checkpoint(bytes: &[u8], mut entry: impl FnMut(&str) -> Option<()>) -> Result<(), Refusal> {
    let text = core::str::from_utf8(bytes).map_err(|_| Refusal::Line(1))?;
    let mut lines = text.lines();
    let version: i64 = lines.next().and_then(|l| l.trim().parse().ok()).ok_or(Refusal::Line(1))?;
    if version != 0 {
        return Err(Refusal::Version(version));
    }
    let count: u32 = lines.next().and_then(|l| l.trim().parse().ok()).ok_or(Refusal::Line(2))?;
    let mut seen = 0u32;
    for line in lines.by_ref().take_while(|l| !l.is_empty()) {
        seen += 1;
        let place = Refusal::Line(seen.saturating_add(2));
        if seen > count {
            return Err(place);
        }
        entry(line).ok_or(place)?;
    }
    if seen < count {
        return Err(Refusal::Line(seen + 3));
    }
    Ok(())
}
