//! `JoinSet`: every task is joined once, in the order in which they end, at a cost that does not grow.

use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use filch::runtime::{Builder, Handle, LocalRuntime, UnhandledPanic};
use filch::sync::{Notify, mpsc, oneshot};
use filch::task::{self, JoinSet, LocalSet};
use filch_tests::count::{Count, Gate, forever};
use filch_tests::panics::{PanicOnDrop, caught, expected, install_hook};
use filch_tests::runtimes::Kind;

fn current<F: Future>(future: F) -> F::Output {
    Kind::CurrentThread.runtime().block_on(future)
}

/// Counts wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn tasks_are_joined_in_the_order_in_which_they_end() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let mut set = JoinSet::new();
            let (ends, ids): (Vec<_>, Vec<_>) = (0..5)
                .map(|n| {
                    let (end, ended) = oneshot::channel::<()>();
                    let abort = set.spawn(async move {
                        let _ = ended.await;
                        n
                    });
                    (Some(end), abort.id())
                })
                .unzip();
            assert_eq!(set.len(), 5);
            let mut ends = ends;
            for (left, n) in [3, 0, 4, 1, 2].into_iter().enumerate() {
                ends[n].take().unwrap().send(()).unwrap();
                let (id, output) = set.join_next_with_id().await.unwrap().unwrap();
                assert_eq!((id, output), (ids[n], n));
                assert_eq!(set.len(), 4 - left);
            }
            assert!(set.is_empty() && set.join_next().await.is_none());
            assert!(set.join_next_with_id().await.is_none());
        });
    }
}

#[test]
fn try_join_next_never_waits() {
    current(async {
        let mut set = JoinSet::new();
        assert!(set.try_join_next().is_none() && set.try_join_next_with_id().is_none());
        let first = set.spawn(async { 1 });
        let second = set.spawn(async { 2 });
        set.spawn(pending());
        assert!(set.try_join_next().is_none(), "nothing ran yet");
        task::yield_now().await;
        assert_eq!(set.try_join_next_with_id().unwrap().unwrap(), (first.id(), 1));
        assert_eq!(set.try_join_next().unwrap().unwrap(), 2);
        assert!(set.try_join_next().is_none() && set.try_join_next_with_id().is_none());
        assert!(second.is_finished());
        assert_eq!(set.len(), 1);
    });
}

/// A join looks at the task that ended and at no other: the polls of `join_next` are as many as the wakes,
/// and what is registered is one waker for all.
#[test]
fn one_wake_for_whoever_waits_however_many_end() {
    current(async {
        let mut set = JoinSet::new();
        let start = Arc::new(Notify::new());
        let polls = Count::new();
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let (start, polls) = (start.clone(), polls.clone());
                set.spawn(async move {
                    polls.add();
                    start.notified().await;
                    n
                })
            })
            .collect();
        while polls.get() < 100 {
            task::yield_now().await;
        }
        let (old, wakes) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
        for waker in [&old, &wakes, &wakes] {
            let waker = Waker::from(waker.clone());
            let mut cx = Context::from_waker(&waker);
            assert!(set.poll_join_next(&mut cx).is_pending());
        }
        start.notify_waiters();
        while !tasks.iter().all(task::AbortHandle::is_finished) {
            task::yield_now().await;
        }
        assert_eq!((old.get(), wakes.get()), (0, 1), "the last waker, once");
        let mut cx = Context::from_waker(Waker::noop());
        for n in 0..100 {
            let Poll::Ready(Some(Ok((_, output)))) = set.poll_join_next_with_id(&mut cx) else {
                panic!("task {n} has ended")
            };
            assert_eq!(output, n);
        }
        assert!(matches!(set.poll_join_next(&mut cx), Poll::Ready(None)));
        assert!(matches!(set.poll_join_next_with_id(&mut cx), Poll::Ready(None)));
        assert_eq!(wakes.get(), 1);
    });
}

#[test]
fn dropping_join_next_loses_nothing() {
    current(async {
        let mut set = JoinSet::new();
        set.spawn(async { 1 });
        {
            let mut join = pin!(set.join_next());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(join.as_mut().poll(&mut cx).is_pending());
        }
        task::yield_now().await;
        drop(set.join_next());
        assert_eq!(set.len(), 1);
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
    });
}

#[test]
fn a_panic_is_joined_with_its_id_and_hurts_no_other_task() {
    install_hook();
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let mut set = JoinSet::new();
            let bad = set.spawn(async { expected("in a set") });
            let error = set.join_next().await.unwrap().unwrap_err();
            assert!(error.is_panic() && error.id() == bad.id());
            set.spawn(async { 7 });
            assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
        });
    }
}

