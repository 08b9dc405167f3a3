//! mpsc, steps CH1 to CH10 of docs/sync.md. A block has two slots here: every model crosses blocks.
//!
//! Messages are loom's `Arc`s where they may be lost: one that is, or is dropped twice, fails the model.
#![cfg(filch_loom)]

mod sync_support;

use filch_primitives::cell::UnsafeCell;
use filch_primitives::{Arc, thread};
use filch_sync::mpsc::{self, error::TryRecvError};
use sync_support::{block_on, block_on_and_keep, model, poll_once};

/// CH1 to CH5, CH7: two senders, their messages, and the end.
#[test]
fn two_senders_race_recv() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let other_tx = tx.clone();
        let a = thread::spawn(move || tx.send(Arc::new(1)).unwrap());
        let b = thread::spawn(move || other_tx.send(Arc::new(2)).unwrap());
        let mut sum = 0;
        while let Some(n) = block_on(rx.recv()) {
            sum += *n;
        }
        assert_eq!(sum, 3);
        a.join().unwrap();
        b.join().unwrap();
    });
}

/// CH3, CH6: five messages go through three blocks, of which some are recycled.
#[test]
fn blocks_are_installed_and_recycled_while_both_sides_run() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || (0..5).for_each(|n| tx.send(n).unwrap()));
        for n in 0..5 {
            assert_eq!(block_on(rx.recv()), Some(n));
        }
        assert_eq!(block_on(rx.recv()), None);
        sender.join().unwrap();
    });
}

/// CH3: senders that claimed in one block while the other installs the next.
#[test]
fn two_senders_cross_a_block() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        tx.send(0).unwrap();
        let other_tx = tx.clone();
        let other = thread::spawn(move || {
            other_tx.send(1).unwrap();
            other_tx.send(2).unwrap();
        });
        tx.send(10).unwrap();
        tx.send(20).unwrap();
        drop(tx);
        other.join().unwrap();
        let got: Vec<i32> = std::iter::from_fn(|| rx.try_recv().ok()).collect();
        assert_eq!(got.len(), 5);
        let of = |tens: bool| got[1..].iter().filter(move |&&n| (n >= 10) == tens).copied();
        assert!(of(false).eq([1, 2]) && of(true).eq([10, 20]));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// `try_recv` finds what was sent before, also behind a claim that is not filled yet.
#[test]
fn try_recv_waits_for_an_earlier_claim() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let other_tx = tx.clone();
        let other = thread::spawn(move || other_tx.send(1).unwrap());
        tx.send(2).unwrap();
        let first = rx.try_recv().unwrap();
        assert!(first == 2 || rx.try_recv() == Ok(2));
        other.join().unwrap();
    });
}

/// CH5, CH10: the receiver is polled again while it waits, with another task's waker, and senders of
/// neighbouring messages take the wakers: the last poll is woken.
#[test]
fn another_poll_races_two_senders() {
    // The same task for every message, or another one for each.
    for one_task in [true, false] {
        model(move || {
            let (tx, mut rx) = mpsc::unbounded_channel();
            let other_tx = tx.clone();
            let a = thread::spawn(move || tx.send(Arc::new(1)).unwrap());
            let b = thread::spawn(move || other_tx.send(Arc::new(2)).unwrap());
            let early = poll_once(rx.recv());
            let mut sum = early.flatten().map_or(0, |n| *n);
            if one_task {
                sum += block_on(async {
                    let mut sum = 0;
                    while let Some(n) = rx.recv().await {
                        sum += *n;
                    }
                    sum
                });
            } else {
                let mut tasks = Vec::new();
                loop {
                    let (received, task) = block_on_and_keep(rx.recv());
                    tasks.push(task);
                    match received {
                        Some(n) => sum += *n,
                        None => break,
                    }
                }
            }
            assert_eq!(sum, 3);
            a.join().unwrap();
            b.join().unwrap();
        });
    }
}

/// Close of the unbounded channel: accepted messages arrive, refused ones come back.
#[test]
fn close_races_send() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || {
            usize::from(tx.send(Arc::new(1)).is_ok()) + usize::from(tx.send(Arc::new(2)).is_ok())
        });
        rx.close();
        let mut received = 0;
        while block_on(rx.recv()).is_some() {
            received += 1;
        }
        assert_eq!(sender.join().unwrap(), received);
    });
}

/// The receiver goes while a message comes: it is dropped once, by whoever is left.
#[test]
fn drop_of_the_receiver_races_send() {
    model(|| {
        let (tx, rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || {
            drop(tx.send(Arc::new(1)));
            drop(tx.send(Arc::new(2)));
        });
        drop(rx);
        sender.join().unwrap();
    });
}

/// Room for one: the sender waits for the receiver, the receiver for the sender.
#[test]
fn bounded_one_passes_messages_on() {
    model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = thread::spawn(move || {
            for n in 0..3 {
                block_on(tx.send(n)).unwrap();
            }
        });
        for n in 0..3 {
            assert_eq!(block_on(rx.recv()), Some(n));
        }
        assert_eq!(block_on(rx.recv()), None);
        sender.join().unwrap();
    });
}

