//! Spare workers that start and end: against a stuck worker, against tasks, against shutdown.
//!
//! Step: M5 of docs/monitor.md; P1, P2 of `runtime/src/scheduler/multi_thread/monitor/spare.rs`. A model has no
//! monitor, so it starts and ends them by hand. In every model each task is run once or cancelled, all memory is
//! freed, and dropping the runtime returns. (That a parked one ends within a tenth of a second is not modelled: no
//! time passes. It parks until the shutdown.)
//!
//! One preemption: with two it takes many minutes.

#![cfg(filch_loom)]

use std::sync::Arc;

use filch::internals::spare;
use filch::runtime::{Builder, Runtime, UnhandledPanic};
use filch_loom_tests::{Count, block_on, model_bounded};
use filch_primitives::park::Parker;
use filch_primitives::thread;

/// One worker, and room for a spare one. A panic that nobody awaits is counted: loom's own would be among them.
fn runtime(panics: &Count) -> Runtime {
    let panics = panics.clone();
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_spare_workers(1)
        .unhandled_panic(UnhandledPanic::Call(Arc::new(move |_| panics.add())))
        .build()
        .expect("a model refuses no thread")
}

/// Whether the first task waits, inside of its poll, until the second one has run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    IsStuck,
    GoesOn,
}

/// Two tasks, and a spare worker that starts while they do.
fn second_task_runs_beside(first: First) {
    let (panics, ran) = (Count::new(), Count::new());
    let runtime = runtime(&panics);
    let parker = Parker::new();
    let unparker = parker.unparker();
    let seen = ran.clone();
    let stuck = runtime.spawn(async move {
        if first == First::IsStuck {
            parker.park();
        }
        seen.get()
    });
    let other = runtime.spawn(async move {
        ran.add();
        unparker.unpark();
    });
    spare::start(runtime.handle());
    assert_eq!(block_on(stuck).unwrap(), 1, "the other task has not run yet");
    block_on(other).unwrap();
    drop(runtime);
    assert_eq!(panics.get(), 0);
}

/// M5: whichever of the two workers takes the stuck task, the other one takes what waits.
#[test]
fn spare_worker_takes_what_a_stuck_one_cannot() {
    model_bounded(1, || second_task_runs_beside(First::IsStuck));
}

/// The models of this file can fail: a task that waits for nobody may end before the other one has run.
#[test]
#[should_panic(expected = "the other task has not run yet")]
fn task_that_is_not_stuck_may_end_first() {
    model_bounded(1, || second_task_runs_beside(First::GoesOn));
}

/// M5, P1: a spare worker is asked to end while it starts, searches, runs a task or has one in hand.
#[test]
fn retire_races_tasks() {
    model_bounded(1, || {
        let panics = Count::new();
        let runtime = runtime(&panics);
        spare::start(runtime.handle());
        let tasks = [runtime.spawn(async { 1 }), runtime.spawn(async { 2 })];
        spare::retire(runtime.handle());
        let sum: i32 = tasks.into_iter().map(|task| block_on(task).unwrap()).sum();
        assert_eq!(sum, 3);
        drop(runtime);
        assert_eq!(panics.get(), 0);
    });
}

/// P2: the shutdown waits for a spare worker that starts meanwhile, or there is none.
#[test]
fn start_races_shutdown() {
    model_bounded(1, || {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(&panics);
        let task = {
            let dropped = dropped.on_drop();
            runtime.spawn(async move {
                let _dropped = dropped;
                std::future::pending::<()>().await;
            })
        };
        let starting = {
            let handle = runtime.handle().clone();
            thread::spawn(move || spare::start(&handle))
        };
        drop(runtime);
        starting.join().unwrap();
        assert!(block_on(task).unwrap_err().is_cancelled());
        assert_eq!((dropped.get(), panics.get()), (1, 0));
    });
}
