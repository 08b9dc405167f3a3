//! The write guard that keeps the lock alive.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::{OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, RwLock};

/// The right to write the value of an [`RwLock`], with a share of the lock. Dropping it unlocks.
#[must_use = "dropping it unlocks at once"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    lock: Arc<RwLock<T>>,
    /// The value of `lock`, valid while its permits are held.
    data: *mut T,
}

// SAFETY: it moves a share of the lock (T: Send + Sync, as the lock's Sync demands) and acts as `&mut T`.
unsafe impl<T: ?Sized + Send + Sync> Send for OwnedRwLockWriteGuard<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedRwLockWriteGuard<T> {}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    /// Takes all permits of `lock` over.
    pub(super) fn new(lock: Arc<RwLock<T>>) -> Self {
        let data = lock.data_mut();
        OwnedRwLockWriteGuard { lock, data }
    }

    /// The lock, without unlocking: the caller takes the permits over.
    fn into_lock(self) -> Arc<RwLock<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so the field is moved out once.
        unsafe { std::ptr::read(&this.lock) }
    }

    /// A guard of a part of the value.
    ///
    /// An associated function, so that it does not hide a method of the value.
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data: *mut U = f(&mut *this);
        OwnedRwLockMappedWriteGuard::new(this.into_lock(), data)
    }

    /// A guard of a part of the value, if there is that part.
    ///
    /// # Errors
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let data: *mut U = match f(&mut *this) {
            Some(data) => data,
            None => return Err(this),
        };
        Ok(OwnedRwLockMappedWriteGuard::new(this.into_lock(), data))
    }

    /// The same right as a mapped guard, of the whole value.
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        Self::map(this, |value| value)
    }

    /// Becomes a read guard, without a moment in which another could write. Other readers may come in.
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        Self::downgrade_map(self, |value| value)
    }

    /// Becomes a read guard of a part of the value, as [`downgrade`](Self::downgrade).
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
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
    pub fn try_downgrade_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let data: *const U = match f(&*this) {
            Some(data) => data,
            None => return Err(this),
        };
        Ok(this.keep_one(data))
    }

    /// Gives back all permits but one, which the read guard of `data` has then.
    fn keep_one<U: ?Sized>(self, data: *const U) -> OwnedRwLockReadGuard<T, U> {
        // Made first: where a waker panics in the release, the guard gives the last permit back.
        let guard = OwnedRwLockReadGuard::new(self.into_lock(), data);
        let lock = OwnedRwLockReadGuard::rwlock(&guard);
        lock.raw.release(lock.max_readers as usize - 1);
        guard
    }

    /// The lock that this locks.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized> Drop for OwnedRwLockWriteGuard<T> {
    fn drop(&mut self) {
        self.lock.raw.release(self.lock.max_readers as usize);
    }
}

impl<T: ?Sized> Deref for OwnedRwLockWriteGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard holds all permits: nobody else has a reference; `data` points into the value.
        unsafe { &*self.data }
    }
}

impl<T: ?Sized> DerefMut for OwnedRwLockWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.data }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedRwLockWriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for OwnedRwLockWriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
