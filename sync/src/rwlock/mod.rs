//! The async read-write lock.
//!
//! | file | what |
//! | --- | --- |
//! | `read_guard.rs`, `write_guard.rs`, `mapped_write_guard.rs` | guards that borrow the lock |
//! | `owned_read_guard.rs`, `owned_write_guard.rs`, `owned_mapped_write_guard.rs` | guards that keep it alive |
//!
//! A semaphore with a permit for each reader: a reader takes one, a writer all. So it is as fair as the
//! semaphore: in the order of arrival. Model: loom-tests/tests/rwlock.rs.

mod mapped_write_guard;
mod owned_mapped_write_guard;
mod owned_read_guard;
mod owned_write_guard;
mod read_guard;
mod write_guard;

use std::fmt;
use std::sync::Arc;

use filch_primitives::cell::UnsafeCell;

pub use mapped_write_guard::RwLockMappedWriteGuard;
pub use owned_mapped_write_guard::OwnedRwLockMappedWriteGuard;
pub use owned_read_guard::OwnedRwLockReadGuard;
pub use owned_write_guard::OwnedRwLockWriteGuard;
pub use read_guard::RwLockReadGuard;
pub use write_guard::RwLockWriteGuard;

use crate::TryLockError;
use crate::blocking;
use crate::semaphore::RawSemaphore;

/// How many readers there can be, unless the lock says otherwise: `u32::MAX >> 3`.
const MAX_READERS: u32 = u32::MAX >> 3;

/// A lock that many may hold for reading, or one for writing, whose guards may be held across an
/// `.await`.
///
/// It is fair: tasks get the lock in the order in which they asked. A reader that asks behind a waiting
/// writer waits, too: so a task that holds a read guard and asks for a second one may wait for ever.
/// Locking and unlocking is one atomic exchange each while nobody waits. There is no poisoning.
///
/// # Examples
/// ```
/// use filch_sync::RwLock;
///
/// let lock = RwLock::new(5);
/// {
///     let (one, other) = (lock.blocking_read(), lock.blocking_read());
///     assert_eq!(*one + *other, 10);
///     assert!(lock.try_write().is_err());
/// }
/// *lock.blocking_write() += 1;
/// assert_eq!(lock.into_inner(), 6);
/// ```
pub struct RwLock<T: ?Sized> {
    /// `max_readers` permits: one is the right to read `value`, all are the right to write it.
    raw: RawSemaphore,
    max_readers: u32,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes where the lock goes.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: `&RwLock` gives `&T` to several threads (Sync) and `&mut T` to one (Send).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> RwLock<T> {
    /// An unlocked lock, for up to `u32::MAX >> 3` readers.
    pub fn new(value: T) -> RwLock<T>
    where
        T: Sized,
    {
        RwLock::with_max_readers(value, MAX_READERS)
    }

    /// An unlocked lock, for up to `max_reads` readers at a time: more wait.
    ///
    /// # Panics
    /// If `max_reads` is zero, or more than `u32::MAX >> 3`.
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> RwLock<T>
    where
        T: Sized,
    {
        check_max_readers(max_reads);
        RwLock {
            raw: RawSemaphore::new(max_reads as usize),
            max_readers: max_reads,
            value: UnsafeCell::new(value),
        }
    }

    /// As [`new`](Self::new), for a `static`. Not there under `cfg(filch_loom)`.
    ///
    /// # Examples
    /// ```
    /// use filch_sync::RwLock;
    ///
    /// static LIMIT: RwLock<u32> = RwLock::const_new(10);
    /// assert_eq!(*LIMIT.blocking_read(), 10);
    /// ```
    #[cfg(not(filch_loom))]
    pub const fn const_new(value: T) -> RwLock<T>
    where
        T: Sized,
    {
        RwLock::const_with_max_readers(value, MAX_READERS)
    }

    /// As [`with_max_readers`](Self::with_max_readers), for a `static`. Not there under
    /// `cfg(filch_loom)`.
    ///
    /// # Panics
    /// If `max_reads` is zero, or more than `u32::MAX >> 3`.
    #[cfg(not(filch_loom))]
    #[track_caller]
    pub const fn const_with_max_readers(value: T, max_reads: u32) -> RwLock<T>
    where
        T: Sized,
    {
        check_max_readers(max_reads);
        RwLock {
            raw: RawSemaphore::const_new(max_reads as usize),
            max_readers: max_reads,
            value: UnsafeCell::new(value),
        }
    }

    /// Locks for reading, after those who asked before.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; nothing else is lost.
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        self.acquire(1).await;
        RwLockReadGuard::new(&self.raw, self.data())
    }