/// CH9: the receiver has closed and waits for the last permit, which is dropped unused.
#[test]
fn drop_of_the_last_permit_races_recv_after_close() {
    model(|| {
        let (tx, mut rx) = mpsc::channel::<u8>(1);
        let permit = tx.clone().try_reserve_owned().unwrap();
        rx.close();
        let sender = thread::spawn(move || drop(permit));
        assert_eq!(block_on(rx.recv()), None);
        sender.join().unwrap();
        drop(tx);
    });
}

/// CH9 with a reservation that is cancelled while it is granted.
#[test]
fn cancelled_reserve_races_close() {
    model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let theirs = tx.clone();
        let sender = thread::spawn(move || drop(poll_once(theirs.reserve())));
        assert_eq!(block_on(rx.recv()), Some(1));
        rx.close();
        assert_eq!(block_on(rx.recv()), None);
        sender.join().unwrap();
        drop(tx);
    });
}

/// CH8: a weak sender is upgraded while the last strong one goes.
#[test]
fn upgrade_races_drop_of_the_last_sender() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let weak = tx.downgrade();
        let strong = thread::spawn(move || drop(tx));
        let weak = thread::spawn(move || weak.upgrade().map(|tx| tx.send(1).unwrap()).is_some());
        let received = block_on(rx.recv()).is_some();
        assert_eq!(block_on(rx.recv()), None);
        strong.join().unwrap();
        assert_eq!(weak.join().unwrap(), received);
    });
}

/// The sender's `closed` against the receiver's drop.
#[test]
fn closed_races_drop_of_the_receiver() {
    model(|| {
        let (tx, rx) = mpsc::channel::<u8>(1);
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        assert!(tx.is_closed());
        receiver.join().unwrap();
    });
}

/// What a thread did before, in a cell that loom watches.
struct Before(UnsafeCell<u8>);

// SAFETY: the channel orders the write before the read; loom checks whether it does.
unsafe impl Sync for Before {}
// SAFETY: a byte.
unsafe impl Send for Before {}

impl Before {
    fn new() -> Arc<Self> {
        Arc::new(Before(UnsafeCell::new(0)))
    }

    fn write(&self) {
        // SAFETY: before the event that publishes it.
        self.0.with_mut(|value| unsafe { *value = 1 });
    }

    fn read(&self) -> u8 {
        // SAFETY: after the event that publishes it.
        self.0.with(|value| unsafe { *value })
    }
}

/// CH7, CH8: who sees the end, or that no sender is left, sees what all senders did before they went.
#[test]
fn the_end_publishes() {
    for asks in [false, true] {
        model(move || {
            let (tx, mut rx) = mpsc::unbounded_channel::<u8>();
            let other_tx = tx.clone();
            let (one, other) = (Before::new(), Before::new());
            let before = [one.clone(), other.clone()];
            let receiver = thread::spawn(move || {
                let ended = if asks {
                    rx.is_closed()
                } else {
                    rx.try_recv() == Err(TryRecvError::Disconnected)
                };
                if ended {
                    assert!(before.iter().all(|before| before.read() == 1));
                }
            });
            let sender = thread::spawn(move || {
                other.write();
                drop(other_tx);
            });
            one.write();
            drop(tx);
            sender.join().unwrap();
            receiver.join().unwrap();
        });
    }
}

/// CH1: who is refused, or finds the channel closed, sees what the receiver did before it closed.
#[test]
fn refusal_publishes() {
    for asks in [false, true] {
        model(move || {
            let (tx, rx) = mpsc::unbounded_channel();
            let before = Before::new();
            let theirs = before.clone();
            let sender = thread::spawn(move || {
                let refused = if asks { tx.is_closed() } else { tx.send(1).is_err() };
                if refused {
                    assert_eq!(theirs.read(), 1);
                }
            });
            before.write();
            drop(rx);
            sender.join().unwrap();
        });
    }
}

/// CH3: a sender waits for its block, while another one fills that block and more: the pointer that it finds
/// then is of a later block, and leads back.
#[test]
fn slow_sender_finds_its_way_back() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let slow_tx = tx.clone();
        let slow = thread::spawn(move || slow_tx.send(0).unwrap());
        for n in 1..=5 {
            tx.send(n).unwrap();
        }
        slow.join().unwrap();
        drop(tx);
        let mut got: Vec<i32> = std::iter::from_fn(|| rx.try_recv().ok()).collect();
        got.retain(|&n| n != 0);
        assert_eq!(got, [1, 2, 3, 4, 5]);
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
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || {
            tx.send(()).unwrap();
            // SAFETY: none, see above.
            theirs.0.with_mut(|value| unsafe { *value = 1 });
        });
        block_on(rx.recv()).unwrap();
        // SAFETY: none, see above.
        shared.0.with(|value| unsafe { *value });
        sender.join().unwrap();
    });
}
