//! Panics of user code: each is caught where it happens, is somebody's to hear of, and takes no worker
//! with it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use filch::runtime::Runtime;
use filch::sync::oneshot;
use filch::task::{self, JoinError};
use filch_tests::PATIENCE;
use filch_tests::count::{Count, poll_once};
use filch_tests::panics::{PanicOnDrop, expected, install_hook, message};
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
            let (reports, reported) = mpsc::channel();
            let runtime = reporting(kind, reports);
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
                    await_report(&runtime, &reported, "expected: in drop");
                }
                Whose::OutputOfADroppedHandle => {
                    let task = runtime.spawn(async move { bomb });
                    while !task.is_finished() {
                        runtime.block_on(task::yield_now());
                    }
                    drop(task);
                    await_report(&runtime, &reported, "expected: in drop");
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
                    await_report(&runtime, &reported, "expected: in drop");
                }
            }
            assert_all_workers_run(&runtime);
            drop(runtime);
        }
    }
}

/// A runtime whose unhandled panics are sent there.
fn reporting(kind: Kind, to: mpsc::Sender<Report>) -> Runtime {
    let to = std::sync::Mutex::new(to);
    kind.builder()
        .unhandled_panic(filch::runtime::UnhandledPanic::Call(Arc::new(move |info| {
            let report = Report {
                name: info.name().map(str::to_owned),
                file: info.location().file(),
                line: info.location().line(),
                message: info.message().to_owned(),
            };
            let _ = to.lock().unwrap().send(report);
        })))
        .build()
        .unwrap()
}

/// A panic that nobody awaited.
#[derive(Debug)]
struct Report {
    name: Option<String>,
    file: &'static str,
    line: u32,
    message: String,
}

fn await_report(runtime: &Runtime, reports: &mpsc::Receiver<Report>, message: &str) -> Report {
    let start = std::time::Instant::now();
    loop {
        if let Ok(report) = reports.try_recv() {
            assert_eq!(report.message, message);
            return report;
        }
        assert!(start.elapsed() < PATIENCE, "no report of {message:?}");
        // Several turns: a current-thread runtime runs its tasks in here.
        runtime.block_on(task::yield_now());
    }
}

#[test]
fn detached_tasks_panic_is_reported_with_name_place_and_message() {
    install_hook();
    for kind in Kind::ALL {
        let (reports, reported) = mpsc::channel();
        let runtime = reporting(kind, reports);
        let line = line!() + 1;
        drop(runtime.spawn(async { expected("nobody awaits this") }));
        let report = await_report(&runtime, &reported, "expected: nobody awaits this");
        assert_eq!((report.name, report.file, report.line), (None, file!(), line), "{kind:?}");

        runtime.block_on(async {
            let named = task::Builder::new().name("accountant");
            drop(named.spawn(async { expected("in a named one") }).unwrap());
        });
        let report = await_report(&runtime, &reported, "expected: in a named one");
        assert_eq!(report.name.as_deref(), Some("accountant"), "{kind:?}");

        drop(runtime.spawn_blocking(|| expected("in a blocking call")));
        await_report(&runtime, &reported, "expected: in a blocking call");
        drop(runtime.handle().spawn_compute(|| expected("in a computation")));
        await_report(&runtime, &reported, "expected: in a computation");

        // Awaited: whoever awaits it hears of it, and nobody else.
        let awaited = runtime.spawn(async { expected("awaited") });
        assert!(runtime.block_on(awaited).unwrap_err().is_panic());
        // Its handle is dropped after it panicked: nobody will hear of it but by the report.
        let dropped = runtime.spawn(async { expected("handle dropped later") });
        while !dropped.is_finished() {
            runtime.block_on(task::yield_now());
        }
        assert!(reported.try_recv().is_err(), "{kind:?}: the handle might still be awaited");
        drop(dropped);
        await_report(&runtime, &reported, "expected: handle dropped later");
        drop(runtime);
        assert!(reported.try_recv().is_err(), "{kind:?}: each once");
    }
}

#[test]
fn function_for_unhandled_panics_may_panic() {
    install_hook();
    for kind in Kind::ALL {
        let calls = Count::new();
        let counted = calls.clone();
        let policy = filch::runtime::UnhandledPanic::Call(Arc::new(move |_| {
            counted.add();
            expected("in the function");
        }));
        let runtime = kind.builder().unhandled_panic(policy).build().unwrap();
        drop(runtime.spawn(async { expected("reported") }));
        while calls.get() == 0 {
            runtime.block_on(task::yield_now());
        }
        assert_all_workers_run(&runtime);
        assert_eq!(calls.get(), 1, "{kind:?}");
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
        let (reports, reported) = mpsc::channel();
        let runtime = reporting(kind, reports);
        let (go, gone) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move {
            gone.await.unwrap();
            "kept"
        });
        let wakes = Count::new();
        let waker = Waker::from(Arc::new(PanicsInWake(wakes.clone())));
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
        go.send(()).unwrap();
        await_report(&runtime, &reported, "expected: in wake");
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
fn hooks_that_panic_cost_no_thread() {
    install_hook();
    for kind in Kind::ALL {
        let calls: [Count; 4] = std::array::from_fn(|_| Count::new());
        let hook = |which: usize| {
            let count = calls[which].clone();
            move || {
                count.add();
                expected("in a hook");
            }
        };
        let runtime = kind
            .builder()
            .on_thread_start(hook(0))
            .on_thread_stop(hook(1))
            .on_thread_park(hook(2))
            .on_thread_unpark(hook(3))
            .build()
            .unwrap();
        assert_all_workers_run(&runtime);
        runtime.block_on(async {
            filch::spawn(async { filch::time::sleep(std::time::Duration::from_millis(2)).await })
                .await
                .unwrap();
            assert_eq!(task::spawn_blocking(|| 1).await.unwrap(), 1);
            assert_eq!(task::spawn_compute(|| 2).await.unwrap(), 2);
        });
        assert_all_workers_run(&runtime);
        drop(runtime);
        let [started, stopped, parked, unparked] = calls.map(|count| count.get());
        assert!(started > 0 && parked > 0 && unparked > 0, "{kind:?}");
        assert_eq!(started, stopped, "{kind:?}: each thread that started stopped");
    }
}

#[test]
fn thread_name_function_that_panics_loses_no_blocking_call() {
    install_hook();
    // Called by whoever starts a thread; workers have theirs already.
    let calls = Count::new();
    let counted = calls.clone();
    let runtime = Kind::OneWorker
        .builder()
        .thread_name_fn(move || {
            counted.add();
            if counted.get() == 2 {
                expected("in the naming function");
            }
            "named".to_owned()
        })
        .build()
        .unwrap();
    let refused = filch_tests::panics::caught(|| drop(runtime.spawn_blocking(|| ())));
    assert_eq!(refused.message, "expected: in the naming function");
    let job = runtime.spawn_blocking(|| thread::current().name().map(str::to_owned));
    assert_eq!(runtime.block_on(job).unwrap().as_deref(), Some("named"));
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
