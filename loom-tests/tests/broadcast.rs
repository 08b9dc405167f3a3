//! broadcast, steps BC1 to BC5 of docs/sync.md.
//!
//! Messages are loom's `Arc`s where they may be lost: one that is, or is dropped twice, fails the model.
#![cfg(filch_loom)]

mod sync_support;

use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::{Arc, thread};
use filch_sync::broadcast::{self, error::RecvError};
use sync_support::{block_on, model, poll_once};

/// BC1, BC2, BC5: two receivers get the message and the end.
#[test]
fn send_races_two_receivers() {
    model(|| {
        let (tx, mut one) = broadcast::channel::<Arc<u8>>(2);
        let mut other = tx.subscribe();
        let receiver = thread::spawn(move || {
            assert_eq!(*block_on(other.recv()).unwrap(), 1);
            assert_eq!(block_on(other.recv()).err(), Some(RecvError::Closed));
        });
        assert_eq!(tx.send(Arc::new(1)).unwrap(), 2);
        drop(tx);
        assert_eq!(*block_on(one.recv()).unwrap(), 1);
        receiver.join().unwrap();
    });
}

/// BC2 against BC1: a slow receiver counts all messages, received or missed.
#[test]
fn lag_adds_up() {
    model(|| {
        let (tx, mut rx) = broadcast::channel(1);
        let sender = thread::spawn(move || {
            for n in 0..3 {
                tx.send(n).unwrap();
            }
        });
        let mut next = 0;
        loop {
            match block_on(rx.recv()) {
                Ok(n) => {
                    assert_eq!(n, next);
                    next += 1;
                }
                Err(RecvError::Lagged(missed)) => next += missed as i32,
                Err(RecvError::Closed) => break,
            }
        }
        assert_eq!(next, 3);
        sender.join().unwrap();
    });
}

/// BC2 with BC5: the last message is not taken for the end.
#[test]
fn last_message_races_the_end() {
    model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let sender = thread::spawn(move || drop(tx.send(1)));
        assert_eq!(block_on(rx.recv()), Ok(1));
        assert_eq!(block_on(rx.recv()), Err(RecvError::Closed));
        sender.join().unwrap();
    });
}

/// BC5: who sees that no sender is left sees what they did before.
#[test]
fn closed_publishes() {
    model(|| {
        let (tx, rx) = broadcast::channel::<u8>(1);
        let other_tx = tx.clone();
        let flags = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let theirs = flags.clone();
        let asker = thread::spawn(move || {
            if rx.is_closed() {
                assert!(theirs.iter().all(|flag| flag.load(Ordering::Relaxed) == 1));
            }
        });
        let theirs = flags.clone();
        let other = thread::spawn(move || {
            theirs[1].store(1, Ordering::Relaxed);
            drop(other_tx);
        });
        flags[0].store(1, Ordering::Relaxed);
        drop(tx);
        other.join().unwrap();
        asker.join().unwrap();
    });
}

/// BC4 against BC1: a receiver leaves while messages come: each is dropped once.
#[test]
fn leaving_races_send() {
    model(|| {
        let (tx, mut one) = broadcast::channel(1);
        let other = tx.subscribe();
        let leaver = thread::spawn(move || drop(other));
        tx.send(Arc::new(1)).unwrap();
        tx.send(Arc::new(2)).unwrap();
        leaver.join().unwrap();
        assert_eq!(tx.len(), 1);
        assert_eq!(block_on(one.recv()).err(), Some(RecvError::Lagged(1)));
        assert_eq!(block_on(one.recv()).map(|n| *n), Ok(2));
        assert!(tx.is_empty());
    });
}

/// BC3 against BC1: who subscribes gets what is sent after.
#[test]
fn subscribing_races_send() {
    model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let sender = tx.clone();
        let sender = thread::spawn(move || sender.send(Arc::new(1)).unwrap());
        let mut late = tx.subscribe();
        drop(tx);
        let receivers = sender.join().unwrap();
        assert_eq!(block_on(late.recv()).is_ok(), receivers == 2);
        assert!(block_on(rx.recv()).is_ok());
    });
}

/// The sender waits for the last receiver; a weak sender is upgraded meanwhile.
#[test]
fn closed_races_drop_of_the_receiver() {
    model(|| {
        let (tx, rx) = broadcast::channel::<u8>(1);
        let weak = tx.downgrade();
        let receiver = thread::spawn(move || drop(rx));
        let upgrader = thread::spawn(move || drop(weak.upgrade()));
        block_on(tx.closed());
        drop(tx);
        receiver.join().unwrap();
        upgrader.join().unwrap();
    });
}

/// A receive that is dropped loses nothing.
#[test]
fn cancelled_recv_races_send() {
    model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let sender = thread::spawn(move || drop(tx.send(1)));
        let got = poll_once(rx.recv());
        assert_eq!(got.unwrap_or_else(|| block_on(rx.recv())), Ok(1));
        sender.join().unwrap();
    });
}

/// The models can fail: a receiver may be too slow.
#[test]
#[should_panic(expected = "Lagged")]
fn slow_receiver_lags() {
    model(|| {
        let (tx, mut rx) = broadcast::channel(1);
        let sender = thread::spawn(move || {
            for n in 0..2 {
                tx.send(n).unwrap();
            }
        });
        assert_eq!(block_on(rx.recv()), Ok(0));
        sender.join().unwrap();
    });
}
