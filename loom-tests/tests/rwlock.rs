//! The read-write lock: a semaphore with a permit for each reader (SEM1 to SEM7 of docs/sync.md).
//!
//! The value lies in a cell that loom watches: a writer beside another guard fails the model.
#![cfg(filch_loom)]

mod sync_support;

use std::sync::Arc;

use filch_primitives::cell::UnsafeCell;
use filch_primitives::thread;
use filch_sync::RwLock;
use sync_support::{block_on, model, poll_once};

#[test]
fn write_races_write() {
    model(|| {
        let lock = Arc::new(RwLock::new(0));
        let theirs = lock.clone();
        let other = thread::spawn(move || *block_on(theirs.write()) += 1);
        *block_on(lock.write()) += 1;
        other.join().unwrap();
        assert_eq!(*lock.try_read().unwrap(), 2);
    });
}

#[test]
fn readers_race_a_writer() {
    model(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let theirs = lock.clone();
        let reader = thread::spawn(move || {
            let pair = block_on(theirs.read());
            assert_eq!(pair.0, pair.1);
        });
        let theirs = lock.clone();
        let writer = thread::spawn(move || {
            let mut pair = block_on(theirs.write_owned());
            pair.0 = 1;
            pair.1 = 1;
        });
        {
            let pair = block_on(lock.read());
            assert_eq!(pair.0, pair.1);
        }
        reader.join().unwrap();
        writer.join().unwrap();
        assert_eq!(*lock.try_read().unwrap(), (1, 1));
    });
}

#[test]
fn downgrade_races_a_writer() {
    model(|| {
        let lock = Arc::new(RwLock::new(0));
        let theirs = lock.clone();
        let other = thread::spawn(move || *block_on(theirs.write()) = 2);
        let mut guard = block_on(lock.write());
        *guard = 1;
        let guard = guard.downgrade();
        assert_eq!(*guard, 1);
        drop(guard);
        other.join().unwrap();
        assert!([1, 2].contains(&*lock.try_write().unwrap()));
    });
}

#[test]
fn cancelled_write_races_readers() {
    model(|| {
        let lock = Arc::new(RwLock::new(0));
        let guard = lock.try_read().unwrap();
        let theirs = lock.clone();
        let writer = thread::spawn(move || drop(poll_once(theirs.write())));
        let theirs = lock.clone();
        let reader = thread::spawn(move || assert_eq!(*block_on(theirs.read()), 0));
        drop(guard);
        writer.join().unwrap();
        reader.join().unwrap();
        assert!(lock.try_write().is_ok());
    });
}

/// The models can fail: two readers that write are not ordered.
#[test]
#[should_panic(expected = "Causality violation")]
fn readers_do_not_exclude() {
    struct Beside {
        lock: RwLock<()>,
        cell: UnsafeCell<u8>,
    }
    // SAFETY: it is not: the model is here to say so.
    unsafe impl Sync for Beside {}
    // SAFETY: a byte.
    unsafe impl Send for Beside {}
    model(|| {
        let shared = Arc::new(Beside { lock: RwLock::new(()), cell: UnsafeCell::new(0) });
        let theirs = shared.clone();
        let write = |shared: &Beside| {
            let _guard = block_on(shared.lock.read());
            // SAFETY: none, see above.
            shared.cell.with_mut(|value| unsafe { *value += 1 });
        };
        let other = thread::spawn(move || write(&theirs));
        write(&shared);
        other.join().unwrap();
    });
}
