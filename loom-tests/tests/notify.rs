//! Notify, steps NTF1 to NTF7 of docs/sync.md.
#![cfg(filch_loom)]

mod sync_support;

use std::pin::pin;
use std::sync::Arc;

use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::cell::UnsafeCell;
use filch_primitives::thread;
use filch_sync::Notify;
use sync_support::{block_on, model, poll_once};

/// A Notify, and a cell that is written before the notification and read after.
struct Published {
    notify: Arc<Notify>,
    cell: UnsafeCell<usize>,
}

// SAFETY: the notification orders the write before the read; loom checks whether it does.
unsafe impl Sync for Published {}
// SAFETY: as above.
unsafe impl Send for Published {}

impl Published {
    fn new() -> Arc<Self> {
        Arc::new(Published { notify: Arc::new(Notify::new()), cell: UnsafeCell::new(0) })
    }

    fn write(&self) {
        // SAFETY: before the notification.
        self.cell.with_mut(|value| unsafe { *value = 1 });
    }

    fn read(&self) -> usize {
        // SAFETY: after the notification.
        self.cell.with(|value| unsafe { *value })
    }
}

/// NTF1 to NTF4, NTF6: what was done before `notify_one` is seen after `notified`.
#[test]
fn notify_one_publishes() {
    model(|| {
        let shared = Published::new();
        let theirs = shared.clone();
        let other = thread::spawn(move || {
            theirs.write();
            theirs.notify.notify_one();
        });
        block_on(shared.notify.notified());
        assert_eq!(shared.read(), 1);
        other.join().unwrap();
    });
}

