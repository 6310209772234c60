//! Memory for requests that have not come whole yet, shared by all connections of a broker.

use std::cell::Cell;

use tokio::sync::Notify;

/// Who gives back less than this gives back nothing worth a mention, in bytes.
const MUCH: usize = 1 << 20;

/// Bytes left to be held.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Cell<usize>,
    /// Somebody who held much has given it back, or a connection that moved much is gone.
    pub(crate) freed: Notify,
}

impl Budget {
    /// For `bytes` in all.
    pub(crate) fn new(bytes: usize) -> Budget {
        Budget { left: Cell::new(bytes), freed: Notify::new() }
    }

    /// A share of nothing yet.
    pub(crate) fn share(&self) -> Share<'_> {
        Share { budget: self, held: 0, moved: 0 }
    }
}

/// What one connection holds. Given back when it goes.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    held: usize,
    /// Bytes that the connection has received and sent.
    moved: usize,
}

impl Share<'_> {
    /// Holds `bytes` instead of what was held. False, and nothing has changed, if there is not so much left.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        let Some(left) = (self.budget.left.get() + self.held).checked_sub(bytes) else { return false };
        self.budget.left.set(left);
        if self.held >= bytes + MUCH {
            self.budget.freed.notify_one();
        }
        self.held = bytes;
        true
    }

    /// So many bytes were received or sent.
    pub(crate) fn moves(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(bytes);
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.left.set(self.budget.left.get() + self.held);
        if self.moved >= MUCH {
            self.budget.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_hold_more_than_there_is_and_give_all_back() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (budget.share(), budget.share());
        assert!(a.hold(60));
        assert!(!b.hold(50));
        assert!(b.hold(40));
        assert!(a.hold(10));
        assert!(b.hold(90));
        drop((a, b));
        assert!(budget.share().hold(100));
    }
}
