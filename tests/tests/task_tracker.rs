//! `sync::TaskTracker`: everything spawned through it is waited for, until its future is gone.

use std::future::{Future, pending, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use filch::runtime::Handle;
use filch::sync::{CancellationToken, TaskTracker, oneshot};
use filch::task::{self, LocalSet};
use filch_tests::count::{Count, Gate};
use filch_tests::panics::{caught, expected, install_hook};
use filch_tests::runtimes::Kind;

fn is_pending(future: impl Future) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn wait_ends_when_it_is_closed_and_the_tasks_are_gone() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (tracker, stop, drops) =
                (TaskTracker::new(), CancellationToken::new(), Count::new());
            for _ in 0..10 {
                let (stop, guard) = (stop.clone(), drops.on_drop());
                tracker.spawn(async move {
                    let _guard = guard;
                    stop.cancelled().await;
                });
            }
            assert_eq!(tracker.len(), 10);
            assert!(is_pending(tracker.wait()) && !tracker.is_closed());
            assert!(tracker.close() && !tracker.close() && tracker.is_closed());
            assert!(is_pending(tracker.wait()));
            stop.cancel();
            tracker.wait().await;
            assert!(tracker.is_empty());
            assert_eq!(drops.get(), 10, "{kind:?}: counted until they were dropped");
            assert!(tracker.reopen() && !tracker.reopen());
            assert!(is_pending(tracker.wait()));
        });
    }
}

#[test]
fn every_way_to_spawn_counts() {
    let other = Kind::OneWorker.builder().name("other").build().unwrap();
    let runtime = Kind::CurrentThread.builder().name("here").build().unwrap();
    let name = || Handle::current().name().unwrap().to_owned();
    LocalSet::new().block_on(&runtime, async {
        let tracker = TaskTracker::default();
        let (gate, inner) = (Gate::closed(), LocalSet::new());
        let shared = Rc::new(name);
        let pass = {
            let gate = gate.clone();
            move || {
                gate.pass();
                name()
            }
        };
        let handles = [
            tracker.spawn(async move { name() }),
            tracker.spawn_on(async move { name() }, other.handle()),
            tracker.spawn_local({
                let shared = shared.clone();
                async move { shared() }
            }),
            tracker.spawn_local_on(async move { shared() }, &inner),
            tracker.spawn_blocking(pass.clone()),
            tracker.spawn_blocking_on(pass, other.handle()),
        ];
        // The blocking ones cannot have ended.
        assert!(tracker.len() >= 2 && tracker.len() <= 6);
        tracker.close();
        inner.await;
        assert!(is_pending(tracker.wait()));
        gate.open();
        tracker.wait().await;
        let mut names = Vec::new();
        for handle in handles {
            names.push(handle.await.unwrap());
        }
        assert_eq!(names, ["here", "other", "here", "here", "here", "other"]);
    });
}

#[test]
fn tasks_that_panic_or_are_aborted_are_gone_too() {
    install_hook();
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let tracker = TaskTracker::new();
            let bad = tracker.spawn(async { expected("tracked") });
            let bad_blocking = tracker.spawn_blocking(|| expected("tracked, blocking"));
            let aborted = tracker.spawn(pending::<()>());
            aborted.abort();
            tracker.close();
            tracker.wait().await;
            assert!(bad.await.unwrap_err().is_panic());
            assert!(bad_blocking.await.unwrap_err().is_panic());
            assert!(aborted.await.unwrap_err().is_cancelled());
        });
    }
}

#[test]
fn blocking_work_that_never_begins_is_given_back() {
    let runtime = Kind::CurrentThread.builder().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (tracker, gate) = (TaskTracker::new(), Gate::closed());
        let (began, has_begun) = oneshot::channel();
        let first = task::spawn_blocking({
            let gate = gate.clone();
            move || {
                began.send(()).unwrap();
                gate.pass();
            }
        });
        has_begun.await.unwrap();
        let waiting = tracker.spawn_blocking(|| ());
        assert_eq!(tracker.len(), 1);
        waiting.abort();
        gate.open();
        first.await.unwrap();
        tracker.close();
        tracker.wait().await;
        assert!(waiting.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn tokens_and_futures_count_by_themselves() {
    let tracker = TaskTracker::new();
    let token = tracker.token();
    let second = token.clone();
    assert!(TaskTracker::ptr_eq(&tracker, token.task_tracker()));
    assert!(TaskTracker::ptr_eq(&tracker, &tracker.clone()));
    assert!(!TaskTracker::ptr_eq(&tracker, &TaskTracker::new()));
    let future = tracker.track_future(ready(1));
    assert_eq!((tracker.len(), second.task_tracker().len()), (3, 3));
    assert_eq!(format!("{tracker:?}"), "TaskTracker { is_closed: false, len: 3 }");
    assert!(format!("{token:?}").starts_with("TaskTrackerToken"));
    drop((token, second, future));
    assert!(tracker.is_empty());
}

/// The tracker is one of the spawning methods' callers, not their caller: a panic points at the user's line.
#[test]
fn spawning_outside_of_a_runtime_panics_at_the_callers_line_and_counts_nothing() {
    let tracker = TaskTracker::new();
    let caught_spawn = caught(|| tracker.spawn(async {}));
    assert_eq!((caught_spawn.file.as_str(), caught_spawn.line), (file!(), line!() - 1));
    assert!(caught_spawn.message.contains("no reactor running"));
    let caught_local = caught(|| tracker.spawn_local(async {}));
    assert_eq!((caught_local.file.as_str(), caught_local.line), (file!(), line!() - 1));
    let caught_blocking = caught(|| tracker.spawn_blocking(|| ()));
    assert_eq!((caught_blocking.file.as_str(), caught_blocking.line), (file!(), line!() - 1));
    assert!(tracker.is_empty());
}

#[test]
fn stress() {
    let rounds = if cfg!(miri) { 3 } else { 300 };
    Kind::Workers.runtime().block_on(async {
        for round in 0..rounds {
            let (tracker, ended) = (TaskTracker::new(), Count::new());
            for n in 0..20 {
                let (tracker, ended) = (tracker.clone(), ended.clone());
                tracker.clone().spawn(async move {
                    if n % 2 == round % 2 {
                        task::yield_now().await;
                    }
                    let again = ended.clone();
                    // A child, also after the close.
                    tracker.spawn(async move { again.add() });
                    ended.add();
                });
            }
            tracker.close();
            tracker.wait().await;
            assert_eq!(ended.get(), 40);
        }
    });
}