/// NTF1: two notifications that fall together: the one who comes sees what both did.
#[test]
fn coalesced_permits_publish_both() {
    model(|| {
        let notify = Arc::new(Notify::new());
        let flags = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let threads: Vec<_> = (0..2)
            .map(|i| {
                let (notify, flags) = (notify.clone(), flags.clone());
                thread::spawn(move || {
                    flags[i].store(1, Ordering::Relaxed);
                    notify.notify_one();
                })
            })
            .collect();
        // Waits until both flags are there: by one notification or by two.
        while flags.iter().any(|flag| flag.load(Ordering::Relaxed) == 0) {
            block_on(notify.notified());
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// NTF5 against NTF3: a future made before the call is completed by it.
#[test]
fn notify_waiters_publishes_to_those_who_looked_before() {
    model(|| {
        let shared = Arc::new((Notify::new(), AtomicUsize::new(0)));
        let theirs = shared.clone();
        let other = thread::spawn(move || {
            theirs.1.store(1, Ordering::Relaxed);
            theirs.0.notify_waiters();
        });
        loop {
            let notified = shared.0.notified();
            if shared.1.load(Ordering::Relaxed) == 1 {
                break;
            }
            block_on(notified);
        }
        other.join().unwrap();
    });
}

/// NTF4 to NTF6: what a poll finds that no wake-up brought about must publish by itself: a notification of one
/// or of all, for a future that waits, and of all for one that was not polled, beside another that waits.
#[test]
fn notification_seen_without_a_wake_publishes() {
    for (all, polled, beside) in [
        (false, true, false),
        (false, false, false),
        (true, true, false),
        (true, false, false),
        (true, false, true),
    ] {
        model(move || {
            let shared = Published::new();
            let mut future = Box::pin(shared.notify.clone().notified_owned());
            let mut other = Box::pin(shared.notify.notified());
            if polled {
                assert!(poll_once(future.as_mut()).is_none());
            }
            if beside {
                assert!(poll_once(other.as_mut()).is_none());
            }
            let theirs = shared.clone();
            let waiter = thread::spawn(move || {
                if poll_once(future.as_mut()).is_some() {
                    assert_eq!(theirs.read(), 1);
                }
            });
            shared.write();
            if all {
                shared.notify.notify_waiters()
            } else {
                shared.notify.notify_one()
            }
            waiter.join().unwrap();
        });
    }
}

/// NTF5, where the one that waits gives up in the moment in which all are notified: then there is nobody in the
/// list, and the word alone must publish, to a future that was made before.
#[test]
fn notification_of_all_publishes_though_the_waiter_left() {
    model(|| {
        let shared = Published::new();
        let mut early = Box::pin(shared.notify.clone().notified_owned());
        let mut waiter = Box::pin(shared.notify.clone().notified_owned());
        assert!(poll_once(waiter.as_mut()).is_none());
        let leaver = thread::spawn(move || drop(waiter));
        let theirs = shared.clone();
        let reader = thread::spawn(move || {
            if poll_once(early.as_mut()).is_some() {
                assert_eq!(theirs.read(), 1);
            }
        });
        shared.write();
        shared.notify.notify_waiters();
        leaver.join().unwrap();
        reader.join().unwrap();
    });
}

/// NTF2, NTF5: a taker whose exchange fails, because another has taken the permit and then notified all: it sees
/// by the failed exchange that it was notified, and what was done before.
#[test]
fn failed_taking_sees_the_notification_of_all() {
    model(|| {
        let shared = Published::new();
        shared.notify.notify_one();
        let mut future = Box::pin(shared.notify.clone().notified_owned());
        // std's, which adds no order.
        let is_taken = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (theirs, was_taken) = (shared.clone(), is_taken.clone());
        let other = thread::spawn(move || {
            let is_done = poll_once(future.as_mut()).is_some();
            // There was one permit: if the other thread has it, this one was notified with all.
            if is_done && was_taken.load(std::sync::atomic::Ordering::SeqCst) {
                assert_eq!(theirs.read(), 1);
            }
        });
        if poll_once(shared.notify.notified()).is_some() {
            is_taken.store(true, std::sync::atomic::Ordering::SeqCst);
            shared.write();
            shared.notify.notify_waiters();
        }
        other.join().unwrap();
    });
}

/// NTF7 against NTF4: a waiter that is dropped while it is notified hands the notification on.
#[test]
fn cancel_races_notify_one() {
    model(|| {
        let notify = Arc::new(Notify::new());
        let theirs = notify.clone();
        let taken = thread::spawn(move || poll_once(theirs.notified()).is_some());
        notify.notify_one();
        if !taken.join().unwrap() {
            block_on(notify.notified());
        }
    });
}

/// NTF4, NTF7 with two waiters: one notification lets one through, also where the other gives up.
#[test]
fn notification_reaches_one_of_two() {
    model(|| {
        let notify = Arc::new(Notify::new());
        let mut first = Box::pin(notify.notified());
        assert!(!first.as_mut().enable());
        let theirs = notify.clone();
        let second = thread::spawn(move || block_on(theirs.notified()));
        let theirs = notify.clone();
        let notifier = thread::spawn(move || theirs.notify_one());
        drop(first);
        second.join().unwrap();
        notifier.join().unwrap();
    });
}

/// NTF5 in two batches (a batch is two wakers here) against NTF7 and NTF4.
#[test]
fn notify_waiters_in_batches_races_cancel() {
    model(|| {
        let notify = Arc::new(Notify::new());
        let mut waiters: Vec<_> = (0..3).map(|_| Box::pin(notify.notified())).collect();
        for waiter in &mut waiters {
            assert!(poll_once(waiter.as_mut()).is_none());
        }
        let theirs = notify.clone();
        let notifier = thread::spawn(move || theirs.notify_waiters());
        drop(waiters.pop());
        for waiter in waiters {
            block_on(waiter);
        }
        notifier.join().unwrap();
        assert!(poll_once(notify.notified()).is_none(), "it left a permit");
    });
}

/// NTF5 against NTF1: the two kinds at once; the permit or the waiter's notification is there for one more.
#[test]
fn notify_waiters_races_notify_one() {
    model(|| {
        let notify = Arc::new(Notify::new());
        let mut waiter = pin!(notify.notified());
        assert!(!waiter.as_mut().enable());
        let theirs = notify.clone();
        let all = thread::spawn(move || theirs.notify_waiters());
        let theirs = notify.clone();
        let one = thread::spawn(move || theirs.notify_one());
        block_on(waiter);
        all.join().unwrap();
        one.join().unwrap();
    });
}

/// The models can fail: what is written after the notification is not ordered before the waiter.
#[test]
#[should_panic(expected = "Causality violation")]
fn write_after_notify_is_a_race() {
    model(|| {
        let shared = Published::new();
        let theirs = shared.clone();
        let other = thread::spawn(move || {
            theirs.notify.notify_one();
            theirs.write();
        });
        block_on(shared.notify.notified());
        shared.read();
        other.join().unwrap();
    });
}
