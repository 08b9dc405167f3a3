//! Tasks: spawned futures, their handles, and how they are polled.
//!
//! ```
//! # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let answer = filch::spawn(async { 6 * 7 }).await.unwrap();
//! assert_eq!(answer, 42);
//! # });
//! ```
//!
//! | to | use |
//! | --- | --- |
//! | run something beside this | [`spawn`](fn@spawn), [`Builder`] to give it a name |
//! | have many tasks, and take each as it ends | [`JoinSet`]; [`JoinMap`] to find them by a key |
//! | be sure that all of them have ended | [`scope`](fn@scope), [`TaskGroup`] |
//! | call what blocks, or computes for long | [`spawn_blocking`], [`spawn_compute`], [`block_in_place`] |
//! | run what is not `Send` | [`LocalSet`], [`spawn_local`] |
//! | hand a value down to whatever a future calls | [`task_local!`](crate::task_local), [`LocalKey`] |
//! | give way to others | [`yield_now`], [`coop`] |
//!
//! The access contract, in docs/task-contract.md and in `state.rs`:
//! F1 only the holder of RUNNING touches the future; only it, or after COMPLETE the join handle, the
//!    output;
//! F2 a Runnable is the right to begin one poll, and at most one exists per task;
//! F3 to F5 end of a poll, completion, letting go;
//! F6 wakes; F7 abort; F8 shutdown by the owner; F9 the join waker.

mod abort;
mod block_in_place;
mod builder;
mod cell;
pub mod coop;
mod error;
pub(crate) mod header;
mod id;
mod join;
mod join_map;
pub mod join_set;
pub(crate) mod local_set;
pub(crate) mod owner;
mod scope;
mod spawn;
mod state;
mod task_local;
pub(crate) mod task_tracker;
pub(crate) mod waker;

mod yield_now;

use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

pub use abort::AbortHandle;
pub use block_in_place::block_in_place;
pub use builder::Builder;
pub use coop::{consume_budget, unconstrained};
pub use error::JoinError;
pub(crate) use error::payload_text;
pub use id::{Id, id, try_id};
pub use join::{AbortOnDropHandle, JoinHandle};
pub use join_map::{JoinMap, JoinMapKeys};
pub use join_set::JoinSet;
pub use local_set::{LocalEnterGuard, LocalSet, spawn_local};
pub use scope::{
    CancelCause, Scope, ScopeBuilder, ScopeError, ScopedJoinError, ScopedJoinHandle,
    ScopedTaskBuilder, TaskGroup, TaskPanic, scope,
};
pub use spawn::{BlockingQueueFull, spawn, spawn_blocking, spawn_compute, try_spawn_blocking};
#[doc(hidden)]
pub use task_local::__local;
pub use task_local::{AccessError, LocalKey};
pub use yield_now::yield_now;

use header::{Header, Meta};
use owner::Owner;

/// Futures that have a name.
pub mod futures {
    pub use super::task_local::TaskLocalFuture;
}

/// The right to poll a task once. Dropping it cancels the task.
///
/// One pointer: what run queues hold.
#[derive(Debug)]
pub(crate) struct Runnable(NonNull<Header>);

// SAFETY: a Runnable may be moved to and run on another thread if its future is `Send`, which every way
// to spawn onto a queue that crosses threads demands. `LocalSet` and the local runtime, whose futures
// are not, hand Runnables to other threads never to run or drop them there (see `local_set`).
unsafe impl Send for Runnable {}

impl Runnable {
    /// # Safety
    /// - The caller owns the Runnable of this live task, and gives it up.
    #[inline]
    pub(crate) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Runnable(task)
    }

    /// The pointer, for queues that store it in a word. Undone by `from_raw`.
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }

    /// The address, as a mark that tells it from other tasks.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut Header {
        self.0.as_ptr()
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the Runnable keeps the task alive.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn owner(&self) -> &Owner {
        &self.header().owner
    }

    /// Polls once, or cancels if that was asked for. Never unwinds.
    #[inline]
    pub(crate) fn run(self) {
        let task = self.into_raw();
        // SAFETY: the Runnable is consumed, and keeps the task alive until `run` begins the poll.
        unsafe { (task.as_ref().vtable.run)(task) }
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        // A Runnable that nobody will run: the task is cancelled. F7, then F2 as for any other.
        // SAFETY: the Runnable keeps the task alive until `run`, which consumes it.
        unsafe {
            // The Runnable exists, so that abort never hands out a second one.
            let owed = self.0.as_ref().state.abort();
            debug_assert_eq!(owed, state::OnWake::Nothing);
            (self.0.as_ref().vtable.run)(self.0);
        }
    }
}

/// Allocates a task and lists it with its owner. The Runnable is to be queued by the caller; it is
/// `None` if the owner is closed: then the task is cancelled already, and the handle says so.
#[inline]
pub(crate) fn new_task<F: Future>(
    owner: Arc<Owner>,
    meta: Meta,
    make: impl FnOnce() -> F,
) -> (Option<Runnable>, JoinHandle<F::Output>) {
    let task = cell::allocate(owner, meta, Id::next(), make);
    // SAFETY: `allocate` returns one Runnable and one join handle.
    let (runnable, join) = unsafe { (Runnable::from_raw(task), JoinHandle::from_raw(task)) };
    if runnable.owner().list(task) {
        (Some(runnable), join)
    } else {
        drop(runnable);
        (None, join)
    }
}

/// As [`new_task`], for work that runs once and is listed nowhere.
pub(crate) fn new_unlisted<F: Future>(
    owner: Arc<Owner>,
    meta: Meta,
    make: impl FnOnce() -> F,
) -> (Runnable, JoinHandle<F::Output>) {
    let task = cell::allocate(owner, meta, Id::next(), make);
    // SAFETY: `allocate` returns one Runnable and one join handle.
    unsafe { (Runnable::from_raw(task), JoinHandle::from_raw(task)) }
}

/// Where the caller of a spawning function stands.
#[track_caller]
#[inline]
pub(crate) fn here() -> Meta {
    Meta::new(Location::caller(), None)
}
