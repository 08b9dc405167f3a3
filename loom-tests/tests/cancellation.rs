//! CancellationToken: T1 to T3 of `cancellation/tree.rs` in `filch-sync`, and the futures that wait.
#![cfg(filch_loom)]

mod sync_support;

use std::sync::Arc;

use filch_primitives::atomic::{AtomicBool, Ordering};
use filch_primitives::cell::UnsafeCell;
use filch_primitives::thread;
use filch_sync::CancellationToken;
use sync_support::{block_on, model, poll_once};

/// A token, and a cell that is written before the cancellation and read after.
struct Published {
    token: CancellationToken,
    cell: UnsafeCell<usize>,
}

// SAFETY: the cancellation orders the write before the read; loom checks whether it does.
unsafe impl Sync for Published {}
// SAFETY: as above.
unsafe impl Send for Published {}

impl Published {
    fn new() -> Arc<Self> {
        Arc::new(Published { token: CancellationToken::new(), cell: UnsafeCell::new(0) })
    }

    fn write(&self) {
        // SAFETY: before the cancellation.
        self.cell.with_mut(|value| unsafe { *value = 1 });
    }

    fn read(&self) -> usize {
        // SAFETY: after the cancellation was seen.
        self.cell.with(|value| unsafe { *value })
    }
}

/// A task that waits for a child is woken by the parent's cancellation, and sees what came before it.
#[test]
fn cancel_races_wait() {
    model(|| {
        let shared = Published::new();
        let child = shared.token.child_token();
        let theirs = shared.clone();
        let other = thread::spawn(move || {
            theirs.write();
            theirs.token.cancel();
        });
        block_on(child.cancelled());
        assert_eq!(shared.read(), 1);
        other.join().unwrap();
    });
}

/// T3: a child that is made while its parent is cancelled is cancelled, whichever comes first.
#[test]
fn cancel_races_child() {
    model(|| {
        let token = CancellationToken::new();
        let theirs = token.clone();
        let other = thread::spawn(move || theirs.cancel());
        let child = token.child_token();
        other.join().unwrap();
        assert!(child.is_cancelled());
        block_on(child.cancelled_owned());
    });
}

/// T1, T2: a token in the middle is dropped while the one above is cancelled: the one below hears of it.
#[test]
fn cancel_races_drop_in_the_middle() {
    model(|| {
        let root = CancellationToken::new();
        let middle = root.child_token();
        let leaf = middle.child_token();
        let dropper = thread::spawn(move || drop(middle));
        let waiter = thread::spawn(move || block_on(leaf.cancelled()));
        root.cancel();
        dropper.join().unwrap();
        waiter.join().unwrap();
    });
}

/// T3: parent and child are cancelled at once; both end cancelled, a waiter is woken.
#[test]
fn cancel_races_cancel_of_the_parent() {
    model(|| {
        let parent = CancellationToken::new();
        let child = parent.child_token();
        let theirs = child.clone();
        let other = thread::spawn(move || theirs.cancel());
        parent.cancel();
        assert!(child.is_cancelled() && parent.is_cancelled());
        block_on(child.cancelled());
        other.join().unwrap();
    });
}

/// A future that waits is dropped while the token is cancelled; one poll that finds it cancelled, without a
/// wake-up, sees what came before.
#[test]
fn cancel_races_drop_of_a_waiter() {
    model(|| {
        let shared = Published::new();
        let theirs = shared.clone();
        let other = thread::spawn(move || {
            theirs.write();
            theirs.token.cancel();
        });
        if poll_once(shared.token.cancelled()).is_some() {
            assert_eq!(shared.read(), 1);
        }
        other.join().unwrap();
        assert!(poll_once(shared.token.cancelled()).is_some());
    });
}

/// The models can fail: what is written after the cancellation may come too late.
#[test]
#[should_panic(expected = "not written yet")]
fn write_after_cancel_may_be_missed() {
    model(|| {
        let token = CancellationToken::new();
        let written = Arc::new(AtomicBool::new(false));
        let (theirs, their_flag) = (token.clone(), written.clone());
        let other = thread::spawn(move || {
            theirs.cancel();
            their_flag.store(true, Ordering::Relaxed);
        });
        block_on(token.cancelled());
        let seen = written.load(Ordering::Relaxed);
        other.join().unwrap();
        assert!(seen, "not written yet");
    });
}
