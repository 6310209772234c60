//! Memory for requests that have not come whole yet, shared by all connections of a broker.

use std::cell::Cell;

/// Bytes left to be held.
#[derive(Debug)]
pub(crate) struct Budget(Cell<usize>);

impl Budget {
    /// For `bytes` in all.
    pub(crate) fn new(bytes: usize) -> Budget {
        Budget(Cell::new(bytes))
    }

    /// A share of nothing yet.
    pub(crate) fn share(&self) -> Share<'_> {
        Share { budget: self, held: 0 }
    }
}

/// What one connection holds. Given back when it goes.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    held: usize,
}

impl Share<'_> {
    /// Holds `bytes` instead of what was held. False, and nothing has changed, if there is not so much left.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        let Some(left) = (self.budget.0.get() + self.held).checked_sub(bytes) else { return false };
        self.budget.0.set(left);
        self.held = bytes;
        true
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.0.set(self.budget.0.get() + self.held);
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
