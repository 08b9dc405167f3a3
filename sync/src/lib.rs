//! Channels, locks, semaphores and notification that work on any executor.
//!
//! Everything here needs a [`Waker`](std::task::Waker) and nothing else: it runs in tasks of any
//! runtime, and on plain threads by the `blocking_` forms.
#![warn(missing_debug_implementations)]

mod backoff;
mod barrier;
mod blocking;
pub mod broadcast;
mod budget;
#[doc(hidden)]
pub mod hooks;
pub mod mpsc;
mod mutex;
mod node_waker;
mod notify;
pub mod oneshot;
mod semaphore;
mod wait_list;
mod wake_list;
pub mod watch;

pub use barrier::{Barrier, BarrierWaitResult};
pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};
pub use notify::Notify;
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};

/// Futures that have a name.
pub mod futures {
    pub use crate::notify::{Notified, OwnedNotified};
}
