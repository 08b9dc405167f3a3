//! The cooperative budget: how many operations a task may complete before it must yield.
//!
//! A task that always finds its channel full or its socket ready would never return to the
//! scheduler. So each poll of a task starts with [`BUDGET`] units; each operation on a channel,
//! lock, timer or socket spends one; at zero the operations return `Pending` and wake their task, so
//! that it comes back after the others. Outside of a task, and under [`unconstrained`], nothing is
//! counted. The same scheme, number included, is what tokio's users know.
//!
//! Cost of an operation: one thread-local load and store.

use std::cell::Cell;
use std::task::{Context, Poll};

/// Units per poll of a task.
pub const BUDGET: u8 = 128;

/// The value that counts nothing.
const UNCONSTRAINED: u8 = u8::MAX;

crate::local! {
    static LEFT: Cell<u8> = Cell::new(UNCONSTRAINED);
}

/// Gives a unit back on drop, unless [`made_progress`](RestoreOnPending::made_progress) was called.
///
/// An operation holds it while it tries: if it ends as `Pending` nothing was done, and nothing spent.
#[derive(Debug)]
#[must_use = "dropping it gives the unit back: call made_progress where the operation completed"]
pub struct RestoreOnPending(Cell<u8>);

impl RestoreOnPending {
    /// The operation completed: the unit stays spent.
    #[inline]
    pub fn made_progress(&self) {
        self.0.set(UNCONSTRAINED);
    }
}

impl Drop for RestoreOnPending {
    #[inline]
    fn drop(&mut self) {
        let before = self.0.get();
        if before != UNCONSTRAINED {
            let _ = LEFT.try_with(|left| left.set(before));
        }
    }
}

/// Spends a unit. `Pending` if none is left: the task has been woken and must return.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    // A thread whose locals are gone runs no task: nothing to count.
    LEFT.try_with(|left| match left.get() {
        UNCONSTRAINED => Poll::Ready(RestoreOnPending(Cell::new(UNCONSTRAINED))),
        0 => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        n => {
            left.set(n - 1);
            Poll::Ready(RestoreOnPending(Cell::new(n)))
        }
    })
    .unwrap_or_else(|_| Poll::Ready(RestoreOnPending(Cell::new(UNCONSTRAINED))))
}

/// Whether a unit is left, or nothing is counted.
#[inline]
pub fn has_budget_remaining() -> bool {
    LEFT.try_with(|left| left.get() != 0).unwrap_or(true)
}

/// Puts back what the budget was when this was made.
#[derive(Debug)]
pub struct Reset(u8);

impl Drop for Reset {
    #[inline]
    fn drop(&mut self) {
        let _ = LEFT.try_with(|left| left.set(self.0));
    }
}

/// Starts a fresh budget, as for one poll of a task, until the guard is dropped.
#[inline]
pub fn fresh() -> Reset {
    replace(BUDGET)
}

/// Stops the counting until the guard is dropped.
#[inline]
pub fn unconstrained() -> Reset {
    replace(UNCONSTRAINED)
}

#[inline]
fn replace(with: u8) -> Reset {
    Reset(LEFT.try_with(|left| left.replace(with)).unwrap_or(UNCONSTRAINED))
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    fn spend(cx: &mut Context<'_>) -> bool {
        match poll_proceed(cx) {
            Poll::Ready(coop) => {
                coop.made_progress();
                true
            }
            Poll::Pending => false,
        }
    }

    #[test]
    fn budget_runs_out_after_128_operations_and_only_inside_a_poll() {
        let mut cx = Context::from_waker(Waker::noop());
        let guard = fresh();
        assert_eq!((0..1_000).take_while(|_| spend(&mut cx)).count(), usize::from(BUDGET));
        assert!(!has_budget_remaining());
        drop(guard);
        assert_eq!((0..1_000).take_while(|_| spend(&mut cx)).count(), 1_000);
    }

    #[test]
    fn an_operation_that_stays_pending_spends_nothing() {
        let mut cx = Context::from_waker(Waker::noop());
        let _guard = fresh();
        for _ in 0..1_000 {
            assert!(poll_proceed(&mut cx).is_ready());
        }
        assert_eq!((0..1_000).take_while(|_| spend(&mut cx)).count(), usize::from(BUDGET));
    }

    #[test]
    fn unconstrained_nests_inside_a_budget() {
        let mut cx = Context::from_waker(Waker::noop());
        let _guard = fresh();
        while spend(&mut cx) {}
        {
            let _free = unconstrained();
            assert!(spend(&mut cx));
        }
        assert!(!spend(&mut cx));
    }
}
