//! The waker in a waiting node.
//!
//! Rule: while the node is linked (or could be: its future was queued and the outcome is not known
//! yet), the cell is touched under the primitive's lock only. Before and after it is the future's own.
//! Under loom a breach of the rule fails the model.

use std::task::Waker;

use filch_primitives::cell::UnsafeCell;

/// See the module.
pub(crate) struct NodeWaker(UnsafeCell<Option<Waker>>);

impl NodeWaker {
    /// No waker.
    #[cfg(not(filch_loom))]
    pub(crate) const fn new() -> Self {
        NodeWaker(UnsafeCell::new(None))
    }

    /// No waker.
    #[cfg(filch_loom)]
    pub(crate) fn new() -> Self {
        NodeWaker(UnsafeCell::new(None))
    }

    /// Takes the waker out.
    ///
    /// # Safety
    /// The module's rule.
    pub(crate) unsafe fn take(&self) -> Option<Waker> {
        // SAFETY: exclusive by the module's rule, which the caller keeps.
        self.0.with_mut(|waker| unsafe { (*waker).take() })
    }

    /// Puts a waker in and returns the old one, to be dropped outside of the lock.
    ///
    /// # Safety
    /// The module's rule.
    pub(crate) unsafe fn replace(&self, new: Waker) -> Option<Waker> {
        // SAFETY: exclusive by the module's rule, which the caller keeps.
        self.0.with_mut(|waker| unsafe { (*waker).replace(new) })
    }

    /// Whether the waker in it wakes the same task as `other`.
    ///
    /// # Safety
    /// The module's rule.
    pub(crate) unsafe fn will_wake(&self, other: &Waker) -> bool {
        // SAFETY: not written meanwhile, by the module's rule, which the caller keeps.
        self.0.with(|waker| unsafe { (*waker).as_ref() }.is_some_and(|w| w.will_wake(other)))
    }
}
