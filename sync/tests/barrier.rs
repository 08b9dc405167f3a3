//! The barrier: rounds, leaders, threads.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{ROUNDS, block_on, now, spawn};
use filch_sync::Barrier;

#[test]
fn the_last_one_leads_and_wakes_the_others() {
    let barrier = Barrier::new(3);
    for _ in 0..3 {
        let (mut one, mut two) = (spawn(barrier.wait()), spawn(barrier.wait()));
        assert!(one.is_pending() && two.is_pending());
        assert!(now(barrier.wait()).is_leader());
        assert_eq!((one.wakes(), two.wakes()), (1, 1));
        assert!(!one.ready().is_leader() && !two.ready().is_leader());
    }
}

#[test]
fn zero_and_one_never_wait() {
    for n in [0, 1] {
        let barrier = Barrier::new(n);
        assert!(now(barrier.wait()).is_leader());
        assert!(now(barrier.wait()).is_leader());
        assert!(format!("{barrier:?}").contains("arrived: 0"));
    }
}

/// A wake-up of the first round does not end the second.
#[test]
fn rounds_do_not_mix() {
    let barrier = Barrier::new(2);
    let mut first = spawn(barrier.wait());
    assert!(first.is_pending());
    assert!(now(barrier.wait()).is_leader());
    let mut second = spawn(barrier.wait());
    assert!(second.is_pending());
    first.ready();
    assert!(second.is_pending());
    assert!(now(barrier.wait()).is_leader());
    second.ready();
}

#[test]
fn a_cancelled_wait_stays_counted() {
    let barrier = Barrier::new(2);
    drop(spawn(barrier.wait()).poll());
    assert!(now(barrier.wait()).is_leader());
}

#[test]
fn threads_keep_in_step() {
    const THREADS: usize = 3;
    let barrier = Arc::new(Barrier::new(THREADS));
    let (steps, leaders) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let rounds = ROUNDS / 20;
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (barrier, steps, leaders) = (barrier.clone(), steps.clone(), leaders.clone());
            std::thread::spawn(move || {
                for round in 1..=rounds {
                    steps.fetch_add(1, Ordering::Relaxed);
                    let leads = block_on(barrier.wait()).is_leader();
                    leaders.fetch_add(usize::from(leads), Ordering::Relaxed);
                    // Everyone has stepped, and nobody steps again before all have looked.
                    assert_eq!(steps.load(Ordering::Relaxed), round * THREADS);
                    block_on(barrier.wait());
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(leaders.load(Ordering::Relaxed), rounds);
}
