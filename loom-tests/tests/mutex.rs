//! The mutex: a semaphore of one permit (steps SEM1 to SEM7 of docs/sync.md) around a value.
//!
//! The value lies in a cell that loom watches: two guards at once fail the model.
#![cfg(filch_loom)]

mod sync_support;

use std::sync::Arc;

use filch_primitives::cell::UnsafeCell;
use filch_primitives::thread;
use filch_sync::{Mutex, MutexGuard};
use sync_support::{block_on, model, poll_once};

#[test]
fn lock_races_lock() {
    model(|| {
        let mutex = Arc::new(Mutex::new(0));
        let theirs = mutex.clone();
        let other = thread::spawn(move || *block_on(theirs.lock()) += 1);
        *block_on(mutex.lock()) += 1;
        other.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 2);
    });
}

#[test]
fn three_threads_lock() {
    model(|| {
        let mutex = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let mutex = mutex.clone();
                thread::spawn(move || *block_on(mutex.lock_owned()) += 1)
            })
            .collect();
        if let Ok(mut guard) = mutex.try_lock() {
            *guard += 10;
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let total = *mutex.try_lock().unwrap();
        assert!(total == 2 || total == 12);
    });
}

#[test]
fn cancelled_lock_races_unlock() {
    model(|| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.try_lock().unwrap();
        let theirs = mutex.clone();
        let other = thread::spawn(move || {
            if let Some(mut guard) = poll_once(theirs.lock()) {
                *guard += 1;
            }
        });
        drop(guard);
        other.join().unwrap();
        assert!(mutex.try_lock().is_ok());
    });
}

#[test]
fn mapped_guard_holds_the_lock() {
    model(|| {
        let mutex = Arc::new(Mutex::new((0, 0)));
        let theirs = mutex.clone();
        let other = thread::spawn(move || {
            let mut part = MutexGuard::map(block_on(theirs.lock()), |pair| &mut pair.1);
            *part += 1;
        });
        block_on(mutex.lock()).1 += 1;
        other.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), (0, 2));
    });
}

/// The models can fail: what is done after the guard is gone is not ordered.
#[test]
#[should_panic(expected = "Causality violation")]
fn access_after_unlock_is_a_race() {
    struct Beside {
        mutex: Mutex<()>,
        cell: UnsafeCell<u8>,
    }
    // SAFETY: it is not: the model is here to say so.
    unsafe impl Sync for Beside {}
    // SAFETY: a byte.
    unsafe impl Send for Beside {}
    model(|| {
        let shared = Arc::new(Beside { mutex: Mutex::new(()), cell: UnsafeCell::new(0) });
        let theirs = shared.clone();
        let other = thread::spawn(move || {
            drop(block_on(theirs.mutex.lock()));
            // SAFETY: none, see above.
            theirs.cell.with_mut(|value| unsafe { *value = 1 });
        });
        let guard = block_on(shared.mutex.lock());
        // SAFETY: none, see above.
        shared.cell.with_mut(|value| unsafe { *value = 1 });
        drop(guard);
        other.join().unwrap();
    });
}
