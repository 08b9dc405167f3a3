//! OnceCell, SetOnce and Barrier: steps ONC1 to ONC3, SET1 and SET2 of docs/sync.md; `barrier.rs`, A1 and A2.
//!
//! Values are loom's `Arc`s: one that is lost or dropped twice fails the model.
#![cfg(filch_loom)]

mod sync_support;

use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::{Arc, thread};
use filch_sync::{Barrier, OnceCell, SetOnce};
use sync_support::{block_on, model, poll_once};

/// ONC1 to ONC3: one of two makes the value, both see it.
#[test]
fn one_of_two_initialises() {
    model(|| {
        let cell = Arc::new(OnceCell::new());
        let made = Arc::new(AtomicUsize::new(0));
        let get = |cell: &OnceCell<Arc<usize>>, made: &AtomicUsize, value: usize| {
            **block_on(cell.get_or_init(|| async {
                made.fetch_add(1, Ordering::Relaxed);
                Arc::new(value)
            }))
        };
        let (their_cell, their_made) = (cell.clone(), made.clone());
        let other = thread::spawn(move || get(&their_cell, &their_made, 1));
        let mine = get(&cell, &made, 2);
        assert_eq!(other.join().unwrap(), mine);
        assert_eq!(made.load(Ordering::Relaxed), 1);
    });
}

/// ONC3: the first one fails, the second one's turn comes; and a `set` may come in between.
#[test]
fn failure_races_set_and_the_next_turn() {
    model(|| {
        let cell = Arc::new(OnceCell::new());
        let theirs = cell.clone();
        let failing = thread::spawn(move || {
            let _ = block_on(theirs.get_or_try_init(|| async { Err::<Arc<u8>, _>(()) }));
        });
        let theirs = cell.clone();
        let setter = thread::spawn(move || drop(theirs.set(Arc::new(2))));
        let value = **block_on(cell.get_or_init(|| async { Arc::new(3) }));
        assert!(value == 2 || value == 3);
        failing.join().unwrap();
        setter.join().unwrap();
    });
}

/// SET1, SET2: two set, one waits: it sees the one that won, and so does the one that lost.
#[test]
fn set_races_set_and_wait() {
    model(|| {
        let cell = Arc::new(SetOnce::new());
        let setters: Vec<_> = (0..2)
            .map(|i| {
                let cell = cell.clone();
                thread::spawn(move || {
                    let is_set = cell.set(Arc::new(i)).is_ok();
                    assert_eq!(**cell.get().unwrap() == i, is_set);
                    is_set
                })
            })
            .collect();
        let seen = **block_on(cell.wait());
        for (i, setter) in setters.into_iter().enumerate() {
            assert_eq!(setter.join().unwrap(), i == seen);
        }
    });
}

/// A2: two rounds of two threads: one leader each, and both see what the other did before.
#[test]
fn barrier_keeps_rounds_apart() {
    model(|| {
        let barrier = Arc::new(Barrier::new(2));
        let steps = Arc::new(AtomicUsize::new(0));
        let run = |barrier: &Barrier, steps: &AtomicUsize| {
            let mut leads = 0;
            for round in 1..=2 {
                steps.fetch_add(1, Ordering::Relaxed);
                leads += usize::from(block_on(barrier.wait()).is_leader());
                assert!(steps.load(Ordering::Relaxed) >= round * 2);
            }
            leads
        };
        let (their_barrier, their_steps) = (barrier.clone(), steps.clone());
        let other = thread::spawn(move || run(&their_barrier, &their_steps));
        let leads = run(&barrier, &steps);
        assert_eq!(leads + other.join().unwrap(), 2);
    });
}

/// The models can fail: a `set` may come too late for one look.
#[test]
#[should_panic(expected = "not set yet")]
fn one_look_may_be_too_early() {
    model(|| {
        let cell = Arc::new(SetOnce::new());
        let theirs = cell.clone();
        let setter = thread::spawn(move || theirs.set(1).unwrap());
        let seen = poll_once(cell.wait()).copied();
        setter.join().unwrap();
        assert!(seen.is_some(), "not set yet");
    });
}
