//! Leaving a scope by itself: whichever way, no future of its tasks is alive afterwards, and the first thing
//! that went wrong is what it returns.

mod scope_support;

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use filch::runtime::{Builder, UnhandledPanic};
use filch::sync::{Notify, oneshot};
use filch::task::{CancelCause, Scope, ScopeError, scope, yield_now};
use filch_tests::panics::{PanicOnDrop, caught, expected, install_hook};
use filch_tests::reports::reporting;
use filch_tests::runtimes::{Kind, block_on_elsewhere};
use scope_support::{Live, until};

type Text = &'static str;

/// What ends the scope.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Exit {
    Value,
    BodyError,
    BodyPanic,
    TaskError,
    TaskPanic,
    TaskDropPanic,
    Cancel,
    CancelByTask,
}

impl Exit {
    const ALL: [Exit; 8] = [
        Exit::Value,
        Exit::BodyError,
        Exit::BodyPanic,
        Exit::TaskError,
        Exit::TaskPanic,
        Exit::TaskDropPanic,
        Exit::Cancel,
        Exit::CancelByTask,
    ];
}

/// Where the tasks are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Nesting {
    Flat,
    /// In a scope in the body, which waits for it.
    InBody,
    /// In a scope in a task.
    InTask,
    /// In a group of the scope.
    Group,
}

impl Nesting {
    const ALL: [Nesting; 4] = [Nesting::Flat, Nesting::InBody, Nesting::InTask, Nesting::Group];
}

/// Spawns three tasks that end only when they are cancelled, `nesting` deep, and waits until they run.
async fn occupy(s: &Scope<Text>, live: &Live, nesting: Nesting) {
    let started = Arc::new(Notify::new());
    match nesting {
        Nesting::Flat | Nesting::InBody => fill(s, live).await,
        Nesting::InTask => {
            let (inner, ready) = (live.clone(), started.clone());
            s.spawn(async move {
                scope(|s| async move {
                    fill(&s, &inner).await;
                    ready.notify_one();
                    Ok(())
                })
                .await
                .map_err(|_: ScopeError<Text>| "inner")
            });
            started.notified().await;
        }
        Nesting::Group => {
            let group = s.task_group::<Text>();
            for _ in 0..3 {
                group.spawn(live.started(&started));
                started.notified().await;
            }
            // The group's handle must not be what ends the tasks.
            filch_tests::forgotten::forget(group);
        }
    }
}

async fn fill(s: &Scope<Text>, live: &Live) {
    let started = Arc::new(Notify::new());
    for _ in 0..3 {
        s.spawn(live.started(&started));
        started.notified().await;
    }
}

async fn leave(exit: Exit, s: Scope<Text>) -> Result<u8, Text> {
    match exit {
        Exit::Value => s.cancel(),
        Exit::BodyError => return Err("body"),
        Exit::BodyPanic => expected("body"),
        Exit::TaskError => {
            s.spawn(async { Err::<(), _>("task") });
            pending::<()>().await;
        }
        Exit::TaskPanic => {
            s.build_task().name("bad").spawn(async { expected("task") as Result<(), Text> });
            pending::<()>().await;
        }
        Exit::TaskDropPanic => {
            install_hook();
            // Not while it is polled: when it is dropped, having ended.
            let bomb = PanicOnDrop("destructor");
            s.spawn(std::future::poll_fn(move |_| {
                let _ = &bomb;
                std::task::Poll::Ready(Ok(()))
            }));
            pending::<()>().await;
        }
        Exit::Cancel => {
            s.cancel();
            pending::<()>().await;
        }
        Exit::CancelByTask => {
            let all = s.clone();
            s.spawn(async move {
                all.cancel();
                Ok(())
            });
            pending::<()>().await;
        }
    }
    Ok(7)
}

