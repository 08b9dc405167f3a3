//! Wakers on their way from the lock to their wake.

use std::task::Waker;

use filch_primitives::wake::wake_quietly;

/// How many wakers one pass under the lock takes.
///
/// 32 bounds the time under the lock and the space on the stack (512 bytes); under loom 2, so that a
/// model reaches a second pass.
const CAPACITY: usize = if cfg!(filch_loom) { 2 } else { 32 };

/// Wakers taken under a shard's lock, to be woken after it is released: a waker may arm, reset or drop
/// entries of the same shard, or take its time.
pub(crate) struct WakeBatch {
    wakers: [Option<Waker>; CAPACITY],
    len: usize,
}

impl WakeBatch {
    #[inline]
    pub(crate) fn new() -> Self {
        WakeBatch { wakers: [const { None }; CAPACITY], len: 0 }
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.len == CAPACITY
    }

    /// Adds one. The caller has asked [`is_full`](WakeBatch::is_full).
    #[inline]
    pub(crate) fn push(&mut self, waker: Waker) {
        self.wakers[self.len] = Some(waker);
        self.len += 1;
    }

    /// Wakes them all, in the order of pushing, and is empty again. No lock may be held.
    pub(crate) fn wake_all(&mut self) -> usize {
        let woken = std::mem::take(&mut self.len);
        for waker in self.wakers[..woken].iter_mut().filter_map(Option::take) {
            // A waker that panics must not cost the other timers their wake, nor its thread the way back into
            // the scheduler.
            wake_quietly(waker);
        }
        woken
    }
}
