//! Sizes of handles, guards and futures on 64-bit targets: growth is a decision, made here.
#![cfg(target_pointer_width = "64")]

use std::mem::{size_of, size_of_val};

use filch_sync::futures::{Notified, OwnedNotified};
use filch_sync::*;

const WORD: usize = size_of::<usize>();

#[test]
fn primitives() {
    assert_eq!(size_of::<Semaphore>(), 4 * WORD);
    assert_eq!(size_of::<Mutex<u64>>(), 5 * WORD);
    assert_eq!(size_of::<Notify>(), 6 * WORD);
    assert_eq!(size_of::<RwLock<u64>>(), 6 * WORD);
    assert_eq!(size_of::<Barrier>(), 10 * WORD);
    assert_eq!(size_of::<OnceCell<u64>>(), 6 * WORD);
    assert_eq!(size_of::<SetOnce<u64>>(), 8 * WORD);
}

#[test]
fn handles_and_guards() {
    assert_eq!(size_of::<SemaphorePermit<'_>>(), 2 * WORD);
    assert_eq!(size_of::<OwnedSemaphorePermit>(), 2 * WORD);
    assert_eq!(size_of::<MutexGuard<'_, u64>>(), WORD);
    assert_eq!(size_of::<OwnedMutexGuard<u64>>(), WORD);
    assert_eq!(size_of::<MappedMutexGuard<'_, u64>>(), 2 * WORD);
    assert_eq!(size_of::<OwnedMappedMutexGuard<u64, u8>>(), 2 * WORD);
    assert_eq!(size_of::<oneshot::Sender<u64>>(), WORD);
    assert_eq!(size_of::<oneshot::Receiver<u64>>(), WORD);
    assert_eq!(size_of::<Option<oneshot::Sender<u64>>>(), WORD);
    assert_eq!(size_of::<mpsc::Sender<u64>>(), WORD);
    assert_eq!(size_of::<mpsc::Receiver<u64>>(), WORD);
    assert_eq!(size_of::<mpsc::WeakSender<u64>>(), WORD);
    assert_eq!(size_of::<mpsc::UnboundedSender<u64>>(), WORD);
    assert_eq!(size_of::<mpsc::UnboundedReceiver<u64>>(), WORD);
    assert_eq!(size_of::<mpsc::Permit<'_, u64>>(), WORD);
    assert_eq!(size_of::<mpsc::PermitIterator<'_, u64>>(), 2 * WORD);
    assert_eq!(size_of::<mpsc::OwnedPermit<u64>>(), WORD);
    assert_eq!(size_of::<watch::Sender<u64>>(), WORD);
    assert_eq!(size_of::<watch::Receiver<u64>>(), 2 * WORD);
    assert_eq!(size_of::<broadcast::Sender<u64>>(), WORD);
    assert_eq!(size_of::<broadcast::WeakSender<u64>>(), WORD);
    assert_eq!(size_of::<broadcast::Receiver<u64>>(), 2 * WORD);
    assert_eq!(size_of::<RwLockReadGuard<'_, u64>>(), 2 * WORD);
    assert_eq!(size_of::<RwLockWriteGuard<'_, u64>>(), 3 * WORD);
    assert_eq!(size_of::<RwLockMappedWriteGuard<'_, u64>>(), 3 * WORD);
    assert_eq!(size_of::<OwnedRwLockReadGuard<u64>>(), 2 * WORD);
    assert_eq!(size_of::<OwnedRwLockWriteGuard<u64>>(), 2 * WORD);
    assert_eq!(size_of::<OwnedRwLockMappedWriteGuard<u64>>(), 2 * WORD);
    assert_eq!(size_of::<CancellationToken>(), WORD);
    assert_eq!(size_of::<DropGuard>(), WORD);
    assert_eq!(size_of::<DropGuardRef<'_>>(), WORD);
    assert_eq!(size_of::<TaskTracker>(), WORD);
    assert_eq!(size_of::<TaskTrackerToken>(), WORD);
    assert_eq!(size_of::<TrackedFuture<u64>>(), 2 * WORD);
}

#[test]
fn futures() {
    assert_eq!(size_of::<Notified<'_>>(), 9 * WORD);
    assert_eq!(size_of::<OwnedNotified>(), 9 * WORD);
    assert_eq!(size_of::<WaitForCancellationFuture<'_>>(), 9 * WORD);
    assert_eq!(size_of::<WaitForCancellationFutureOwned>(), 9 * WORD);
    assert_eq!(size_of::<TaskTrackerWaitFuture<'_>>(), 10 * WORD);
    let semaphore = Semaphore::new(1);
    let mutex = Mutex::new(0u64);
    let (tx, mut rx) = mpsc::channel::<u64>(1);
    let sizes = [
        ("Semaphore::acquire", size_of_val(&semaphore.acquire())),
        ("Semaphore::acquire_many", size_of_val(&semaphore.acquire_many(1))),
        ("Mutex::lock", size_of_val(&mutex.lock())),
        ("mpsc::Receiver::recv", size_of_val(&rx.recv())),
        ("mpsc::Sender::reserve", size_of_val(&tx.reserve())),
        ("mpsc::Sender::send", size_of_val(&tx.send(1))),
    ];
    // Upper bounds: how tightly an async function's state is packed is the compiler's business.
    let words = [15, 13, 14, 3, 16, 20];
    for ((name, size), words) in sizes.into_iter().zip(words) {
        assert!(size <= words * WORD, "{name}: {size}");
    }
}
