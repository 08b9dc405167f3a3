//! A cell that is initialised once, by an async function if need be.
//!
//! Protocol: docs/sync.md, steps ONC1 to ONC3.
//!
//! Invariants
//! E1  `is_set` means that `value` is initialised, and stays so while the cell is shared.
//! E2  Who holds the one permit of `turn` may initialise. It then closes `turn` instead of giving the permit
//!     back: whoever waits for it is refused, and finds the value.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};

use filch_primitives::atomic::{AtomicBool, Ordering};
use filch_primitives::cell::UnsafeCell;

use crate::semaphore::{RawSemaphore, TryAcquireError};

/// A cell that is written once and read many times, where the first one who needs the value may have to
/// wait for it.
///
/// Reading an initialised cell is one atomic load. Where several tasks come to an empty cell one of them
/// initialises it and the others wait; if that one fails, panics or is cancelled, the next one tries.
///
/// # Examples
/// ```
/// use filch_sync::OnceCell;
///
/// static NAME: OnceCell<String> = OnceCell::const_new();
///
/// async fn name() -> &'static String {
///     NAME.get_or_init(|| async { "Ada".to_string() }).await
/// }
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(std::pin::pin!(name()).poll(&mut cx).is_ready());
/// # assert_eq!(NAME.get().unwrap(), "Ada");
/// ```
pub struct OnceCell<T> {
    is_set: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
    turn: RawSemaphore,
}

// SAFETY: `&OnceCell` gives `&T` to several threads (Sync), and lets a value come from another one (Send).
unsafe impl<T: Sync + Send> Sync for OnceCell<T> {}
// SAFETY: the value goes where the cell goes.
unsafe impl<T: Send> Send for OnceCell<T> {}
// A panicking initialiser leaves the cell empty.
impl<T: UnwindSafe> UnwindSafe for OnceCell<T> {}
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceCell<T> {}

/// The right to initialise (E2). Dropping it lets the next one try.
struct Turn<'a>(&'a RawSemaphore);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.release(1);
    }
}

impl<T> OnceCell<T> {
    /// An empty cell.
    pub fn new() -> Self {
        OnceCell {
            is_set: AtomicBool::new(false),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            turn: RawSemaphore::new(1),
        }
    }

    /// As [`new`](Self::new), for a `static`. Not there under `cfg(filch_loom)`.
    #[cfg(not(filch_loom))]
    pub const fn const_new() -> Self {
        OnceCell {
            is_set: AtomicBool::new(false),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            turn: RawSemaphore::const_new(1),
        }
    }

    /// A cell with a value, or an empty one for `None`.
    pub fn new_with(value: Option<T>) -> Self {
        value.map_or_else(OnceCell::new, OnceCell::from)
    }

    /// A cell with a value, for a `static`. Not there under `cfg(filch_loom)`.
    #[cfg(not(filch_loom))]
    pub const fn const_new_with(value: T) -> Self {
        OnceCell {
            is_set: AtomicBool::new(true),
            value: UnsafeCell::new(MaybeUninit::new(value)),
            turn: RawSemaphore::const_closed(),
        }
    }

    /// Whether the cell has a value.
    #[inline]
    pub fn initialized(&self) -> bool {
        // ordering: ONC1. Acquire, pairs with the Release in `finish`: who sees it set may read the value.
        self.is_set.load(Ordering::Acquire)
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        // SAFETY: E1.
        self.initialized().then(|| unsafe { self.get_unchecked() })
    }

    /// The value, if it is there, through exclusive access.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        if !self.initialized() {
            return None;
        }
        // SAFETY: E1, and `&mut self`: nobody else has a reference.
        Some(self.value.with_mut(|value| unsafe { (*value).assume_init_mut() }))
    }

    /// Puts a value in.
    ///
    /// # Errors
    /// [`SetError`] with the value, if the cell has one or is being initialised.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.initialized() {
            return Err(SetError::AlreadyInitializedError(value));
        }
        match self.turn.try_acquire(1) {
            Ok(()) => {
                self.finish(Turn(&self.turn), value);
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(SetError::InitializingError(value)),
            Err(TryAcquireError::Closed) => Err(SetError::AlreadyInitializedError(value)),
        }
    }

    /// The value; if there is none, `f` makes it, unless another task is making it already.
    ///
    /// # Cancel safety
    /// Dropping the future drops the future of `f`, if it runs; the next task that waits tries then.
    /// The same if `f` panics.
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        // Here as well, so that a cell that is set costs one future and not two.
        if let Some(value) = self.get() {
            return value;
        }
        let value = self.get_or_try_init(|| async { Ok::<T, Infallible>(f().await) }).await;
        value.unwrap_or_else(|error| match error {})
    }

    /// The value; if there is none, `f` makes it, unless another task is making it already.
    ///
    /// # Errors
    /// That of `f`. The cell stays empty, and the next task that waits tries.
    ///
    /// # Cancel safety
    /// Dropping the future drops the future of `f`, if it runs; the next task that waits tries then.
    /// The same if `f` panics.
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        if self.turn.acquire(1).await.is_ok() {
            let turn = Turn(&self.turn);
            let value = f().await?;
            return Ok(self.finish(turn, value));
        }
        // ONC3: the one who had the turn has closed it: after it has set the value.
        Ok(self.get().expect("closed by the one who has set the value"))
    }

    /// Unwraps the value.
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    /// Takes the value out; the cell is empty then.
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_value()
    }

    /// The value of a cell that is given up.
    fn into_value(self) -> Option<T> {
        if !self.initialized() {
            return None;
        }
        // ordering: Relaxed. The cell is ours alone; this keeps `drop` from dropping the value.
        self.is_set.store(false, Ordering::Relaxed);
        // SAFETY: E1, the cell is ours alone, and the flag says that the value has gone.
        Some(self.value.with(|value| unsafe { (*value).assume_init_read() }))
    }

    /// ONC2: puts the value in, and ends the initialising.
    fn finish(&self, turn: Turn<'_>, value: T) -> &T {
        // SAFETY: by the turn nobody else writes, and nobody reads before the flag is set.
        self.value.with_mut(|cell| unsafe { (*cell).write(value) });
        // ordering: ONC2. Release, so that who sees the flag (ONC1) sees the value.
        self.is_set.store(true, Ordering::Release);
        // The permit is not given back: E2.
        std::mem::forget(turn);
        self.turn.close();
        // SAFETY: set just now.
        unsafe { self.get_unchecked() }
    }

    /// # Safety
    /// The flag was seen set.
    unsafe fn get_unchecked(&self) -> &T {
        // SAFETY: E1 and the caller's promise.
        self.value.with(|value| unsafe { (*value).assume_init_ref() })
    }
}

impl<T> Drop for OnceCell<T> {
    fn drop(&mut self) {
        if self.initialized() {
            // SAFETY: E1, and this is the last use.
            self.value.with_mut(|value| unsafe { (*value).assume_init_drop() });
        }
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        let turn = RawSemaphore::new(0);
        turn.close();
        OnceCell {
            is_set: AtomicBool::new(true),
            value: UnsafeCell::new(MaybeUninit::new(value)),
            turn,
        }
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        OnceCell::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

/// Why [`OnceCell::set`] put nothing in. Carries the value.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell has a value already.
    AlreadyInitializedError(T),
    /// The cell is being initialised.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether the cell has a value already.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Whether the cell is being initialised.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "OnceCell is already initialized",
            SetError::InitializingError(_) => "OnceCell is currently being initialized",
        })
    }
}

impl<T: fmt::Debug> Error for SetError<T> {}