#[test]
fn aborting_one_or_all_keeps_them_in_the_set() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let mut set: JoinSet<()> = JoinSet::new();
            let one = set.spawn(pending());
            set.spawn(pending());
            one.abort();
            assert_eq!(set.len(), 2);
            let error = set.join_next().await.unwrap().unwrap_err();
            assert!(error.is_cancelled() && error.id() == one.id());
            set.spawn(pending());
            set.abort_all();
            for _ in 0..2 {
                assert!(set.join_next_with_id().await.unwrap().unwrap_err().is_cancelled());
            }
            assert!(set.join_next().await.is_none());
        });
    }
}

#[test]
fn an_abort_after_the_end_keeps_the_output() {
    current(async {
        let mut set = JoinSet::new();
        let abort = set.spawn(async { 5 });
        task::yield_now().await;
        abort.abort();
        set.abort_all();
        assert_eq!(set.join_next().await.unwrap().unwrap(), 5);
    });
}

#[test]
fn dropping_the_set_aborts_its_tasks() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (polls, drops) = (Count::new(), Count::new());
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..10 {
                set.spawn(forever(&polls, drops.on_drop()));
            }
            while polls.get() < 10 {
                task::yield_now().await;
            }
            drop(set);
            while drops.get() < 10 {
                task::yield_now().await;
            }
        });
        assert_eq!((polls.get(), drops.get()), (10, 10), "{kind:?}");
    }
}

#[test]
fn shutdown_waits_until_the_futures_are_gone() {
    for kind in Kind::ALL {
        let (polls, drops) = (Count::new(), Count::new());
        kind.runtime().block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..10 {
                set.spawn(forever(&polls, drops.on_drop()));
            }
            set.shutdown().await;
            assert_eq!((drops.get(), set.len()), (10, 0), "{kind:?}");
            // It goes on to be a set.
            set.spawn(async {});
            assert!(set.join_next().await.unwrap().is_ok());
            set.shutdown().await;
        });
    }
}

#[test]
fn a_shutdown_that_is_dropped_has_aborted() {
    Kind::Workers.runtime().block_on(async {
        let gate = Gate::closed();
        let (began, has_begun) = oneshot::channel();
        let mut set = JoinSet::new();
        set.spawn_blocking({
            let gate = gate.clone();
            move || {
                began.send(()).unwrap();
                gate.pass();
            }
        });
        // From here on it cannot be aborted any more.
        has_begun.await.unwrap();
        let waiting = set.spawn(pending());
        {
            let mut shutdown = pin!(set.shutdown());
            let mut cx = Context::from_waker(Waker::noop());
            while !waiting.is_finished() {
                assert!(shutdown.as_mut().poll(&mut cx).is_pending());
                task::yield_now().await;
            }
        }
        gate.open();
        set.shutdown().await;
        assert!(set.is_empty());
    });
}

#[test]
fn detached_tasks_go_on_and_the_set_starts_anew() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            let go = Arc::new(Notify::new());
            let mut set = JoinSet::new();
            for n in 0..10 {
                let (sender, go) = (sender.clone(), go.clone());
                set.spawn(async move {
                    if n % 2 == 0 {
                        go.notified().await;
                    }
                    sender.send(n).unwrap();
                    n
                });
            }
            // Some have ended, or end meanwhile: what they report comes too late.
            assert!(receiver.recv().await.is_some());
            set.detach_all();
            assert!(set.is_empty() && set.join_next().await.is_none());
            for n in 100..110 {
                set.spawn(async move { n });
            }
            for _ in 0..5 {
                task::yield_now().await;
                go.notify_waiters();
            }
            let mut joined = Vec::new();
            while let Some(output) = set.join_next().await {
                joined.push(output.unwrap());
            }
            joined.sort_unstable();
            assert_eq!(joined, (100..110).collect::<Vec<_>>());
            drop((sender, set));
            let mut seen = 1;
            while seen < 10 {
                go.notify_waiters();
                task::yield_now().await;
                while receiver.try_recv().is_ok() {
                    seen += 1;
                }
            }
        });
    }
}

#[test]
fn join_all_gives_every_output_in_the_order_of_ends() {
    current(async {
        let set: JoinSet<_> = (0..50)
            .map(|n| async move {
                for _ in 0..n % 3 {
                    task::yield_now().await;
                }
                n
            })
            .collect();
        let outputs = set.join_all().await;
        let expected: Vec<_> =
            (0..3).flat_map(|turn| (0..50).filter(move |n| n % 3 == turn)).collect();
        assert_eq!(outputs, expected);
        assert!(JoinSet::<()>::new().join_all().await.is_empty());
    });
}

