//! The free functions that start work on the current runtime.

use std::future::Future;

use super::{JoinHandle, here, new_task};
use crate::context;

/// Spawns a task on the current runtime.
///
/// It starts at once, whether or not the handle is awaited; dropping the handle detaches it. One
/// allocation holds the task: its future and 72 bytes. A future of many kilobytes is moved into place;
/// use [`Builder::spawn_in_place`](super::Builder::spawn_in_place) to make it there.
///
/// # Panics
/// Outside of a runtime.
/// # Examples
/// ```
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let task = filch::spawn(async { 1 + 1 });
/// assert_eq!(task.await.unwrap(), 2);
/// # });
/// ```
#[track_caller]
#[inline]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn_with(here(), || future)
}

#[track_caller]
#[inline]
pub(super) fn spawn_with<F>(meta: super::Meta, make: impl FnOnce() -> F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // On a worker no handle is cloned: its count is shared by all of them.
    let mut meta = Some(meta);
    let mut make = Some(make);
    let spawned = context::with_worker(|cx| {
        let shared = cx?.shared();
        let (task, join) = new_task(shared.owner().clone(), meta.take()?, make.take()?);
        if let Some(task) = task {
            shared.schedule_spawned(task);
        }
        Some(join)
    });
    match (spawned, meta, make) {
        (Some(join), ..) => join,
        (None, Some(meta), Some(make)) => context::current().spawn_with(meta, make),
        (None, ..) => unreachable!("what was taken was used"),
    }
}

/// Runs a function that may block on a thread for such functions.
///
/// For calls that wait: files, name resolution, foreign locks. The pool grows to 512 threads
/// (`Builder::max_blocking_threads`); more calls wait in line, and none is lost if the system refuses a
/// thread. For computation use [`spawn_compute`], which is bounded by the cores.
///
/// Aborting its handle cancels it if it has not begun, and has no effect after. A panic in it comes back
/// as a [`JoinError`](super::JoinError).
///
/// # Panics
/// Outside of a runtime.
/// # Examples
/// ```
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let host = filch::task::spawn_blocking(|| std::fs::read_to_string("/etc/hostname")).await.unwrap();
/// # drop(host);
/// # });
/// ```
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    context::current().spawn_blocking(f)
}

/// As [`spawn_blocking`], unless too many such calls wait for a thread already.
///
/// For load that should be refused rather than piled up:
/// [`Builder::max_blocking_queue`](crate::runtime::Builder::max_blocking_queue) sets how many may wait.
/// The function is dropped if it is refused.
///
/// # Errors
/// [`BlockingQueueFull`], if so many wait. Never where no limit is set.
/// # Panics
/// Outside of a runtime.
/// # Examples
/// ```
/// # let mut builder = filch::runtime::Builder::new_current_thread();
/// # builder.max_blocking_queue(8).build().unwrap().block_on(async {
/// match filch::task::try_spawn_blocking(|| std::fs::read_to_string("/etc/hostname")) {
///     Ok(host) => println!("{:?}", host.await.unwrap()),
///     Err(full) => eprintln!("503: {full}"),
/// }
/// # });
/// ```
#[track_caller]
pub fn try_spawn_blocking<F, R>(f: F) -> Result<JoinHandle<R>, BlockingQueueFull>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    context::current().try_spawn_blocking(f)
}

/// Too many blocking calls wait for a thread. See [`try_spawn_blocking`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockingQueueFull(pub(crate) ());

impl std::fmt::Display for BlockingQueueFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too many blocking calls wait for a thread")
    }
}

impl std::error::Error for BlockingQueueFull {}

/// Runs a computation on a thread for such: a pool bounded by the number of cores.
///
/// A thousand of them run a few at a time and hold nobody else up. Inside, rayon's parallel iterators
/// use the same threads. Aborting its handle cancels it if it has not begun. A panic in it comes back as
/// a [`JoinError`](super::JoinError).
///
/// # Panics
/// Outside of a runtime.
/// # Examples
/// ```
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sum = filch::task::spawn_compute(|| (1..=1_000_u64).sum::<u64>()).await.unwrap();
/// assert_eq!(sum, 500_500);
/// # });
/// ```
#[track_caller]
pub fn spawn_compute<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    context::current().spawn_compute(f)
}
