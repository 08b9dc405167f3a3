//! Notify: permits, order, generations, cancellation, threads.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use common::{Calls, PanicsOnWake, ROUNDS, WakeCount, block_on, now, spawn};
use filch_sync::Notify;

#[test]
fn permits_do_not_add_up() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    now(notify.notified());
    assert!(spawn(notify.notified()).is_pending());
}

#[test]
fn notify_one_wakes_the_first_and_notify_last_the_last() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..4).map(|_| spawn(notify.notified())).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.is_pending()));
    notify.notify_one();
    notify.notify_last();
    let wakes: Vec<_> = waiters.iter().map(|waiter| waiter.wakes()).collect();
    assert_eq!(wakes, [1, 0, 0, 1]);
    waiters[0].ready();
    waiters[3].ready();
    waiters[3].ready();
    assert!(waiters[1].is_pending() && waiters[2].is_pending());
}

#[test]
fn notify_waiters_completes_all_that_exist_and_leaves_nothing() {
    let notify = Notify::new();
    let mut polled: Vec<_> = (0..100).map(|_| spawn(notify.notified())).collect();
    assert!(polled.iter_mut().all(|waiter| waiter.is_pending()));
    let mut unpolled = spawn(notify.notified());
    notify.notify_waiters();
    let mut later = spawn(notify.notified());
    assert!(later.is_pending());
    assert!(polled.iter().all(|waiter| waiter.wakes() == 1));
    assert!(polled.iter_mut().all(|waiter| !waiter.is_pending()));
    unpolled.ready();
    assert_eq!(later.wakes(), 0);
    notify.notify_one();
    later.ready();
}

#[test]
fn notify_waiters_without_waiters_keeps_the_permit() {
    let notify = Notify::new();
    let mut before = spawn(notify.notified());
    notify.notify_one();
    notify.notify_waiters();
    before.ready();
    assert!(spawn(notify.notified()).is_pending(), "the permit was the first one's");
}

#[test]
fn enable_queues_without_a_poll() {
    let notify = Arc::new(Notify::new());
    let mut first = spawn(notify.notified());
    let mut second = spawn(notify.clone().notified_owned());
    assert!(!first.as_mut().enable());
    assert!(!second.as_mut().enable());
    assert!(first.is_pending());
    notify.notify_one();
    assert_eq!(first.wakes(), 1);
    assert!(first.as_mut().enable());
    first.ready();
    notify.notify_one();
    assert!(second.as_mut().enable());
    second.ready();
}

#[test]
fn cancelled_waiter_hands_its_notification_on() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..4).map(|_| spawn(notify.notified())).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.is_pending()));
    notify.notify_one();
    drop(waiters.remove(0));
    assert_eq!(waiters.iter().map(|waiter| waiter.wakes()).collect::<Vec<_>>(), [1, 0, 0]);
    notify.notify_last();
    drop(waiters.pop());
    assert_eq!(waiters.iter().map(|waiter| waiter.wakes()).collect::<Vec<_>>(), [1, 1]);
    drop(waiters);
    now(notify.notified());
    assert!(spawn(notify.notified()).is_pending(), "two notifications for none are one permit");
}

#[test]
fn cancelled_after_notify_waiters_hands_nothing_on() {
    let notify = Notify::new();
    let mut waiter = spawn(notify.notified());
    assert!(waiter.is_pending());
    notify.notify_waiters();
    drop(waiter);
    assert!(spawn(notify.notified()).is_pending());
}

#[test]
fn the_last_polling_task_is_the_one_woken() {
    let notify = Notify::new();
    let (first, second) = (Arc::new(WakeCount::default()), Arc::new(WakeCount::default()));
    let mut waiter = spawn(notify.notified());
    assert!(waiter.poll_with(&first).is_pending());
    assert!(waiter.poll_with(&second).is_pending());
    assert_eq!(Arc::strong_count(&first), 1);
    notify.notify_one();
    assert_eq!((first.get(), second.get()), (0, 1));
    waiter.ready();
}

