//! The loom seam of filch: the one crate that names `std::sync`, parking_lot, crossbeam-deque or
//! loom.
//!
//! Every crate above takes its atomics, cells, locks, threads, parkers and queues from here. In an
//! ordinary build the names are the real ones, at no cost. Under `RUSTFLAGS="--cfg filch_loom"` the
//! same names are loom's, and the deque is a small model of crossbeam's contract, so that loom sees
//! every step of our protocols.
//!
//! Shape of the seam: `lock()` returns a guard and never a `Result`; [`cell::UnsafeCell`] gives its
//! pointer through `with` and `with_mut`; constants that bound a queue are small under loom, so
//! that a model reaches overflow and wrap-around.
//!
//! | module | real | under `filch_loom` |
//! | --- | --- | --- |
//! | [`atomic`] | `std::sync::atomic` | `loom::sync::atomic` |
//! | [`cell`] | a transparent wrapper | `loom::cell` |
//! | [`lock`] | `parking_lot` | `loom::sync`, same shape |
//! | [`park`] | a futex (Linux), else a lock and a condition variable | `loom`'s lock and condition variable |
//! | [`deque`] | `crossbeam_deque` | a locked queue with published lengths |
//! | [`thread`], [`local!`] | `std::thread` | `loom::thread` |
//! | [`coop`], [`entered`], [`rand`] | the same code in both | |
//! | [`wake`] | a panic of a waker is caught | it passes |
//!
//! With `--cfg filch_shuttle` beside it, `filch_primitives::loom` is not loom but a module of the same
//! shape on shuttle, which runs drawn schedules of programs that are too large for loom to explore:
//! docs/random-schedules.md. Nothing above this crate knows the difference.

pub mod atomic;
pub mod cell;
pub mod coop;
pub mod deque;
pub mod entered;
pub mod lock;
pub mod park;
pub mod rand;
pub mod thread;
pub mod wake;

#[cfg(not(filch_loom))]
pub use std::sync::Arc;

#[cfg(filch_loom)]
pub use crate::loom::sync::Arc;

/// loom itself, for the crates above that build models.
#[cfg(all(filch_loom, not(filch_shuttle)))]
pub use ::loom;

/// loom's names on shuttle, which draws schedules instead of exploring them all.
#[cfg(filch_shuttle)]
#[path = "on_shuttle.rs"]
pub mod loom;

#[cfg(not(filch_loom))]
pub use crossbeam_utils::CachePadded;

/// Padding would only cost memory in a model.
#[cfg(filch_loom)]
pub use loom_padding::CachePadded;

#[cfg(filch_loom)]
mod loom_padding {
    /// The model's stand-in for `crossbeam_utils::CachePadded`: no padding.
    #[derive(Debug, Default)]
    pub struct CachePadded<T>(T);

    impl<T> CachePadded<T> {
        /// Wraps a value.
        pub const fn new(value: T) -> Self {
            CachePadded(value)
        }

        /// Unwraps the value.
        pub fn into_inner(self) -> T {
            self.0
        }
    }

    impl<T> std::ops::Deref for CachePadded<T> {
        type Target = T;
        fn deref(&self) -> &T {
            &self.0
        }
    }

    impl<T> std::ops::DerefMut for CachePadded<T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }
}

/// How many tasks a worker's local queue may hold before half of it moves to the injector.
///
/// 256 keeps a burst's tail short and the deque's buffer at four doublings of its first size; under
/// loom it is 4, so that a model reaches the overflow.
pub const LOCAL_CAPACITY: usize = if cfg!(filch_loom) { 4 } else { 256 };

/// Declares a thread-local that each loom thread has for itself in a model.
///
/// The initial value must be usable in a `const` block. Read it with `with` or `try_with`.
#[cfg(not(filch_loom))]
#[macro_export]
macro_rules! local {
    ($($(#[$meta:meta])* $vis:vis static $name:ident: $ty:ty = $init:expr;)+) => {
        ::std::thread_local! { $($(#[$meta])* $vis static $name: $ty = const { $init };)+ }
    };
}

/// Declares a thread-local that each loom thread has for itself in a model.
#[cfg(filch_loom)]
#[macro_export]
macro_rules! local {
    ($($(#[$meta:meta])* $vis:vis static $name:ident: $ty:ty = $init:expr;)+) => {
        $crate::loom::thread_local! { $($(#[$meta])* $vis static $name: $ty = $init;)+ }
    };
}