async fn run(exit: Exit, nesting: Nesting, live: Live) -> Result<u8, ScopeError<Text>> {
    let inner = live.clone();
    scope(|s| async move {
        if nesting == Nesting::InBody {
            let around = s.clone();
            let nested = scope(|s| async move {
                occupy(&s, &inner, nesting).await;
                leave(exit, if exit == Exit::Value { s } else { around }).await
            });
            return nested.await.map_err(|error| error.try_into_error().unwrap_or("nested"));
        }
        occupy(&s, &inner, nesting).await;
        leave(exit, s).await
    })
    .await
}

#[test]
fn every_exit_leaves_nothing_alive() {
    for kind in Kind::ALL {
        for exit in Exit::ALL {
            for nesting in Nesting::ALL {
                let runtime = kind.runtime();
                let live = Live::new();
                let (tasks, after) = (live.clone(), live.clone());
                let (said, left) = oneshot::channel();
                // In a task, which looks at once when the scope has ended.
                let joined = runtime.block_on(runtime.spawn(async move {
                    let result = Box::pin(run(exit, nesting, tasks));
                    let result = CaughtPanic(result).await;
                    said.send(after.now()).unwrap();
                    result
                }));
                let what = format!("{kind:?} {exit:?} {nesting:?}");
                assert_eq!(runtime.block_on(left).unwrap(), 0, "{what}");
                assert_eq!(live.ever(), 3, "{what}");
                let result = joined.unwrap();
                match (exit, nesting) {
                    (Exit::BodyPanic, _) => {
                        assert_eq!(result.err().as_deref(), Some("expected: body"), "{what}");
                    }
                    _ => check(exit, result.expect("no panic"), &what),
                }
            }
        }
    }
}

fn check(exit: Exit, result: Result<u8, ScopeError<Text>>, what: &str) {
    match (exit, result) {
        (Exit::Value, Ok(7)) => {}
        (Exit::BodyError, Err(ScopeError::Failed("body"))) => {}
        (Exit::TaskError, Err(ScopeError::Failed("task"))) => {}
        (Exit::TaskPanic, Err(ScopeError::Panicked(panic))) => {
            assert_eq!((panic.name(), &*panic.message()), (Some("bad"), "expected: task"));
            assert!(panic.location().file().ends_with("scope_exit.rs"));
            assert!(panic.to_string().contains("\"bad\""), "{panic}");
            let payload = panic.into_panic();
            assert_eq!(filch_tests::panics::message(&*payload), "expected: task");
        }
        (Exit::TaskDropPanic, Err(ScopeError::Panicked(panic))) => {
            assert_eq!((panic.name(), &*panic.message()), (None, "expected: destructor"));
        }
        (Exit::Cancel | Exit::CancelByTask, Err(ScopeError::Cancelled(CancelCause::Handle))) => {}
        (_, other) => panic!("{what}: {other:?}"),
    }
}

/// Gives a panic of the future as its text.
struct CaughtPanic<F>(std::pin::Pin<Box<F>>);

impl<F: Future> Future for CaughtPanic<F> {
    type Output = Result<F::Output, String>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => std::task::Poll::Ready(Err(filch_tests::panics::message(&*payload))),
        }
    }
}

#[test]
fn waits_for_every_task_and_its_siblings() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let live = Live::new();
        let tasks = live.clone();
        let value = runtime.block_on(scope(|s| async move {
            for _ in 0..10 {
                let (siblings, guard, tasks) = (s.clone(), tasks.guard(), tasks.clone());
                s.spawn(async move {
                    yield_now().await;
                    let sibling = tasks.guard();
                    siblings.spawn(async move {
                        yield_now().await;
                        drop(sibling);
                        Ok(())
                    });
                    drop(guard);
                    Ok::<_, Text>(())
                });
            }
            Ok(5)
        }));
        assert_eq!((value.unwrap(), live.ever(), live.now()), (5, 20, 0));
    }
}

/// A value that nobody takes is dropped before the scope ends; one that is taken is the taker's.
#[test]
fn values_that_nobody_takes_end_with_their_task() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        for _ in 0..100 {
            let live = Live::new();
            let tasks = live.clone();
            let taken = runtime.block_on(scope(|s| async move {
                let (one, two) = (tasks.guard(), tasks.guard());
                s.spawn(async move { Ok::<_, Text>(one) });
                Ok(s.spawn(async move { Ok(two) }).await.unwrap())
            }));
            assert_eq!(live.now(), 1);
            drop(taken);
            assert_eq!(live.now(), 0);
        }
    }
}

