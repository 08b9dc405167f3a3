//! Groups: spawning from anywhere, waiting, joining, closing, and what becomes of dropped handles.

mod scope_support;

use std::future::pending;
use std::sync::Arc;

use filch::sync::Notify;
use filch::task::{CancelCause, ScopeError, TaskGroup, scope, yield_now};
use filch_tests::panics::expected;
use filch_tests::runtimes::Kind;
use scope_support::{Live, until};

type Text = &'static str;

#[test]
fn tasks_come_from_every_thread_and_join_waits_for_all() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (live, group) = (Live::new(), TaskGroup::<Text>::named("all"));
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    let _inside = runtime.enter();
                    for _ in 0..25 {
                        let guard = live.guard();
                        group.spawn(async move {
                            yield_now().await;
                            drop(guard);
                            Ok(())
                        });
                    }
                });
            }
        });
        assert_eq!((group.name(), group.is_closed()), (Some("all"), false));
        runtime.block_on(group.join()).unwrap();
        assert_eq!((live.ever(), live.now(), group.len()), (100, 0, 0));
        assert!(group.is_closed() && !group.is_cancelled());
    }
}

#[test]
fn wait_leaves_it_open_and_join_closes_it() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let group = TaskGroup::<Text>::new();
            group.wait().await.unwrap();
            for _ in 0..3 {
                let task = group.spawn(async { Ok(1) });
                group.wait().await.unwrap();
                assert!(group.is_empty());
                assert_eq!(task.await.unwrap(), 1);
            }
            group.join().await.unwrap();
            assert!(group.spawn(async { Ok(()) }).await.unwrap_err().is_cancelled());
            group.join().await.unwrap();
        });
    }
}

#[test]
fn close_lets_tasks_and_their_scopes_go_on() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (group, go_on) = (TaskGroup::<Text>::new(), Arc::new(Notify::new()));
            let gate = go_on.clone();
            let task = group.spawn(async move {
                gate.notified().await;
                // A scope inside of a task is no new task of the group.
                let nested =
                    scope(|s| async move { s.spawn(async { Ok(7) }).await.map_err(|_| "refused") });
                nested.await.map_err(|_: ScopeError<Text>| "nested")
            });
            group.close();
            assert!(group.is_closed());
            assert!(group.spawn(async { Ok(()) }).await.unwrap_err().is_cancelled());
            go_on.notify_one();
            assert_eq!(task.await.unwrap(), 7);
            group.wait().await.unwrap();
        });
    }
}

#[test]
fn the_first_failure_stops_it_and_goes_to_the_first_who_waits() {
    for kind in Kind::ALL {
        for panic in [false, true] {
            kind.runtime().block_on(async {
                let (live, group) = (Live::new(), TaskGroup::<Text>::new());
                group.spawn(live.forever());
                group.build_task().name("bad").spawn(async move {
                    if panic { expected("task") } else { Err::<(), _>("task") }
                });
                let waiting = {
                    let group = group.clone();
                    filch::spawn(async move { group.wait().await })
                };
                let results = [group.join().await, waiting.await.unwrap()];
                assert_eq!(live.now(), 0);
                let first = results.iter().filter(|result| match result {
                    Err(ScopeError::Failed(error)) => !panic && *error == "task",
                    Err(ScopeError::Panicked(error)) => panic && error.name() == Some("bad"),
                    _ => false,
                });
                let second = results.iter().filter(|result| {
                    matches!(result, Err(ScopeError::Cancelled(CancelCause::Failure)))
                });
                assert_eq!((first.count(), second.count()), (1, 1), "{results:?}");
                assert!(group.is_cancelled());
                assert!(group.spawn(async { Ok(()) }).await.unwrap_err().is_cancelled());
            });
        }
    }
}

#[test]
fn waiting_may_be_given_up() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let group = TaskGroup::<Text>::new();
            let (go_on, live) = (Arc::new(Notify::new()), Live::new());
            let (gate, guard) = (go_on.clone(), live.guard());
            group.spawn(async move {
                let _guard = guard;
                gate.notified().await;
                Err::<(), _>("kept")
            });
            scope_support::polled(group.wait(), 3).await;
            scope_support::polled(group.join(), 3).await;
            assert_eq!(live.now(), 1);
            go_on.notify_one();
            assert!(matches!(group.join().await, Err(ScopeError::Failed("kept"))));
        });
    }
}

