//! Locks: parking_lot's, or loom's in the same shape.
//!
//! `lock` returns the guard itself: parking_lot does not poison, and a model that panics is over.

#[cfg(not(filch_loom))]
pub use parking_lot::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[cfg(filch_loom)]
pub use model::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[cfg(filch_loom)]
mod model {
    use std::ops::{Deref, DerefMut};
    use std::sync::{LockResult, PoisonError, TryLockError};
    use std::time::Duration;

    use crate::loom;
    pub use crate::loom::sync::{RwLockReadGuard, RwLockWriteGuard};

    /// parking_lot's locks know no poison. (A model's threads share one thread of the system, so that one
    /// that unwinds would poison the guards of the others, too.)
    fn unpoisoned<G>(result: LockResult<G>) -> G {
        result.unwrap_or_else(PoisonError::into_inner)
    }

    /// loom's mutex in parking_lot's shape.
    #[derive(Debug, Default)]
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    /// The guard of [`Mutex`].
    #[derive(Debug)]
    pub struct MutexGuard<'a, T> {
        lock: &'a Mutex<T>,
        /// Empty only inside of a wait.
        inner: Option<loom::sync::MutexGuard<'a, T>>,
    }

    impl<T> Mutex<T> {
        /// A new mutex. Not `const`: loom registers it with the running model.
        pub fn new(value: T) -> Self {
            Mutex(loom::sync::Mutex::new(value))
        }

        /// Locks.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.guard(unpoisoned(self.0.lock()))
        }

        fn guard<'a>(&'a self, inner: loom::sync::MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            MutexGuard { lock: self, inner: Some(inner) }
        }

        /// Locks if that needs no waiting.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(self.guard(guard)),
                Err(TryLockError::Poisoned(guard)) => Some(self.guard(guard.into_inner())),
                Err(TryLockError::WouldBlock) => None,
            }
        }

        /// The value, through exclusive access.
        pub fn get_mut(&mut self) -> &mut T {
            unpoisoned(self.0.get_mut())
        }

        /// Unwraps the value.
        pub fn into_inner(self) -> T {
            unpoisoned(self.0.into_inner())
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.inner.as_ref().expect("held outside of wait")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.inner.as_mut().expect("held outside of wait")
        }
    }

    #[cfg(not(filch_shuttle))]
    fn times_out() -> bool {
        false
    }

    /// Mostly: each wait is drawn anew, and who waits again and again should not be kept at it.
    #[cfg(filch_shuttle)]
    fn times_out() -> bool {
        loom::draw() % 4 != 0
    }

    /// loom's condition variable in parking_lot's shape.
    #[derive(Debug, Default)]
    pub struct Condvar(loom::sync::Condvar);

    /// What [`Condvar::wait_for`] returns.
    #[derive(Debug)]
    pub struct WaitTimeoutResult(bool);

    impl WaitTimeoutResult {
        /// Whether the wait ended by its time. Never with loom, where no time passes.
        pub fn timed_out(&self) -> bool {
            self.0
        }
    }

    impl Condvar {
        /// A new condition variable.
        pub fn new() -> Self {
            Condvar(loom::sync::Condvar::new())
        }

        /// Releases the lock, waits for a notification, takes the lock again.
        pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let held = guard.inner.take().expect("held outside of wait");
            guard.inner = Some(unpoisoned(self.0.wait(held)));
        }

        /// As [`wait`](Condvar::wait). With loom the time is never over; with shuttle it may be.
        pub fn wait_for<T>(
            &self,
            guard: &mut MutexGuard<'_, T>,
            _timeout: Duration,
        ) -> WaitTimeoutResult {
            if times_out() {
                let lock = guard.lock;
                drop(guard.inner.take());
                loom::thread::yield_now();
                *guard = lock.lock();
                return WaitTimeoutResult(true);
            }
            self.wait(guard);
            WaitTimeoutResult(false)
        }

        /// Wakes one waiter.
        pub fn notify_one(&self) -> bool {
            self.0.notify_one();
            true
        }

        /// Wakes all waiters.
        pub fn notify_all(&self) -> usize {
            self.0.notify_all();
            0
        }
    }

    /// loom's read-write lock in parking_lot's shape.
    #[derive(Debug, Default)]
    pub struct RwLock<T>(loom::sync::RwLock<T>);

    impl<T> RwLock<T> {
        /// A new lock.
        pub fn new(value: T) -> Self {
            RwLock(loom::sync::RwLock::new(value))
        }

        /// Locks for reading.
        pub fn read(&self) -> RwLockReadGuard<'_, T> {
            unpoisoned(self.0.read())
        }

        /// Locks for writing.
        pub fn write(&self) -> RwLockWriteGuard<'_, T> {
            unpoisoned(self.0.write())
        }
    }
}
