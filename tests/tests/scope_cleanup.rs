//! Deferred clean-up: when it runs, in which order, for how long, and what cannot keep it from running.

mod scope_support;

use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use filch::runtime::Runtime;
use filch::sync::{Notify, oneshot};
use filch::task::{Scope, ScopeBuilder, ScopeError, TaskGroup, scope, yield_now};
use filch::time::{Instant, sleep, timeout};
use filch_tests::panics::{PanicOnDrop, caught, expected, install_hook};
use filch_tests::reports::reporting;
use filch_tests::runtimes::{Kind, block_on_elsewhere};
use scope_support::{Live, polled, until};

type Text = &'static str;

const LIMIT: Duration = Duration::from_secs(60);

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Text>>>);

impl Log {
    fn add(&self, what: Text) {
        self.0.lock().unwrap().push(what);
    }

    /// Says `what` after an await.
    fn later(&self, what: Text) -> impl Future<Output = ()> + Send + use<> {
        let log = self.clone();
        async move {
            yield_now().await;
            log.add(what);
        }
    }

    fn get(&self) -> Vec<Text> {
        self.0.lock().unwrap().clone()
    }
}

fn paused() -> Runtime {
    Kind::CurrentThread.builder().start_paused(true).build().unwrap()
}

#[test]
fn after_a_good_end_only_what_is_always_runs() {
    for kind in Kind::ALL {
        let (log, live) = (Log::default(), Live::new());
        let (ours, guard) = (log.clone(), live.guard());
        let value = kind.runtime().block_on(scope(|s| async move {
            s.defer_always(LIMIT, ours.later("first"));
            s.defer(LIMIT, async move {
                drop(guard);
                unreachable!("ended well");
            });
            s.defer_always(LIMIT, ours.later("last"));
            let task = ours.clone();
            s.spawn(async move {
                task.later("task").await;
                Ok(())
            });
            Ok::<_, Text>(1)
        }));
        assert_eq!((value.unwrap(), live.now()), (1, 0));
        assert_eq!(log.get(), ["task", "last", "first"]);
    }
}

/// What ends a scope badly.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Exit {
    BodyError,
    BodyPanic,
    TaskError,
    TaskPanic,
    Cancel,
    /// Cancelled, and with a value.
    CancelWithValue,
    /// The future is dropped.
    Dropped,
}

const EXITS: [Exit; 7] = [
    Exit::BodyError,
    Exit::BodyPanic,
    Exit::TaskError,
    Exit::TaskPanic,
    Exit::Cancel,
    Exit::CancelWithValue,
    Exit::Dropped,
];

async fn leave(exit: Exit, s: Scope<Text>, said: Arc<Notify>) -> Result<(), Text> {
    match exit {
        Exit::BodyError => return Err("body"),
        Exit::BodyPanic => expected("body"),
        Exit::TaskError => drop(s.spawn(async { Err::<(), _>("task") })),
        Exit::TaskPanic => drop(s.spawn(async { expected("task") as Result<(), Text> })),
        Exit::Cancel => s.cancel(),
        Exit::CancelWithValue => {
            s.cancel();
            return Ok(());
        }
        Exit::Dropped => said.notify_one(),
    }
    pending().await
}

#[test]
fn after_a_bad_end_all_of_it_runs_when_the_tasks_are_gone() {
    for kind in Kind::ALL {
        for exit in EXITS {
            let (log, live) = (Log::default(), Live::new());
            let (ours, tasks, ready) = (log.clone(), live.clone(), Arc::new(Notify::new()));
            let runtime = kind.runtime();
            let said = ready.clone();
            let task = runtime.spawn(scope(move |s| async move {
                let running = Arc::new(Notify::new());
                s.spawn(tasks.started(&running));
                running.notified().await;
                s.defer_always(LIMIT, ours.later("first"));
                let (alive, then) = (tasks.clone(), ours.later("last"));
                s.defer(LIMIT, async move {
                    assert_eq!(alive.now(), 0, "a task is alive");
                    then.await;
                });
                leave(exit, s, said).await
            }));
            runtime.block_on(async {
                if exit == Exit::Dropped {
                    ready.notified().await;
                    task.abort();
                    assert!(task.await.unwrap_err().is_cancelled());
                    until(|| log.get().len() == 2).await;
                } else {
                    let joined = task.await;
                    assert_eq!(joined.is_err(), exit == Exit::BodyPanic, "{kind:?} {exit:?}");
                }
            });
            assert_eq!(log.get(), ["last", "first"], "{kind:?} {exit:?}");
            assert_eq!(live.now(), 0);
        }
    }
}

