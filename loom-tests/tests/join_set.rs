//! `JoinSet`: tasks that end while the set waits for them, lets go of them, or goes.
//!
//! T1 to T3 of runtime/src/task/join_set/tasks.rs, and F9 of docs/task-contract.md, by a real runtime of one
//! worker.

#![cfg(filch_loom)]

use filch::runtime::{Builder, Runtime, UnhandledPanic};
use filch::task::JoinSet;
use filch_loom_tests::{Count, block_on, model, model_bounded};
use std::sync::Arc;

fn runtime(panics: &Count) -> Runtime {
    let panics = panics.clone();
    Builder::new_multi_thread()
        .worker_threads(1)
        .unhandled_panic(UnhandledPanic::Call(Arc::new(move |_| panics.add())))
        .build()
        .expect("a model refuses no thread")
}

/// T3: the task ends before, while and after the set looks and waits. A wake that is lost is a deadlock.
#[test]
fn end_races_join_next() {
    model(|| {
        let panics = Count::new();
        let runtime = runtime(&panics);
        let mut set = JoinSet::new();
        set.spawn_on(async { 7 }, runtime.handle());
        assert_eq!(block_on(set.join_next()).unwrap().unwrap(), 7);
        assert!(block_on(set.join_next()).is_none());
        drop(runtime);
        assert_eq!(panics.get(), 0);
    });
}

/// T1, T2: two tasks are joined once each.
#[test]
fn two_ends_race_join_next() {
    model_bounded(1, || {
        let panics = Count::new();
        let runtime = runtime(&panics);
        let mut set = JoinSet::new();
        set.spawn_on(async { 1 }, runtime.handle());
        set.spawn_on(async { 2 }, runtime.handle());
        let first = block_on(set.join_next()).unwrap().unwrap();
        let second = block_on(set.join_next()).unwrap().unwrap();
        assert_eq!(first + second, 3);
        assert!(set.is_empty() && set.try_join_next().is_none());
        drop(runtime);
        assert_eq!(panics.get(), 0);
    });
}

/// T2: what a detached task reports comes too late, and takes nothing from the task in its old place.
#[test]
fn end_races_detach_and_a_new_task() {
    model_bounded(1, || {
        let panics = Count::new();
        let runtime = runtime(&panics);
        let mut set = JoinSet::new();
        set.spawn_on(async { 1 }, runtime.handle());
        set.detach_all();
        set.spawn_on(async { 2 }, runtime.handle());
        assert_eq!(block_on(set.join_next()).unwrap().unwrap(), 2);
        assert!(block_on(set.join_next()).is_none());
        drop(runtime);
        assert_eq!(panics.get(), 0);
    });
}

/// F9: the set aborts and lets go while the task ends. loom finds a task that is not freed.
#[test]
fn end_races_drop_of_the_set() {
    model(|| {
        let panics = Count::new();
        let runtime = runtime(&panics);
        let mut set = JoinSet::new();
        set.spawn_on(async { 1 }, runtime.handle());
        drop(set);
        drop(runtime);
        assert_eq!(panics.get(), 0);
    });
}

/// The models of this file can fail: a task may be aborted before it ran.
#[test]
#[should_panic(expected = "it did not run")]
fn abort_races_the_run() {
    model(|| {
        let panics = Count::new();
        let runtime = runtime(&panics);
        let mut set = JoinSet::new();
        set.spawn_on(async { 1 }, runtime.handle());
        set.abort_all();
        let joined = block_on(set.join_next()).unwrap();
        drop(runtime);
        assert!(joined.is_ok(), "it did not run");
    });
}
