//! A whole runtime with two real workers: tasks that wake each other, a time-out, a blocking call.
//!
//! As `runtime_spawn_join.rs`, whose header says what is real and what is a model. Steps: S1 to S8 of
//! docs/sleep-protocol.md, with both workers and the main thread awake and asleep at every moment; T1, T4
//! and T8 of docs/timer.md; B1 to B7 of docs/blocking.md as a runtime uses them. In every model dropping
//! the runtime returns, and all memory is freed.
//!
//! One preemption: with two they take many minutes. `loom::stop_exploring` around the end, which has models
//! of its own (`shutdown.rs`).

#![cfg(filch_loom)]

use std::sync::Arc;
use std::time::Duration;

use filch::runtime::{Builder, Runtime, UnhandledPanic};
use filch::sync::oneshot;
use filch_loom_tests::{Count, model_bounded};
use filch_primitives::loom::{explore, stop_exploring};

/// A runtime with two workers. A panic that nobody awaits is counted: loom's own would be among them.
fn runtime(panics: &Count) -> Runtime {
    let panics = panics.clone();
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .max_blocking_threads(1)
        .unhandled_panic(UnhandledPanic::Call(Arc::new(move |_| panics.add())))
        .build()
        .expect("a model refuses no thread")
}

/// Runs `main` in every order, and ends the runtime in one.
fn explore_until_ready<F>(main: fn() -> F)
where
    F: Future<Output = ()> + 'static,
{
    model_bounded(1, move || {
        let panics = Count::new();
        let runtime = runtime(&panics);
        runtime.block_on(main());
        stop_exploring();
        drop(runtime);
        explore();
        assert_eq!(panics.get(), 0);
    });
}

/// S2, S6: one task wakes the other, on its own worker or on the other one, and is woken by it.
#[test]
fn ping_pong() {
    explore_until_ready(|| async {
        let (ping, pinged) = oneshot::channel();
        let (pong, ponged) = oneshot::channel();
        let other = filch::spawn(async move { pong.send(pinged.await.unwrap() + 1).unwrap() });
        ping.send(1).unwrap();
        assert_eq!(ponged.await, Ok(2));
        other.await.unwrap();
    });
}

/// T1, T8: the future is ready before its time-out, which is armed or not by then. No time passes.
#[test]
fn timeout_that_is_not_needed() {
    explore_until_ready(|| async {
        let (sender, receiver) = oneshot::channel();
        let task = filch::spawn(filch::time::timeout(Duration::from_secs(1), receiver));
        sender.send(7).unwrap();
        assert_eq!(task.await.unwrap(), Ok(Ok(7)));
    });
}

/// B1 to B6: a blocking call is awaited by the main thread, while workers start, search and park.
#[test]
fn blocking_call_is_joined() {
    explore_until_ready(|| async {
        assert_eq!(filch::task::spawn_blocking(|| 7).await.unwrap(), 7);
    });
}

/// The models of this file can fail: nothing says that the task is done before `block_on` is.
#[test]
#[should_panic(expected = "not done yet")]
fn task_that_nobody_awaits_may_not_be_done() {
    explore_until_ready(|| async {
        let task = filch::spawn(async {});
        assert!(task.is_finished(), "not done yet");
    });
}
