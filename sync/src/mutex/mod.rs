//! The async mutual exclusion lock.
//!
//! | file | what |
//! | --- | --- |
//! | `guard.rs`, `mapped.rs` | guards that borrow the lock: of the whole value, of a part of it |
//! | `owned.rs`, `owned_mapped.rs` | guards that keep the lock alive |
//!
//! A semaphore of one permit: who has the permit has the value. Model: loom-tests/tests/mutex.rs.

mod guard;
mod mapped;
mod owned;
mod owned_mapped;

use std::fmt;
use std::sync::Arc;

use filch_primitives::cell::UnsafeCell;

pub use guard::MutexGuard;
pub use mapped::MappedMutexGuard;
pub use owned::OwnedMutexGuard;
pub use owned_mapped::OwnedMappedMutexGuard;

use crate::blocking;
use crate::semaphore::RawSemaphore;

/// The mutex is locked already.
#[derive(Debug)]
pub struct TryLockError(pub(crate) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl std::error::Error for TryLockError {}

/// A mutual exclusion lock whose guard may be held across an `.await`.
///
/// It is fair: tasks get the lock in the order in which they asked. Locking and unlocking is one atomic
/// exchange each while nobody waits. A panic while it is locked unlocks it; there is no poisoning.
///
/// For data that is never held across an `.await` a lock of `std` or `parking_lot` is cheaper.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use filch_sync::Mutex;
///
/// let total = Arc::new(Mutex::new(0));
/// let adders: Vec<_> = (1..=4)
///     .map(|n| {
///         let total = total.clone();
///         std::thread::spawn(move || *total.blocking_lock() += n)
///     })
///     .collect();
/// for adder in adders {
///     adder.join().unwrap();
/// }
/// assert_eq!(*total.blocking_lock(), 10);
/// ```
pub struct Mutex<T: ?Sized> {
    /// One permit: the right to `value`.
    raw: RawSemaphore,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes where the lock goes.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: `&Mutex` gives the value to one thread at a time: it is sent, never shared.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> Mutex<T> {
    /// An unlocked mutex.
    pub fn new(value: T) -> Self
    where
        T: Sized,
    {
        Mutex { raw: RawSemaphore::new(1), value: UnsafeCell::new(value) }
    }

    /// As [`new`](Self::new), for a `static`. Not there under `cfg(filch_loom)`.
    ///
    /// # Examples
    /// ```
    /// use filch_sync::Mutex;
    ///
    /// static NAMES: Mutex<Vec<String>> = Mutex::const_new(Vec::new());
    /// NAMES.blocking_lock().push("Ada".to_string());
    /// ```
    #[cfg(not(filch_loom))]
    pub const fn const_new(value: T) -> Self
    where
        T: Sized,
    {
        Mutex { raw: RawSemaphore::const_new(1), value: UnsafeCell::new(value) }
    }

    /// Locks, after those who asked before.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; nothing else is lost.
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.acquire().await;
        MutexGuard::new(self)
    }

    /// Locks, blocking the thread.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        blocking::block_on(self.lock())
    }

    /// As [`blocking_lock`](Self::blocking_lock), for a guard that keeps the mutex alive.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        blocking::block_on(self.lock_owned())
    }

    /// As [`lock`](Self::lock), for a guard that keeps the mutex alive and can go to another task.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; nothing else is lost.
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.acquire().await;
        OwnedMutexGuard::new(self)
    }

    /// Locks if nobody has the lock.
    ///
    /// # Errors
    /// [`TryLockError`] if it is locked.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        self.raw.try_acquire(1).map_err(|_| TryLockError(()))?;
        Ok(MutexGuard::new(self))
    }

    /// As [`try_lock`](Self::try_lock), for a guard that keeps the mutex alive.
    ///
    /// # Errors
    /// [`TryLockError`] if it is locked.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        self.raw.try_acquire(1).map_err(|_| TryLockError(()))?;
        Ok(OwnedMutexGuard::new(self))
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

    async fn acquire(&self) {
        if self.raw.acquire(1).await.is_err() {
            unreachable!("a mutex never closes its semaphore");
        }
    }

    /// The value of the one who has the lock.
    fn data(&self) -> *mut T {
        self.value.with_mut(|value| value)
    }

    /// Gives the lock to the next. By the one who has it.
    fn unlock(&self) {
        self.raw.release(1);
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => out.field("data", &&*guard),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}
