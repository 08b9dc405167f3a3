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
    pub use std::sync::atomic::{AtomicU64, AtomicUsize};
}

/// One round of a spin loop: a processor hint, or a yield to the other threads of a model.
#[inline]
pub fn spin_hint() {
    #[cfg(not(filch_loom))]
    std::hint::spin_loop();
    #[cfg(filch_loom)]
    loom::thread::yield_now();
}