    /// Locks for reading, blocking the thread.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        blocking::block_on(self.read())
    }

    /// As [`read`](Self::read), for a guard that keeps the lock alive and can go to another task.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; nothing else is lost.
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        self.acquire(1).await;
        let data = self.data();
        OwnedRwLockReadGuard::new(self, data)
    }

    /// Locks for reading, if nobody writes or waits to write.
    ///
    /// # Errors
    /// [`TryLockError`] if somebody does, or there are as many readers as there can be.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.try_acquire(1)?;
        Ok(RwLockReadGuard::new(&self.raw, self.data()))
    }

    /// As [`try_read`](Self::try_read), for a guard that keeps the lock alive.
    ///
    /// # Errors
    /// As for [`try_read`](Self::try_read).
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        self.try_acquire(1)?;
        let data = self.data();
        Ok(OwnedRwLockReadGuard::new(self, data))
    }

    /// Locks for writing, after those who asked before.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; nothing else is lost.
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.acquire(self.max_readers).await;
        RwLockWriteGuard::new(&self.raw, self.max_readers, self.data_mut())
    }

    /// Locks for writing, blocking the thread.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        blocking::block_on(self.write())
    }

    /// As [`write`](Self::write), for a guard that keeps the lock alive and can go to another task.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; nothing else is lost.
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        self.acquire(self.max_readers).await;
        OwnedRwLockWriteGuard::new(self)
    }

    /// Locks for writing, if nobody reads or writes.
    ///
    /// # Errors
    /// [`TryLockError`] if somebody does.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.try_acquire(self.max_readers)?;
        Ok(RwLockWriteGuard::new(&self.raw, self.max_readers, self.data_mut()))
    }

    /// As [`try_write`](Self::try_write), for a guard that keeps the lock alive.
    ///
    /// # Errors
    /// As for [`try_write`](Self::try_write).
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        self.try_acquire(self.max_readers)?;
        Ok(OwnedRwLockWriteGuard::new(self))
    }

    /// The value, through exclusive access: no locking is needed.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: `&mut self`: no guard exists, or it was forgotten.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// Unwraps the value.
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.value.into_inner()
    }

    async fn acquire(&self, permits: u32) {
        if self.raw.acquire(permits as usize).await.is_err() {
            unreachable!("a read-write lock never closes its semaphore");
        }
    }

    fn try_acquire(&self, permits: u32) -> Result<(), TryLockError> {
        self.raw.try_acquire(permits as usize).map_err(|_| TryLockError(()))
    }

    /// The value of one who may read it.
    fn data(&self) -> *const T {
        self.value.with(|value| value)
    }

    /// The value of the one who may write it.
    fn data_mut(&self) -> *mut T {
        self.value.with_mut(|value| value)
    }
}

#[track_caller]
const fn check_max_readers(max_reads: u32) {
    // A writer takes as many permits as there can be readers: with none, every writer would get in.
    assert!(max_reads > 0, "a RwLock may not be created with 0 readers");
    assert!(
        max_reads <= MAX_READERS,
        "a RwLock may not be created with more than u32::MAX >> 3 readers"
    );
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => out.field("data", &&*guard),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}
