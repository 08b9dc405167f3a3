//! A whole runtime: tasks spawned and awaited from `block_on`, on one worker and on two.
//!
//! Everything is real but the deque (a model of its contract) and the reactor (a lock and a condition
//! variable). Steps: S1 to S8 of docs/sleep-protocol.md, F2 to F6 and F9 of docs/task-contract.md, and the
//! end of the runtime, E1 to E5 of docs/shutdown.md, which each model goes through.

#![cfg(filch_loom)]

use std::sync::Arc;

use filch::runtime::{Builder, Runtime, UnhandledPanic};
use filch_loom_tests::{Count, model, model_bounded};
use filch_primitives::atomic::{AtomicBool, Ordering};
use filch_primitives::thread;

/// A runtime on which a panic that nobody awaits is counted: loom's own would be among them.
fn runtime(workers: usize, panics: &Count) -> Runtime {
    let panics = panics.clone();
    Builder::new_multi_thread()
        .worker_threads(workers)
        .unhandled_panic(UnhandledPanic::Call(Arc::new(move |_| panics.add())))
        .build()
        .expect("a model refuses no thread")
}

/// S1 to S5, F4, F9: the task is submitted while the worker starts, searches or parks; `block_on` gets the
/// output.
#[test]
fn spawn_and_join_on_one_worker() {
    model(|| {
        let panics = Count::new();
        let runtime = runtime(1, &panics);
        let output = runtime.block_on(async { filch::spawn(async { 7 }).await });
        assert_eq!(output.unwrap(), 7);
        drop(runtime);
        assert_eq!(panics.get(), 0);
    });
}

/// The same with two workers, which search, steal and hand the driver over. One preemption: with two it
/// takes many minutes.
#[test]
fn spawn_and_join_on_two_workers() {
    model_bounded(1, || {
        let panics = Count::new();
        let runtime = runtime(2, &panics);
        let output = runtime.block_on(async { filch::spawn(async { 7 }).await });
        assert_eq!(output.unwrap(), 7);
        drop(runtime);
        assert_eq!(panics.get(), 0);
    });
}

/// A task that spawns another one and awaits it: LIFO slot, wake on the own worker.
#[test]
fn task_joins_a_task_of_its_own() {
    model(|| {
        let panics = Count::new();
        let runtime = runtime(1, &panics);
        let output = runtime.block_on(async {
            filch::spawn(async { filch::spawn(async { 7 }).await.unwrap() + 1 }).await
        });
        assert_eq!(output.unwrap(), 8);
        drop(runtime);
        assert_eq!(panics.get(), 0);
    });
}

/// Whether the sending side publishes before it sends, as it should.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Publish {
    Before,
    After,
}

/// What a task that was woken from a thread that is no worker finds.
fn woken_from_outside(publish: Publish) {
    let panics = Count::new();
    let runtime = runtime(1, &panics);
    let flag = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = filch::sync::oneshot::channel();
    let task = {
        let flag = flag.clone();
        runtime.spawn(async move {
            receiver.await.unwrap();
            flag.load(Ordering::Relaxed)
        })
    };
    let outside = thread::spawn(move || {
        if publish == Publish::Before {
            flag.store(true, Ordering::Relaxed);
        }
        sender.send(()).unwrap();
        if publish == Publish::After {
            flag.store(true, Ordering::Relaxed);
        }
    });
    let seen = runtime.block_on(task);
    outside.join().unwrap();
    drop(runtime);
    assert_eq!(panics.get(), 0);
    assert!(seen.unwrap(), "woken before what was sent");
}

/// F6, S1: a task that waits is woken from a thread that is no worker, and sees what that did before.
#[test]
fn wake_from_outside() {
    model(|| woken_from_outside(Publish::Before));
}

/// The models of this file can fail: what comes after the wake need not be seen.
#[test]
#[should_panic(expected = "woken before what was sent")]
fn wake_from_outside_before_publishing() {
    model(|| woken_from_outside(Publish::After));
}

/// The current-thread runtime, C1 to C3: a wake from another thread while it goes to sleep.
#[test]
fn wake_races_park_of_a_current_thread_runtime() {
    model(|| {
        let runtime = Builder::new_current_thread().build().unwrap();
        let (sender, receiver) = filch::sync::oneshot::channel();
        let outside = thread::spawn(move || sender.send(7).unwrap());
        let output = runtime.block_on(async {
            // One task and the main future, so that both ways to wake the thread are met.
            filch::spawn(async move { receiver.await.unwrap() }).await
        });
        assert_eq!(output.unwrap(), 7);
        outside.join().unwrap();
    });
}

/// C2, C3: two threads in `block_on` of one current-thread runtime. The one that goes without the core at
/// first may take it over at the very moment at which its future is woken, which moves it from its parker
/// to the driver.
#[test]
fn wake_races_taking_over_the_core() {
    model(|| {
        let runtime = Arc::new(Builder::new_current_thread().build().unwrap());
        let (sender, receiver) = filch::sync::oneshot::channel();
        let waiting = {
            let runtime = runtime.clone();
            thread::spawn(move || runtime.block_on(receiver).unwrap())
        };
        let sending = thread::spawn(move || sender.send(7).unwrap());
        runtime.block_on(async {});
        assert_eq!(waiting.join().unwrap(), 7);
        sending.join().unwrap();
    });
}
