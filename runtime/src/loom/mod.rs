//! Model-checking your own async code, with [loom](https://docs.rs/loom).
//!
//! Exists under `RUSTFLAGS="--cfg filch_loom"` only. A test calls [`model`] with a closure, and in it
//! [`block_on`] with a future. The closure is run again and again, each time with another order of the
//! steps that its tasks take, until every order has been seen; the test fails at the first one in which
//! something panics, two tasks wait for each other, or memory is left behind.
//!
//! ```ignore
//! #[cfg(filch_loom)]
//! #[test]
//! fn the_value_arrives() {
//!     filch::loom::model(|| {
//!         filch::loom::block_on(async {
//!             let (sender, receiver) = filch::sync::oneshot::channel();
//!             let task = filch::spawn(async move { sender.send(7).unwrap() });
//!             assert_eq!(receiver.await, Ok(7));
//!             task.await.unwrap();
//!         });
//!     });
//! }
//! ```
//!
//! How to set this up in a crate of your own, to keep a model small, to read a failure and to replay it:
//! `docs/loom-for-users.md` in filch's repository.
//!
//! # What is there in a model
//! * [`spawn`](crate::spawn), [`JoinHandle`](crate::task::JoinHandle), `JoinSet`, `abort`, scopes: tasks
//!   as they always are, on two workers that run at the same time.
//! * All of [`sync`](crate::sync) (but what is made for a `static`), `select!`, `join!`,
//!   [`yield_now`](crate::task::yield_now), `spawn_blocking` (on one thread).
//! * [`time`](crate::time) as chance has it: a sleep or a time-out that is armed goes off at some moment
//!   after that, and every moment is tried, the next step included. The order is that of the deadlines,
//!   and [`Instant::now`](crate::time::Instant::now) says the last deadline that has passed. So one of a
//!   millisecond and one of a day behave alike, unless both are armed.
//! * loom's own [`cell`], [`thread`] and what stands in for `std::sync`, in [`sync`], for code beside the
//!   tasks. What is left of `std`'s atomics and locks is not seen by loom, and not explored.
//!
//! Everything that needs the system is not: `net`, `fs`, `process` and `signal` compile, and panic when
//! they are used, with a text that says so.
//!
//! # What the workers are
//! Not filch's own: those search, steal and park in some hundred steps, which loom would explore around
//! each step of yours, in hours. A model's two workers take tasks from one queue. Tasks, wakers, join
//! handles, timers, the blocking pool and the shutdown are the real ones. That the real scheduler loses no
//! task is proved elsewhere, by filch's own models. A runtime that the code under test builds for itself,
//! with [`runtime::Builder`](crate::runtime::Builder), is the real one, in which no time passes: for models
//! give it a [`Handle`](crate::runtime::Handle) from outside.

mod model;
mod rt;

pub use ::loom::{
    MAX_THREADS, alloc, cell, explore, hint, lazy_static, skip_branch, stop_exploring, sync,
    thread, thread_local,
};
pub use model::{Builder, model};
pub use rt::{block_on, runtime};

/// What the system does is nothing that loom can explore.
#[cold]
#[track_caller]
pub(crate) fn unavailable(what: &str) -> ! {
    panic!(
        "no {what} in a loom model: what the system does cannot be explored. Put the part that is to be \
         checked behind a trait or a channel, and give it a stand-in under `cfg(filch_loom)`"
    )
}
