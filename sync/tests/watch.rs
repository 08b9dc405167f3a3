//! The watch channel: versions, waiting, counts, closures that panic, threads.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Counted, ROUNDS, block_on, now, spawn};
use filch_sync::watch::{self, error::SendError};

#[test]
fn receivers_see_the_newest_value_once() {
    let (tx, mut rx) = watch::channel(0);
    assert!(!rx.has_changed().unwrap());
    assert!(spawn(rx.changed()).is_pending());
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert!(rx.has_changed().unwrap());
    assert!(rx.borrow().has_changed());
    now(rx.changed()).unwrap();
    assert!(spawn(rx.changed()).is_pending());
    assert_eq!(*rx.borrow(), 2);
    tx.send(3).unwrap();
    {
        let value = rx.borrow_and_update();
        assert!(value.has_changed());
        assert_eq!(*value, 3);
    }
    assert!(!rx.borrow().has_changed());
    assert!(!tx.borrow().has_changed());
}

#[test]
fn a_change_wakes_all_receivers() {
    let (tx, rx) = watch::channel(0);
    let mut receivers: Vec<_> = (0..50).map(|_| rx.clone()).collect();
    let mut waiting: Vec<_> = receivers.iter_mut().map(|rx| spawn(rx.changed())).collect();
    assert!(waiting.iter_mut().all(|changed| changed.is_pending()));
    tx.send(1).unwrap();
    assert!(waiting.iter().all(|changed| changed.wakes() == 1));
    assert!(waiting.iter_mut().all(|changed| changed.ready().is_ok()));
}

#[test]
fn the_last_value_is_seen_before_the_end() {
    let (tx, mut rx) = watch::channel(0);
    let mut late = rx.clone();
    let mut changed = spawn(rx.changed());
    assert!(changed.is_pending());
    let second = tx.clone();
    assert_eq!(tx.sender_count(), 2);
    tx.send(1).unwrap();
    drop(tx);
    assert_eq!(changed.wakes(), 1);
    changed.ready().unwrap();
    drop(changed);
    let mut changed = spawn(rx.changed());
    assert!(changed.is_pending());
    drop(second);
    assert_eq!(changed.wakes(), 1);
    assert_eq!(changed.ready().unwrap_err().to_string(), "channel closed");
    assert!(late.is_closed() && late.has_changed().is_err());
    assert!(late.borrow().has_changed());
    now(late.changed()).unwrap();
    assert!(now(late.changed()).is_err());
}

#[test]
fn send_needs_a_receiver_and_send_replace_does_not() {
    let (tx, rx) = watch::channel(0);
    drop(rx);
    assert!(tx.is_closed());
    let error = tx.send(1).unwrap_err();
    assert_eq!(error, SendError(1));
    assert_eq!(
        (error.to_string().as_str(), format!("{error:?}").as_str()),
        ("channel closed", "SendError { .. }")
    );
    assert_eq!(*tx.borrow(), 0);
    assert_eq!(tx.send_replace(2), 0);
    let rx = tx.subscribe();
    assert!(!rx.has_changed().unwrap(), "a new receiver has seen the value");
    assert_eq!((*rx.borrow(), tx.receiver_count()), (2, 1));
}

#[test]
fn send_if_modified_wakes_only_if_it_says_so() {
    let (tx, mut rx) = watch::channel(1);
    let mut changed = spawn(rx.changed());
    assert!(changed.is_pending());
    assert!(!tx.send_if_modified(|value| {
        *value = 5;
        false
    }));
    assert_eq!(changed.wakes(), 0);
    assert!(tx.send_if_modified(|value| {
        *value += 1;
        true
    }));
    assert_eq!(changed.wakes(), 1);
    changed.ready().unwrap();
    drop(changed);
    tx.send_modify(|value| *value *= 2);
    assert_eq!(*rx.borrow_and_update(), 12);
}

