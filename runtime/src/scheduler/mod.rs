//! The schedulers: who polls which task on which thread.
//!
//! `multi_thread` is the work-stealing one, `current_thread` the one that runs inside `block_on`. Both
//! queue the same tasks, wait in the same driver and share the blocking pools.

pub(crate) mod current_thread;
pub(crate) mod multi_thread;
