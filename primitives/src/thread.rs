//! Threads: std's, or loom's.

#[cfg(not(filch_loom))]
pub use std::thread::{Builder, JoinHandle, LocalKey, ThreadId, current, yield_now};

#[cfg(filch_loom)]
pub use crate::loom::thread::{Builder, JoinHandle, LocalKey, ThreadId, current, yield_now};

#[cfg(not(filch_loom))]
pub use std::thread::spawn;

#[cfg(filch_loom)]
pub use crate::loom::thread::spawn;
