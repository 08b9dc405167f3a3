//! Atomics and fences: std's, or loom's under `filch_loom`.

#[cfg(not(filch_loom))]
pub use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(filch_loom)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// Atomics that loom must not see: identifiers and statistics, in statics and on hot counters.
///
/// Only `Relaxed` is meaningful on these; nothing may synchronise through them.
pub mod statistic {
    pub use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize};
}

/// One round of a spin loop: a processor hint, or a yield to the other threads of a model.
#[inline]
pub fn spin_hint() {
    #[cfg(not(filch_loom))]
    std::hint::spin_loop();
    #[cfg(filch_loom)]
    loom::thread::yield_now();
}

/// The value that a compare-exchange loop begins with.
///
/// A relaxed load. In a model it is an exchange that changes nothing: of each atomic loom remembers only
/// the last access, so that a load right before the exchange would hide an earlier load of another thread
/// from it, and with that all executions in which the exchange comes before that load.
///
/// Not for an atomic that is also written by plain stores: where one of those and an exchange of another thread
/// are concurrent, loom keeps no order between the two, and a later exchange may find the earlier one of them.
/// That reports failures which cannot happen. (The words of `sync`'s semaphore and `Notify`, and of the I/O
/// driver's readiness.) Nor where the guess alone may end the loop, unless a value that does is final: in a
/// model the guess is never an old value.
pub trait FirstGuess {
    /// What the atomic holds.
    type Value;

    /// The value as it is, or was a moment ago; the exchange that follows decides.
    fn first_guess(&self) -> Self::Value;
}

macro_rules! first_guess {
    ($($atomic:ident: $value:ty),+) => {$(
        impl FirstGuess for $atomic {
            type Value = $value;

            #[inline(always)]
            fn first_guess(&self) -> $value {
                // ordering: Relaxed, both. Only a guess: the exchange that follows acquires.
                #[cfg(not(filch_loom))]
                return self.load(Ordering::Relaxed);
                #[cfg(filch_loom)]
                return self.fetch_or(0, Ordering::Relaxed);
            }
        }
    )+};
}

first_guess!(AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize);
