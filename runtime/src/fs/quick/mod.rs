//! Answers without waiting: what the page cache and the caches of names and inodes have.
//!
//! Callers: the functions of `fs`, before they go to the pool; each function here answers at once, or
//! says that it cannot. A trip to the pool costs two wake-ups of threads, some 20 us; reading 64 KiB that
//! are in memory costs 6.
//!
//! On Linux since 5.12, for files of the file systems in [`mounts`], which answer from memory. By these:
//! - `openat2` with `RESOLVE_CACHED` finds a path only if every name on it is cached;
//! - with `O_PATH` it opens nothing, so that a pipe's other end or a device does not notice: whether it is a
//!   regular file is known before it is really opened;
//! - `O_NONBLOCK` at the real opening has no wait for a lease that somebody holds;
//! - `statx` with `AT_STATX_DONT_SYNC` asks no server;
//! - `preadv2` with `RWF_NOWAIT` reads what is in the page cache, has the system begin to read ahead
//!   otherwise, and says so.
//!
//! Invariants
//! Q1  Nothing in here waits for a disk, a server or another process.
//! Q2  Whatever is unusual has no answer: the pool's call reports errors, as std does.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(not(target_os = "linux"))]
mod none;

#[cfg(target_os = "linux")]
pub(super) use linux::{is_quick, learn, lstat, metadata, open, read, read_file};
#[cfg(not(target_os = "linux"))]
pub(super) use none::{is_quick, learn, lstat, metadata, open, read, read_file};

use crate::context;
use crate::task::coop;

/// So much is read on the caller's thread at most: some ten microseconds of copying. More goes to the
/// pool, beside whose work the trip is cheap.
pub(super) const MAX_BYTES: usize = 128 * 1024;

/// What a try to read came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// So many bytes. None: the end of the file.
    Done(usize),
    /// Not all of it is in memory.
    NotCached,
    /// This file cannot be read without waiting, now or later.
    Never,
}

/// Whether to try at all: inside of a runtime, so that the functions panic outside whatever is cached.
/// Spends a unit of the task's budget, since what is cached never waits.
pub(super) async fn may_try() -> bool {
    context::needs_system("files");
    let inside = context::with_worker(|cx| cx.is_some()) || context::try_current().is_some();
    if inside {
        coop::consume_budget().await;
    }
    inside
}
