//! A pair of tasks that wake each other and spawn meanwhile: what they spawn is polled as fast as it comes,
//! and so is what comes from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use filch::task;
use filch_tests::PATIENCE;
use filch_tests::count::Count;
use filch_tests::runtimes::Kind;

/// How many tasks are spawned a turn.
const A_TURN: usize = 64;
/// How many turns the pair has before the task from outside comes.
const HEAD_START: usize = 1_000;
/// How many turns it may take until that is polled: a worker's queue, and what the injector holds.
const TURNS: usize = 100;

#[test]
fn spawning_pair_does_not_outrun_what_it_spawns() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (polled, turns) = (Count::new(), Arc::new(AtomicUsize::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let pair = {
            let (polled, turns, stop) = (polled.clone(), turns.clone(), stop.clone());
            async move {
                let mut most = 0;
                while !stop.load(Ordering::Relaxed) {
                    let start = Instant::now();
                    for _ in 0..A_TURN {
                        let polled = polled.clone();
                        task::spawn(async move { polled.add() });
                    }
                    // Awaited, so that the two wake each other.
                    task::spawn(async {}).await.unwrap();
                    let turn = turns.fetch_add(1, Ordering::Relaxed) + 1;
                    most = most.max(turn * A_TURN - polled.get());
                    assert!(start.elapsed() < PATIENCE);
                    if most > TURNS * A_TURN {
                        break;
                    }
                }
                most
            }
        };
        let outside = {
            let (turns, stop) = (turns.clone(), stop.clone());
            let handle = runtime.handle().clone();
            std::thread::spawn(move || {
                let start = Instant::now();
                while turns.load(Ordering::Relaxed) < HEAD_START && start.elapsed() < PATIENCE {
                    std::thread::yield_now();
                }
                let before = turns.load(Ordering::Relaxed);
                handle.spawn(async move {
                    stop.store(true, Ordering::Relaxed);
                    turns.load(Ordering::Relaxed) - before
                })
            })
        };
        let most = runtime.block_on(async { task::spawn(pair).await.unwrap() });
        assert!(most <= TURNS * A_TURN, "{kind:?}: a backlog of {most} tasks");
        let took = runtime.block_on(outside.join().unwrap()).unwrap();
        assert!(took <= TURNS, "{kind:?}: polled after {took} turns");
    }
}