#[test]
fn join_all_passes_a_panic_on_and_aborts_the_rest() {
    let runtime = Kind::CurrentThread.runtime();
    let (polls, drops) = (Count::new(), Count::new());
    let caught = caught(|| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(forever(&polls, drops.on_drop()));
            set.spawn(async { expected("one of many") });
            set.join_all().await;
        });
    });
    assert_eq!(caught.message, "expected: one of many");
    runtime.block_on(task::yield_now());
    assert_eq!(drops.get(), 1);
}

#[test]
fn join_all_panics_if_a_task_was_aborted() {
    let caught = caught(|| {
        current(async {
            let mut set: JoinSet<()> = JoinSet::new();
            set.spawn(pending()).abort();
            set.join_all().await;
        });
    });
    assert!(caught.message.contains("was cancelled"), "{}", caught.message);
}

#[test]
fn extend_and_collect_spawn() {
    current(async {
        let mut set: JoinSet<_> = (0..3).map(std::future::ready).collect();
        set.extend((3..6).map(std::future::ready));
        assert_eq!(set.len(), 6);
        assert_eq!(set.join_all().await, [0, 1, 2, 3, 4, 5]);
    });
}

/// Where each way to spawn puts its task.
#[test]
fn every_way_to_spawn() {
    let other = Builder::new_multi_thread().worker_threads(1).name("other").build().unwrap();
    let other_handle = other.handle().clone();
    let runtime = Kind::CurrentThread.builder().name("here").build().unwrap();
    let local = LocalSet::new();
    let name = || Handle::current().name().map(str::to_owned);
    local.block_on(&runtime, async {
        let mut set = JoinSet::new();
        let here = Some("here".to_owned());
        let there = Some("other".to_owned());
        set.spawn(async move { name() });
        assert_eq!(set.join_next().await.unwrap().unwrap(), here);
        set.spawn_on(async move { name() }, &other_handle);
        assert_eq!(set.join_next().await.unwrap().unwrap(), there);
        set.spawn_blocking(name);
        assert_eq!(set.join_next().await.unwrap().unwrap(), here);
        set.spawn_blocking_on(name, &other_handle);
        assert_eq!(set.join_next().await.unwrap().unwrap(), there);
        set.spawn_compute(name);
        assert_eq!(set.join_next().await.unwrap().unwrap(), here);
        let shared = Rc::new(name);
        set.spawn_local({
            let shared = shared.clone();
            async move { shared() }
        });
        assert_eq!(set.join_next().await.unwrap().unwrap(), here);

        let inner = LocalSet::new();
        set.spawn_local_on(async move { shared() }, &inner);
        task::yield_now().await;
        assert!(set.try_join_next().is_none(), "the inner set was not polled");
        inner.await;
        assert_eq!(set.try_join_next().unwrap().unwrap(), here);
    });
    drop(other);
}

#[test]
fn outputs_that_are_not_send() {
    let runtime = LocalRuntime::new().unwrap();
    runtime.block_on(async {
        let mut set = JoinSet::new();
        set.spawn_local(async { Rc::new(1) });
        assert_eq!(*set.join_next().await.unwrap().unwrap(), 1);
    });
}

#[test]
fn named_tasks() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let reported = Count::new();
    let runtime = Kind::CurrentThread
        .builder()
        .unhandled_panic(UnhandledPanic::Call(Arc::new({
            let reported = reported.clone();
            move |info| {
                sender.send((info.name().map(str::to_owned), info.location().line())).unwrap();
                reported.add();
            }
        })))
        .build()
        .unwrap();
    install_hook();
    // In the runtime, so that it reports as the runtime does.
    let local = {
        let _entered = runtime.enter();
        LocalSet::new()
    };
    let first_line = line!();
    local.block_on(&runtime, async {
        let handle = Handle::current();
        let bad = || -> () { expected("detached") };
        let mut set = JoinSet::new();
        set.build_task().name("a").spawn(async move { bad() }).unwrap();
        set.build_task().name("b").spawn_on(async move { bad() }, &handle).unwrap();
        set.build_task().name("c").spawn_local(async move { bad() }).unwrap();
        set.build_task().name("d").spawn_local_on(async move { bad() }, &local).unwrap();
        set.build_task().name("e").spawn_blocking(bad).unwrap();
        set.build_task().name("f").spawn_blocking_on(bad, &handle).unwrap();
        set.build_task().spawn(async move { bad() }).unwrap();
        set.detach_all();
        while reported.get() < 7 {
            task::yield_now().await;
        }
    });
    let mut reports: Vec<_> = receiver.try_iter().collect();
    reports.sort();
    let names: Vec<_> = reports.iter().map(|(name, _)| name.as_deref()).collect();
    assert_eq!(names, [None, Some("a"), Some("b"), Some("c"), Some("d"), Some("e"), Some("f")]);
    for (n, (name, line)) in reports[1..].iter().enumerate() {
        assert_eq!(*line, first_line + 5 + n as u32, "{name:?} is reported where it was spawned");
    }
}

