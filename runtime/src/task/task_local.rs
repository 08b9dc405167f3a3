//! `task_local!`: values that a future sees while it is polled.
//!
//! A key is a thread-local pointer. A scope's future owns the value; while it is polled, or dropped, the
//! pointer is to that value, and before and after to what it was. So entering a scope moves a word, however
//! large the value is, and whoever reads borrows the value where it lies.
//!
//! Invariants
//! L1  The pointer is null, or to a value that a frame below us on this thread's stack borrows for as long as
//!     the pointer is set: `Entered` puts the earlier pointer back before that frame goes on, in a panic too.
//! L2  Nobody has the value mutably meanwhile: the frame is in `TaskLocalFuture::poll` or its destructor,
//!     with the future's only `&mut`, or owns the value (`sync_scope`).

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use filch_primitives::thread;
use pin_project_lite::pin_project;

#[doc(hidden)]
pub use filch_primitives::local as __local;

/// Declares keys of values that belong to a task, or to any future.
///
/// Each `static` becomes a [`LocalKey`](crate::task::LocalKey). There is no initial value: the key has one
/// inside of [`scope`](crate::task::LocalKey::scope), and nowhere else. Attributes and visibility go with the
/// static; any number of them may follow one another.
///
/// A task that is spawned inside of a scope is not in it, unless it is spawned with
/// [`inherit`](crate::task::LocalKey::inherit).
///
/// # Examples
/// ```
/// filch::task_local! {
///     /// The request that is being answered.
///     pub static REQUEST: u64;
///     static USER: String;
/// }
///
/// async fn log(line: &str) -> String {
///     format!("[{} {}] {line}", REQUEST.get(), USER.with(|user| user.clone()))
/// }
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// let answer = async { log("hello").await };
/// let line = REQUEST.scope(7, USER.scope("ann".to_owned(), answer)).await;
/// assert_eq!(line, "[7 ann] hello");
/// # }
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty; $($rest:tt)*) => {
        $crate::task_local! { $(#[$attr])* $vis static $name: $t }
        $crate::task_local! { $($rest)* }
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty) => {
        $(#[$attr])*
        $vis static $name: $crate::task::LocalKey<$t> = {
            $crate::task::__local! {
                static __VALUE: ::std::cell::Cell<*const $t> =
                    ::std::cell::Cell::new(::std::ptr::null());
            }
            $crate::task::LocalKey::__new(&__VALUE)
        };
    };
}

/// The key of a value that belongs to a task or a future. Declared by [`task_local!`](crate::task_local).
pub struct LocalKey<T: 'static> {
    value: &'static thread::LocalKey<Cell<*const T>>,
}

/// A scope is entered: puts the outer one back when dropped (L1).
struct Entered<T: 'static> {
    key: &'static LocalKey<T>,
    outer: *const T,
}

impl<T> Drop for Entered<T> {
    fn drop(&mut self) {
        self.key.value.with(|value| value.set(self.outer));
    }
}

