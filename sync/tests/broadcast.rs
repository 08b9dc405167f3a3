//! The broadcast channel: every receiver, every message; lag, counts, drops, threads.

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Counted, ROUNDS, assert_panics_in, block_on, now, spawn};
use filch_sync::broadcast::{self, error::RecvError, error::TryRecvError};

#[test]
fn every_receiver_gets_every_message() {
    let (tx, mut one) = broadcast::channel(8);
    let mut other = tx.subscribe();
    assert_eq!(tx.send("a").unwrap(), 2);
    assert_eq!(tx.send("b").unwrap(), 2);
    let mut late = tx.subscribe();
    assert_eq!((one.len(), late.len(), tx.len()), (2, 0, 2));
    for rx in [&mut one, &mut other] {
        assert_eq!(now(rx.recv()), Ok("a"));
        assert_eq!(rx.try_recv(), Ok("b"));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
    assert_eq!(late.try_recv(), Err(TryRecvError::Empty));
    assert!(tx.is_empty() && one.is_empty());
}

#[test]
fn waiting_receivers_are_woken() {
    let (tx, mut one) = broadcast::channel(8);
    let mut other = tx.subscribe();
    let mut waiting = [spawn(one.recv()), spawn(other.recv())];
    assert!(waiting.iter_mut().all(|recv| recv.is_pending()));
    tx.send(1).unwrap();
    for recv in &mut waiting {
        assert_eq!(recv.wakes(), 1);
        assert_eq!(recv.ready(), Ok(1));
    }
}

#[test]
fn slow_receivers_are_told_what_they_missed() {
    for (asked, capacity) in [(1, 1), (2, 2), (3, 4), (4, 4)] {
        let (tx, mut rx) = broadcast::channel(asked);
        for i in 0..capacity + 3 {
            tx.send(i).unwrap();
        }
        assert_eq!(rx.len(), capacity + 3);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(3)));
        assert_eq!(rx.len(), capacity);
        for i in 3..capacity + 3 {
            assert_eq!(now(rx.recv()), Ok(i));
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        for i in 0..capacity + 1 {
            tx.send(i).unwrap();
        }
        drop(tx);
        assert_eq!(now(rx.recv()), Err(RecvError::Lagged(1)));
        for i in 1..capacity + 1 {
            assert_eq!(now(rx.recv()), Ok(i));
        }
        assert_eq!(now(rx.recv()), Err(RecvError::Closed));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    }
}

#[test]
fn the_end_comes_after_the_last_message() {
    let (tx, mut rx) = broadcast::channel(4);
    let second = tx.clone();
    tx.send(1).unwrap();
    drop(tx);
    assert!(!rx.is_closed());
    assert_eq!(now(rx.recv()), Ok(1));
    let mut recv = spawn(rx.recv());
    assert!(recv.is_pending());
    drop(second);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), Err(RecvError::Closed));
    drop(recv);
    assert!(rx.is_closed());
    assert_eq!(rx.resubscribe().try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn send_without_receivers_gives_the_message_back() {
    let tx = broadcast::Sender::new(2);
    let error = tx.send(7).unwrap_err();
    assert_eq!((error.0, error.to_string().as_str()), (7, "channel closed"));
    let mut rx = tx.subscribe();
    tx.send(8).unwrap();
    assert_eq!(rx.try_recv(), Ok(8));
    drop(rx);
    assert!(tx.send(9).is_err());
}

#[test]
fn counts_and_weak_senders() {
    let (tx, rx) = broadcast::channel::<u8>(2);
    let weak = tx.downgrade();
    let second = weak.clone();
    assert_eq!((tx.strong_count(), tx.weak_count(), tx.receiver_count()), (1, 2, 1));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 2));
    drop(second);
    let upgraded = weak.upgrade().unwrap();
    assert!(upgraded.same_channel(&tx) && !upgraded.same_channel(&broadcast::Sender::new(1)));
    assert!(rx.same_channel(&tx.subscribe()) && !rx.same_channel(&broadcast::channel(1).1));
    drop((tx, upgraded));
    assert!(weak.upgrade().is_none());
    assert_eq!((weak.strong_count(), weak.weak_count()), (0, 1));
    assert!(format!("{rx:?} {weak:?}").contains("broadcast::Receiver"));
}

#[test]
fn closed_waits_for_the_last_receiver() {
    let (tx, rx) = broadcast::channel::<u8>(2);
    let second = tx.subscribe();
    let mut closed = spawn(tx.closed());
    assert!(closed.is_pending());
    drop(rx);
    assert_eq!(closed.wakes(), 0);
    drop(second);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
}

