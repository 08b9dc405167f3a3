//! Waiting for another thread that is between two neighbouring instructions.

use filch_primitives::atomic::spin_hint;
use filch_primitives::thread::yield_now;

/// Rounds of the processor's hint before the thread gives its time slice away.
const SPINS: u32 = 64;

/// Spins for a short time, then yields the thread: the other one may have been preempted.
pub(crate) struct Backoff(u32);

impl Backoff {
    /// Starts with spinning.
    pub(crate) fn new() -> Self {
        Backoff(0)
    }

    /// Waits for a moment.
    #[cold]
    pub(crate) fn wait(&mut self) {
        if self.0 < SPINS {
            self.0 += 1;
            spin_hint();
        } else {
            yield_now();
        }
    }
}
