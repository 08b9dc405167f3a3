//! The LIFO slot: the task that a worker runs next, where thieves can take it.
//!
//! A task that wakes another one on its own worker puts it here: the woken one runs next, while what
//! they share is in the cache. One word per worker, part of what thieves see, so that a worker that is
//! stuck in a poll does not strand it (invariant 4 of the architecture page).
//!
//! Invariants
//! L1  only the owner puts a task in; so an owner that finds the slot empty may store without a
//!     read-modify-write.
//! L2  a task is taken by one exchange, by the owner or by one thief.

use std::ptr::{NonNull, null_mut};

use filch_primitives::atomic::{AtomicPtr, Ordering};

use crate::task::Runnable;
use crate::task::header::Header;

/// One slot.
pub(crate) struct Lifo(AtomicPtr<Header>);

impl Lifo {
    pub(crate) fn new() -> Self {
        Lifo(AtomicPtr::new(null_mut()))
    }

    /// The owner puts a task in; returns the one that it displaces.
    #[inline]
    pub(crate) fn put(&self, task: Runnable) -> Option<Runnable> {
        let task = task.into_raw().as_ptr();
        // ordering: Relaxed. Only the owner fills the slot (L1): empty stays empty until the store.
        if self.0.load(Ordering::Relaxed).is_null() {
            // ordering: Release, so that a thief sees the task as its waker left it; pairs with `take`.
            self.0.store(task, Ordering::Release);
            return None;
        }
        // ordering: Release as above. No Acquire: what comes out, this thread put in.
        Self::runnable(self.0.swap(task, Ordering::Release))
    }

    /// Takes the task out, as owner or as thief (L2).
    #[inline]
    pub(crate) fn take(&self) -> Option<Runnable> {
        // ordering: Relaxed. An empty slot costs no exchange; a thief that misses a task looks again, and
        // the owner misses none of its own.
        if self.0.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // ordering: Acquire, to see the task as its waker left it; pairs with `put`.
        Self::runnable(self.0.swap(null_mut(), Ordering::Acquire))
    }

    /// The task that lies in the slot, as a mark that tells whether it is still the same one.
    pub(crate) fn peek(&self) -> *const Header {
        // ordering: Relaxed. Compared only, never read through.
        self.0.load(Ordering::Relaxed)
    }

    fn runnable(task: *mut Header) -> Option<Runnable> {
        // SAFETY: a pointer in the slot came from `into_raw`, and the exchange that took it out made it
        // ours alone.
        NonNull::new(task).map(|task| unsafe { Runnable::from_raw(task) })
    }
}

impl Drop for Lifo {
    fn drop(&mut self) {
        drop(self.take());
    }
}
