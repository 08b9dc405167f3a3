//! Blocking work and computations in a scope: what has begun is waited for, what has not is dropped.

mod scope_support;

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use filch::sync::oneshot;
use filch::task::{CancelCause, Scope, ScopeError, ScopedJoinHandle, scope};
use filch_tests::count::Gate;
use filch_tests::panics::{PanicOnDrop, expected, install_hook};
use filch_tests::runtimes::Kind;
use scope_support::Live;

type Text = &'static str;

/// On which threads.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pool {
    Blocking,
    Compute,
}

const POOLS: [Pool; 2] = [Pool::Blocking, Pool::Compute];

impl Pool {
    fn spawn<T: Send + 'static>(
        self,
        s: &Scope<Text>,
        f: impl FnOnce() -> Result<T, Text> + Send + 'static,
    ) -> ScopedJoinHandle<T> {
        match self {
            Pool::Blocking => s.build_task().name("work").spawn_blocking(f),
            Pool::Compute => s.build_task().name("work").spawn_compute(f),
        }
    }
}

#[test]
fn values_errors_and_panics_come_back() {
    for kind in Kind::ALL {
        for pool in POOLS {
            let runtime = kind.runtime();
            let value = runtime.block_on(scope(|s| async move {
                let (one, two) = (pool.spawn(&s, || Ok(1)), pool.spawn(&s, || Ok(2)));
                Ok(one.await.unwrap() + two.await.unwrap())
            }));
            assert_eq!(value.unwrap(), 3);
            let failed = runtime.block_on(scope(|s| async move {
                pool.spawn(&s, || Err::<(), _>("work"));
                pending::<Result<(), _>>().await
            }));
            assert!(matches!(failed, Err(ScopeError::Failed("work"))));
            let panicked = runtime.block_on(scope(|s| async move {
                pool.spawn(&s, || expected("work") as Result<(), Text>);
                pending::<Result<(), Text>>().await
            }));
            let Err(ScopeError::Panicked(panic)) = panicked else { panic!("{panicked:?}") };
            assert_eq!((panic.name(), &*panic.message()), (Some("work"), "expected: work"));
        }
    }
}

/// The pool has one thread, which somebody else keeps: what waits behind is dropped at once, and what has
/// begun is waited for.
#[test]
fn a_cancel_drops_what_waits_and_waits_for_what_runs() {
    for kind in Kind::ALL {
        for (pool, foreign) in [(Pool::Blocking, true), (Pool::Blocking, false)] {
            let runtime = kind.builder().max_blocking_threads(1).build().unwrap();
            let (gate, begun) = (Gate::closed(), Gate::closed());
            let holds = {
                let (gate, begun) = (gate.clone(), begun.clone());
                move || {
                    begun.open();
                    gate.pass();
                    Ok(())
                }
            };
            let live = Live::new();
            let waiting = live.clone();
            let ended = Arc::new(AtomicBool::new(false));
            let (opening, has_ended) = (gate.clone(), ended.clone());
            let running = foreign.then(|| {
                let holds = holds.clone();
                runtime.spawn_blocking(move || holds() as Result<(), Text>)
            });
            let result = runtime.block_on(scope(|s| async move {
                if !foreign {
                    pool.spawn(&s, move || {
                        holds()?;
                        has_ended.store(true, Ordering::SeqCst);
                        Ok(())
                    });
                }
                begun.pass();
                let guards: Vec<_> = (0..3).map(|_| waiting.guard()).collect();
                let handles: Vec<_> = guards
                    .into_iter()
                    .map(|guard| {
                        pool.spawn(&s, move || {
                            drop(guard);
                            unreachable!("nobody runs it") as Result<(), Text>
                        })
                    })
                    .collect();
                // By its own handle: no failure.
                handles[1].abort();
                assert_eq!(waiting.now(), 2);
                s.cancel();
                assert_eq!(waiting.now(), 0);
                if !foreign {
                    opening.open();
                }
                Ok::<_, Text>(())
            }));
            result.unwrap();
            // The foreign one still holds the thread: nothing of ours waited for it.
            assert_eq!(ended.load(Ordering::SeqCst), !foreign, "{kind:?}");
            gate.open();
            if let Some(running) = running {
                runtime.block_on(running).unwrap().unwrap();
            }
        }
    }
}

/// Work that looks at the scope's token ends early.
#[test]
fn work_that_looks_at_the_token_ends_early() {
    for kind in Kind::ALL {
        for pool in POOLS {
            let result = kind.runtime().block_on(scope(|s| async move {
                let (token, (said, begun)) = (s.token(), oneshot::channel());
                pool.spawn(&s, move || {
                    said.send(()).unwrap();
                    while !token.is_cancelled() {
                        std::thread::yield_now();
                    }
                    Ok(())
                });
                begun.await.unwrap();
                s.cancel();
                pending::<Result<(), Text>>().await
            }));
            assert!(matches!(result, Err(ScopeError::Cancelled(CancelCause::Handle))));
        }
    }
}

/// The scope's future is dropped: work that runs goes on, and a scope around it waits for it.
#[test]
fn an_outer_scope_waits_for_work_of_a_dropped_one() {
    for kind in Kind::ALL {
        for pool in POOLS {
            let ended = Arc::new(AtomicBool::new(false));
            let runs = ended.clone();
            let result = kind.runtime().block_on(scope(|s| async move {
                let (gate, begun) = (Gate::closed(), Gate::closed());
                let (held, said) = (gate.clone(), begun.clone());
                s.spawn(async move {
                    let inner = scope(|s| async move {
                        pool.spawn(&s, move || {
                            said.open();
                            held.pass();
                            runs.store(true, Ordering::SeqCst);
                            Ok(())
                        });
                        pending::<Result<(), Text>>().await
                    });
                    let mut inner = Box::pin(inner);
                    std::future::poll_fn(|cx| {
                        assert!(inner.as_mut().poll(cx).is_pending());
                        std::task::Poll::Ready(())
                    })
                    .await;
                    begun.pass();
                    drop(inner);
                    gate.open();
                    Ok(())
                });
                Ok::<_, Text>(())
            }));
            result.unwrap();
            assert!(ended.load(Ordering::SeqCst), "{kind:?} {pool:?}");
        }
    }
}

/// A function that is dropped unrun and panics in that.
#[test]
fn a_panic_in_the_destructor_of_withdrawn_work_is_a_failure() {
    let runtime = Kind::OneWorker.builder().max_blocking_threads(1).build().unwrap();
    install_hook();
    let (gate, begun) = (Gate::closed(), Gate::closed());
    let (held, said) = (gate.clone(), begun.clone());
    let running = runtime.spawn_blocking(move || {
        said.open();
        held.pass();
    });
    begun.pass();
    let result = runtime.block_on(scope(|s| async move {
        let bomb = PanicOnDrop("withdrawn");
        let alone = s.spawn_blocking(move || {
            drop(bomb);
            Ok::<(), Text>(())
        });
        alone.abort();
        pending::<Result<(), Text>>().await
    }));
    // Nothing had happened before: it is the scope's failure.
    let Err(ScopeError::Panicked(panic)) = result else { panic!("{result:?}") };
    assert_eq!(panic.message(), "expected: withdrawn");
    gate.open();
    runtime.block_on(running).unwrap();
}