#[test]
fn each_has_a_limit_of_its_own() {
    let (log, live) = (Log::default(), Live::new());
    let (ours, guard) = (log.clone(), live.guard());
    let took = paused().block_on(async move {
        let start = Instant::now();
        let result = scope(|s| async move {
            let slow = ours.clone();
            s.defer(Duration::from_secs(10), async move {
                sleep(Duration::from_secs(7)).await;
                slow.add("slow");
            });
            s.defer(Duration::from_secs(5), async move {
                let _guard = guard;
                pending::<()>().await;
            });
            Err::<(), _>("body")
        });
        assert!(matches!(result.await, Err(ScopeError::Failed("body"))));
        start.elapsed()
    });
    // 5 s for the one that does not end, then 7 s for the other.
    assert!(took >= Duration::from_secs(12) && took < Duration::from_secs(13), "{took:?}");
    assert_eq!((log.get(), live.now()), (vec!["slow"], 0));
}

#[test]
fn a_panic_is_reported_and_the_others_still_run() {
    for kind in Kind::ALL {
        let (runtime, reports) = reporting(kind);
        install_hook();
        let log = Log::default();
        let ours = log.clone();
        let line = line!() + 4;
        let result = runtime.block_on(async {
            let run = scope(|s| async move {
                s.defer(LIMIT, ours.later("last"));
                s.defer(LIMIT, async { expected("clean-up") });
                let bomb = PanicOnDrop("destructor");
                s.defer(
                    LIMIT,
                    std::future::poll_fn(move |_| {
                        let _ = &bomb;
                        std::task::Poll::Ready(())
                    }),
                );
                Err::<(), _>("body")
            });
            run.await
        });
        assert!(matches!(result, Err(ScopeError::Failed("body"))));
        assert_eq!(log.get(), ["last"]);
        reports.next(&runtime, "expected: destructor");
        let report = reports.next(&runtime, "expected: clean-up");
        assert_eq!((report.name.as_deref(), report.line), (Some("clean-up"), line));
        assert!(report.file.ends_with("scope_cleanup.rs"));
        assert!(reports.is_empty());
    }
}

/// A destructor of clean-up that is not needed.
#[test]
fn clean_up_that_is_not_needed_may_panic_when_dropped() {
    let (runtime, reports) = reporting(Kind::Workers);
    install_hook();
    let value = runtime.block_on(scope(|s| async move {
        let bomb = PanicOnDrop("unneeded");
        s.defer(LIMIT, async move { drop(bomb) });
        Ok::<_, Text>(1)
    }));
    assert_eq!(value.unwrap(), 1);
    reports.next(&runtime, "expected: unneeded");
}

/// Whatever becomes of the scope's future while clean-up runs, it runs to its end.
#[test]
fn it_goes_on_when_the_scope_is_dropped_meanwhile() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let log = Log::default();
        let (ours, begun, go_on) = (log.clone(), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (running, gate) = (begun.clone(), go_on.clone());
        let task = runtime.spawn(scope(|s| async move {
            s.defer_always(LIMIT, ours.later("other"));
            s.defer_always(LIMIT, async move {
                running.notify_one();
                gate.notified().await;
                ours.add("held");
            });
            Ok::<_, Text>(())
        }));
        runtime.block_on(async {
            begun.notified().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            assert!(log.get().is_empty());
            go_on.notify_one();
            until(|| log.get() == ["held", "other"]).await;
        });
    }
}

/// The clean-up of a scope that was dropped inside of another keeps that one from ending, also where that
/// one was cancelled; and it comes first.
#[test]
fn an_outer_scope_waits_for_the_clean_up_of_an_inner_one() {
    for kind in Kind::ALL {
        for polls in [1, 3, 10] {
            for cancel in [false, true] {
                let log = Log::default();
                let ours = log.clone();
                let result = kind.runtime().block_on(scope(|s| async move {
                    s.defer_always(LIMIT, ours.later("outer"));
                    let all = s.clone();
                    s.spawn(async move {
                        let run = scope(|s| async move {
                            s.defer(LIMIT, ours.later("inner"));
                            pending::<Result<(), Text>>().await
                        });
                        polled(run, polls).await;
                        if cancel {
                            all.cancel();
                        }
                        Ok(())
                    });
                    Ok::<_, Text>(())
                }));
                assert!(result.is_ok());
                assert_eq!(log.get(), ["inner", "outer"], "{kind:?} {polls} {cancel}");
            }
        }
    }
}

/// Cancelling the outer one drops the inner one's future: its clean-up joins what has stopped already.
#[test]
fn cancelling_the_outer_scope_runs_the_inner_ones_clean_up_first() {
    for kind in Kind::ALL {
        let log = Log::default();
        let ours = log.clone();
        let result = kind.runtime().block_on(scope(|s| async move {
            let ready = Arc::new(Notify::new());
            let (said, inner) = (ready.clone(), ours.clone());
            s.defer(LIMIT, ours.later("outer"));
            s.spawn(async move {
                let run = scope(|s| async move {
                    s.defer(LIMIT, inner.later("inner"));
                    said.notify_one();
                    pending::<Result<(), Text>>().await
                });
                run.await.map_err(|_| "inner")
            });
            ready.notified().await;
            Err::<(), _>("stop")
        }));
        assert!(matches!(result, Err(ScopeError::Failed("stop"))));
        assert_eq!(log.get(), ["inner", "outer"], "{kind:?}");
    }
}

