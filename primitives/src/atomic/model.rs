//! loom's atomics, each operation of which asks [`mutant`](super::mutant) for its ordering.
//!
//! Everything else of a loom type is reached through `Deref`.

use std::ops::{Deref, DerefMut};
use std::panic::Location;

use crate::loom::sync::atomic as loom;
pub use loom::Ordering;

use super::mutant::{Part, ordering};

/// As std's, and as loom's.
///
/// # Panics
/// As loom's does, outside of a model.
#[track_caller]
pub fn fence(order: Ordering) {
    match ordering(Location::caller(), Part::Fence, order) {
        Ordering::Relaxed => (),
        order => loom::fence(order),
    }
}

macro_rules! wrapper {
    ($atomic:ident, $value:ty $(, $t:ident)?) => {
        /// loom's type of that name; see there.
        #[derive(Debug)]
        pub struct $atomic$(<$t>)?(loom::$atomic$(<$t>)?);

        impl$(<$t>)? Deref for $atomic$(<$t>)? {
            type Target = loom::$atomic$(<$t>)?;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl$(<$t>)? DerefMut for $atomic$(<$t>)? {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }

        #[expect(missing_docs, reason = "std's operations, word for word")]
        impl$(<$t>)? $atomic$(<$t>)? {
            #[track_caller]
            pub fn new(value: $value) -> Self {
                $atomic(loom::$atomic::new(value))
            }

            #[track_caller]
            pub fn into_inner(self) -> $value {
                self.0.into_inner()
            }

            #[cfg(filch_shuttle)]
            pub fn with_mut<R>(&mut self, f: impl FnOnce(&mut $value) -> R) -> R {
                f(self.0.get_mut())
            }

            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                self.0.load(ordering(Location::caller(), Part::Order, order))
            }

            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, ordering(Location::caller(), Part::Order, order));
            }

            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.0.swap(value, ordering(Location::caller(), Part::Order, order))
            }

            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let success = ordering(Location::caller(), Part::Success, success);
                let failure = ordering(Location::caller(), Part::Failure, failure);
                self.0.compare_exchange(current, new, success, failure)
            }

            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            #[track_caller]
            pub fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let set = ordering(Location::caller(), Part::Success, set);
                let fetch = ordering(Location::caller(), Part::Failure, fetch);
                self.0.fetch_update(set, fetch, f)
            }
        }
    };
}

macro_rules! read_modify_write {
    ($atomic:ident, $value:ty: $($operation:ident),+) => {
        #[expect(missing_docs, reason = "std's operations, word for word")]
        impl $atomic {$(
            #[track_caller]
            pub fn $operation(&self, value: $value, order: Ordering) -> $value {
                self.0.$operation(value, ordering(Location::caller(), Part::Order, order))
            }
        )+}
    };
}

macro_rules! integers {
    ($($atomic:ident: $value:ty),+) => {$(
        wrapper!($atomic, $value);
        read_modify_write!(
            $atomic, $value: fetch_add, fetch_sub, fetch_and, fetch_or, fetch_xor, fetch_max, fetch_min
        );
    )+};
}

integers!(AtomicU8: u8, AtomicU16: u16, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize);
wrapper!(AtomicBool, bool);
read_modify_write!(AtomicBool, bool: fetch_and, fetch_or, fetch_xor);
wrapper!(AtomicPtr, *mut T, T);

macro_rules! default {
    ($($atomic:ident),+) => {$(
        impl Default for $atomic {
            fn default() -> Self {
                $atomic::new(Default::default())
            }
        }
    )+};
}

default!(AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize);
