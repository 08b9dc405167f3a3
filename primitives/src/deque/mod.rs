//! The work-stealing deque and the injector: crossbeam's, or a model of their contract.
//!
//! The contract that the scheduler builds on, to which the scenarios of `contract` hold both of them:
//! D1 every pushed item is taken exactly once, by `pop` or by one successful steal;
//! D2 a worker's items and an injector's items come out first in, first out;
//! D3 who takes an item sees everything its pusher did before pushing;
//! D4 `is_empty` and `len` are snapshots: an item pushed before a `SeqCst` fence is counted by a
//!    check after a later `SeqCst` fence of another thread. Without fences on both sides it may be
//!    missed.

#[cfg(not(filch_loom))]
pub use crossbeam_deque::{Injector, Steal, Stealer, Worker};

#[cfg(filch_loom)]
pub use crossbeam_deque::Steal;

#[cfg(filch_loom)]
pub use model::{Injector, Stealer, Worker};

#[cfg(any(test, filch_loom))]
pub mod contract;
#[cfg(filch_loom)]
mod model;