#[test]
fn dropping_the_last_handle_cancels() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (live, group) = (Live::new(), TaskGroup::<Text>::new());
            // What spawns does not keep it.
            let (spawner, clone) = (group.scope().clone(), group.clone());
            for _ in 0..10 {
                spawner.spawn(live.forever());
            }
            drop(group);
            yield_now().await;
            assert_eq!(live.now(), 10);
            drop(clone);
            until(|| live.now() == 0).await;
            assert!(spawner.is_cancelled());
        });
    }
}

#[test]
fn cancel_is_heard_and_join_says_so() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (live, group) = (Live::new(), TaskGroup::<Text>::default());
            let token = group.token();
            group.spawn(live.forever());
            group.spawn_blocking(move || {
                while !token.is_cancelled() {
                    std::thread::yield_now();
                }
                Ok(())
            });
            group.spawn_compute(|| Ok(()));
            group.cancel();
            group.cancel();
            let error = group.join().await.unwrap_err();
            assert!(matches!(error, ScopeError::Cancelled(CancelCause::Handle)));
            assert_eq!(error.to_string(), "the scope was cancelled");
            assert!(error.try_into_error().is_err());
            assert_eq!(live.now(), 0);
        });
    }
}

/// A group of a scope: its tasks are the scope's, its errors its own.
#[test]
fn a_group_in_a_scope() {
    for kind in Kind::ALL {
        for cancel in [false, true] {
            let live = Live::new();
            let tasks = live.clone();
            let result = kind.runtime().block_on(scope(|s| async move {
                let group = s.task_group::<std::io::Error>();
                let inner = group.task_group::<Text>();
                let guard = tasks.guard();
                inner.spawn(async move {
                    yield_now().await;
                    drop(guard);
                    Err::<(), _>("the group's own")
                });
                if cancel {
                    inner.spawn(tasks.forever());
                    // Nobody drops it: the scope reaches its tasks all the same.
                    filch_tests::forgotten::forget(inner);
                    return Err("cancel");
                }
                let error = inner.join().await.unwrap_err();
                assert!(matches!(error, ScopeError::Failed("the group's own")));
                assert!(!s.is_cancelled() && !group.is_cancelled());
                // After the cancellation the body comes to no await that waits.
                until(|| group.is_empty()).await;
                s.cancel();
                assert!(group.is_cancelled());
                let refused = group.spawn(async { Ok(()) });
                assert!(refused.await.unwrap_err().is_cancelled());
                assert!(matches!(
                    group.wait().await,
                    Err(ScopeError::Cancelled(CancelCause::Outer))
                ));
                Ok(())
            }));
            assert_eq!((result.is_err(), live.now()), (cancel, 0));
        }
    }
}

/// A group made inside of a scope, but not of it, outlives it.
#[test]
fn a_group_that_stands_alone_is_not_nested() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (live, tasks) = (Live::new(), Live::new());
            let alive = tasks.clone();
            let _guard = live.guard();
            let group = scope(|_| async move {
                let group = TaskGroup::<Text>::new();
                group.spawn(alive.forever());
                Ok::<_, Text>(group)
            });
            let group = group.await.unwrap();
            assert_eq!((tasks.now(), group.len()), (1, 1));
            group.cancel();
            group.join().await.unwrap_err();
            assert_eq!(tasks.now(), 0);
        });
    }
}

#[test]
fn debug_names_it() {
    let group = TaskGroup::<Text>::named("g");
    let text = format!("{group:?}");
    assert!(
        text.contains("TaskGroup") && text.contains("\"g\"") && text.contains("scope_group.rs")
    );
    let runtime = Kind::CurrentThread.runtime();
    let _inside = runtime.enter();
    let task = group.spawn(async { pending::<Result<(), Text>>().await });
    assert!(format!("{task:?}").contains(&format!("{:?}", task.id())));
}
