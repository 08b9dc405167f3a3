//! Atomics and fences: std's, or loom's under `filch_loom`, one of whose orderings can be weakened
//! (module `mutant`).

#[cfg(not(filch_loom))]
pub use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(filch_loom)]
mod model;
#[cfg(filch_loom)]
pub mod mutant;

#[cfg(filch_loom)]
pub use model::{
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
    crate::loom::thread::yield_now();
}

/// The value that a compare-exchange loop begins with.
///
/// A relaxed load. In a model it is an exchange that fails: of each atomic loom remembers only the last
/// access, so that a load right before the exchange would hide an earlier load of another thread from it, and
/// with that all executions in which the exchange comes before that load. (With a load in its place, the
/// notification that `loom-tests/src/worked/cache.rs` misses is never missed in a model.)
///
/// Not where the guess alone may end the loop, unless a value that does is final, or is looked at again under
/// a lock: in a model the guess is never an old value. Nor an exchange that succeeds, and writes what it found:
/// where an atomic is also written by plain stores, loom keeps no order between a store and a concurrent
/// exchange, and a later one may find the earlier of the two.
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
                return match self.compare_exchange(
                    <$value>::MAX,
                    <$value>::MAX,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                ) {
                    Ok(value) | Err(value) => value,
                };
            }
        }
    )+};
}

first_guess!(AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize);
