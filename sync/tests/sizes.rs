//! Sizes of handles, guards and futures on 64-bit targets: growth is a decision, made here.
#![cfg(target_pointer_width = "64")]

use std::mem::size_of;
use std::sync::Arc;
use std::time::Duration;

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
    assert_eq!(size_of::<mpsc::WeakUnboundedSender<u64>>(), WORD);
    assert_eq!(size_of::<mpsc::UnboundedSender<u64>>(), WORD);
    assert_eq!(size_of::<mpsc::UnboundedReceiver<u64>>(), WORD);
    assert_eq!(size_of::<mpsc::Permit<'_, u64>>(), WORD);
    assert_eq!(size_of::<mpsc::PermitIterator<'_, u64>>(), 2 * WORD);
    assert_eq!(size_of::<mpsc::OwnedPermit<u64>>(), WORD);
    assert_eq!(size_of::<watch::Sender<u64>>(), WORD);
    assert_eq!(size_of::<watch::Receiver<u64>>(), 2 * WORD);
    assert_eq!(size_of::<watch::Ref<'_, u64>>(), 2 * WORD);
    assert_eq!(size_of::<BarrierWaitResult>(), 1);
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
}

/// The size of a future, which is not polled.
fn size<F>(_: F) -> usize {
    size_of::<F>()
}

/// Upper bounds: how tightly an async function's state is packed is the compiler's business.
#[test]
fn async_functions() {
    let semaphore = Arc::new(Semaphore::new(1));
    let mutex = Arc::new(Mutex::new(0u64));
    let lock = Arc::new(RwLock::new(0u64));
    let (tx, mut rx) = mpsc::channel::<u64>(1);
    let (unbounded_tx, mut unbounded_rx) = mpsc::unbounded_channel::<u64>();
    let (mut once_tx, _once_rx) = oneshot::channel::<u64>();
    let (watch_tx, mut watch_rx) = watch::channel(0u64);
    let (all_tx, mut all_rx) = broadcast::channel::<u64>(1);
    let (barrier, cell, set) = (Barrier::new(1), OnceCell::new(), SetOnce::<u64>::new());
    let token = CancellationToken::new();
    let mut buffer = Vec::new();
    // In words.
    let sizes = [
        ("Semaphore::acquire", 15, size(semaphore.acquire())),
        ("Semaphore::acquire_many", 13, size(semaphore.acquire_many(1))),
        ("Semaphore::acquire_owned", 16, size(semaphore.clone().acquire_owned())),
        ("Semaphore::acquire_many_owned", 13, size(semaphore.clone().acquire_many_owned(1))),
        ("Mutex::lock", 14, size(mutex.lock())),
        ("Mutex::lock_owned", 15, size(mutex.clone().lock_owned())),
        ("RwLock::read", 14, size(lock.read())),
        ("RwLock::write", 14, size(lock.write())),
        ("RwLock::read_owned", 15, size(lock.clone().read_owned())),
        ("RwLock::write_owned", 15, size(lock.clone().write_owned())),
        ("mpsc::Receiver::recv", 3, size(rx.recv())),
        ("mpsc::Receiver::recv_many", 8, size(rx.recv_many(&mut buffer, 1))),
        ("mpsc::UnboundedReceiver::recv", 3, size(unbounded_rx.recv())),
        ("mpsc::Sender::reserve", 16, size(tx.reserve())),
        ("mpsc::Sender::reserve_many", 18, size(tx.reserve_many(1))),
        ("mpsc::Sender::reserve_owned", 17, size(tx.clone().reserve_owned())),
        ("mpsc::Sender::send", 20, size(tx.send(1))),
        ("mpsc::Sender::send_timeout", 24, size(tx.send_timeout(1, Duration::ZERO))),
        ("mpsc::Sender::closed", 13, size(tx.closed())),
        ("mpsc::UnboundedSender::closed", 13, size(unbounded_tx.closed())),
        ("oneshot::Sender::closed", 3, size(once_tx.closed())),
        ("watch::Receiver::changed", 18, size(watch_rx.changed())),
        ("watch::Receiver::wait_for", 19, size(watch_rx.wait_for(|_| true))),
        ("watch::Sender::closed", 13, size(watch_tx.closed())),
        ("broadcast::Receiver::recv", 14, size(all_rx.recv())),
        ("broadcast::Sender::closed", 12, size(all_tx.closed())),
        ("Barrier::wait", 16, size(barrier.wait())),
        ("OnceCell::get_or_init", 15, size(cell.get_or_init(|| async { 1u64 }))),
        ("SetOnce::wait", 12, size(set.wait())),
        ("run_until_cancelled", 11, size(token.run_until_cancelled(std::future::ready(1)))),
    ];
    let too_large: Vec<_> =
        sizes.into_iter().filter(|(_, words, size)| *size > words * WORD).collect();
    assert!(too_large.is_empty(), "more words than allowed, and bytes: {too_large:?}");
    // A bound that is far off would let it grow unnoticed.
    let too_small: Vec<_> =
        sizes.into_iter().filter(|(_, words, size)| *size + 2 * WORD < words * WORD).collect();
    assert!(too_small.is_empty(), "less than allowed: {too_small:?}");
}
