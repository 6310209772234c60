//! Offsets that nobody needs any more (KIP-211).

use tribunal_protocol::Str;

use crate::admin::tombstones;
use crate::group::{Group, State};
use crate::groups::{Context, Groups};
use crate::offsets::Offset;
use crate::out::{Out, Then, Write};

impl Groups {
    /// Removes what has expired: offsets of groups without members, or of topics that no member subscribes to; and
    /// groups that hold nothing.
    pub fn expire(&mut self, cx: Context<'_>, out: &mut Out) {
        for (id, group) in &self.groups {
            let mut offsets = Vec::new();
            let mut kept = 0_usize;
            for (topic, partitions) in &group.offsets {
                for (partition, offset) in partitions {
                    match has_expired(group, topic, offset, cx) {
                        true => offsets.push((topic.clone(), *partition)),
                        false => kept += 1,
                    }
                }
            }
            let whole = kept == 0 && group.state == State::Empty && group.pending.is_empty();
            if offsets.is_empty() && !(whole && group.generation > 0) {
                continue;
            }
            let records = tombstones(id, &offsets, whole && group.generation > 0);
            let then = Then::Remove { reply: None, group: id.clone(), offsets, whole };
            out.writes.push(Write { records, then });
        }
    }
}

fn has_expired(group: &Group, topic: &Str, offset: &Offset, cx: Context<'_>) -> bool {
    if offset.expires_ms >= 0 {
        return group.state == State::Empty && cx.now_ms >= offset.expires_ms;
    }
    let since_ms = match (&group.protocol_type, group.state) {
        (None, _) => offset.committed_ms,
        (Some(_), State::Empty) => group.state_since_ms.max(offset.committed_ms),
        (Some(_), State::Stable) if group.of_consumers() && !group.subscribes_to(topic) => offset.committed_ms,
        (Some(_), _) => return false,
    };
    cx.now_ms.saturating_sub(since_ms) >= cx.cfg.offsets_retention_ms
}
