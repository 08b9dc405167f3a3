//! Panics of user code: each is caught where it happens, is somebody's to hear of, and takes no worker
//! with it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use filch::sync::oneshot;
use filch::task::{self, JoinError};
use filch_tests::count::{Count, poll_once};
use filch_tests::panics::{PanicOnDrop, expected, install_hook, message};
use filch_tests::reports::reporting;
use filch_tests::runtimes::{Kind, assert_all_workers_run};

/// The text of a task's panic.
fn text(error: JoinError) -> String {
    assert!(error.is_panic() && !error.is_cancelled(), "{error}");
    message(&*error.into_panic())
}

#[test]
fn panic_in_a_poll_is_the_tasks_outcome() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let drops = Count::new();
        for polls_before in [0, 1, 10] {
            let guard = drops.on_drop();
            let task = runtime.spawn(async move {
                let _guard = guard;
                for _ in 0..polls_before {
                    task::yield_now().await;
                }
                expected("in poll");
            });
            let id = task.id();
            let error = runtime.block_on(task).unwrap_err();
            assert_eq!(error.id(), id);
            assert!(error.to_string().contains("panic"), "{error}");
            assert_eq!(text(error), "expected: in poll", "{kind:?}");
        }
        assert_eq!(drops.get(), 3, "{kind:?}: what the future held is dropped, once");
        assert_all_workers_run(&runtime);
    }
}

#[test]
fn payload_of_any_type_comes_back_as_it_is() {
    install_hook();
    let runtime = Kind::CurrentThread.runtime();
    let task = runtime.spawn(async { std::panic::resume_unwind(Box::new(vec![1_u8, 2, 3])) });
    let payload = runtime.block_on(task).unwrap_err().try_into_panic().unwrap();
    assert_eq!(*payload.downcast::<Vec<u8>>().unwrap(), [1, 2, 3]);

    let task = runtime.spawn(std::future::pending::<()>());
    task.abort();
    let error = runtime.block_on(task).unwrap_err();
    let error = error.try_into_panic().unwrap_err();
    assert!(error.is_cancelled());
    let panic = filch_tests::panics::caught(|| error.into_panic());
    assert!(panic.message.contains("cancelled"), "{panic:?}");
}

/// Whose destructor panics.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Whose {
    FutureOfACompleteTask,
    FutureOfAPanickedTask,
    OutputOfADetachedTask,
    OutputOfADroppedHandle,
    JoinWaker,
}

/// A waker whose last reference panics when it goes.
struct PanicsInDrop(Option<PanicOnDrop>);

impl Wake for PanicsInDrop {
    fn wake(self: Arc<Self>) {
        let _ = &self.0;
    }
}

#[test]
fn destructors_that_panic_take_nothing_with_them() {
    install_hook();
    for kind in Kind::ALL {
        for whose in [
            Whose::FutureOfACompleteTask,
            Whose::FutureOfAPanickedTask,
            Whose::OutputOfADetachedTask,
            Whose::OutputOfADroppedHandle,
            Whose::JoinWaker,
        ] {
            let (runtime, reports) = reporting(kind);
            let bomb = PanicOnDrop("in drop");
            match whose {
                Whose::FutureOfACompleteTask => {
                    // Dropped with the future, not in the poll: a field, not a variable.
                    struct Holds(#[expect(dead_code, reason = "for its drop")] PanicOnDrop);
                    impl Future for Holds {
                        type Output = ();
                        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
                            Poll::Ready(())
                        }
                    }
                    let task = runtime.spawn(Holds(bomb));
                    let error = runtime.block_on(task).unwrap_err();
                    assert_eq!(text(error), "expected: in drop");
                }
                Whose::FutureOfAPanickedTask => {
                    struct Holds(#[expect(dead_code, reason = "for its drop")] PanicOnDrop);
                    impl Future for Holds {
                        type Output = ();
                        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
                            expected("in poll")
                        }
                    }
                    let task = runtime.spawn(Holds(bomb));
                    let error = runtime.block_on(task).unwrap_err();
                    assert!(error.is_panic());
                }
                Whose::OutputOfADetachedTask => {
                    drop(runtime.spawn(async move { bomb }));
                    reports.next(&runtime, "expected: in drop");
                }
                Whose::OutputOfADroppedHandle => {
                    let task = runtime.spawn(async move { bomb });
                    while !task.is_finished() {
                        runtime.block_on(task::yield_now());
                    }
                    drop(task);
                    reports.next(&runtime, "expected: in drop");
                }
                Whose::JoinWaker => {
                    let (go, gone) = oneshot::channel::<()>();
                    let mut task = runtime.spawn(async move { gone.await.unwrap() });
                    let waker = Waker::from(Arc::new(PanicsInDrop(Some(bomb))));
                    let polled = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
                    assert!(polled.is_pending());
                    drop(waker);
                    go.send(()).unwrap();
                    let abort = task.abort_handle();
                    while !task.is_finished() {
                        runtime.block_on(task::yield_now());
                    }
                    drop((task, abort));
                    reports.next(&runtime, "expected: in drop");
                }
            }
            assert_all_workers_run(&runtime);
            drop(runtime);
        }
    }
}

