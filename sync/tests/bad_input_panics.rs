//! Panics of the user's code inside of an operation: closures, futures, `Drop` and `Clone` of messages.
//! The panic goes to the caller, the primitive stays usable, and nothing else is lost.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{now, spawn};
use filch_sync::{
    CancellationToken, Mutex, MutexGuard, OnceCell, OwnedMutexGuard, OwnedRwLockReadGuard,
    OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, SetOnce, TaskTracker,
    broadcast, mpsc, oneshot, watch,
};

#[track_caller]
fn assert_panics<R>(f: impl FnOnce() -> R) {
    let outcome = catch_unwind(AssertUnwindSafe(f)).map(|_| ());
    let panic = outcome.expect_err("it did not panic");
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "the user's panic");
}

fn panics<T>() -> T {
    panic!("the user's panic")
}

/// A message whose `Drop` panics if it says so, and counts.
struct Message {
    panics: bool,
    drops: Arc<AtomicUsize>,
}

impl Drop for Message {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        if self.panics {
            panics()
        }
    }
}

fn messages(drops: &Arc<AtomicUsize>) -> impl Fn(bool) -> Message + use<> {
    let drops = drops.clone();
    move |panics| Message { panics, drops: drops.clone() }
}

#[test]
fn closures_that_change_a_watched_value() {
    let (tx, mut rx) = watch::channel(0);
    assert_panics(|| {
        tx.send_modify(|value| {
            *value = 1;
            panics()
        })
    });
    assert_panics(|| tx.send_if_modified(|_| panics()));
    // Nobody was told; the value is as far as the closure came.
    assert!(!rx.has_changed().unwrap());
    assert_eq!(*rx.borrow(), 1);
    assert_panics(|| now(rx.wait_for(|_| panics())));
    let mut changed = spawn(rx.changed());
    assert!(changed.is_pending());
    tx.send(2).unwrap();
    assert_eq!(changed.wakes(), 1);
    changed.ready().unwrap();
    drop(changed);
    assert_eq!(*now(rx.wait_for(|value| *value == 2)).unwrap(), 2);
}

#[test]
fn closures_that_panic_while_they_wait() {
    let (tx, mut rx) = watch::channel(0);
    let mut wait = spawn(rx.wait_for(|value| if *value == 1 { panics() } else { *value == 2 }));
    assert!(wait.is_pending());
    tx.send(1).unwrap();
    assert_panics(|| wait.poll().is_ready());
    drop(wait);
    tx.send(2).unwrap();
    assert_eq!(*now(rx.wait_for(|value| *value == 2)).unwrap(), 2);
}

#[test]
fn closures_that_map_a_guard() {
    let mutex = Arc::new(Mutex::new(0));
    assert_panics(|| MutexGuard::map(mutex.try_lock().unwrap(), |_| panics::<&mut u8>()));
    assert_panics(|| {
        MutexGuard::try_map(mutex.try_lock().unwrap(), |_| panics::<Option<&mut u8>>())
    });
    let owned = || mutex.clone().try_lock_owned().unwrap();
    assert_panics(|| OwnedMutexGuard::map(owned(), |_| panics::<&mut u8>()));
    *mutex.try_lock().expect("unlocked by the unwinding") += 1;

    let lock = Arc::new(RwLock::new(0));
    assert_panics(|| RwLockReadGuard::map(lock.try_read().unwrap(), |_| panics::<&u8>()));
    assert_panics(|| RwLockWriteGuard::map(lock.try_write().unwrap(), |_| panics::<&mut u8>()));
    assert_panics(|| {
        RwLockWriteGuard::downgrade_map(lock.try_write().unwrap(), |_| panics::<&u8>())
    });
    let write = || lock.clone().try_write_owned().unwrap();
    assert_panics(|| OwnedRwLockWriteGuard::map(write(), |_| panics::<&mut u8>()));
    assert_panics(|| OwnedRwLockWriteGuard::downgrade_map(write(), |_| panics::<&u8>()));
    let read = || lock.clone().try_read_owned().unwrap();
    assert_panics(|| OwnedRwLockReadGuard::map(read(), |_| panics::<&u8>()));
    *lock.try_write().expect("unlocked by the unwinding") += 1;
}

#[test]
fn futures_that_panic_inside_of_a_primitive() {
    let cell = OnceCell::new();
    assert_panics(|| now(cell.get_or_init(|| async { panics() })));
    let mut behind = spawn(cell.get_or_init(|| async { 2 }));
    assert_eq!(*behind.ready(), 2);

    let token = CancellationToken::new();
    assert_panics(|| now(token.run_until_cancelled(async { panics::<()>() })));
    assert!(!token.is_cancelled());
    assert_eq!(now(token.run_until_cancelled(async { 3 })), Some(3));

    let tracker = TaskTracker::new();
    tracker.close();
    assert_panics(|| now(tracker.track_future(async { panics::<()>() })));
    assert!(tracker.is_empty());
    now(tracker.wait());
}