/// A timeout around the scope: it drops the scope, whose clean-up runs all the same.
#[test]
fn a_timeout_around_the_scope_does_not_stop_it() {
    let log = Log::default();
    let ours = log.clone();
    paused().block_on(async {
        let run = scope(|s| async move {
            s.defer(LIMIT, async move {
                sleep(Duration::from_secs(1)).await;
                ours.add("late");
            });
            pending::<Result<(), Text>>().await
        });
        assert!(timeout(Duration::from_secs(3), run).await.is_err());
        assert!(log.get().is_empty());
        sleep(Duration::from_secs(2)).await;
        assert_eq!(log.get(), ["late"]);
    });
}

/// The runtime is gone first: the futures are dropped unrun, and the scope, driven elsewhere, ends.
#[test]
fn a_runtime_that_is_gone_drops_it() {
    for when in ["before", "while"] {
        let runtime = Kind::OneWorker.runtime();
        let live = Live::new();
        let guard = live.guard();
        let (begun, mut has_begun) = oneshot::channel();
        let (ended, end) = oneshot::channel::<()>();
        let run = scope(move |s| async move {
            s.defer_always(LIMIT, async move {
                let _guard = guard;
                begun.send(()).unwrap();
                pending::<()>().await;
            });
            if when == "before" {
                end.await.unwrap();
            }
            Ok::<_, Text>(1)
        });
        let driver = {
            let handle = runtime.handle().clone();
            std::thread::spawn(move || {
                let _inside = handle.enter();
                block_on_elsewhere(run)
            })
        };
        if when == "while" {
            runtime.block_on(&mut has_begun).unwrap();
        }
        drop(runtime);
        let _ = ended.send(());
        assert_eq!(driver.join().unwrap().unwrap(), 1);
        assert_eq!(live.now(), 0, "{when}");
        assert!(when == "while" || has_begun.try_recv().is_err());
    }
}

#[test]
fn after_the_scopes_end_it_runs_at_once() {
    for kind in Kind::ALL {
        let log = Log::default();
        kind.runtime().block_on(async {
            let mut kept = None;
            scope(|s| {
                kept = Some(s);
                async { Ok::<_, Text>(()) }
            })
            .await
            .unwrap();
            kept.unwrap().defer(LIMIT, log.later("late"));
            until(|| log.get() == ["late"]).await;
        });
    }
}

#[test]
fn without_timers_or_a_runtime_it_says_so_at_the_callers_line() {
    let done = block_on_elsewhere(scope(|s| async move {
        let panic = caught(|| s.defer(LIMIT, async {}));
        assert!(panic.message.contains("no reactor running"), "{}", panic.message);
        assert!(panic.file.ends_with("scope_cleanup.rs"), "{}", panic.file);
        Ok::<_, Text>(())
    }));
    done.unwrap();
    let bare = filch::runtime::Builder::new_current_thread().build().unwrap();
    let done = bare.block_on(scope(|s| async move {
        let panic = caught(|| s.defer_always(LIMIT, async {}));
        assert!(panic.message.contains("enable_time"), "{}", panic.message);
        assert!(panic.file.ends_with("scope_cleanup.rs"), "{}", panic.file);
        Ok::<_, Text>(())
    }));
    done.unwrap();
}

/// It is a task with a name, which a shutdown that it holds up reports.
#[test]
fn its_task_has_a_name() {
    let runtime = Kind::OneWorker.runtime();
    let gate = filch_tests::count::Gate::closed();
    let (held, begun) = (gate.clone(), Arc::new(Notify::new()));
    let running = begun.clone();
    drop(runtime.spawn(async move {
        let run = ScopeBuilder::new().name("upload").run(|s| async move {
            s.defer_always(LIMIT, async move {
                running.notify_one();
                held.pass();
            });
            Ok::<_, Text>(())
        });
        run.await
    }));
    runtime.block_on(begun.notified());
    let report = runtime.shutdown(Duration::ZERO);
    gate.open();
    let names: Vec<_> = report.tasks.iter().filter_map(|task| task.name.as_deref()).collect();
    assert_eq!(names, ["clean-up of upload"]);
}

#[test]
fn a_group_runs_it_when_it_is_joined_or_dropped() {
    for kind in Kind::ALL {
        for joined in [true, false] {
            let (log, live) = (Log::default(), Live::new());
            kind.runtime().block_on(async {
                let group = TaskGroup::<Text>::named("group");
                let clone = group.clone();
                group.defer_always(LIMIT, log.later("always"));
                clone.defer(LIMIT, log.later("cancelled"));
                group.spawn(live.forever());
                drop(group);
                assert_eq!(live.now(), 1);
                clone.cancel();
                if joined {
                    assert!(clone.join().await.unwrap_err().is_cancelled());
                    assert_eq!(log.get(), ["cancelled", "always"]);
                }
                drop(clone);
                until(|| log.get() == ["cancelled", "always"]).await;
            });
            assert_eq!(live.now(), 0);
        }
    }
}
