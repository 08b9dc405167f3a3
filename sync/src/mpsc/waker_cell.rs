//! The receiver's waker.
//!
//! Senders come here only when the receiver waits, which is when a message is slow: so leaving a waker
//! costs no read-modify-write, and taking it costs one. Protocol: docs/sync.md, steps CH5 and CH10.
//!
//! ```text
//! state  set by               the cell
//! EMPTY  who took it          is the receiver's to write
//! FULL   receiver             has a waker; the receiver may compare it, nobody writes it
//! BUSY   who takes it         is that one's to move out of; the receiver may compare it still
//! ```
//!
//! Invariants
//! K1  Only the receiver writes the cell, and only in EMPTY, or in BUSY that it has set itself.
//! K2  BUSY lasts for two neighbouring instructions. If a waking side has set it, its wake follows.

use std::mem::MaybeUninit;
use std::task::Waker;

use filch_primitives::atomic::AtomicU8;
use filch_primitives::atomic::Ordering::{Acquire, Relaxed, Release};
use filch_primitives::cell::UnsafeCell;

use crate::backoff::Backoff;
use crate::wake_list::wake_one;

const EMPTY: u8 = 0;
const FULL: u8 = 1;
const BUSY: u8 = 2;

/// See the module.
pub(super) struct WakerCell {
    state: AtomicU8,
    /// Initialised while the state is FULL.
    waker: UnsafeCell<MaybeUninit<Waker>>,
}

// SAFETY: the waker is Send and Sync itself; who may touch the cell, and when, is said in the table.
unsafe impl Send for WakerCell {}
// SAFETY: as above.
unsafe impl Sync for WakerCell {}

impl WakerCell {
    /// Nobody waits.
    pub(super) fn new() -> Self {
        WakerCell { state: AtomicU8::new(EMPTY), waker: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Leaves the waker of the task that waits. Nothing to do if it is there still.
    ///
    /// # Safety
    /// By the receiver, exclusively.
    pub(super) unsafe fn register(&self, waker: &Waker) {
        let mut backoff = Backoff::new();
        loop {
            // ordering: CH10. Acquire, pairs with the Release of EMPTY in `take`: the moving out comes before
            // our writing.
            match self.state.load(Acquire) {
                EMPTY => break,
                // Ours, and there; or on its way out, and then a wake of this task follows (K2), and the next
                // poll comes here again.
                // SAFETY: the receiver's, by the caller's promise, and FULL or BUSY.
                _ if unsafe { self.will_wake(waker) } => return,
                FULL => drop(self.take()),
                _ => backoff.wait(),
            }
        }
        let new = waker.clone();
        // SAFETY: EMPTY, and by the receiver: K1.
        self.waker.with_mut(|cell| unsafe { (*cell).write(new) });
        // ordering: CH10. Release, pairs with the Acquire in `take`.
        self.state.store(FULL, Release);
    }

    /// Whether the waker in the cell wakes the same task as `other`.
    ///
    /// # Safety
    /// By the receiver, that has seen FULL or BUSY after its last writing.
    unsafe fn will_wake(&self, other: &Waker) -> bool {
        // SAFETY: only the receiver writes the cell (K1), and it is here. The words are a waker's, if one that
        // was moved out: `will_wake` compares them and dereferences neither.
        self.waker.with(|cell| unsafe { (*cell).assume_init_ref() }.will_wake(other))
    }

    /// Takes the waker, if there is one and nobody else is taking it.
    #[inline]
    fn take(&self) -> Option<Waker> {
        // ordering: CH10. Acquire, pairs with the Release of FULL: to read the waker. A failure needs nothing:
        // whoever has to find the waker has its own order after the receiver's FULL (CH2, CH9), so there was
        // one, and another is waking it.
        if self.state.compare_exchange(FULL, BUSY, Acquire, Relaxed).is_err() {
            return None;
        }
        // SAFETY: FULL, so initialised; BUSY is ours, so it is moved out once. A read: K1.
        let waker = self.waker.with(|cell| unsafe { (*cell).assume_init_read() });
        // ordering: CH10. Release, pairs with the Acquire in `register`: we are done with the cell.
        self.state.store(EMPTY, Release);
        Some(waker)
    }

    /// Wakes the task that waits, if one does.
    #[inline]
    pub(super) fn wake(&self) {
        if let Some(waker) = self.take() {
            wake_one(waker);
        }
    }

    /// Lets go of the waker.
    pub(super) fn clear(&self) {
        drop(self.take());
    }
}

impl Drop for WakerCell {
    fn drop(&mut self) {
        self.clear();
    }
}
