//! The receiver's waker.
//!
//! A lock, not a lock-free cell: leaving and taking a waker are two atomic read-modify-writes either
//! way, the section between them is a swap of two words, and nothing can go wrong in it. Senders come
//! here only when the receiver waits.

use std::task::Waker;

use filch_primitives::lock::Mutex;

/// See the module.
pub(super) struct WakerCell(Mutex<Option<Waker>>);

impl WakerCell {
    /// Nobody waits.
    pub(super) fn new() -> Self {
        WakerCell(Mutex::new(None))
    }

    /// Leaves the waker of the task that waits.
    pub(super) fn register(&self, waker: &Waker) {
        // Outside of the lock: cloning and dropping wakers is the executor's code.
        let new = waker.clone();
        let old = self.0.lock().replace(new);
        drop(old);
    }

    /// Wakes the task that waits, if one does.
    pub(super) fn wake(&self) {
        let waker = self.0.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Lets go of the waker.
    pub(super) fn clear(&self) {
        let waker = self.0.lock().take();
        drop(waker);
    }
}
