//! The lock of the value: many readers, or one writer.
//!
//! Borrowing is what a watch channel is for: so a reader's way is one addition and one subtraction, with no
//! look before and no exchange that may fail. Writers pay for it. Protocol: docs/sync.md, steps WAT5 to WAT7.
//! Model: loom-tests/tests/watch.rs.
//!
//! The word: how many readers there are, and, as the highest bit, WRITER.
//!
//! Invariants
//! L1  WRITER is set and cleared by the holder of `writers` only.
//! L2  A reader that finds WRITER set when it counts itself counts itself out again, and reads nothing.
//! L3  The writer has the value from the moment that it has seen WRITER with no reader, until it clears WRITER.
//! L4  Who brings the count to zero under WRITER wakes the writer.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use filch_primitives::atomic::AtomicUsize;
use filch_primitives::atomic::Ordering::{Acquire, Relaxed, Release};
use filch_primitives::cell::UnsafeCell;
use filch_primitives::lock::{Condvar, Mutex, MutexGuard};

/// The highest bit: a writer has the value or waits for it.
const WRITER: usize = 1 << (usize::BITS - 1);
/// A reader in the word.
const READER: usize = 1;

/// See the module.
pub(super) struct ValueLock<T> {
    word: AtomicUsize,
    /// Held by the writer, and by readers for a moment where they find one.
    writers: Mutex<()>,
    /// For the writer to wait for the last reader.
    drained: (Mutex<()>, Condvar),
    value: UnsafeCell<T>,
}

// SAFETY: the value goes where the lock goes.
unsafe impl<T: Send> Send for ValueLock<T> {}
// SAFETY: `&ValueLock` gives `&T` to several threads and `&mut T` to one.
unsafe impl<T: Send + Sync> Sync for ValueLock<T> {}

/// The value, locked for reading.
pub(super) struct ReadGuard<'a, T> {
    lock: &'a ValueLock<T>,
    /// Not Send: a thread that keeps it is the one that may deadlock with itself.
    _thread: PhantomData<*const ()>,
}

// SAFETY: `&ReadGuard` gives `&T` and nothing else.
unsafe impl<T: Sync> Sync for ReadGuard<'_, T> {}

/// The value, locked for writing.
pub(super) struct WriteGuard<'a, T> {
    lock: &'a ValueLock<T>,
    _writers: MutexGuard<'a, ()>,
}

impl<T> ValueLock<T> {
    /// Unlocked.
    pub(super) fn new(value: T) -> Self {
        ValueLock {
            word: AtomicUsize::new(0),
            writers: Mutex::new(()),
            drained: (Mutex::new(()), Condvar::new()),
            value: UnsafeCell::new(value),
        }
    }

