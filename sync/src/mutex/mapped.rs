//! The guard of a part of the value, that borrows the mutex.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use crate::semaphore::RawSemaphore;

/// The right to a part of the value of a locked [`Mutex`](super::Mutex). Dropping it unlocks.
///
/// From [`MutexGuard::map`](super::MutexGuard::map).
///
/// # Examples
/// ```
/// use filch_sync::{MappedMutexGuard, Mutex, MutexGuard};
///
/// struct Session {
///     name: Mutex<(String, u32)>,
/// }
///
/// impl Session {
///     fn name(&self) -> MappedMutexGuard<'_, String> {
///         MutexGuard::map(self.name.blocking_lock(), |both| &mut both.0)
///     }
/// }
///
/// let session = Session { name: Mutex::new((String::new(), 0)) };
/// session.name().push_str("Ada");
/// assert_eq!(*session.name(), "Ada");
/// ```
#[must_use = "dropping it unlocks at once"]
#[clippy::has_significant_drop]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    raw: &'a RawSemaphore,
    /// Into the value of the mutex, valid while `raw`'s permit is held.
    data: *mut T,
    /// It acts as the only reference to that part.
    marker: PhantomData<&'a mut T>,
}

// SAFETY: it acts as `&mut T` (the raw pointer is what took the automatic trait away).
unsafe impl<'a, T: ?Sized + Send + 'a> Send for MappedMutexGuard<'a, T> {}
// SAFETY: as above: `&&mut T` may be shared if T is Sync.
unsafe impl<'a, T: ?Sized + Sync + 'a> Sync for MappedMutexGuard<'a, T> {}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// Takes the permit over: the caller's guard must not be dropped.
    pub(super) fn new(raw: &'a RawSemaphore, data: *mut T) -> Self {
        MappedMutexGuard { raw, data, marker: PhantomData }
    }

    /// A guard of a part of the part.
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let data: *mut U = f(&mut *this);
        let this = ManuallyDrop::new(this);
        MappedMutexGuard::new(this.raw, data)
    }

    /// A guard of a part of the part, if there is that part.
    ///
    /// # Errors
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let data: *mut U = match f(&mut *this) {
            Some(data) => data,
            None => return Err(this),
        };
        let this = ManuallyDrop::new(this);
        Ok(MappedMutexGuard::new(this.raw, data))
    }
}

impl<T: ?Sized> Drop for MappedMutexGuard<'_, T> {
    fn drop(&mut self) {
        self.raw.release(1);
    }
}

impl<T: ?Sized> Deref for MappedMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard has the lock, and `data` points into its value.
        unsafe { &*self.data }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard has the lock, is borrowed exclusively, and `data` points into its value.
        unsafe { &mut *self.data }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MappedMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MappedMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
