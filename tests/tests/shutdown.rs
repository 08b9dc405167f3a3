//! The end of a runtime: every pending future is dropped once, nobody waits longer than told, and what
//! did not end is named.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use filch::runtime::{LocalRuntime, Runtime};
use filch::task;
use filch_tests::PATIENCE;
use filch_tests::count::{Count, forever};
use filch_tests::panics::{caught, install_hook};
use filch_tests::process::{child, descriptors, is_child, wait_until_no_thread_is_named};
use filch_tests::runtimes::{Kind, assert_all_workers_run, block_on_elsewhere};

/// How it is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Drop,
    Timeout,
    Background,
    Grace,
}

impl End {
    const ALL: [End; 4] = [End::Drop, End::Timeout, End::Background, End::Grace];

    fn end(self, runtime: Runtime) {
        match self {
            End::Drop => drop(runtime),
            End::Timeout => runtime.shutdown_timeout(PATIENCE),
            End::Background => runtime.shutdown_background(),
            End::Grace => {
                let report = runtime.shutdown(PATIENCE);
                assert!(report.is_clean(), "{report}");
                assert_eq!(report.to_string(), "everything ended");
            }
        }
    }
}

/// A task's way of being pending.
#[derive(Debug, Clone, Copy)]
enum Pending {
    Unpolled,
    Forever,
    Yielding,
    Sleeping,
    Joining,
    Receiving,
    Accepting,
}

impl Pending {
    const ALL: [Pending; 7] = [
        Pending::Unpolled,
        Pending::Forever,
        Pending::Yielding,
        Pending::Sleeping,
        Pending::Joining,
        Pending::Receiving,
        Pending::Accepting,
    ];

    async fn wait(self, started: Count) {
        if !matches!(self, Pending::Unpolled) {
            started.add();
        }
        match self {
            Pending::Unpolled | Pending::Forever => std::future::pending().await,
            Pending::Yielding => loop {
                task::yield_now().await;
            },
            Pending::Sleeping => filch::time::sleep(Duration::from_secs(3600)).await,
            Pending::Joining => filch::spawn(std::future::pending()).await.unwrap(),
            Pending::Receiving => {
                let (_sender, mut receiver) = filch::sync::mpsc::channel::<()>(1);
                receiver.recv().await;
            }
            Pending::Accepting => {
                let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let _ = listener.accept().await;
            }
        }
    }
}

#[test]
fn every_pending_future_is_dropped_once() {
    for kind in Kind::ALL {
        for end in End::ALL {
            let runtime = kind.runtime();
            let (drops, started) = (Count::new(), Count::new());
            let spawn = |pending: Pending| {
                let (guard, started) = (drops.on_drop(), started.clone());
                runtime.spawn(async move {
                    let _guard = guard;
                    pending.wait(started).await;
                })
            };
            let polled = Pending::ALL.iter().filter(|p| !matches!(p, Pending::Unpolled));
            let mut tasks: Vec<_> = polled.clone().map(|&pending| spawn(pending)).collect();
            while started.get() < polled.clone().count() {
                runtime.block_on(task::yield_now());
            }
            tasks.push(spawn(Pending::Unpolled));
            let count = tasks.len();
            end.end(runtime);
            if end != End::Background || kind == Kind::CurrentThread {
                assert_eq!(drops.get(), count, "{kind:?} {end:?}");
            }
            drops.wait_for(count);
            for task in tasks {
                let error = block_on_elsewhere(task).unwrap_err();
                assert!(error.is_cancelled(), "{kind:?} {end:?}");
            }
        }
    }
}

#[test]
fn futures_are_dropped_inside_of_the_runtime_and_may_spawn_there() {
    struct SpawnsInDrop {
        drops: Count,
        in_runtime: Count,
        left: usize,
    }
    impl Drop for SpawnsInDrop {
        fn drop(&mut self) {
            self.drops.add();
            if filch::runtime::Handle::try_current().is_ok() {
                self.in_runtime.add();
            }
            if self.left > 0 {
                let next = SpawnsInDrop {
                    drops: self.drops.clone(),
                    in_runtime: self.in_runtime.clone(),
                    left: self.left - 1,
                };
                drop(filch::spawn(async move {
                    let _next = next;
                    std::future::pending::<()>().await;
                }));
            }
        }
    }
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (drops, in_runtime) = (Count::new(), Count::new());
        for _ in 0..10 {
            let guard =
                SpawnsInDrop { drops: drops.clone(), in_runtime: in_runtime.clone(), left: 3 };
            runtime.spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
        }
        drop(runtime);
        assert_eq!((drops.get(), in_runtime.get()), (40, 40), "{kind:?}");
    }
}