/// While `notify_waiters` is between two batches: those not woken yet are polled, dropped, and passed over.
#[test]
fn released_and_not_woken_yet() {
    let notify = Arc::new(Notify::new());
    let log = Arc::new(AtomicUsize::new(0));
    // The first waker runs with the others still to be woken: more than two batches of them.
    let others: Arc<std::sync::Mutex<Vec<_>>> = Arc::default();
    let (inside, inside_others, inside_log) = (notify.clone(), others.clone(), log.clone());
    let first_waker = Waker::from(Arc::new(Calls(move || {
        let mut others = inside_others.lock().unwrap();
        let last: &mut common::Spawned<filch_sync::futures::OwnedNotified> =
            others.last_mut().unwrap();
        assert_eq!(last.wakes(), 0, "it is in a later batch");
        last.ready();
        others.pop();
        others.pop();
        inside.notify_one();
        now(inside.notified());
        inside.notify_waiters();
        inside_log.fetch_add(1, Ordering::SeqCst);
    })));
    let mut first = Box::pin(notify.notified());
    assert!(first.as_mut().poll(&mut Context::from_waker(&first_waker)).is_pending());
    others.lock().unwrap().extend((0..100).map(|_| spawn(notify.clone().notified_owned())));
    assert!(others.lock().unwrap().iter_mut().all(|waiter| waiter.is_pending()));
    notify.notify_waiters();
    assert_eq!(log.load(Ordering::SeqCst), 1);
    let mut others = others.lock().unwrap();
    assert_eq!(others.len(), 98);
    assert!(others.iter().all(|waiter| waiter.wakes() == 1));
    others.iter_mut().for_each(|waiter| waiter.ready());
    now(first);
    assert!(spawn(notify.notified()).is_pending());
}

#[test]
fn panicking_wakers_lose_no_other_wake() {
    let notify = Notify::new();
    let waker = Waker::from(Arc::new(PanicsOnWake));
    let mut bad: Vec<_> = (0..40).map(|_| Box::pin(notify.notified())).collect();
    for waiter in &mut bad {
        assert!(waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let mut good: Vec<_> = (0..40).map(|_| spawn(notify.notified())).collect();
    assert!(good.iter_mut().all(|waiter| waiter.is_pending()));
    assert!(catch_unwind(AssertUnwindSafe(|| notify.notify_waiters())).is_err());
    assert!(good.iter().all(|waiter| waiter.wakes() == 1));
    bad.into_iter().for_each(now);
}

#[test]
fn statics_and_debug() {
    static STOP: Notify = Notify::const_new();
    STOP.notify_one();
    assert!(format!("{STOP:?}").contains("has_permit: true"));
    let notified = STOP.notified();
    assert!(format!("{notified:?}").contains("Start"));
    now(notified);
    let owned = Arc::new(Notify::default()).notified_owned();
    assert!(format!("{owned:?}").starts_with("OwnedNotified"));
}

/// Each notification lets one through: with one notifier that waits for its answer, none is lost.
#[test]
fn threads_ping_pong() {
    let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let other = {
        let (ping, pong) = (ping.clone(), pong.clone());
        std::thread::spawn(move || {
            for _ in 0..ROUNDS / 2 {
                block_on(ping.notified());
                pong.notify_one();
            }
        })
    };
    for i in 0..ROUNDS / 2 {
        ping.notify_one();
        // Polled once and dropped: a notification that it got after the poll goes on to the next.
        if i % 3 == 0 && spawn(pong.notified()).poll().is_ready() {
            continue;
        }
        block_on(pong.notified());
    }
    other.join().unwrap();
}

/// The pattern "make the future, look, wait" against "change, notify all": never hangs.
#[test]
fn threads_wait_for_a_condition() {
    for _ in 0..ROUNDS / 100 {
        let shared = Arc::new((Notify::new(), AtomicUsize::new(0)));
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let shared = shared.clone();
                std::thread::spawn(move || {
                    loop {
                        let notified = shared.0.notified();
                        if shared.1.load(Ordering::Relaxed) == 2 {
                            break;
                        }
                        block_on(notified);
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            shared.1.fetch_add(1, Ordering::Relaxed);
            shared.0.notify_waiters();
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    }
}