impl<T: 'static> LocalKey<T> {
    /// For the macro.
    #[doc(hidden)]
    pub const fn __new(value: &'static thread::LocalKey<Cell<*const T>>) -> Self {
        LocalKey { value }
    }

    /// Makes `value` the key's value, or leaves the key without one, until the guard is dropped.
    ///
    /// # Safety
    /// - The value is neither moved, dropped nor borrowed mutably before the guard is dropped.
    /// - The guard is dropped, and guards in the reverse order in which they were made.
    unsafe fn enter(&'static self, value: Option<&T>) -> Entered<T> {
        let inner = value.map_or(ptr::null(), ptr::from_ref);
        Entered { key: self, outer: self.value.with(|value| value.replace(inner)) }
    }

    /// A future that has `value` as the key's value while it is polled, and while it is dropped.
    ///
    /// Scopes nest: inside, the inner value is seen. The value is dropped with the future that this returns;
    /// [`take_value`](TaskLocalFuture::take_value) saves it.
    ///
    /// # Cost
    /// Two thread-local stores a poll. The value does not move.
    /// # Examples
    /// ```
    /// filch::task_local! {
    ///     static DEPTH: u32;
    /// }
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() {
    /// DEPTH.scope(1, async {
    ///     assert_eq!(DEPTH.get(), 1);
    ///     DEPTH.scope(DEPTH.get() + 1, async { assert_eq!(DEPTH.get(), 2) }).await;
    ///     assert_eq!(DEPTH.get(), 1);
    /// })
    /// .await;
    /// # }
    /// ```
    pub fn scope<F>(&'static self, value: T, f: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        TaskLocalFuture { key: self, value: Some(value), future: Some(f), _pinned: PhantomPinned }
    }

    /// Runs a function with `value` as the key's value.
    ///
    /// # Examples
    /// ```
    /// filch::task_local! {
    ///     static LOCALE: &'static str;
    /// }
    ///
    /// let greeting = LOCALE.sync_scope("de", || match LOCALE.get() {
    ///     "de" => "Hallo",
    ///     _ => "hello",
    /// });
    /// assert_eq!(greeting, "Hallo");
    /// ```
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        // SAFETY: the value is ours, and is dropped after the guard, in the reverse order of these lines.
        let _entered = unsafe { self.enter(Some(&value)) };
        f()
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    /// Outside of every scope of the key; [`try_with`](Self::try_with) does not.
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(_) => {
                panic!("cannot access a task-local storage value without setting it first")
            }
        }
    }

    /// Calls `f` with the value, if there is one.
    ///
    /// # Errors
    /// [`AccessError`] outside of every scope of the key.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let value = self.value.with(Cell::get);
        // SAFETY: L1: not null, it is to a value that a frame below us keeps alive and in its place; L2: nobody
        // has it mutably. `f` ends before that frame goes on.
        match unsafe { value.as_ref() } {
            Some(value) => Ok(f(value)),
            None => Err(AccessError { _private: () }),
        }
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A copy of the value.
    ///
    /// # Panics
    /// Outside of every scope of the key; [`try_get`](Self::try_get) does not.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A copy of the value, if there is one.
    ///
    /// # Errors
    /// [`AccessError`] outside of every scope of the key.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }

    /// A future that has the key's value of this moment, wherever it runs: for a task that is spawned inside
    /// of a scope and should be in it too.
    ///
    /// The value is cloned now, so that it stays what it is here: an `Arc` shares it. Without a value here the
    /// future has none. For several keys: `A.inherit(B.inherit(future))`.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    ///
    /// filch::task_local! {
    ///     static TRACE: Arc<str>;
    /// }
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let seen = TRACE.scope("req-17".into(), async {
    ///     let child = filch::spawn(TRACE.inherit(async { TRACE.get() }));
    ///     child.await.unwrap()
    /// });
    /// assert_eq!(&*seen.await, "req-17");
    /// # }
    /// ```
    pub fn inherit<F>(&'static self, f: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        let value = self.try_get().ok();
        TaskLocalFuture { key: self, value, future: Some(f), _pinned: PhantomPinned }
    }

    /// As [`inherit`](Self::inherit), for a function: for
    /// [`spawn_blocking`](super::spawn_blocking) and for threads.
    pub fn inherit_fn<F, R>(&'static self, f: F) -> impl FnOnce() -> R + use<T, F, R>
    where
        F: FnOnce() -> R,
    {
        let value = self.try_get().ok();
        move || {
            // SAFETY: the value is the closure's, which is consumed by this call: dropped after the guard.
            let _entered = unsafe { self.enter(value.as_ref()) };
            f()
        }
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

pin_project! {
    /// A future that has a task-local value while it is polled. From [`LocalKey::scope`] and
    /// [`LocalKey::inherit`].
    ///
    /// The inner future is dropped in the scope as well, as soon as it is complete.
    ///
    /// # Panics
    /// If polled again after it was ready.
    /// # Cancel safety
    /// That of the inner future.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
        #[pin]
        _pinned: PhantomPinned,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                // SAFETY: the guard ends before this function does, and the value is not touched meanwhile.
                let _entered = unsafe { this.key.enter(this.value.as_ref()) };
                this.future.set(None);
            }
        }
    }
}

impl<T, F> TaskLocalFuture<T, F> {
    /// Takes the value out: from a future that is complete, say. From then on the inner future has none.
    ///
    /// # Examples
    /// ```
    /// use std::cell::Cell;
    /// use std::pin::pin;
    ///
    /// filch::task_local! {
    ///     static COST: Cell<u32>;
    /// }
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let work = async { COST.with(|cost| cost.set(cost.get() + 5)) };
    /// let mut work = pin!(COST.scope(Cell::new(0), work));
    /// work.as_mut().await;
    /// assert_eq!(work.take_value().unwrap().get(), 5);
    /// # }
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("`TaskLocalFuture` polled after completion")
        };
        // SAFETY: we have the only access to the value until this function returns, do not touch it
        // meanwhile, and drop the guard before.
        let _entered = unsafe { this.key.enter(this.value.as_ref()) };
        let polled = future.poll(cx);
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture").field("value", &self.value).finish_non_exhaustive()
    }
}

/// The key has no value here. From [`LocalKey::try_with`] and [`LocalKey::try_get`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError {
    _private: (),
}

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task-local value not set")
    }
}

impl Error for AccessError {}