#[test]
fn destructors_may_wake_and_abort_other_tasks_and_panic() {
    install_hook();
    struct Meddles(filch::task::AbortHandle, filch::sync::oneshot::Sender<()>, bool);
    impl Meddles {
        fn meddle(self) -> impl Drop {
            struct InDrop(Option<Meddles>);
            impl Drop for InDrop {
                fn drop(&mut self) {
                    let Meddles(abort, wake, panics) = self.0.take().unwrap();
                    abort.abort();
                    let _ = wake.send(());
                    if panics {
                        filch_tests::panics::expected("in a destructor at the shutdown");
                    }
                }
            }
            InDrop(Some(self))
        }
    }
    for kind in Kind::ALL {
        for panics in [false, true] {
            let runtime = kind.runtime();
            let drops = Count::new();
            let polls = Count::new();
            let mut previous = runtime.spawn(forever(&polls, drops.on_drop())).abort_handle();
            for _ in 0..50 {
                let (sender, receiver) = filch::sync::oneshot::channel();
                let guard = drops.on_drop();
                let waiter = runtime.spawn(async move {
                    let _guard = guard;
                    let _ = receiver.await;
                });
                let meddler = Meddles(previous, sender, panics).meddle();
                previous = waiter.abort_handle();
                runtime.spawn(forever(&polls, (meddler, drops.on_drop())));
            }
            for _ in 0..200 {
                runtime.block_on(task::yield_now());
            }
            drop(runtime);
            assert_eq!(drops.get(), 101, "{kind:?} panics: {panics}");
        }
    }
}

#[test]
fn threads_and_descriptors_are_gone_after_the_drop() {
    const NAME: &str = "threads_and_descriptors_are_gone_after_the_drop";
    if !is_child(NAME) {
        // Alone, so that what it counts is its own.
        let ended = child(NAME, &[]);
        assert!(ended.status.success(), "{ended:?}");
        return;
    }
    let before = descriptors();
    for kind in Kind::ALL {
        for _ in 0..10 {
            let runtime = kind.builder().thread_name("gone-after").build().unwrap();
            assert_all_workers_run(&runtime);
            runtime.block_on(async {
                let job = task::spawn_blocking(|| ());
                task::spawn_compute(|| ()).await.unwrap();
                job.await.unwrap();
            });
            drop(runtime);
            wait_until_no_thread_is_named("gone-after");
            assert_eq!(descriptors(), before, "{kind:?}");
        }
    }
}

#[test]
fn drop_waits_for_a_poll_and_for_blocking_work_that_have_begun() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let done = Count::new();
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(released));
        let work = |done: Count| {
            let (begun, gate) = (begun.clone(), gate.clone());
            move || {
                begun.send(()).unwrap();
                gate.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                done.add();
            }
        };
        let mut expected = 2;
        runtime.spawn_blocking(work(done.clone()));
        runtime.handle().spawn_compute(work(done.clone()));
        if kind != Kind::CurrentThread {
            let poll = work(done.clone());
            runtime.spawn(async move { poll() });
            expected += 1;
        }
        for _ in 0..expected {
            has_begun.recv_timeout(PATIENCE).unwrap();
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(done.get(), 0);
                for _ in 0..expected {
                    release.send(()).unwrap();
                }
            });
            drop(runtime);
            assert_eq!(done.get(), expected, "{kind:?}");
        });
    }
}

