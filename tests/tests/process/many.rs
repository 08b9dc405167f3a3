//! Thousands of children one after the other, and hundreds at once: none is missed, each wakes its own waiter,
//! and none is left.

use std::sync::Barrier;

use filch::process::Command;
use filch_tests::count::{Count, count_polls};
use filch_tests::process::alone_and_clean;
use filch_tests::runtimes::Kind;

use crate::{cat, runtime, sh};

/// In the environment: as many as the promise says, instead of a tenth of them.
const FULL: &str = "FILCH_TESTS_FULL";

const AT_ONCE: usize = 200;

fn one_after_the_other() -> usize {
    if std::env::var_os(FULL).is_some() { 10_000 } else { 1_000 }
}

#[test]
fn one_after_the_other_all_end() {
    alone_and_clean("many::one_after_the_other_all_end", || {
        let runtime = runtime();
        runtime.block_on(async {
            for number in 0..one_after_the_other() {
                let mut child = Command::new("true").spawn().unwrap();
                match number % 4 {
                    // Dropped, running or not.
                    0 => {}
                    1 => child.start_kill().unwrap(),
                    _ => assert!(child.wait().await.unwrap().success()),
                }
            }
        });
    });
}

#[test]
fn at_once_each_wakes_its_own_waiter_once() {
    alone_and_clean("many::at_once_each_wakes_its_own_waiter_once", || {
        for kind in Kind::ALL {
            kind.runtime().block_on(async {
                let mut inputs = Vec::new();
                let mut tasks = Vec::new();
                let polls: Vec<_> = (0..AT_ONCE).map(|_| Count::new()).collect();
                for (number, polls) in polls.iter().enumerate() {
                    let mut child = sh(&format!("read line; exit {number}"))
                        .stdin(std::process::Stdio::piped())
                        .spawn()
                        .unwrap();
                    inputs.push(child.stdin.take());
                    let wait = async move { child.wait().await.unwrap().code() };
                    tasks.push(filch::spawn(count_polls(polls, Box::pin(wait))));
                }
                // All wait.
                while polls.iter().any(|polls| polls.get() == 0) {
                    filch::task::yield_now().await;
                }
                // In another order than they were started in.
                while !inputs.is_empty() {
                    inputs.swap_remove(inputs.len() / 2);
                }
                for (number, task) in tasks.into_iter().enumerate() {
                    let expected = i32::try_from(number).unwrap();
                    assert_eq!(task.await.unwrap(), Some(expected));
                }
                for polls in polls {
                    assert_eq!(polls.get(), 2, "{kind:?}: one when it began to wait, one wake");
                }
            });
        }
    });
}

#[test]
fn at_once_without_waiters_all_are_reaped() {
    alone_and_clean("many::at_once_without_waiters_all_are_reaped", || {
        Kind::Workers.runtime().block_on(async {
            let tasks = (0..AT_ONCE).map(|number| {
                filch::spawn(async move {
                    let mut child = cat().kill_on_drop(number % 2 == 0).spawn().unwrap();
                    drop(child.stdin.take());
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn many_threads_start_children_at_once() {
    alone_and_clean("many::many_threads_start_children_at_once", || {
        const THREADS: usize = 8;
        let barrier = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for number in 0..THREADS {
                let barrier = &barrier;
                scope.spawn(move || {
                    let runtime = runtime();
                    barrier.wait();
                    runtime.block_on(async {
                        for round in 0..20 {
                            let code = (number * 20 + round) % 256;
                            let status = sh(&format!("exit {code}")).status().await.unwrap();
                            assert_eq!(status.code(), i32::try_from(code).ok());
                        }
                    });
                });
            }
        });
    });
}