#[test]
fn handles_say_what_became_of_the_value() {
    let runtime = Kind::CurrentThread.runtime();
    runtime.block_on(async {
        let handles = Arc::new(Mutex::new(Vec::new()));
        let kept = handles.clone();
        let result = scope(|s| async move {
            let good = s.spawn(async { Ok(1) });
            let alone = s.spawn(async { pending::<Result<u8, Text>>().await });
            assert!(!alone.is_finished());
            alone.abort();
            let error = alone.await.unwrap_err();
            assert!(error.is_cancelled() && !error.is_panic() && !error.is_failure());
            assert_eq!(good.await, Ok(1));
            kept.lock().unwrap().push(s.spawn(async { Err::<(), _>("no") }));
            kept.lock().unwrap().push(s.spawn(async { pending().await }));
            pending::<Result<(), Text>>().await
        });
        assert!(matches!(result.await, Err(ScopeError::Failed("no"))));
        let mut handles = std::mem::take(&mut *handles.lock().unwrap());
        let [failed, cancelled] = &mut handles[..] else { panic!("two") };
        assert!(failed.is_finished() && cancelled.is_finished());
        assert_ne!(failed.id(), cancelled.id());
        let error = failed.await.unwrap_err();
        assert!(error.is_failure());
        assert_eq!(
            std::io::Error::from(error).to_string(),
            "the task failed, and its scope has the error"
        );
        assert!(cancelled.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn an_abort_of_one_task_is_no_failure() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let result = runtime.block_on(scope(|s| async move {
            let alone = s.spawn(async { pending::<Result<(), Text>>().await });
            let other = s.spawn(async {
                yield_now().await;
                Ok(3)
            });
            alone.abort();
            assert!(alone.await.unwrap_err().is_cancelled());
            Ok(other.await.unwrap())
        }));
        assert_eq!(result.unwrap(), 3);
    }
}

#[test]
fn the_first_of_two_failures_counts_and_a_later_panic_is_reported() {
    for kind in Kind::ALL {
        let (runtime, reports) = reporting(kind);
        let result = runtime.block_on(scope(|s| async move {
            let all = s.clone();
            s.build_task().name("late").spawn(async move {
                // On a thread of its own, since this one comes to no await, at which it would end.
                all.spawn_blocking(|| Err::<(), _>("first"));
                while !all.is_cancelled() {
                    std::thread::yield_now();
                }
                expected("late") as Result<(), Text>
            });
            pending::<Result<(), Text>>().await
        }));
        assert!(matches!(result, Err(ScopeError::Failed("first"))), "{kind:?}: {result:?}");
        let report = reports.next(&runtime, "expected: late");
        assert_eq!(report.name.as_deref(), Some("late"));
        assert!(report.file.ends_with("scope_exit.rs") && reports.is_empty());
    }
}

/// The first one that arrives wins, and the others are gone when the scope returns.
#[test]
fn first_one_wins() {
    for kind in Kind::ALL {
        let live = Live::new();
        let tasks = live.clone();
        let won = kind.runtime().block_on(scope(|s| async move {
            for _ in 0..5 {
                s.spawn(tasks.forever());
            }
            let winner = s.spawn(async { Ok::<_, Text>("winner") });
            let won = winner.await.unwrap();
            s.cancel();
            Ok(won)
        }));
        assert_eq!((won.unwrap(), live.now()), ("winner", 0));
    }
}

#[test]
fn a_spawn_that_comes_too_late_is_dropped_at_once() {
    let runtime = Kind::Workers.runtime();
    runtime.block_on(async {
        let (live, mut kept) = (Live::new(), None);
        scope(|s| {
            kept = Some(s);
            async { Ok::<_, Text>(()) }
        })
        .await
        .unwrap();
        let late = kept.unwrap();
        let handle = late.spawn(live.forever());
        assert!(live.now() == 0 && handle.is_finished() && late.is_empty());
        handle.abort();
        assert!(handle.await.unwrap_err().is_cancelled());
        let guard = live.guard();
        let blocking = late.spawn_blocking(move || {
            drop(guard);
            Ok(())
        });
        assert_eq!(live.now(), 0);
        assert!(blocking.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_body_that_panics_when_it_is_made_ends_the_scope() {
    let runtime = Kind::Workers.runtime();
    let live = Live::new();
    let tasks = live.clone();
    let panic = caught(|| {
        runtime.block_on(scope(|s: Scope<Text>| -> std::future::Pending<Result<(), Text>> {
            s.spawn(tasks.forever());
            expected("made")
        }))
    });
    assert_eq!((panic.message.as_str(), live.now(), live.ever()), ("expected: made", 0, 1));
}

/// After the cancellation, which was first: so it is reported, and the tasks are waited for.
#[test]
fn a_destructor_of_a_cancelled_body_that_panics_is_reported() {
    let (runtime, reports) = reporting(Kind::Workers);
    install_hook();
    let live = Live::new();
    let tasks = live.clone();
    let result = runtime.block_on(scope(|s| async move {
        s.spawn(tasks.forever());
        let _bomb = PanicOnDrop("destructor of the body");
        s.cancel();
        pending::<Result<(), Text>>().await
    }));
    assert!(matches!(result, Err(ScopeError::Cancelled(CancelCause::Handle))));
    assert_eq!((live.now(), live.ever()), (0, 1));
    let report = reports.next(&runtime, "expected: destructor of the body");
    assert!(report.file.ends_with("scope_exit.rs"));
}

#[test]
fn spawning_outside_of_a_runtime_panics_and_leaves_the_scope_as_it_was() {
    let done = block_on_elsewhere(scope(|s| async move {
        let panic = caught(|| s.spawn(async { Ok::<_, Text>(()) }));
        assert!(panic.message.contains("no reactor running"), "{}", panic.message);
        assert!(panic.file.ends_with("scope_exit.rs"), "{}", panic.file);
        let panic = caught(|| s.spawn_blocking(|| Ok(())));
        assert!(panic.file.ends_with("scope_exit.rs"), "{}", panic.file);
        assert!(s.is_empty() && !s.is_cancelled());
        Ok(1)
    }));
    assert_eq!(done.unwrap(), 1);
}

#[test]
fn a_runtime_that_ends_at_the_first_panic_hears_of_one_in_a_scope() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .unhandled_panic(UnhandledPanic::ShutdownRuntime)
        .build()
        .unwrap();
    let other = runtime.spawn(pending::<()>());
    let result = runtime.block_on(scope(|s| async move {
        s.spawn(async { expected("ends the runtime") as Result<(), Text> });
        Ok(())
    }));
    assert!(result.unwrap_err().is_panic());
    assert!(runtime.block_on(other).unwrap_err().is_cancelled());
}

#[test]
fn a_scope_without_tasks_is_ready_at_once() {
    let mut empty = Box::pin(scope(|s| async move {
        assert_eq!((s.len(), s.is_cancelled()), (0, false));
        Ok::<_, Text>(1)
    }));
    let polled = filch_tests::count::poll_once(&mut empty);
    assert!(matches!(polled, std::task::Poll::Ready(Ok(1))));
}

#[test]
fn len_counts_what_has_not_ended() {
    let runtime = Kind::CurrentThread.runtime();
    runtime
        .block_on(scope(|s| async move {
            let tasks: Vec<_> =
                (0..3).map(|_| s.spawn(async { pending::<Result<(), Text>>().await })).collect();
            assert_eq!(s.len(), 3);
            assert!(format!("{s:?}").contains("tasks: 3"), "{s:?}");
            tasks[1].abort();
            until(|| tasks[1].is_finished()).await;
            assert_eq!(s.len(), 2);
            s.cancel();
            Ok(())
        }))
        .unwrap();
}
