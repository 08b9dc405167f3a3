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
//! | `io` | asynchronous reading and writing |
//! | `net` | TCP and UDP sockets |
//! | `signal` | Ctrl-C and the Unix signals |
//! | [`select!`], [`join!`], [`try_join!`], [`pin!`] | several futures in one task |
//!
//! Feature `hyper`: hyper's runtime traits for filch's types, in the module `hyper`. Feature `stream`:
//! `futures_core::Stream` for receivers, intervals, listeners and lines, in the module `stream`.

pub(crate) mod blocking;
pub(crate) mod context;
pub(crate) mod driver;
#[doc(hidden)]
pub mod macros;
pub mod runtime;
pub(crate) mod scheduler;
pub mod task;
pub mod time;

#[cfg(all(feature = "hyper", not(filch_loom)))]
pub mod hyper;
#[cfg(not(filch_loom))]
pub mod io;
#[cfg(not(filch_loom))]
pub mod net;
#[cfg(all(unix, not(filch_loom)))]
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