#[test]
fn outside_of_a_runtime_spawning_panics_at_the_callers_line() {
    let mut set = JoinSet::new();
    let caught = caught(|| set.spawn(async {}));
    assert!(caught.message.contains("no reactor running"), "{}", caught.message);
    assert_eq!((caught.file.as_str(), caught.line), (file!(), line!() - 2));
    let mut set = JoinSet::new();
    let caught = filch_tests::panics::caught(|| set.spawn_local(async {}));
    assert!(caught.message.contains("LocalSet"), "{}", caught.message);
    assert_eq!((caught.file.as_str(), caught.line), (file!(), line!() - 2));
}

#[test]
fn a_runtime_that_is_gone_cancels_what_a_set_holds() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let mut set: JoinSet<()> = JoinSet::new();
        set.spawn_on(pending(), runtime.handle());
        let handle = runtime.handle().clone();
        drop(runtime);
        set.spawn_on(async {}, &handle);
        for _ in 0..2 {
            assert!(current(set.join_next()).unwrap().unwrap_err().is_cancelled());
        }
        assert!(set.is_empty());
    }
}

#[test]
fn an_output_that_panics_when_dropped_does_not_stop_the_others() {
    install_hook();
    current(async {
        let drops = Count::new();
        let mut set = JoinSet::new();
        for n in 0..4 {
            let guard = drops.on_drop();
            set.spawn(async move { (guard, (n % 2 == 0).then(|| PanicOnDrop("an output"))) });
        }
        task::yield_now().await;
        drop(set);
        assert_eq!(drops.get(), 4);
    });
}

#[test]
fn a_task_may_own_the_set_of_its_children() {
    Kind::Workers.runtime().block_on(async {
        fn tree(depth: usize) -> std::pin::Pin<Box<dyn Future<Output = usize> + Send>> {
            Box::pin(async move {
                if depth == 0 {
                    return 1;
                }
                let children: JoinSet<_> = (0..4).map(|_| tree(depth - 1)).collect();
                children.join_all().await.into_iter().sum()
            })
        }
        assert_eq!(tree(4).await, 256);
    });
}

#[test]
fn debug_says_how_many() {
    current(async {
        let mut set: JoinSet<()> = JoinSet::default();
        set.spawn(pending());
        assert_eq!(format!("{set:?}"), "JoinSet { len: 1 }");
        let builder = set.build_task().name("n");
        let text = format!("{builder:?}");
        assert!(text.starts_with("join_set::Builder") && text.contains("len: 1"), "{text}");
    });
}

/// Tasks on all workers end, are aborted and panic while the set is joined, filled and detached.
#[test]
fn stress() {
    install_hook();
    let rounds = if cfg!(miri) { 3 } else { 200 };
    let runtime = Kind::Workers
        .builder()
        .unhandled_panic(UnhandledPanic::Call(Arc::new(|_| {})))
        .build()
        .unwrap();
    runtime.block_on(async {
        let drops = Count::new();
        let mut spawned = 0;
        let (mut done, mut cancelled, mut panicked) = (0, 0, 0);
        let mut set = JoinSet::new();
        for round in 0..rounds {
            for n in 0..40 {
                let guard = drops.on_drop();
                spawned += 1;
                let abort = set.spawn(async move {
                    let _guard = guard;
                    for _ in 0..n % 4 {
                        task::yield_now().await;
                    }
                    match n % 10 {
                        8 => expected("stress"),
                        9 => pending().await,
                        _ => n,
                    }
                });
                if n % 10 == 9 {
                    abort.abort();
                }
            }
            if round % 10 == 9 {
                set.detach_all();
                continue;
            }
            let take = if round % 3 == 0 { 50 } else { 40 };
            for _ in 0..take {
                match set.join_next().await {
                    Some(Ok(_)) => done += 1,
                    Some(Err(error)) if error.is_cancelled() => cancelled += 1,
                    Some(Err(_)) => panicked += 1,
                    None => break,
                }
            }
        }
        while set.join_next().await.is_some() {}
        while drops.get() < spawned {
            task::yield_now().await;
        }
        assert!(done > cancelled && cancelled > 0 && panicked > 0);
        assert_eq!(drops.get(), spawned);
    });
}
