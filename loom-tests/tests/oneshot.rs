//! oneshot, steps ONE1 to ONE8 of docs/sync.md.
//!
//! Messages are loom's `Arc`s: one that is lost or dropped twice fails the model.
#![cfg(filch_loom)]

mod sync_support;

use std::pin::Pin;
use std::task::{Context, Waker};

use filch_primitives::cell::UnsafeCell;
use filch_primitives::{Arc, loom, thread};
use filch_sync::oneshot;
use sync_support::{block_on, model, poll_once};

/// ONE2, ONE3, ONE4, ONE6.
#[test]
fn send_races_recv() {
    model(|| {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(Arc::new(7)).unwrap());
        assert_eq!(*block_on(rx).unwrap(), 7);
        sender.join().unwrap();
    });
}

/// ONE5.
#[test]
fn drop_of_the_sender_races_recv() {
    model(|| {
        let (tx, rx) = oneshot::channel::<u8>();
        let sender = thread::spawn(move || drop(tx));
        assert!(block_on(rx).is_err());
        sender.join().unwrap();
    });
}

/// ONE2 against ONE8, with and without a waker in the channel.
#[test]
fn send_races_drop_of_the_receiver() {
    for polled in [false, true] {
        model(move || {
            let (tx, mut rx) = oneshot::channel();
            if polled {
                assert!(poll_once(&mut rx).is_none());
            }
            let sender = thread::spawn(move || drop(tx.send(Arc::new(1))));
            drop(rx);
            sender.join().unwrap();
        });
    }
}

/// ONE5 against ONE8: both leave at once, each with a waker of the other side in the channel.
#[test]
fn drop_races_drop() {
    model(|| {
        let (mut tx, mut rx) = oneshot::channel::<u8>();
        assert!(poll_once(&mut rx).is_none());
        assert!(poll_once(tx.closed()).is_none());
        let sender = thread::spawn(move || drop(tx));
        drop(rx);
        sender.join().unwrap();
    });
}

/// ONE2 against ONE7: the value is received or refused, never both or neither.
#[test]
fn send_races_close() {
    model(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(Arc::new(1)).is_ok());
        rx.close();
        let received = rx.try_recv().is_ok();
        assert_eq!(sender.join().unwrap(), received);
    });
}

/// ONE4 against ONE2, where another task polls: the last one's waker is the one that counts.
#[test]
fn send_races_a_poll_by_another_task() {
    model(|| {
        let (tx, mut rx) = oneshot::channel();
        assert!(poll_once(&mut rx).is_none());
        let sender = thread::spawn(move || tx.send(Arc::new(1)).unwrap());
        assert_eq!(*block_on(&mut rx).unwrap(), 1);
        sender.join().unwrap();
    });
}

/// ONE7: the sender waits for the receiver's end.
#[test]
fn closed_races_drop_of_the_receiver() {
    model(|| {
        let (mut tx, rx) = oneshot::channel::<u8>();
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        assert!(tx.send(1).is_err());
        receiver.join().unwrap();
    });
}

/// ONE7 against ONE2: a sender that has polled `closed` sends while the receiver closes.
#[test]
fn send_after_closed_was_polled_races_close() {
    model(|| {
        let (mut tx, mut rx) = oneshot::channel();
        assert!(poll_once(tx.closed()).is_none());
        let receiver = thread::spawn(move || {
            rx.close();
            rx.try_recv().is_ok()
        });
        let sent = tx.send(Arc::new(1)).is_ok();
        assert_eq!(receiver.join().unwrap(), sent);
    });
}

/// The models can fail: what the sender writes after sending is not ordered before the receiver.
#[test]
#[should_panic(expected = "Causality violation")]
fn write_after_send_is_a_race() {
    struct Shared(UnsafeCell<u8>);
    // SAFETY: it is not: the model is here to say so.
    unsafe impl Sync for Shared {}
    // SAFETY: a byte.
    unsafe impl Send for Shared {}
    model(|| {
        let shared = Arc::new(Shared(UnsafeCell::new(0)));
        let theirs = shared.clone();
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || {
            tx.send(()).unwrap();
            // SAFETY: none, see above.
            theirs.0.with_mut(|value| unsafe { *value = 1 });
        });
        block_on(rx).unwrap();
        // SAFETY: none, see above.
        shared.0.with(|value| unsafe { *value });
        sender.join().unwrap();
    });
}

/// ONE2 with the value's own contents: written before the send, read after the receive, no lock.
#[test]
fn value_is_published() {
    model(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || {
            let cell = Box::new(UnsafeCell::new(0));
            // SAFETY: ours alone.
            cell.with_mut(|value| unsafe { *value = 9 });
            tx.send(cell).ok();
        });
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            match Future::poll(Pin::new(&mut rx), &mut cx) {
                std::task::Poll::Ready(cell) => {
                    // SAFETY: received: ours alone.
                    cell.unwrap().with(|value| assert_eq!(unsafe { *value }, 9));
                    break;
                }
                std::task::Poll::Pending => loom::thread::yield_now(),
            }
        }
        sender.join().unwrap();
    });
}