#[test]
fn drop_of_a_tracked_future() {
    let drops = Arc::new(AtomicUsize::new(0));
    let message = messages(&drops)(true);
    let tracker = TaskTracker::new();
    tracker.close();
    let tracked = tracker.track_future(async move { drop(message) });
    let mut wait = spawn(tracker.wait());
    assert!(wait.is_pending());
    assert_panics(|| drop(tracked));
    assert_eq!(wait.wakes(), 1);
    wait.ready();
}

#[test]
fn drop_of_a_oneshot_value() {
    let drops = Arc::new(AtomicUsize::new(0));
    let message = messages(&drops);
    let (tx, rx) = oneshot::channel();
    assert!(tx.send(message(true)).is_ok());
    assert_panics(|| drop(rx));
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    // Refused, it is the sender's to drop.
    let (tx, rx) = oneshot::channel();
    drop(rx);
    assert_panics(|| drop(tx.send(message(true))));
    assert_eq!(drops.load(Ordering::SeqCst), 2);
}

#[test]
fn drop_of_a_watched_value_that_was_replaced() {
    let drops = Arc::new(AtomicUsize::new(0));
    let message = messages(&drops);
    let (tx, mut rx) = watch::channel(message(true));
    let mut changed = spawn(rx.changed());
    assert!(changed.is_pending());
    assert_panics(|| tx.send(message(false)));
    assert_eq!(changed.wakes(), 1);
    changed.ready().unwrap();
    drop(changed);
    assert!(!rx.borrow_and_update().panics);
    assert!(tx.send(message(false)).is_ok());
    drop((tx, rx));
    assert_eq!(drops.load(Ordering::SeqCst), 3);
}

#[test]
fn drop_of_messages_that_a_receiver_leaves_behind() {
    for panicking in 0..5 {
        let drops = Arc::new(AtomicUsize::new(0));
        let message = messages(&drops);
        let (tx, rx) = mpsc::channel(5);
        let (unbounded_tx, unbounded_rx) = mpsc::unbounded_channel();
        for i in 0..5 {
            assert!(tx.try_send(message(i == panicking)).is_ok());
            assert!(unbounded_tx.send(message(i == panicking)).is_ok());
        }
        assert_panics(|| drop(rx));
        assert_panics(|| drop(unbounded_rx));
        assert_eq!(drops.load(Ordering::SeqCst), 10);
        assert!(tx.try_send(message(false)).is_err() && unbounded_tx.send(message(false)).is_err());
    }
}

#[test]
fn drop_of_messages_that_are_received() {
    let drops = Arc::new(AtomicUsize::new(0));
    let message = messages(&drops);
    let (tx, mut rx) = mpsc::channel(1);
    for _ in 0..3 {
        assert!(tx.try_send(message(true)).is_ok());
        // The room is free again, whatever becomes of the message.
        assert_panics(|| drop(rx.try_recv()));
        assert_eq!(tx.capacity(), 1);
    }
    assert_eq!(drops.load(Ordering::SeqCst), 3);
}

#[test]
fn drop_of_a_broadcast_message_that_is_overwritten() {
    /// The original panics when it is dropped, its clones don't.
    struct Original(Message);
    impl Clone for Original {
        fn clone(&self) -> Self {
            Original(Message { panics: false, drops: self.0.drops.clone() })
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let message = messages(&drops);
    let (tx, mut rx) = broadcast::channel(1);
    assert!(tx.send(Original(message(true))).is_ok());
    let mut recv = spawn(async { rx.recv().await.map(drop) });
    assert_panics(|| tx.send(Original(message(false))));
    // The second one was sent, and the first one is told as missed.
    assert_eq!(recv.ready(), Err(broadcast::error::RecvError::Lagged(1)));
    drop(recv);
    assert!(now(rx.recv()).is_ok());
    assert_eq!(drops.load(Ordering::SeqCst), 2);
}

#[test]
fn drop_of_the_value_of_a_cell() {
    let drops = Arc::new(AtomicUsize::new(0));
    let message = messages(&drops);
    assert_panics(|| drop(OnceCell::from(message(true))));
    assert_panics(|| drop(SetOnce::from(message(true))));
    let cell = SetOnce::from(message(false));
    // Refused: the caller's to drop.
    assert_panics(|| drop(cell.set(message(true))));
    assert!(cell.get().is_some_and(|message| !message.panics));
    drop(cell);
    assert_eq!(drops.load(Ordering::SeqCst), 4);
}
