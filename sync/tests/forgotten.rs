//! `mem::forget` of waits, guards and permits. A future that nobody polls or drops any more stays in the list of
//! its primitive: what comes to it is lost, and nothing else is.
//!
//! A class of advisories: what is sound only because a destructor runs is not sound.

mod common;
#[path = "common/subjects.rs"]
mod subjects;

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Waker};

use common::{WakeCount, now, spawn};
use filch_sync::{Barrier, Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use subjects::subjects;

/// Forgets a value, at a place that the process remembers: nothing that a leak check would report.
fn forget<T>(value: T) {
    static FORGOTTEN: StdMutex<Vec<usize>> = StdMutex::new(Vec::new());
    let place = Box::into_raw(Box::new(ManuallyDrop::new(value)));
    FORGOTTEN.lock().unwrap().push(place as usize);
}

/// Polls a wait once, and forgets it.
fn forget_wait<F: Future>(wait: F) -> Arc<WakeCount> {
    let wakes = Arc::new(WakeCount::default());
    let mut wait: Pin<Box<F>> = Box::pin(wait);
    let waker = Waker::from(wakes.clone());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    forget(wait);
    wakes
}

#[test]
fn every_primitive_works_on_and_wakes_who_was_forgotten() {
    for subject in subjects() {
        let wakes = forget_wait((subject.wait)());
        (subject.touch)();
        (subject.complete)();
        assert_eq!(wakes.get(), 1, "{}", subject.name);
    }
}

/// The borrow ends with the `forget`: the primitive may be dropped, and its memory be used again, while the node
/// of the wait is still in its list.
#[test]
fn primitive_is_dropped_before_a_wait_that_borrowed_it() {
    // On the heap, where a use after the drop is found.
    let semaphore = Box::new(Semaphore::new(0));
    let waits = [forget_wait(semaphore.acquire()), forget_wait(semaphore.acquire_many(3))];
    drop(semaphore);
    let mutex = Box::new(Mutex::new(1));
    forget(mutex.try_lock().unwrap());
    let lock = forget_wait(mutex.lock());
    drop(mutex);
    let rw_lock = Box::new(RwLock::new(1));
    forget(rw_lock.try_write().unwrap());
    let read_and_write = [forget_wait(rw_lock.read()), forget_wait(rw_lock.write())];
    drop(rw_lock);
    let notify = Box::new(Notify::new());
    let notified = forget_wait(notify.notified());
    drop(notify);
    let barrier = Box::new(Barrier::new(2));
    let wait = forget_wait(barrier.wait());
    drop(barrier);
    let all = waits.into_iter().chain([lock, notified, wait]).chain(read_and_write);
    assert!(all.into_iter().all(|wakes| wakes.get() == 0), "nobody is left to wake them");
}

#[test]
fn channel_is_dropped_before_a_wait_that_borrowed_an_end() {
    let (tx, mut rx) = mpsc::channel::<String>(1);
    tx.try_send("kept".to_owned()).unwrap();
    let send = forget_wait(tx.send("late".to_owned()));
    let reserve = forget_wait(tx.reserve());
    assert_eq!(rx.try_recv().as_deref(), Ok("kept"));
    assert_eq!(send.get(), 1);
    let recv = forget_wait(rx.recv());
    drop(rx);
    assert_eq!((send.get(), reserve.get(), recv.get()), (1, 1, 0), "closed");
    drop(tx);

    let (tx, mut rx) = broadcast::channel::<String>(1);
    let recv = forget_wait(rx.recv());
    drop(rx);
    let closed = tx.subscribe();
    drop(tx);
    drop(closed);
    assert_eq!(recv.get(), 1, "closed");

    let (tx, mut rx) = watch::channel(1);
    let changed = forget_wait(rx.changed());
    tx.send(2).unwrap();
    drop(rx);
    assert!(tx.send(3).is_err());
    assert_eq!(changed.get(), 1);

    let (tx, rx) = oneshot::channel::<String>();
    let recv = forget_wait(rx);
    tx.send("to nobody".to_owned()).unwrap();
    assert_eq!(recv.get(), 1);
}

#[test]
fn what_comes_to_the_forgotten_is_lost_and_the_next_is_served() {
    let semaphore = Semaphore::new(0);
    let lost = forget_wait(semaphore.acquire());
    let mut next = spawn(semaphore.acquire());
    assert!(next.is_pending());
    semaphore.add_permits(1);
    assert_eq!((lost.get(), next.wakes()), (1, 0), "first come, first served");
    semaphore.add_permits(1);
    assert_eq!(next.wakes(), 1);
    drop(next.ready().unwrap());
    assert_eq!(semaphore.available_permits(), 1);

    let notify = Notify::new();
    let lost = forget_wait(notify.notified());
    let mut next = spawn(notify.notified());
    assert!(next.is_pending());
    notify.notify_one();
    assert_eq!((lost.get(), next.wakes()), (1, 0));
    notify.notify_waiters();
    next.ready();
}

#[test]
fn forgotten_guards_keep_the_lock_and_who_waits_may_give_up() {
    let mutex = Mutex::new(String::from("value"));
    forget(now(mutex.lock()));
    assert!(mutex.try_lock().is_err());
    let mut wait = spawn(mutex.lock());
    assert!(wait.is_pending());
    drop(wait);
    assert_eq!(mutex.into_inner(), "value");

    let lock = RwLock::new(String::from("value"));
    forget(now(lock.read()));
    assert!(lock.try_write().is_err());
    assert_eq!(*now(lock.read()), "value", "readers share it still");
    let mut write = spawn(lock.write());
    assert!(write.is_pending());
    drop(write);
    assert_eq!(lock.into_inner(), "value");
}

#[test]
fn forgotten_permits_are_gone() {
    let semaphore = Semaphore::new(3);
    forget(semaphore.try_acquire_many(2).unwrap());
    assert_eq!(semaphore.available_permits(), 1);
    semaphore.close();
    assert!(semaphore.try_acquire().is_err());

    let (tx, mut rx) = mpsc::channel(2);
    forget(tx.try_reserve().unwrap());
    assert_eq!(tx.capacity(), 1);
    tx.try_send(Box::new(1)).unwrap();
    rx.close();
    assert_eq!(now(rx.recv()).as_deref(), Some(&1));
    // Its message may still come, for all that the channel knows.
    assert!(spawn(rx.recv()).is_pending());
    assert!(tx.try_send(Box::new(2)).is_err());
}
