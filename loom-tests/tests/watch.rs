//! watch, steps WAT1 to WAT7 of docs/sync.md.
#![cfg(filch_loom)]

mod sync_support;

use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::cell::UnsafeCell;
use filch_primitives::{Arc, thread};
use filch_sync::watch;
use sync_support::{block_on, model, poll_once};

/// WAT1, WAT2: a receiver sees rising values, and the last one before the end.
#[test]
fn send_races_changed() {
    model(|| {
        let (tx, mut rx) = watch::channel(0);
        let sender = thread::spawn(move || {
            tx.send(1).unwrap();
            tx.send(2).unwrap();
        });
        let mut last = 0;
        while block_on(rx.changed()).is_ok() {
            let value = *rx.borrow_and_update();
            assert!(value >= last);
            last = value;
        }
        assert_eq!(last, 2);
        sender.join().unwrap();
    });
}

/// WAT1: what the sender did before sending is seen by who finds the version changed, without a lock.
#[test]
fn version_publishes() {
    model(|| {
        let (tx, rx) = watch::channel(());
        let flag = Arc::new(AtomicUsize::new(0));
        let theirs = flag.clone();
        let sender = thread::spawn(move || {
            theirs.store(1, Ordering::Relaxed);
            tx.send_modify(|()| {});
            tx
        });
        if rx.has_changed().unwrap() {
            assert_eq!(flag.load(Ordering::Relaxed), 1);
        }
        sender.join().unwrap();
    });
}

/// WAT4: who sees that no receiver is left sees what they did before.
#[test]
fn closed_publishes() {
    model(|| {
        let (tx, rx) = watch::channel(());
        let other_rx = rx.clone();
        let flags = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let theirs = flags.clone();
        let asker = thread::spawn(move || {
            if tx.is_closed() {
                assert!(theirs.iter().all(|flag| flag.load(Ordering::Relaxed) == 1));
            }
        });
        let theirs = flags.clone();
        let other = thread::spawn(move || {
            theirs[1].store(1, Ordering::Relaxed);
            drop(other_rx);
        });
        flags[0].store(1, Ordering::Relaxed);
        drop(rx);
        other.join().unwrap();
        asker.join().unwrap();
    });
}

/// WAT3 against WAT2: two senders go; the receiver sees the end, and what both did before.
#[test]
fn drop_of_the_senders_races_changed() {
    model(|| {
        let (tx, mut rx) = watch::channel(0);
        let flags = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let senders: Vec<_> = [tx.clone(), tx]
            .into_iter()
            .enumerate()
            .map(|(i, tx)| {
                let flags = flags.clone();
                thread::spawn(move || {
                    flags[i].store(1, Ordering::Relaxed);
                    drop(tx);
                })
            })
            .collect();
        assert!(block_on(rx.changed()).is_err());
        assert!(flags.iter().all(|flag| flag.load(Ordering::Relaxed) == 1));
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

/// WAT4: the sender waits for the last receiver.
#[test]
fn closed_races_drop_of_the_receivers() {
    model(|| {
        let (tx, rx) = watch::channel(0);
        let second = rx.clone();
        let a = thread::spawn(move || drop(rx));
        let b = thread::spawn(move || drop(second));
        block_on(tx.closed());
        assert!(tx.is_closed());
        a.join().unwrap();
        b.join().unwrap();
    });
}

/// Two receivers, one of which gives up: the other is woken.
#[test]
fn cancelled_changed_races_send() {
    model(|| {
        let (tx, mut rx) = watch::channel(0);
        let mut other = rx.clone();
        let quitter = thread::spawn(move || drop(poll_once(other.changed())));
        let sender = thread::spawn(move || {
            tx.send_replace(1);
            tx
        });
        assert_eq!(*block_on(rx.wait_for(|&value| value == 1)).unwrap(), 1);
        quitter.join().unwrap();
        sender.join().unwrap();
    });
}

/// The models can fail: values may be skipped.
#[test]
#[should_panic(expected = "the first value was skipped")]
fn not_every_value_is_seen() {
    model(|| {
        let (tx, mut rx) = watch::channel(0);
        let sender = thread::spawn(move || {
            tx.send(1).unwrap();
            tx.send(2).unwrap();
        });
        block_on(rx.changed()).unwrap();
        assert_eq!(*rx.borrow(), 1, "the first value was skipped");
        sender.join().unwrap();
    });
}

/// A value whose accesses loom watches.
struct Watched(UnsafeCell<u8>);

// SAFETY: the channel's lock orders the writing and the reading; loom checks whether it does.
unsafe impl Sync for Watched {}
// SAFETY: a byte.
unsafe impl Send for Watched {}

impl Watched {
    fn add(&mut self) {
        // SAFETY: `&mut`: the channel's lock keeps the others out.
        self.0.with_mut(|value| unsafe { *value += 1 });
    }

    fn get(&self) -> u8 {
        // SAFETY: the channel's lock keeps writers out.
        self.0.with(|value| unsafe { *value })
    }
}

/// WAT5 to WAT7: a reader and a writer of the value, each coming first, in between and last.
#[test]
fn borrow_races_send() {
    model(|| {
        let (tx, rx) = watch::channel(Watched(UnsafeCell::new(0)));
        let sender = thread::spawn(move || {
            tx.send_modify(Watched::add);
            tx.send_modify(Watched::add);
        });
        let first = rx.borrow().get();
        let second = rx.borrow().get();
        assert!(first <= second);
        sender.join().unwrap();
        assert_eq!(rx.borrow().get(), 2);
    });
}

/// WAT6: two readers leave while a writer waits: the last one wakes it.
#[test]
fn two_borrows_race_send() {
    model(|| {
        let (tx, rx) = watch::channel(Watched(UnsafeCell::new(0)));
        let other_rx = rx.clone();
        let reader = thread::spawn(move || other_rx.borrow().get());
        let sender = thread::spawn(move || tx.send_modify(Watched::add));
        assert!(rx.borrow().get() <= 1);
        assert!(reader.join().unwrap() <= 1);
        sender.join().unwrap();
        assert_eq!(rx.borrow().get(), 1);
    });
}

/// WAT7: two writers, one after the other.
#[test]
fn send_races_send() {
    model(|| {
        let (tx, rx) = watch::channel(Watched(UnsafeCell::new(0)));
        let other_tx = tx.clone();
        let other = thread::spawn(move || other_tx.send_modify(Watched::add));
        tx.send_modify(Watched::add);
        other.join().unwrap();
        assert_eq!(rx.borrow().get(), 2);
    });
}