/// What the waker of a join handle does.
struct PanicsInWake(Count);

impl Wake for PanicsInWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.add();
        expected("in wake");
    }
}

#[test]
fn join_waker_that_panics_is_reported_and_the_output_is_kept() {
    install_hook();
    for kind in Kind::ALL {
        let (runtime, reports) = reporting(kind);
        let (go, gone) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move {
            gone.await.unwrap();
            "kept"
        });
        let wakes = Count::new();
        let waker = Waker::from(Arc::new(PanicsInWake(wakes.clone())));
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
        go.send(()).unwrap();
        reports.next(&runtime, "expected: in wake");
        assert_eq!(wakes.get(), 1);
        assert_eq!(runtime.block_on(task).unwrap(), "kept", "{kind:?}");
        assert_all_workers_run(&runtime);
    }
}

#[test]
fn timer_waker_that_panics_costs_no_other_timer() {
    install_hook();
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let wakes = Count::new();
        let waker = Waker::from(Arc::new(PanicsInWake(wakes.clone())));
        let mut foreign = {
            let _entered = runtime.enter();
            Box::pin(filch::time::sleep(std::time::Duration::from_millis(2)))
        };
        assert!(foreign.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let task = runtime.spawn(async {
            filch::time::sleep(std::time::Duration::from_millis(4)).await;
            "woken"
        });
        assert_eq!(runtime.block_on(task).unwrap(), "woken", "{kind:?}");
        assert_eq!(wakes.get(), 1, "{kind:?}");
        assert_all_workers_run(&runtime);
    }
}

#[test]
fn blocking_call_and_computation_that_panic_give_the_error() {
    install_hook();
    for kind in Kind::ALL {
        let runtime = kind.builder().max_blocking_threads(1).compute_threads(1).build().unwrap();
        let drops = Count::new();
        for _ in 0..5 {
            let (first, second) = (drops.on_drop(), drops.on_drop());
            let call = runtime.spawn_blocking(move || {
                let _first = first;
                expected("in a blocking call");
            });
            assert_eq!(
                text(runtime.block_on(call).unwrap_err()),
                "expected: in a blocking call",
                "{kind:?}"
            );
            let work = runtime.handle().spawn_compute(move || {
                let _second = second;
                expected("in a computation");
            });
            assert_eq!(
                text(runtime.block_on(work).unwrap_err()),
                "expected: in a computation",
                "{kind:?}"
            );
        }
        assert_eq!(drops.get(), 10, "{kind:?}");
        // The only thread of each pool is alive.
        runtime.block_on(async {
            assert_eq!(task::spawn_blocking(|| 1).await.unwrap(), 1);
            assert_eq!(task::spawn_compute(|| 2).await.unwrap(), 2);
        });
    }
}

#[test]
fn panic_in_block_on_comes_out_and_the_runtime_goes_on() {
    install_hook();
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let task = runtime.spawn(async {
            task::yield_now().await;
            "unharmed"
        });
        for _ in 0..3 {
            let panic = filch_tests::panics::caught(|| {
                runtime.block_on(async {
                    task::yield_now().await;
                    expected("in block_on");
                });
            });
            assert_eq!(panic.message, "expected: in block_on");
        }
        assert_eq!(runtime.block_on(task).unwrap(), "unharmed", "{kind:?}");
        assert_all_workers_run(&runtime);
    }
}

#[test]
fn panicked_task_wakes_who_awaits_it() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (go, gone) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move {
            gone.await.unwrap();
            expected("late");
        });
        assert!(poll_once(&mut task).is_pending());
        let watcher = runtime.spawn(async move { task.await.unwrap_err().is_panic() });
        go.send(()).unwrap();
        assert!(runtime.block_on(watcher).unwrap(), "{kind:?}");
    }
}

/// A future that panics in its poll, and again when it is dropped for that: the first is the outcome, the
/// second is reported.
#[test]
fn panic_in_the_poll_and_again_in_the_destructor_are_both_heard_of() {
    struct Twice(#[expect(dead_code, reason = "its destructor panics")] PanicOnDrop);
    impl Future for Twice {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            expected("in poll");
        }
    }
    install_hook();
    for kind in Kind::ALL {
        let (runtime, reports) = reporting(kind);
        let task = runtime.spawn(Twice(PanicOnDrop("in drop")));
        let error = runtime.block_on(task).unwrap_err();
        assert_eq!(text(error), "expected: in poll", "{kind:?}");
        reports.next(&runtime, "expected: in drop");
        assert!(reports.is_empty());
        assert_all_workers_run(&runtime);
    }
}
