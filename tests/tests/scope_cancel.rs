//! Cancelling a scope from outside: whatever does it, and however deep the tasks are, it reaches them.

mod scope_support;

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use filch::sync::{CancellationToken, Notify, oneshot};
use filch::task::{CancelCause, Scope, ScopeBuilder, ScopeError, TaskGroup, scope, yield_now};
use filch::time::timeout;
use filch_tests::count::Gate;
use filch_tests::panics::caught;
use filch_tests::runtimes::Kind;
use scope_support::{Live, polled, until};

type Text = &'static str;

/// A tree of scopes, `depth` deep and two wide, whose leaves end only when they are cancelled.
fn tree(
    live: Live,
    depth: usize,
    leaves: Arc<AtomicUsize>,
) -> Pin<Box<dyn Future<Output = Result<(), Text>> + Send>> {
    Box::pin(async move {
        let nested = scope(|s: Scope<Text>| async move {
            for _ in 0..2 {
                if depth == 0 {
                    let (guard, leaves) = (live.guard(), leaves.clone());
                    s.spawn(async move {
                        let _guard = guard;
                        leaves.fetch_add(1, Ordering::SeqCst);
                        pending::<Result<(), Text>>().await
                    });
                } else {
                    s.spawn(tree(live.clone(), depth - 1, leaves.clone()));
                }
            }
            Ok(())
        });
        nested.await.map_err(|_| "nested")
    })
}

const DEPTH: usize = 3;
const LEAVES: usize = 16;

/// Waits until all leaves run.
async fn grown(leaves: &AtomicUsize) {
    until(|| leaves.load(Ordering::SeqCst) == LEAVES).await;
}

/// What cancels.
#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Handle,
    Token,
    Outer,
}

#[test]
fn a_cancelled_tree_ends_before_the_scope_does() {
    for kind in Kind::ALL {
        for how in [How::Handle, How::Token, How::Outer] {
            let runtime = kind.runtime();
            let (live, token) = (Live::new(), CancellationToken::new());
            let leaves = Arc::new(AtomicUsize::new(0));
            let outer = TaskGroup::<Text>::new();
            let (said, result) = oneshot::channel();
            let (tasks, running, by) = (live.clone(), leaves.clone(), token.clone());
            let all = live.clone();
            runtime.block_on(async {
                outer.spawn(async move {
                    let run = ScopeBuilder::new().cancelled_by(&by).run(|s| async move {
                        s.spawn(tree(tasks.clone(), DEPTH, running.clone()));
                        grown(&running).await;
                        match how {
                            How::Handle => s.cancel(),
                            How::Token => by.cancel(),
                            How::Outer => {}
                        }
                        pending::<Result<(), Text>>().await
                    });
                    let result = run.await;
                    said.send((result, live.now())).map_err(|_| "nobody listens")
                });
                if how == How::Outer {
                    grown(&leaves).await;
                    outer.cancel();
                    outer.join().await.unwrap_err();
                    assert_eq!(all.now(), 0, "{kind:?}");
                    // Its task was dropped, unless it heard of the stop first.
                    if let Ok((result, alive)) = result.await {
                        assert_eq!(alive, 0);
                        let error = result.unwrap_err();
                        assert!(matches!(error, ScopeError::Cancelled(CancelCause::Outer)));
                    }
                    return;
                }
                let (result, alive) = result.await.unwrap();
                assert_eq!(alive, 0, "{kind:?} {how:?}");
                let cause =
                    if how == How::Handle { CancelCause::Handle } else { CancelCause::Token };
                assert!(
                    matches!(result, Err(ScopeError::Cancelled(c)) if c == cause),
                    "{result:?}"
                );
            });
        }
    }
}

/// However the future of a scope is dropped, its tasks end without it; and a scope around it waits for
/// that.
#[test]
fn an_outer_scope_waits_for_the_tasks_of_a_dropped_one() {
    for kind in Kind::ALL {
        for polls in [0, 1, 2, 5, 20] {
            let runtime = kind.runtime();
            let (live, tasks) = (Live::new(), Live::new());
            let (leaves, inner) = (Arc::new(AtomicUsize::new(0)), tasks.clone());
            let outer = live.guard();
            runtime
                .block_on(scope(|s| async move {
                    let _outer = outer;
                    s.spawn(async move {
                        polled(tree(inner, DEPTH, leaves), polls).await;
                        Ok(())
                    });
                    Ok::<_, Text>(())
                }))
                .unwrap();
            assert_eq!((live.now(), tasks.now()), (0, 0), "{kind:?} after {polls} polls");
        }
    }
}