/// The last receiver of a message gets the original; it is dropped when nobody is left to receive it.
#[test]
fn messages_are_cloned_for_all_but_the_last_and_dropped_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, mut one) = broadcast::channel(4);
    let mut other = tx.subscribe();
    let third = tx.subscribe();
    for i in 0..3 {
        tx.send(Counted::new(&drops, i)).unwrap();
    }
    assert_eq!(one.try_recv().unwrap().1, 0);
    assert_eq!(drops.load(Ordering::SeqCst), 1, "a clone");
    drop(third);
    assert_eq!((drops.load(Ordering::SeqCst), tx.len()), (1, 3));
    assert_eq!(other.try_recv().unwrap().1, 0);
    assert_eq!((drops.load(Ordering::SeqCst), tx.len()), (2, 2), "the original");
    drop(other);
    assert_eq!(drops.load(Ordering::SeqCst), 2);
    drop(one);
    assert_eq!((drops.load(Ordering::SeqCst), tx.len()), (4, 0));
}

#[test]
fn overwritten_messages_are_dropped_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = broadcast::channel(2);
    for i in 0..10 {
        tx.send(Counted::new(&drops, i)).unwrap();
    }
    assert_eq!(drops.load(Ordering::SeqCst), 8);
    drop(rx);
    assert_eq!(drops.load(Ordering::SeqCst), 10);
}

#[test]
fn panicking_clone_loses_its_message_for_that_receiver_only() {
    struct Bomb(Counted);
    impl Clone for Bomb {
        fn clone(&self) -> Self {
            panic!("in clone");
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, mut one) = broadcast::channel(4);
    let mut other = tx.subscribe();
    assert!(tx.send(Bomb(Counted::new(&drops, 1))).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| one.try_recv())).is_err());
    assert_eq!(one.try_recv().err(), Some(TryRecvError::Empty));
    assert_eq!(other.try_recv().ok().unwrap().0.1, 1);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn panicking_drop_of_a_message_loses_no_other() {
    #[derive(Clone)]
    struct Bomb(Counted);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert_ne!(self.0.1, 1, "the second message panics");
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = broadcast::channel(4);
    for i in 0..4 {
        assert!(tx.send(Bomb(Counted::new(&drops, i))).is_ok());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    assert_eq!((drops.load(Ordering::SeqCst), tx.len(), tx.receiver_count()), (4, 0, 0));
}

/// A message that is Send and not Sync may go through: it is never cloned by two threads at once.
#[test]
fn messages_need_not_be_sync() {
    let (tx, mut one) = broadcast::channel::<Cell<i32>>(4);
    let mut other = tx.subscribe();
    let reader = std::thread::spawn(move || other.blocking_recv().unwrap().get());
    tx.send(Cell::new(3)).unwrap();
    assert_eq!((one.blocking_recv().unwrap().get(), reader.join().unwrap()), (3, 3));
}

#[test]
fn zero_capacity_panics_at_the_callers_line() {
    assert_panics_in(file!(), || drop(broadcast::channel::<u8>(0)));
    assert_panics_in(file!(), || drop(broadcast::Sender::<u8>::new(usize::MAX)));
}

#[test]
fn spends_the_budget() {
    use filch_primitives::coop;
    let (tx, mut rx) = broadcast::channel(1_024);
    for i in 0..1_000 {
        tx.send(i).unwrap();
    }
    let _budget = coop::fresh();
    let received = (0..1_000).take_while(|_| spawn(rx.recv()).poll().is_ready()).count();
    assert_eq!(received, usize::from(coop::BUDGET));
}

#[test]
fn threads_receive_each_message_or_are_told() {
    let (tx, rx) = broadcast::channel(16);
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let mut rx = rx.resubscribe();
            std::thread::spawn(move || {
                let mut next = 0u64;
                loop {
                    match block_on(rx.recv()) {
                        Ok(n) => {
                            assert_eq!(n, next);
                            next += 1;
                        }
                        Err(RecvError::Lagged(missed)) => next += missed,
                        Err(RecvError::Closed) => break next,
                    }
                }
            })
        })
        .collect();
    drop(rx);
    for n in 0..ROUNDS as u64 {
        tx.send(n).unwrap();
    }
    assert!(tx.len() <= 16);
    drop(tx);
    for receiver in receivers {
        assert_eq!(receiver.join().unwrap(), ROUNDS as u64);
    }
}

/// Receivers come and go while messages are sent: no message is left behind or dropped twice.
#[test]
fn threads_subscribe_and_leave() {
    let drops = Arc::new(AtomicUsize::new(0));
    let clones = Arc::new(AtomicUsize::new(0));
    let (tx, keep) = broadcast::channel(4);
    let visitors: Vec<_> = (0..3)
        .map(|_| {
            let (tx, clones) = (tx.clone(), clones.clone());
            std::thread::spawn(move || {
                for i in 0..ROUNDS / 40 {
                    let mut rx = tx.subscribe();
                    for _ in 0..i % 4 {
                        clones.fetch_add(usize::from(rx.try_recv().is_ok()), Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    for i in 0..ROUNDS / 10 {
        tx.send(Counted::new(&drops, i)).unwrap();
    }
    visitors.into_iter().for_each(|visitor| visitor.join().unwrap());
    drop(keep);
    assert_eq!(tx.len(), 0);
    // Each message once, and each clone once: `keep` received none, so no visitor got an original.
    let made = ROUNDS / 10 + clones.load(Ordering::SeqCst);
    assert_eq!(drops.load(Ordering::SeqCst), made);
}