#[test]
fn panicking_closures_leave_the_channel_usable() {
    let (tx, mut rx) = watch::channel(1);
    let mut changed = spawn(rx.changed());
    assert!(changed.is_pending());
    let modify = || {
        tx.send_modify(|value| {
            *value = 2;
            panic!("half done");
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(modify)).is_err());
    assert_eq!(changed.wakes(), 0);
    tx.send(3).unwrap();
    changed.ready().unwrap();
    drop(changed);
    let wait = || drop(now(rx.wait_for(|_| panic!("in the predicate"))));
    assert!(catch_unwind(AssertUnwindSafe(wait)).is_err());
    tx.send(4).unwrap();
    assert_eq!(*now(rx.wait_for(|&value| value == 4)).unwrap(), 4);
}

#[test]
fn wait_for_looks_at_each_newest_value() {
    let (tx, mut rx) = watch::channel(0);
    assert!(!now(rx.wait_for(|&value| value == 0)).unwrap().has_changed());
    let mut looked_at = Vec::new();
    {
        let mut wait = spawn(rx.wait_for(|&value| {
            looked_at.push(value);
            value >= 3
        }));
        assert!(wait.is_pending());
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        assert!(wait.is_pending());
        tx.send(3).unwrap();
        let value = wait.ready().unwrap();
        assert!(value.has_changed());
        assert_eq!(format!("{value:?}"), "Ref { value: 3, has_changed: true }");
    }
    assert_eq!(looked_at, [0, 2, 3]);
    assert!(!rx.has_changed().unwrap(), "what it returned is seen");
}

#[test]
fn wait_for_looks_at_the_last_value_before_the_end() {
    for last in [1, 2] {
        let (tx, mut rx) = watch::channel(0);
        let mut wait = spawn(rx.wait_for(|&value| value == 2));
        assert!(wait.is_pending());
        tx.send(last).unwrap();
        drop(tx);
        assert_eq!(wait.ready().is_ok(), last == 2);
    }
    let (tx, mut rx) = watch::channel(0);
    drop(tx);
    assert!(now(rx.wait_for(|&value| value == 0)).is_ok());
    assert!(now(rx.wait_for(|&value| value == 1)).is_err());
}

#[test]
fn marks() {
    let (tx, mut rx) = watch::channel(0);
    rx.mark_changed();
    assert!(rx.has_changed().unwrap());
    now(rx.changed()).unwrap();
    tx.send(1).unwrap();
    rx.mark_unchanged();
    assert!(!rx.has_changed().unwrap());
    let copy = rx.clone();
    tx.send(2).unwrap();
    assert!(copy.has_changed().unwrap());
}

#[test]
fn closed_waits_for_the_last_receiver() {
    let (tx, rx) = watch::channel(0);
    let second = rx.clone();
    let mut closed = spawn(tx.closed());
    assert!(closed.is_pending());
    drop(rx);
    assert_eq!(closed.wakes(), 0);
    drop(second);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
    let mut closed = spawn(tx.closed());
    let rx = tx.subscribe();
    assert!(closed.is_pending());
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&watch::Sender::default()));
    assert!(rx.same_channel(&tx.subscribe()) && !rx.same_channel(&watch::channel(0).1));
}

#[test]
fn values_are_dropped_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = watch::channel(Counted::new(&drops, 0));
    for i in 1..10 {
        tx.send(Counted::new(&drops, i)).unwrap();
        assert_eq!(drops.load(Ordering::SeqCst), i);
    }
    drop(tx);
    assert_eq!(drops.load(Ordering::SeqCst), 9);
    drop(rx);
    assert_eq!(drops.load(Ordering::SeqCst), 10);
}

#[test]
fn spends_the_budget() {
    use filch_primitives::coop;
    let (tx, mut rx) = watch::channel(0);
    let _budget = coop::fresh();
    let changes = (0..1_000).take_while(|&i| {
        tx.send(i).unwrap();
        spawn(rx.changed()).poll().is_ready()
    });
    assert_eq!(changes.count(), usize::from(coop::BUDGET));
}

#[test]
fn threads_see_rising_values_and_the_last_one() {
    let (tx, rx) = watch::channel(0);
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let mut rx = rx.clone();
            std::thread::spawn(move || {
                let mut last = 0;
                while block_on(rx.changed()).is_ok() {
                    let value = *rx.borrow_and_update();
                    assert!(value >= last, "{value} after {last}");
                    last = value;
                }
                assert_eq!(*rx.borrow(), ROUNDS);
            })
        })
        .collect();
    drop(rx);
    for i in 1..=ROUNDS {
        tx.send(i).unwrap();
    }
    drop(tx);
    receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
}