    /// WAT5: locks for reading.
    #[inline]
    pub(super) fn read(&self) -> ReadGuard<'_, T> {
        // ordering: WAT5. Acquire, pairs with the Release of `WriteGuard::drop`: to see what the writer wrote.
        // What other readers did to the word since continues its release sequence.
        if self.word.fetch_add(READER, Acquire) & WRITER != 0 {
            self.read_after_writer();
        }
        ReadGuard { lock: self, _thread: PhantomData }
    }

    /// WAT5: there is a writer: counts out again, waits for its end, and counts in.
    #[cold]
    fn read_after_writer(&self) {
        self.leave();
        let writers = self.writers.lock();
        // ordering: Relaxed. The mutex carries what the writer wrote.
        let before = self.word.fetch_add(READER, Relaxed);
        drop(writers);
        // L1: only so many borrows that were forgotten reach the bit.
        assert!(before & WRITER == 0, "a watch channel's value is borrowed too many times");
    }

    /// WAT6: a reader goes.
    #[inline]
    fn leave(&self) {
        // ordering: WAT6. Release, pairs with the Acquire in `write`: our reading comes before the writing.
        if self.word.fetch_sub(READER, Release) == WRITER | READER {
            self.wake_writer();
        }
    }

    /// L4.
    #[cold]
    fn wake_writer(&self) {
        let (lock, condvar) = &self.drained;
        // The writer looks at the word under this lock before it waits: so it has seen our leaving, or waits.
        drop(lock.lock());
        condvar.notify_all();
    }

    /// WAT7: locks for writing.
    pub(super) fn write(&self) -> WriteGuard<'_, T> {
        let writers = self.writers.lock();
        // ordering: WAT7. Acquire, pairs with the Release of `leave`: the readers' reading comes before our
        // writing. (Earlier writers' writing comes with the mutex.)
        if self.word.fetch_or(WRITER, Acquire) != 0 {
            self.wait_for_readers();
        }
        WriteGuard { lock: self, _writers: writers }
    }

    #[cold]
    fn wait_for_readers(&self) {
        let (lock, condvar) = &self.drained;
        let mut waiting = lock.lock();
        // ordering: WAT7. Acquire, as in `write`.
        while self.word.load(Acquire) != WRITER {
            condvar.wait(&mut waiting);
        }
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: we are counted, and no writer has the value (L2, L3).
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.leave();
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the writer alone has the value (L3).
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the writer alone has the value (L3).
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        // Before the mutex is released (L1): the fields are dropped after this.
        // ordering: WAT7. Release, pairs with the Acquire in `read`: who finds no writer sees what we wrote.
        self.lock.word.fetch_and(!WRITER, Release);
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Barrier};

    #[test]
    fn readers_share_and_writers_do_not() {
        let lock = ValueLock::new(1);
        {
            let (one, other) = (lock.read(), lock.read());
            assert_eq!(*one + *other, 2);
        }
        *lock.write() += 1;
        assert_eq!(*lock.read(), 2);
        assert_eq!(lock.word.load(Relaxed), 0);
    }

    #[test]
    fn a_writer_waits_for_the_last_reader_and_a_reader_for_the_writer() {
        let lock = Arc::new(ValueLock::new(0));
        let reader = lock.read();
        let writing = Arc::new(AtomicBool::new(false));
        let writer = {
            let (lock, writing) = (lock.clone(), writing.clone());
            std::thread::spawn(move || {
                let mut value = lock.write();
                writing.store(true, Ordering::Relaxed);
                *value = 7;
            })
        };
        while lock.word.load(Relaxed) & WRITER == 0 {
            std::thread::yield_now();
        }
        // It has set its bit, and our borrow keeps it out.
        assert!(!writing.load(Ordering::Relaxed));
        let late = {
            let lock = lock.clone();
            std::thread::spawn(move || *lock.read())
        };
        assert_eq!(*reader, 0);
        drop(reader);
        assert_eq!(late.join().unwrap(), 7);
        writer.join().unwrap();
    }

    #[test]
    fn a_panic_while_writing_unlocks() {
        let lock = ValueLock::new(0);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            *lock.write() = 1;
            let mut value = lock.write();
            *value = 2;
            panic!("while writing");
        }));
        assert!(panicked.is_err());
        assert_eq!(*lock.read(), 2);
        *lock.write() = 3;
    }

    /// Both halves of a pair are written under the lock: nobody reads one without the other.
    #[test]
    fn readers_and_writers_on_threads_never_tear() {
        const ROUNDS: u64 = if cfg!(miri) { 50 } else { 5_000 };
        let lock = Arc::new(ValueLock::new((0_u64, 0_u64)));
        let start = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let (lock, start) = (lock.clone(), start.clone());
                std::thread::spawn(move || {
                    start.wait();
                    for _ in 0..ROUNDS {
                        if i < 2 {
                            let mut pair = lock.write();
                            pair.0 += 1;
                            pair.1 += 1;
                        } else {
                            let pair = lock.read();
                            assert_eq!(pair.0, pair.1);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*lock.read(), (2 * ROUNDS, 2 * ROUNDS));
    }

    #[test]
    #[should_panic(expected = "borrowed too many times")]
    fn more_borrows_than_the_word_can_count() {
        let lock = ValueLock::new(());
        lock.word.store(WRITER - 1, Relaxed);
        std::mem::forget(lock.read());
        std::mem::forget(lock.read());
    }
}
