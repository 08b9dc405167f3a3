//! The write guard that borrows the lock.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use super::{RwLockMappedWriteGuard, RwLockReadGuard};
use crate::semaphore::RawSemaphore;

/// The right to write the value of an [`RwLock`](super::RwLock). Dropping it unlocks.
///
/// # Examples
/// Changing, then reading on without a gap in which another could change:
/// ```
/// use filch_sync::RwLock;
///
/// let lock = RwLock::new(1);
/// let mut writing = lock.blocking_write();
/// *writing += 1;
/// let reading = writing.downgrade();
/// assert_eq!((*reading, *lock.try_read().unwrap()), (2, 2));
/// ```
#[must_use = "dropping it unlocks at once"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    raw: &'a RawSemaphore,
    /// How many permits the lock has, all of them held.
    permits: u32,
    /// Into the value of the lock, valid while the permits are held.
    data: *mut T,
    marker: PhantomData<&'a mut T>,
}

// SAFETY: it acts as `&mut T`. Sync as well as Send, since it can become a read guard beside others.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockWriteGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Takes all permits of `raw` over.
    pub(super) fn new(raw: &'a RawSemaphore, permits: u32, data: *mut T) -> Self {
        RwLockWriteGuard { raw, permits, data, marker: PhantomData }
    }

    /// A guard of a part of the value.
    ///
    /// An associated function, so that it does not hide a method of the value.
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data: *mut U = f(&mut *this);
        let this = ManuallyDrop::new(this);
        RwLockMappedWriteGuard::new(this.raw, this.permits, data)
    }

    /// A guard of a part of the value, if there is that part.
    ///
    /// # Errors
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let data: *mut U = match f(&mut *this) {
            Some(data) => data,
            None => return Err(this),
        };
        let this = ManuallyDrop::new(this);
        Ok(RwLockMappedWriteGuard::new(this.raw, this.permits, data))
    }

    /// Becomes a read guard, without a moment in which another could write. Other readers may come in.
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        Self::downgrade_map(self, |value| value)
    }

    /// Becomes a read guard of a part of the value, as [`downgrade`](Self::downgrade).
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data: *const U = f(&*this);
        this.keep_one(data)
    }

    /// Becomes a read guard of a part of the value, if there is that part.
    ///
    /// # Errors
    /// The guard itself, if `f` returns `None`.
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let data: *const U = match f(&*this) {
            Some(data) => data,
            None => return Err(this),
        };
        Ok(this.keep_one(data))
    }

    /// The same right as a mapped guard, of the whole value.
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        Self::map(this, |value| value)
    }

    /// Gives back all permits but one, which the read guard of `data` has then.
    fn keep_one<U: ?Sized>(self, data: *const U) -> RwLockReadGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        // Made first: where a waker panics in the release, the guard gives the last permit back.
        let guard = RwLockReadGuard::new(this.raw, data);
        this.raw.release(this.permits as usize - 1);
        guard
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.raw.release(self.permits as usize);
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard holds all permits: nobody else has a reference; `data` points into the value.
        unsafe { &*self.data }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.data }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