#[test]
fn an_abort_of_the_parents_task_reaches_the_leaves() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (live, leaves) = (Live::new(), Arc::new(AtomicUsize::new(0)));
        let parent = runtime.spawn(tree(live.clone(), DEPTH, leaves.clone()));
        runtime.block_on(async {
            grown(&leaves).await;
            parent.abort();
            assert!(parent.await.unwrap_err().is_cancelled());
            until(|| live.now() == 0).await;
        });
        assert_eq!(live.ever(), LEAVES);
    }
}

#[test]
fn a_timeout_around_the_scope_reaches_the_leaves() {
    let runtime = Kind::CurrentThread.builder().start_paused(true).build().unwrap();
    let (live, leaves) = (Live::new(), Arc::new(AtomicUsize::new(0)));
    runtime.block_on(async {
        let run = tree(live.clone(), DEPTH, leaves.clone());
        assert!(timeout(Duration::from_secs(1), run).await.is_err());
        assert_eq!(leaves.load(Ordering::SeqCst), LEAVES);
        until(|| live.now() == 0).await;
    });
}

#[test]
fn a_timeout_of_the_scope_waits_for_the_leaves() {
    let runtime = Kind::CurrentThread.builder().start_paused(true).build().unwrap();
    let (live, leaves) = (Live::new(), Arc::new(AtomicUsize::new(0)));
    let (tasks, running) = (live.clone(), leaves.clone());
    let limited = async move {
        let start = filch::time::Instant::now();
        let run = ScopeBuilder::new().timeout(Duration::from_secs(1));
        let result = run.run(|s| async move {
            s.spawn(tree(tasks, DEPTH, running));
            Ok::<_, Text>(())
        });
        (result.await, start.elapsed())
    };
    let (result, took) = runtime.block_on(limited);
    assert!(matches!(result, Err(ScopeError::Cancelled(CancelCause::Timeout))), "{result:?}");
    assert!(took >= Duration::from_secs(1));
    assert_eq!((leaves.load(Ordering::SeqCst), live.now()), (LEAVES, 0));
}

/// A body that spends its budget in every poll does not outrun its limit.
#[test]
fn a_busy_body_does_not_outrun_its_timeout() {
    let runtime = Kind::CurrentThread.runtime();
    let result = runtime.block_on(async {
        let run = ScopeBuilder::new().timeout(Duration::from_millis(5));
        run.run(|_: Scope<Text>| async {
            loop {
                filch::task::coop::consume_budget().await;
            }
            #[allow(unreachable_code, reason = "says the type")]
            Ok(())
        })
        .await
    });
    assert!(matches!(result, Err(ScopeError::Cancelled(CancelCause::Timeout))));
}

#[test]
fn a_timeout_needs_timers_and_says_so_at_the_callers_line() {
    let panic = caught(|| {
        let run = ScopeBuilder::new().timeout(Duration::from_secs(1));
        drop(run.run(|_| async { Ok::<_, Text>(()) }));
    });
    assert!(panic.message.contains("no reactor running"), "{}", panic.message);
    assert!(panic.file.ends_with("scope_cancel.rs"), "{}", panic.file);
}

#[test]
fn a_token_that_is_cancelled_already_runs_nothing() {
    let runtime = Kind::Workers.runtime();
    let token = CancellationToken::new();
    token.cancel();
    let result = runtime.block_on(ScopeBuilder::new().cancelled_by(&token).run(|_| async {
        panic!("polled");
        #[allow(unreachable_code, reason = "says the type")]
        Ok::<(), Text>(())
    }));
    assert!(matches!(result, Err(ScopeError::Cancelled(CancelCause::Token))), "{result:?}");
}

/// Cancelled while it waits for its last tasks: the value is there, and the work is not complete.
#[test]
fn a_token_counts_after_the_body_has_ended() {
    let runtime = Kind::Workers.runtime();
    let (live, token, started) = (Live::new(), CancellationToken::new(), Arc::new(Notify::new()));
    let (tasks, running, by) = (live.clone(), started.clone(), token.clone());
    let task = runtime.spawn(async move {
        let run = ScopeBuilder::new().cancelled_by(&by);
        run.run(|s| async move {
            s.spawn(tasks.started::<Text>(&running));
            Ok(())
        })
        .await
    });
    runtime.block_on(async {
        started.notified().await;
        token.cancel();
        let result = task.await.unwrap();
        assert!(matches!(result, Err(ScopeError::Cancelled(CancelCause::Token))), "{result:?}");
    });
    assert_eq!(live.now(), 0);
}

/// Tasks see the stop by the scope's token before they are dropped, if they look.
#[test]
fn the_scopes_token_is_cancelled_with_it() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let seen = runtime.block_on(async {
            let mut token = None;
            let result = scope(|s| {
                token = Some(s.token());
                async move {
                    s.spawn(async { Err::<(), _>("stop") });
                    Ok(())
                }
            });
            let error = result.await.unwrap_err();
            assert_eq!(error.to_string(), "stop");
            token.unwrap().is_cancelled()
        });
        assert!(seen);
    }
}

