//! filch: a multi-threaded, work-stealing async runtime for server applications.
//!
//! One worker per core steals tasks from the others; one I/O driver and a hierarchical timer wheel wake
//! them; loom model-checks the protocols between them. Names and behaviour are those that Rust users
//! know from tokio, so that `use filch as tokio;` does in most programs.
//!
//! ```
//! use std::time::Duration;
//!
//! #[filch::main]
//! async fn main() {
//!     let slow = filch::spawn(async {
//!         filch::time::sleep(Duration::from_millis(1)).await;
//!         "slow"
//!     });
//!     assert_eq!(slow.await.unwrap(), "slow");
//! }
//! ```
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`runtime`] | building, entering, blocking on, shutting down |
//! | [`task`] | spawning, joining, aborting; blocking and CPU work; tasks bound to a thread |
//! | [`time`] | sleeping, time-outs, intervals, the paused clock |
//! | [`sync`] | channels, locks, semaphores, notification: they work on any executor |
//! | `fs` | files and directories |
//! | `io` | asynchronous reading and writing |
//! | `net` | TCP, UDP and Unix sockets, pipes |
//! | `process` | child processes |
//! | `signal` | Ctrl-C and the Unix signals |
//! | [`select!`], [`join!`], [`try_join!`], [`pin!`] | several futures in one task |
//!
//! Feature `hyper`: hyper's runtime traits for filch's types, in the module `hyper`. Features `futures-io` and
//! `tokio-io`: the I/O traits of those crates on every stream, as it is; the latter brings in the crate tokio, without
//! any of its features, for libraries that know no other traits. Feature `stream`:
//! `futures_core::Stream` for receivers, intervals, listeners and lines, in the module `stream`.
//!
//! Under `RUSTFLAGS="--cfg filch_loom"`: model-checking of your own async code, in the module `loom`; how, is in
//! `docs/loom-for-users.md` in the repository.

pub(crate) mod blocking;
pub(crate) mod context;
pub(crate) mod driver;
#[cfg(filch_loom)]
pub mod loom;
#[doc(hidden)]
pub mod macros;
pub mod runtime;
pub(crate) mod scheduler;
pub mod task;
pub mod time;

pub mod fs;
#[cfg(all(feature = "hyper", not(filch_loom)))]
pub mod hyper;
pub mod io;
pub mod net;
#[cfg(unix)]
pub mod process;
#[cfg(unix)]
pub mod signal;
#[cfg(feature = "stream")]
pub mod stream;

/// Channels, locks, semaphores, notification.
///
/// All of it works with no runtime at all, under any executor. The crate behind it is `filch-sync`; its
/// [`TaskTracker`](sync::TaskTracker) is here one that spawns.
pub mod sync {
    pub use crate::task::task_tracker::{TaskTracker, TaskTrackerToken};
    pub use filch_sync::*;
}

pub use filch_macros::{main, test};
pub use task::spawn;

/// What loom models reach beyond the public interface. Exists under `--cfg filch_loom` only.
#[cfg(filch_loom)]
#[doc(hidden)]
pub mod internals;
