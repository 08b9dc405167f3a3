//! Any descriptor of the system as a source of readiness.
//!
//! [`AsyncFd`] is for what has no type of its own in [`net`](crate::net) or elsewhere: an `eventfd`, a
//! `timerfd`, a `pidfd`, inotify, a device, a socket of another library.

mod async_fd;
mod error;
mod guard;

pub use async_fd::AsyncFd;
pub use error::{AsyncFdRegisterError, TryIoError};
pub use guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard};
