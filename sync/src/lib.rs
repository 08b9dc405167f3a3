//! Channels, locks, semaphores and notification that work on any executor.
//!
//! Everything here needs a [`Waker`](std::task::Waker) and nothing else: it runs in tasks of any
//! runtime, and on plain threads by the `blocking_` forms. (One operation needs a timer, which a runtime
//! gives: [`mpsc::Sender::send_timeout`].)
//!
//! | to | use |
//! | --- | --- |
//! | send one value once | [`oneshot`] |
//! | send many values to one receiver | [`mpsc`] |
//! | send many values to all receivers | [`broadcast`] |
//! | keep all receivers at the newest value | [`watch`] |
//! | share a value, exclusively or for reading | [`Mutex`], [`RwLock`] |
//! | bound how many do something at once | [`Semaphore`] |
//! | wake a task, or all | [`Notify`] |
//! | wait for one another | [`Barrier`] |
//! | make a value once, or wait for one | [`OnceCell`], [`SetOnce`] |
//! | tell tasks to stop, and wait until they have | [`CancellationToken`], [`TaskTracker`] |
//!
//! Waiting is fair, in the order of arrival, and allocates nothing. Dropping a waiting future is always
//! allowed; what it loses, if anything, is said at *Cancel safety*. The protocols, with their steps and
//! the races that they survive, are in `docs/sync.md`; loom models in `loom-tests/` check them.
//!
//! Wakers, and closures and values of the user's, may panic, and may call back into the primitive (but for those
//! that run with a lock held, where it is said): the panic goes to the caller, all others are woken, and the
//! primitive stays usable. During an unwinding a waker's panic is dropped.
//!
//! Shared parts: `wait_list.rs` (who waits), `node_waker.rs` (whom to wake), `wake_list.rs` (waking), `blocking.rs`
//! (waiting with a thread), `budget.rs` and `backoff.rs`.
#![warn(missing_debug_implementations)]

mod backoff;
mod barrier;
mod blocking;
pub mod broadcast;
mod budget;
mod cancellation;
/// For runtimes, not for their users.
#[doc(hidden)]
pub mod hooks;
pub mod mpsc;
mod mutex;
mod node_waker;
mod notify;
mod once_cell;
pub mod oneshot;
mod rwlock;
mod semaphore;
mod set_once;
#[cfg(feature = "stream")]
pub mod stream;
mod task_tracker;
mod wait_list;
mod wake_list;
pub mod watch;

pub use barrier::{Barrier, BarrierWaitResult};
pub use cancellation::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture,
    WaitForCancellationFutureOwned,
};
pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};
pub use notify::Notify;
pub use once_cell::{OnceCell, SetError};
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};
pub use set_once::{SetOnce, SetOnceError};
pub use task_tracker::{TaskTracker, TaskTrackerToken, TaskTrackerWaitFuture, TrackedFuture};

/// Futures that have a name.
pub mod futures {
    pub use crate::notify::{Notified, OwnedNotified};
}