#[test]
fn report_names_the_stuck_task_and_counts_the_stuck_threads() {
    for kind in Kind::MULTI {
        let runtime = kind.runtime();
        let meeting = Arc::new(Barrier::new(4));
        let (release, released) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(released));
        let stuck = || {
            let (meeting, gate) = (meeting.clone(), gate.clone());
            move || {
                meeting.wait();
                gate.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
        };
        let (poll, call, computation) = (stuck(), stuck(), stuck());
        let line = line!() + 3;
        let task = task::Builder::new()
            .name("stuck in a poll")
            .spawn_on(async move { poll() }, runtime.handle())
            .unwrap();
        let idle = runtime.spawn(std::future::pending::<()>());
        let blocking = runtime.spawn_blocking(call);
        let compute = runtime.handle().spawn_compute(computation);
        meeting.wait();

        let start = Instant::now();
        let report = runtime.shutdown(Duration::from_millis(50));
        assert!(start.elapsed() >= Duration::from_millis(50));
        assert!(start.elapsed() < PATIENCE / 2, "{kind:?}: it always returns");
        assert!(!report.is_clean());
        assert_eq!((report.blocking_threads, report.computations), (1, 1), "{kind:?} {report}");
        let [stuck] = &report.tasks[..] else { panic!("{kind:?} {report}") };
        assert_eq!((stuck.id, stuck.name.as_deref()), (task.id(), Some("stuck in a poll")));
        assert_eq!(stuck.location.file(), file!());
        assert!((line - 2..=line).contains(&stuck.location.line()), "{}", stuck.location);
        let text = report.to_string();
        for part in ["stuck in a poll", "shutdown.rs:", "1 tasks, 1 blocking calls, 1 computations"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        // When it comes back, it is over, and nothing is lost.
        for _ in 0..3 {
            release.send(()).unwrap();
        }
        assert!(block_on_elsewhere(idle).unwrap_err().is_cancelled());
        block_on_elsewhere(blocking).unwrap();
        block_on_elsewhere(compute).unwrap();
        block_on_elsewhere(task).unwrap();
    }
}

#[test]
fn timeout_and_background_do_not_wait_for_a_stuck_poll() {
    for kind in Kind::MULTI {
        for end in [End::Timeout, End::Background] {
            let runtime = kind.runtime();
            let (begun, has_begun) = mpsc::channel();
            let (release, released) = mpsc::channel::<()>();
            let drops = Count::new();
            let guard = drops.on_drop();
            let stuck = runtime.spawn(async move {
                let _guard = guard;
                begun.send(()).unwrap();
                released.recv_timeout(PATIENCE).unwrap();
                // Ends here.
                std::future::pending::<()>().await;
            });
            has_begun.recv_timeout(PATIENCE).unwrap();
            match end {
                End::Timeout => runtime.shutdown_timeout(Duration::from_millis(10)),
                _ => runtime.shutdown_background(),
            }
            assert_eq!(drops.get(), 0, "{kind:?} {end:?}: nobody drops it under the poll");
            release.send(()).unwrap();
            assert!(block_on_elsewhere(stuck).unwrap_err().is_cancelled());
            drops.wait_for(1);
        }
    }
}

#[test]
fn waiting_blocking_calls_are_cancelled_and_dropped_once() {
    for kind in Kind::ALL {
        for end in End::ALL {
            let runtime =
                kind.builder().max_blocking_threads(1).compute_threads(1).build().unwrap();
            let (begun, has_begun) = mpsc::channel();
            let (release, released) = mpsc::channel::<()>();
            let gate = Arc::new(std::sync::Mutex::new(released));
            let mut first = Vec::new();
            for spawn in
                [filch::runtime::Handle::spawn_blocking, filch::runtime::Handle::spawn_compute]
            {
                let (begun, gate) = (begun.clone(), gate.clone());
                let job: Box<dyn FnOnce() + Send> = Box::new(move || {
                    begun.send(()).unwrap();
                    gate.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                });
                first.push(spawn(runtime.handle(), job));
                has_begun.recv_timeout(PATIENCE).unwrap();
            }
            let (ran, drops) = (Count::new(), Count::new());
            let mut jobs = Vec::new();
            for _ in 0..10 {
                for compute in [false, true] {
                    let (ran, guard) = (ran.clone(), drops.on_drop());
                    let job = move || {
                        ran.add();
                        drop(guard);
                    };
                    jobs.push(match compute {
                        true => runtime.handle().spawn_compute(job),
                        false => runtime.spawn_blocking(job),
                    });
                }
            }
            thread::scope(|scope| {
                scope.spawn(|| {
                    // They are over before what they wait for has ended.
                    for job in jobs {
                        assert!(block_on_elsewhere(job).unwrap_err().is_cancelled());
                    }
                    release.send(()).unwrap();
                    release.send(()).unwrap();
                });
                end.end(runtime);
            });
            for job in first {
                block_on_elsewhere(job).unwrap();
            }
            assert_eq!((ran.get(), drops.get()), (0, 20), "{kind:?} {end:?}");
        }
    }
}

/// Async code that a runtime is dropped in.
#[derive(Debug, Clone, Copy)]
enum Inside {
    BlockOn,
    Task,
}

#[test]
fn dropped_inside_of_async_code_it_panics_and_loses_nothing() {
    for kind in Kind::ALL {
        for outer in Kind::ALL {
            for inside in [Inside::BlockOn, Inside::Task] {
                let case = format!("{kind:?} in {outer:?} {inside:?}");
                let (runtime, outer) = (kind.runtime(), outer.runtime());
                let drops = Count::new();
                let pending = runtime.spawn(forever(&Count::new(), drops.on_drop()));
                let work = async move { caught(|| drop(runtime)) };
                let panic = match inside {
                    Inside::BlockOn => outer.block_on(work),
                    Inside::Task => outer.block_on(outer.spawn(work)).unwrap(),
                };
                assert!(
                    panic.message.starts_with(
                        "Cannot drop a runtime in a context where blocking is not allowed."
                    ),
                    "{case}: {panic:?}"
                );
                // It is shut down all the same.
                assert!(block_on_elsewhere(pending).unwrap_err().is_cancelled(), "{case}");
                drops.wait_for(1);
                assert_all_workers_run(&outer);
            }
        }
    }
}

#[test]
fn ended_inside_of_async_code_without_blocking_it_does_not_panic() {
    for kind in Kind::ALL {
        for outer in Kind::ALL {
            let (runtime, outer) = (kind.runtime(), outer.runtime());
            let drops = Count::new();
            let pending = runtime.spawn(forever(&Count::new(), drops.on_drop()));
            outer.block_on(async {
                runtime.shutdown_background();
                assert!(pending.await.unwrap_err().is_cancelled());
            });
            drops.wait_for(1);
        }
    }
    // On a blocking thread waiting is allowed.
    let outer = Kind::CurrentThread.runtime();
    let ended = outer.spawn_blocking(|| drop(Kind::Workers.runtime()));
    outer.block_on(ended).unwrap();
}

#[test]
fn dropped_in_block_in_place_by_a_worker_of_another_runtime_and_of_its_own() {
    for kind in Kind::MULTI {
        let (outer, inner) = (Kind::OneWorker.runtime(), kind.runtime());
        let ended = outer.spawn(async move { task::block_in_place(|| drop(inner)) });
        outer.block_on(ended).unwrap();

        // Its own: the worker is handed over, so that it can end while this thread waits for it.
        let runtime = kind.runtime();
        let handle = runtime.handle().clone();
        let (done, is_done) = mpsc::channel();
        handle.spawn(async move {
            task::block_in_place(|| drop(runtime));
            done.send(()).unwrap();
        });
        is_done.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn dropped_on_one_of_its_own_blocking_threads_it_does_not_wait_for_itself() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let handle = runtime.handle().clone();
        let (done, is_done) = mpsc::channel();
        for spawn in [filch::runtime::Handle::spawn_blocking, filch::runtime::Handle::spawn_compute]
        {
            let (runtime, done) = (kind.runtime(), done.clone());
            let handle = runtime.handle().clone();
            let job: Box<dyn FnOnce() + Send> = Box::new(move || {
                drop(runtime);
                done.send(()).unwrap();
            });
            drop(spawn(&handle, job));
            is_done.recv_timeout(PATIENCE).unwrap();
        }
        drop((handle, runtime));
    }
}

#[test]
fn blocking_panic_while_unwinding_from_async_code_is_not_a_double_panic() {
    install_hook();
    let outer = Kind::CurrentThread.runtime();
    let panic = caught(|| {
        outer.block_on(async {
            let _inner = Kind::OneWorker.runtime();
            filch_tests::panics::expected("with a runtime on the stack");
        });
    });
    assert_eq!(panic.message, "expected: with a runtime on the stack");
}

#[test]
fn local_runtime_drops_its_tasks_on_its_thread() {
    let drops = Count::new();
    for end in End::ALL {
        let runtime = LocalRuntime::new().unwrap();
        let guard = drops.on_drop_here();
        let not_send = std::rc::Rc::new(());
        runtime.spawn_local(async move {
            let _held = (guard, not_send);
            std::future::pending::<()>().await;
        });
        runtime.block_on(task::yield_now());
        match end {
            End::Timeout => runtime.shutdown_timeout(PATIENCE),
            End::Background => runtime.shutdown_background(),
            End::Drop | End::Grace => drop(runtime),
        }
    }
    assert_eq!(drops.get(), 4);
}
