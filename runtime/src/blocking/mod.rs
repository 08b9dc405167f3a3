//! Work that does not belong on a worker: calls that block, and computation.
//!
//! [`pool`] grows with the demand, for calls that wait (files, name resolution, foreign locks);
//! `compute` is bounded by the cores, for work that keeps a processor busy. Both take the same
//! [`Job`], know nothing of tasks, and say at shutdown what they abandoned.

#[cfg(not(filch_loom))]
pub mod compute;
pub mod pool;

#[cfg(not(filch_loom))]
pub use compute::{Compute, ComputeConfig, Refused};
pub use pool::{AroundThread, Job, Pool, PoolConfig, Submitted};
