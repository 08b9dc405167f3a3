//! A cell that is set once, and that tasks can wait for.
//!
//! Protocol: docs/sync.md, steps SET1 and SET2.
//!
//! Invariants
//! G1  SET means that `value` is initialised, and stays so while the cell is shared.
//! G2  Who changes EMPTY to SETTING writes the value, a move of its bytes, and changes SETTING to SET: nothing
//!     of the user's runs in between.

use std::error::Error;
use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};

use filch_primitives::atomic::{AtomicU8, Ordering};
use filch_primitives::cell::UnsafeCell;

use crate::Notify;
use crate::backoff::Backoff;

const EMPTY: u8 = 0;
const SETTING: u8 = 1;
const SET: u8 = 2;

/// A cell that is set once; tasks wait until it is.
///
/// Unlike [`OnceCell`](crate::OnceCell) it does not say how the value is made.
///
/// # Examples
/// ```
/// use filch_sync::{SetOnce, SetOnceError};
///
/// let port = SetOnce::new();
/// assert_eq!(port.get(), None);
/// port.set(8080).unwrap();
/// assert_eq!(port.set(9090), Err(SetOnceError(9090)));
/// assert_eq!(port.get(), Some(&8080));
/// ```
pub struct SetOnce<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
    set: Notify,
}

// SAFETY: `&SetOnce` gives `&T` to several threads (Sync), and lets a value come from another one (Send).
unsafe impl<T: Sync + Send> Sync for SetOnce<T> {}
// SAFETY: the value goes where the cell goes.
unsafe impl<T: Send> Send for SetOnce<T> {}
// No code of the user's runs while it changes.
impl<T: UnwindSafe> UnwindSafe for SetOnce<T> {}
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for SetOnce<T> {}

impl<T> SetOnce<T> {
    /// An empty cell.
    pub fn new() -> Self {
        SetOnce {
            state: AtomicU8::new(EMPTY),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            set: Notify::new(),
        }
    }

    /// As [`new`](Self::new), for a `static`. Not there under `cfg(filch_loom)`.
    #[cfg(not(filch_loom))]
    pub const fn const_new() -> Self {
        SetOnce {
            state: AtomicU8::new(EMPTY),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            set: Notify::const_new(),
        }
    }

    /// A cell with a value, or an empty one for `None`.
    pub fn new_with(value: Option<T>) -> Self {
        value.map_or_else(SetOnce::new, SetOnce::from)
    }

    /// A cell with a value, for a `static`. Not there under `cfg(filch_loom)`.
    #[cfg(not(filch_loom))]
    pub const fn const_new_with(value: T) -> Self {
        SetOnce {
            state: AtomicU8::new(SET),
            value: UnsafeCell::new(MaybeUninit::new(value)),
            set: Notify::const_new(),
        }
    }

    /// Whether the cell has a value.
    pub fn initialized(&self) -> bool {
        // ordering: SET2. Acquire, pairs with the Release in `set`: who sees SET may read the value.
        self.state.load(Ordering::Acquire) == SET
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        if !self.initialized() {
            return None;
        }
        // SAFETY: G1.
        Some(self.value.with(|value| unsafe { (*value).assume_init_ref() }))
    }

    /// Puts a value in, and wakes those who wait for it.
    ///
    /// # Errors
    /// [`SetOnceError`] with the value, if the cell has one.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        // ordering: SET1. Relaxed: it only decides who writes. Who loses reads nothing but the state, below.
        let claim =
            self.state.compare_exchange(EMPTY, SETTING, Ordering::Relaxed, Ordering::Relaxed);
        if claim.is_err() {
            // Another thread has the value in its hands: after our error `get` must find it.
            let mut backoff = Backoff::new();
            while !self.initialized() {
                backoff.wait();
            }
            return Err(SetOnceError(value));
        }
        // SAFETY: by the claim nobody else writes, and nobody reads before SET.
        self.value.with_mut(|cell| unsafe { (*cell).write(value) });
        // ordering: SET1. Release, so that who sees SET (SET2) sees the value.
        self.state.store(SET, Ordering::Release);
        self.set.notify_waiters();
        Ok(())
    }

    /// Unwraps the value.
    pub fn into_inner(self) -> Option<T> {
        if !self.initialized() {
            return None;
        }
        // ordering: Relaxed. The cell is ours alone; this keeps `drop` from dropping the value.
        self.state.store(EMPTY, Ordering::Relaxed);
        // SAFETY: G1, the cell is ours alone, and the state says that the value has gone.
        Some(self.value.with(|value| unsafe { (*value).assume_init_read() }))
    }

    /// Waits until the cell has a value.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn wait(&self) -> &T {
        loop {
            // Made before the look: a `set` in between completes it.
            let notified = self.set.notified();
            if let Some(value) = self.get() {
                return value;
            }
            notified.await;
        }
    }
}

impl<T> Drop for SetOnce<T> {
    fn drop(&mut self) {
        if self.initialized() {
            // SAFETY: G1, and this is the last use.
            self.value.with_mut(|value| unsafe { (*value).assume_init_drop() });
        }
    }
}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        SetOnce::new()
    }
}

impl<T> From<T> for SetOnce<T> {
    fn from(value: T) -> Self {
        SetOnce {
            state: AtomicU8::new(SET),
            value: UnsafeCell::new(MaybeUninit::new(value)),
            set: Notify::new(),
        }
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    fn clone(&self) -> Self {
        SetOnce::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce").field("value", &self.get()).finish()
    }
}

/// The cell has a value already. Carries the one that was not put in.
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetOnceError")
    }
}

impl<T: fmt::Debug> Error for SetOnceError<T> {}
