//! Wakers on their way from the lock to their wake.

use std::task::Waker;

use filch_primitives::wake::wake_quietly;

/// How many wakers one pass under the lock takes: both slots and a few of the list.
const CAPACITY: usize = 8;

/// Wakers taken under the lock, to be woken after it is released.
///
/// No waker runs under our lock: a wake may poll on the spot, come back to the same registration, or
/// take its time.
pub(super) struct WakeBatch {
    wakers: [Option<Waker>; CAPACITY],
    len: usize,
}

impl WakeBatch {
    pub(super) fn new() -> Self {
        WakeBatch { wakers: [const { None }; CAPACITY], len: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == CAPACITY
    }

    /// Adds one. The caller has asked [`is_full`](WakeBatch::is_full).
    pub(super) fn push(&mut self, waker: Waker) {
        self.wakers[self.len] = Some(waker);
        self.len += 1;
    }

    /// Wakes them all and is empty again.
    pub(super) fn wake_all(&mut self) {
        for waker in self.wakers[..self.len].iter_mut().filter_map(Option::take) {
            // A waker that panics must not cost the other wakers their wake, nor the driver's thread the rest
            // of its events, which come only once.
            wake_quietly(waker);
        }
        self.len = 0;
    }
}
