//! Barrier: A1 and A2 of `barrier.rs` in `filch-sync`. Two rounds of two threads are in `once.rs`.
#![cfg(filch_loom)]

mod sync_support;

use std::sync::Arc;

use filch_primitives::cell::UnsafeCell;
use filch_primitives::thread;
use filch_sync::Barrier;
use sync_support::{block_on, model, poll_once};

/// A barrier, and a cell for each thread that it writes before the barrier and others read after.
struct Rounds<const N: usize> {
    barrier: Barrier,
    cells: [UnsafeCell<usize>; N],
}

// SAFETY: the barrier orders the writes before the reads; loom checks whether it does.
unsafe impl<const N: usize> Sync for Rounds<N> {}
// SAFETY: as above.
unsafe impl<const N: usize> Send for Rounds<N> {}

impl<const N: usize> Rounds<N> {
    fn new() -> Arc<Self> {
        let cells = std::array::from_fn(|_| UnsafeCell::new(0));
        Arc::new(Rounds { barrier: Barrier::new(N), cells })
    }

    fn write(&self, cell: usize) {
        // SAFETY: each thread has its own cell before the barrier.
        self.cells[cell].with_mut(|value| unsafe { *value += 1 });
    }

    fn sum(&self) -> usize {
        // SAFETY: after the barrier nobody writes.
        self.cells.iter().map(|cell| cell.with(|value| unsafe { *value })).sum()
    }
}

/// A1: of three threads one leads, and each sees what the others did before.
#[test]
fn three_meet_and_one_leads() {
    model(|| {
        let rounds = Rounds::<3>::new();
        let run = |rounds: &Rounds<3>, me| {
            rounds.write(me);
            let leads = block_on(rounds.barrier.wait()).is_leader();
            assert_eq!(rounds.sum(), 3);
            usize::from(leads)
        };
        let others: Vec<_> = (0..2)
            .map(|me| {
                let rounds = rounds.clone();
                thread::spawn(move || run(&rounds, me))
            })
            .collect();
        let mine = run(&rounds, 2);
        let leaders: usize = others.into_iter().map(|other| other.join().unwrap()).sum();
        assert_eq!(mine + leaders, 1);
    });
}

/// A2: the round ends while a task registers; its next poll finds the end without a wake-up.
#[test]
fn end_races_a_poll() {
    model(|| {
        let rounds = Rounds::<2>::new();
        let theirs = rounds.clone();
        let other = thread::spawn(move || {
            theirs.write(0);
            block_on(theirs.barrier.wait()).is_leader()
        });
        rounds.write(1);
        let mut wait = Box::pin(rounds.barrier.wait());
        let first = poll_once(wait.as_mut());
        let theirs_leads = other.join().unwrap();
        let mine = first.or_else(|| poll_once(wait.as_mut())).expect("both are there");
        assert_eq!(rounds.sum(), 2);
        assert!(mine.is_leader() ^ theirs_leads);
    });
}

/// A task that stops waiting stays counted, as is documented: the next one that comes ends the round.
#[test]
fn cancelled_wait_stays_counted() {
    model(|| {
        let rounds = Rounds::<2>::new();
        let theirs = rounds.clone();
        let other = thread::spawn(move || poll_once(theirs.barrier.wait()));
        let mine = poll_once(rounds.barrier.wait());
        let results = [mine, other.join().unwrap()];
        // Whoever came second leads; the first one may have seen that within its poll.
        let leaders = results.iter().flatten().filter(|result| result.is_leader()).count();
        assert_eq!(leaders, 1);
    });
}

/// The models can fail: what is written after the barrier is not ordered before the others' reads.
#[test]
#[should_panic(expected = "Causality violation")]
fn write_after_the_barrier_is_a_race() {
    model(|| {
        let rounds = Rounds::<2>::new();
        let theirs = rounds.clone();
        let other = thread::spawn(move || {
            block_on(theirs.barrier.wait());
            theirs.write(0);
        });
        block_on(rounds.barrier.wait());
        rounds.sum();
        other.join().unwrap();
    });
}
