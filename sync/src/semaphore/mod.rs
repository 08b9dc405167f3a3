//! The counting semaphore: a number of permits, handed out in the order of arrival.
//!
//! | file | what |
//! | --- | --- |
//! | `raw.rs` | the state word and the waiting list, shared with `Mutex`, `RwLock` and `mpsc` |
//! | `acquire.rs` | the future that waits |
//! | `permit.rs` | the permits as values that give themselves back |

mod acquire;
mod permit;
mod raw;

use std::fmt;
use std::sync::Arc;

pub use permit::{OwnedSemaphorePermit, SemaphorePermit};
pub(crate) use raw::RawSemaphore;

use crate::blocking;

/// The semaphore was closed: there are no permits any more.
#[derive(Debug, PartialEq, Eq)]
pub struct AcquireError(());

impl AcquireError {
    pub(crate) fn closed() -> Self {
        AcquireError(())
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl std::error::Error for AcquireError {}

/// Why a `try_acquire` took nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed: there will be no permits any more.
    Closed,
    /// Not enough permits are free now, or others wait for them already.
    NoPermits,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "semaphore closed",
            TryAcquireError::NoPermits => "no permits available",
        })
    }
}

impl std::error::Error for TryAcquireError {}

/// A counting semaphore.
///
/// It holds a number of permits. A task takes some, and gives them back by dropping the
/// [`SemaphorePermit`]; while there are too few it waits. It is fair: permits go to whoever has waited
/// longest, and a request for many is not overtaken by later requests for few.
///
/// Taking and giving back is one atomic exchange while nobody waits. A waiting task costs no
/// allocation: its place in the queue lies in its future.
///
/// Acquiring, releasing (also by [`add_permits`](Self::add_permits)), forgetting and closing come in one
/// order. Who acquires or forgets, or fails to, or looks at the number of permits, sees what other threads did
/// before their earlier ones of these. (Releasing and closing tell their caller nothing about the others.)
///
/// # Examples
/// No more than two jobs at a time, on any executor:
/// ```
/// use std::sync::Arc;
/// use filch_sync::Semaphore;
///
/// let slots = Arc::new(Semaphore::new(2));
/// let jobs: Vec<_> = (0..8)
///     .map(|job| {
///         let slots = slots.clone();
///         std::thread::spawn(move || {
///             let _slot = slots.blocking_acquire().unwrap();
///             job * job
///         })
///     })
///     .collect();
/// let sum: i32 = jobs.into_iter().map(|job| job.join().unwrap()).sum();
/// assert_eq!(sum, 140);
/// assert_eq!(slots.available_permits(), 2);
/// ```
#[derive(Debug)]
pub struct Semaphore {
    raw: RawSemaphore,
}

impl Semaphore {
    /// The most permits that one semaphore can have: `usize::MAX >> 3`.
    pub const MAX_PERMITS: usize = RawSemaphore::MAX_PERMITS;

    /// A semaphore with so many permits.
    ///
    /// # Panics
    /// If `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Semaphore { raw: RawSemaphore::new(permits) }
    }

    /// As [`new`](Self::new), for a `static`. Not there under `cfg(filch_loom)`.
    ///
    /// # Panics
    /// If `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Examples
    /// ```
    /// use filch_sync::Semaphore;
    ///
    /// static UPLOADS: Semaphore = Semaphore::const_new(3);
    /// let upload = UPLOADS.try_acquire().unwrap();
    /// assert_eq!(UPLOADS.available_permits(), 2);
    /// # drop(upload);
    /// ```
    #[cfg(not(filch_loom))]
    #[track_caller]
    pub const fn const_new(permits: usize) -> Self {
        Semaphore { raw: RawSemaphore::const_new(permits) }
    }

    /// How many permits are free now.
    pub fn available_permits(&self) -> usize {
        self.raw.available()
    }

    /// Puts in `n` new permits; those who wait get them first.
    ///
    /// # Panics
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.raw.release(n);
    }

    /// Takes up to `n` free permits out for good, and says how many there were to take.
    ///
    /// Permits that are held are not touched: [`SemaphorePermit::forget`] takes those.
    pub fn forget_permits(&self, n: usize) -> usize {
        self.raw.forget(n)
    }

    /// Takes a permit.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed, or is closed during the wait.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; nothing else is lost.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    /// Takes `n` permits at once.
    ///
    /// They gather as they come free; later requests wait until this one is met.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed, or is closed during the wait.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; what has gathered goes to the next.
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.raw.acquire(n as usize).await?;
        Ok(SemaphorePermit::new(self, n))
    }

    /// Takes a permit if one is free and nobody waits.
    ///
    /// # Errors
    /// [`TryAcquireError::Closed`] or [`TryAcquireError::NoPermits`].
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if so many are free and nobody waits.
    ///
    /// # Errors
    /// [`TryAcquireError::Closed`] or [`TryAcquireError::NoPermits`].
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.raw.try_acquire(n as usize)?;
        Ok(SemaphorePermit::new(self, n))
    }

    /// Takes a permit, blocking the thread.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed, or is closed during the wait.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.blocking_acquire_many(1)
    }

    /// Takes `n` permits at once, blocking the thread.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed, or is closed during the wait.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        blocking::block_on(self.acquire_many(n))
    }

    /// Takes a permit that keeps the semaphore alive, and can go to another task.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed, or is closed during the wait.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; nothing else is lost.
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// Takes `n` permits that keep the semaphore alive, and can go to another task.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed, or is closed during the wait.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; what has gathered goes to the next.
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.raw.acquire(n as usize).await?;
        Ok(OwnedSemaphorePermit::new(self, n))
    }

    /// As [`try_acquire`](Self::try_acquire), for a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// [`TryAcquireError::Closed`] or [`TryAcquireError::NoPermits`].
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), for permits that keep the semaphore alive.
    ///
    /// # Errors
    /// [`TryAcquireError::Closed`] or [`TryAcquireError::NoPermits`].
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.raw.try_acquire(n as usize)?;
        Ok(OwnedSemaphorePermit::new(self, n))
    }

    /// As [`blocking_acquire`](Self::blocking_acquire), for a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed, or is closed during the wait.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.blocking_acquire_many_owned(1)
    }

    /// As [`blocking_acquire_many`](Self::blocking_acquire_many), for permits that keep the semaphore
    /// alive.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed, or is closed during the wait.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        blocking::block_on(self.acquire_many_owned(n))
    }

    /// Closes the semaphore: whoever waits, and whoever asks later, gets an error.
    ///
    /// Permits that are held stay valid; those that come back are counted and serve nobody.
    ///
    /// # Examples
    /// ```
    /// use filch_sync::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// semaphore.close();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    /// ```
    pub fn close(&self) {
        self.raw.close();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }
}
