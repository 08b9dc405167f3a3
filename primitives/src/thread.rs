//! Threads: std's, or loom's.

#[cfg(not(filch_loom))]
pub use std::thread::{Builder, JoinHandle, ThreadId, current, yield_now};

#[cfg(filch_loom)]
pub use loom::thread::{Builder, JoinHandle, ThreadId, current, yield_now};

#[cfg(not(filch_loom))]
pub use std::thread::spawn;

#[cfg(filch_loom)]
pub use loom::thread::spawn;
