//! The end of the runtime under a scope: nothing hangs, and what waits elsewhere hears of it.

mod scope_support;

use std::future::pending;
use std::sync::Arc;

use filch::sync::Notify;
use filch::task::{CancelCause, ScopeError, TaskGroup, scope};
use filch_tests::count::Gate;
use filch_tests::runtimes::{End, Kind, block_on_elsewhere};
use scope_support::Live;

type Text = &'static str;

/// The scope runs in the runtime: it ends with its parent's task, tasks and all.
#[test]
fn a_scope_inside_ends_with_its_runtime() {
    for kind in Kind::ALL {
        for end in End::ALL {
            let runtime = kind.runtime();
            let (live, started) = (Live::new(), Arc::new(Notify::new()));
            let (tasks, running) = (live.clone(), started.clone());
            let parent = runtime.spawn(scope(|s| async move {
                let _guard = tasks.guard();
                for _ in 0..3 {
                    s.spawn(tasks.started::<Text>(&running));
                }
                pending::<Result<(), Text>>().await
            }));
            runtime.block_on(async {
                started.notified().await;
            });
            end.end(runtime);
            match block_on_elsewhere(parent) {
                Err(error) => assert!(error.is_cancelled()),
                // Its tasks were dropped first, and it was still polled.
                Ok(result) => assert!(matches!(
                    result,
                    Err(ScopeError::Cancelled(CancelCause::RuntimeShutdown))
                )),
            }
            if end.waits(kind) {
                assert_eq!(live.now(), 0, "{kind:?} {end:?}");
            }
        }
    }
}

/// The scope is driven from outside: its tasks are dropped under it, which is no good end.
#[test]
fn a_scope_outside_hears_that_its_tasks_are_gone() {
    for kind in Kind::ALL {
        for end in End::ALL {
            let runtime = kind.runtime();
            let (live, spawned) = (Live::new(), Gate::closed());
            let (tasks, said) = (live.clone(), spawned.clone());
            let handle = runtime.handle().clone();
            let driver = std::thread::spawn(move || {
                let _inside = handle.enter();
                block_on_elsewhere(scope(|s| async move {
                    for _ in 0..3 {
                        s.spawn(tasks.forever::<Text>());
                    }
                    said.open();
                    Ok(())
                }))
            });
            spawned.pass();
            end.end(runtime);
            let result = driver.join().unwrap();
            let cause = CancelCause::RuntimeShutdown;
            assert!(matches!(result, Err(ScopeError::Cancelled(c)) if c == cause), "{result:?}");
            assert_eq!(live.now(), 0, "{kind:?} {end:?}");
        }
    }
}

/// Work that waits for a thread is dropped with the runtime; work that runs is waited for.
#[test]
fn blocking_work_is_accounted_for() {
    for end in End::ALL {
        let runtime = Kind::OneWorker.builder().max_blocking_threads(1).build().unwrap();
        let (group, live) = (TaskGroup::<Text>::new(), Live::new());
        let (gate, begun) = (Gate::closed(), Gate::closed());
        {
            let _inside = runtime.enter();
            let (held, said, guard) = (gate.clone(), begun.clone(), live.guard());
            group.spawn_blocking(move || {
                let _guard = guard;
                said.open();
                held.pass();
                Ok(())
            });
            begun.pass();
            let guard = live.guard();
            group.spawn_blocking(move || {
                let _guard = guard;
                unreachable!("nobody runs it") as Result<(), Text>
            });
        }
        let joining = {
            let group = group.clone();
            std::thread::spawn(move || block_on_elsewhere(group.join()))
        };
        let opening = {
            let group = group.clone();
            std::thread::spawn(move || {
                // The waiting one's end is heard of while the other one runs.
                while !group.is_cancelled() {
                    std::thread::yield_now();
                }
                gate.open();
            })
        };
        end.end(runtime);
        opening.join().unwrap();
        let error = joining.join().unwrap().unwrap_err();
        assert!(matches!(error, ScopeError::Cancelled(CancelCause::RuntimeShutdown)), "{error:?}");
        assert_eq!(live.now(), 0, "{end:?}");
    }
}

#[test]
fn a_spawn_after_the_runtimes_end_is_heard_of() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let handle = runtime.handle().clone();
        drop(runtime);
        let _inside = handle.enter();
        let (live, group) = (Live::new(), TaskGroup::<Text>::new());
        let task = group.spawn(live.forever());
        assert!(task.is_finished() && live.now() == 0);
        let error = block_on_elsewhere(group.join()).unwrap_err();
        assert!(matches!(error, ScopeError::Cancelled(CancelCause::RuntimeShutdown)));
    }
}
