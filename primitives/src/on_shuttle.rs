//! loom's names on shuttle: the same seam, for schedules that are drawn and not explored.
//!
//! Callers: everything in this crate that names `crate::loom`, and the crates above through
//! `filch_primitives::loom`.
//!
//! What differs from loom: any number of threads; every atomic operation is sequentially consistent, so
//! that a weak ordering is never found out; time-outs go off at drawn moments; `Arc` is std's. What is
//! checked all the same: no two threads are inside of one cell's closure, unless both only read; and
//! `alloc::live` counts what was allocated and not freed.

pub use shuttle::thread_local;

/// A number that belongs to the schedule: the same when its seed is run again.
pub fn draw() -> u64 {
    use shuttle::rand::RngCore;
    shuttle::rand::thread_rng().next_u64()
}

/// Threads of the schedule.
pub mod thread {
    pub use shuttle::thread::{
        AccessError, Builder, JoinHandle, LocalKey, Thread, ThreadId, current, park, spawn,
        yield_now,
    };
}

/// Locks and atomics, each access to which is a step of the schedule.
pub mod sync {
    pub use shuttle::sync::{
        Arc, Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
    };

    /// Atomics: all orderings are as strong as `SeqCst`.
    pub mod atomic {
        pub use shuttle::sync::atomic::*;
    }
}

/// Cells whose accesses must not overlap.
pub mod cell {
    use std::cell::Cell;

    /// As loom's: the pointer exists inside of a closure only. Panics where two closures overlap, one of
    /// which may write.
    ///
    /// Closures without a step of the schedule never overlap here; the one around the poll of a task's
    /// future is what this is for.
    #[derive(Debug, Default)]
    pub struct UnsafeCell<T: ?Sized> {
        accesses: Accesses,
        value: std::cell::UnsafeCell<T>,
    }

    impl<T> UnsafeCell<T> {
        /// Wraps a value.
        pub const fn new(value: T) -> Self {
            let accesses = Accesses(Cell::new(0));
            UnsafeCell { accesses, value: std::cell::UnsafeCell::new(value) }
        }

        /// Unwraps the value.
        pub fn into_inner(self) -> T {
            self.value.into_inner()
        }
    }

    impl<T: ?Sized> UnsafeCell<T> {
        /// Runs `f` with a pointer for shared access.
        ///
        /// # Panics
        /// If a thread has exclusive access.
        #[track_caller]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            let _access = self.accesses.begin(1);
            f(self.value.get())
        }

        /// Runs `f` with a pointer for exclusive access.
        ///
        /// # Panics
        /// If any thread has access.
        #[track_caller]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            let _access = self.accesses.begin(WRITES);
            f(self.value.get())
        }
    }

    /// How many read now; [`WRITES`] if one writes.
    #[derive(Debug, Default)]
    struct Accesses(Cell<isize>);

    const WRITES: isize = -1;

    impl Accesses {
        #[track_caller]
        fn begin(&self, kind: isize) -> Access<'_> {
            let now = self.0.get();
            let is_free = if kind == WRITES { now == 0 } else { now >= 0 };
            assert!(is_free, "data race: {} while {now} are inside", name(kind));
            self.0.set(now + kind);
            Access { of: self, kind }
        }
    }

    fn name(kind: isize) -> &'static str {
        if kind == WRITES { "a write" } else { "a read" }
    }

    struct Access<'a> {
        of: &'a Accesses,
        kind: isize,
    }

    impl Drop for Access<'_> {
        fn drop(&mut self) {
            self.of.0.set(self.of.0.get() - self.kind);
        }
    }
}

/// Allocations, counted.
pub mod alloc {
    use std::cell::Cell;

    // The threads of a schedule are one thread of the system, and another test's are another's.
    std::thread_local! {
        static LIVE: Cell<usize> = const { Cell::new(0) };
    }

    /// How many [`Track`]s this thread of the system has made and not dropped.
    pub fn live() -> usize {
        LIVE.get()
    }

    /// Stands for an allocation that must be freed.
    #[derive(Debug)]
    pub struct Track<T>(T);

    impl<T> Track<T> {
        /// Counts one more.
        pub fn new(value: T) -> Self {
            LIVE.set(LIVE.get() + 1);
            Track(value)
        }

        /// What it holds.
        pub fn get_ref(&self) -> &T {
            &self.0
        }
    }

    impl<T> Drop for Track<T> {
        fn drop(&mut self) {
            LIVE.set(LIVE.get() - 1);
        }
    }
}