/// Forgetting a scope's future leaks it; its tasks run on, and nothing is unsound. A scope around it still
/// waits for them, and still reaches them.
#[test]
fn a_forgotten_scope_is_still_the_outer_ones() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (live, leaves) = (Live::new(), Arc::new(AtomicUsize::new(0)));
        let (tasks, running) = (live.clone(), leaves.clone());
        let result = runtime.block_on(scope(|s| async move {
            let outer = s.clone();
            s.spawn(async move {
                let mut forgotten = tree(tasks, DEPTH, running.clone());
                let mut done = std::pin::pin!(grown(&running));
                std::future::poll_fn(|cx| {
                    let _ = forgotten.as_mut().poll(cx);
                    done.as_mut().poll(cx)
                })
                .await;
                filch_tests::forgotten::forget(forgotten);
                outer.cancel();
                Ok(())
            });
            pending::<Result<(), Text>>().await
        }));
        assert!(matches!(result, Err(ScopeError::Cancelled(CancelCause::Handle))));
        assert_eq!((live.now(), leaves.load(Ordering::SeqCst)), (0, LEAVES));
    }
}

#[test]
fn forgotten_handles_keep_nobody() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let done = runtime.block_on(scope(|s| async move {
            for _ in 0..10 {
                filch_tests::forgotten::forget(s.spawn(async {
                    yield_now().await;
                    Ok(())
                }));
            }
            filch_tests::forgotten::forget(s.clone());
            Ok::<_, Text>(1)
        }));
        assert_eq!(done.unwrap(), 1);
    }
}

/// Only what runs in a scope is nested in it: a spawned task is nobody's.
#[test]
fn a_detached_task_is_not_waited_for() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (live, started) = (Live::new(), Arc::new(Notify::new()));
        let (tasks, running) = (live.clone(), started.clone());
        let detached = runtime
            .block_on(scope(|_| async move {
                let task = filch::spawn(scope(|s| async move {
                    s.spawn(tasks.started::<Text>(&running));
                    Ok(())
                }));
                Ok::<_, Text>(task)
            }))
            .unwrap();
        runtime.block_on(async {
            started.notified().await;
            assert_eq!(live.now(), 1);
            detached.abort();
            until(|| live.now() == 0).await;
        });
    }
}

/// What counts is where a scope is polled first, not where it was made.
#[test]
fn a_scope_made_inside_and_run_outside_is_not_nested() {
    let runtime = Kind::Workers.runtime();
    runtime.block_on(async {
        let made = scope(|_| async {
            Ok::<_, Text>(scope(|s| async move {
                s.spawn(async { Ok(()) }).await.map_err(|_| "refused")
            }))
        });
        // In an outer one that has ended its spawn would be refused.
        made.await.unwrap().await.unwrap();
    });
}

/// A runtime driven by blocking work of a scope: its block_on is the scope's, its tasks are not.
#[test]
fn tasks_of_an_inner_runtime_are_not_nested() {
    let runtime = Kind::Workers.runtime();
    let gate = Gate::closed();
    let opened = gate.clone();
    let result = runtime.block_on(scope(|s| async move {
        let outer = s.clone();
        let blocking = s.spawn_blocking(move || {
            let inner = filch::runtime::Builder::new_current_thread().build().unwrap();
            inner.block_on(async {
                let task = filch::spawn(scope(|s| async move {
                    s.spawn(async { pending::<Result<(), Text>>().await });
                    Ok::<_, Text>(())
                }));
                yield_now().await;
                // Were it nested, this would be one more.
                let alone = outer.len();
                task.abort();
                let nested = scope(|s| {
                    let outer = outer.clone();
                    async move {
                        s.spawn(async { pending::<Result<(), Text>>().await });
                        let len = outer.len();
                        s.cancel();
                        Ok::<_, Text>(len)
                    }
                });
                let nested = nested.await.unwrap();
                opened.open();
                Ok((alone, nested))
            })
        });
        blocking.await.map_err(|_| "no value")
    }));
    gate.pass();
    assert_eq!(result.unwrap(), (1, 2));
}

/// Cancelled from another thread while tasks are spawned: none is left.
#[test]
fn cancel_races_spawn() {
    let runtime = Kind::Workers.runtime();
    for _ in 0..200 {
        let live = Live::new();
        let tasks = live.clone();
        let result = runtime.block_on(scope(|s| async move {
            let cancelling = s.clone();
            filch::spawn(async move { cancelling.cancel() });
            loop {
                s.spawn(tasks.forever::<Text>());
                yield_now().await;
            }
            #[allow(unreachable_code, reason = "says the type")]
            Ok(())
        }));
        assert!(result.unwrap_err().is_cancelled());
        assert_eq!(live.now(), 0);
    }
}
