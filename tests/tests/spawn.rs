//! Spawning: from everywhere, in chains, in masses, and too late.

use std::collections::HashSet;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use filch::runtime::{Builder, Handle, Runtime};
use filch::sync::oneshot;
use filch::task::{self, JoinHandle};
use filch_tests::PATIENCE;
use filch_tests::count::{Count, forever};
use filch_tests::panics::caught;
use filch_tests::runtimes::{End, Kind, block_on_elsewhere};

/// Where `spawn` is called.
#[derive(Debug, Clone, Copy)]
enum From {
    Runtime,
    Handle,
    BlockOn,
    Task,
    Enter,
    OtherThread,
    BlockingThread,
    ComputeThread,
    OtherRuntime,
}

impl From {
    const ALL: [From; 9] = [
        From::Runtime,
        From::Handle,
        From::BlockOn,
        From::Task,
        From::Enter,
        From::OtherThread,
        From::BlockingThread,
        From::ComputeThread,
        From::OtherRuntime,
    ];

    /// Spawns a task that says on which runtime it runs.
    #[expect(clippy::async_yields_async, reason = "the handle is awaited elsewhere")]
    fn spawn(self, runtime: &Runtime) -> JoinHandle<Handle> {
        let work = async { Handle::current() };
        let handle = runtime.handle().clone();
        match self {
            From::Runtime => runtime.spawn(work),
            From::Handle => handle.spawn(work),
            From::BlockOn => runtime.block_on(async { filch::spawn(work) }),
            From::Task => {
                let outer = runtime.spawn(async { filch::spawn(work) });
                runtime.block_on(outer).unwrap()
            }
            From::Enter => {
                let _entered = runtime.enter();
                task::spawn(work)
            }
            From::OtherThread => {
                let spawner = thread::spawn(move || {
                    let _entered = handle.enter();
                    filch::spawn(work)
                });
                spawner.join().unwrap()
            }
            From::BlockingThread => {
                let outer = runtime.spawn_blocking(|| filch::spawn(work));
                runtime.block_on(outer).unwrap()
            }
            From::ComputeThread => {
                let outer = handle.spawn_compute(|| filch::spawn(work));
                runtime.block_on(outer).unwrap()
            }
            From::OtherRuntime => {
                let other = Kind::OneWorker.runtime();
                let outer = other.spawn(async move {
                    let _entered = handle.enter();
                    filch::spawn(work)
                });
                other.block_on(outer).unwrap()
            }
        }
    }
}

#[test]
fn spawned_from_anywhere_runs_on_its_runtime() {
    for kind in Kind::ALL {
        for from in From::ALL {
            let runtime = kind.runtime();
            let task = from.spawn(&runtime);
            let id = runtime.block_on(task).unwrap().id();
            assert_eq!(id, runtime.handle().id(), "{kind:?} {from:?}");
        }
    }
}

#[test]
fn task_of_a_current_thread_runtime_waits_for_block_on() {
    let runtime = Kind::CurrentThread.runtime();
    let polls = Count::new();
    let counter = polls.clone();
    let task = runtime.spawn(async move { counter.add() });
    assert_eq!(polls.get(), 0);
    assert!(!task.is_finished());
    runtime.block_on(async {});
    // `block_on` that is ready at once owes the tasks nothing; the next one awaits it.
    runtime.block_on(task).unwrap();
    assert_eq!(polls.get(), 1);
}

#[test]
fn task_on_a_worker_runs_without_block_on() {
    for kind in Kind::MULTI {
        let runtime = kind.runtime();
        let (done, is_done) = mpsc::channel();
        runtime.spawn(async move { done.send(thread::current().id()).unwrap() });
        let ran_on = is_done.recv_timeout(PATIENCE).unwrap();
        assert_ne!(ran_on, thread::current().id(), "{kind:?}");
    }
}

#[test]
fn chain_in_which_each_task_spawns_the_next() {
    fn link(left: usize, end: oneshot::Sender<usize>, before: usize) {
        filch::spawn(async move {
            match left {
                0 => end.send(before).unwrap(),
                _ => link(left - 1, end, before + 1),
            }
        });
    }
    for kind in Kind::ALL {
        let length = 5_000;
        let links = kind.runtime().block_on(async {
            let (end, ended) = oneshot::channel();
            link(length, end, 0);
            ended.await.unwrap()
        });
        assert_eq!(links, length, "{kind:?}");
    }
}

#[test]
fn ten_thousand_at_once_from_inside_and_from_outside() {
    const TASKS: usize = 10_000;
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let polls = Count::new();
        let one = |n: usize| {
            let polls = polls.clone();
            async move {
                polls.add();
                n
            }
        };
        let inside: usize = runtime.block_on(async {
            // In a task, so that it overflows a worker's own queue.
            let tasks: Vec<_> = (0..TASKS).map(one).collect();
            filch::spawn(async move {
                let tasks: Vec<_> = tasks.into_iter().map(filch::spawn).collect();
                let mut sum = 0;
                for task in tasks {
                    sum += task.await.unwrap();
                }
                sum
            })
            .await
            .unwrap()
        });
        let tasks: Vec<_> = (0..TASKS).map(|n| runtime.spawn(one(n))).collect();
        let outside: usize = runtime.block_on(async {
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        let expected = TASKS * (TASKS - 1) / 2;
        assert_eq!((inside, outside, polls.get()), (expected, expected, 2 * TASKS), "{kind:?}");
        // A task is counted until it has woken who awaits it.
        let start = Instant::now();
        while runtime.metrics().num_alive_tasks() > 0 {
            assert!(start.elapsed() < PATIENCE, "{kind:?}");
            thread::yield_now();
        }
    }
}

#[test]
fn several_threads_spawn_at_the_same_time() {
    const THREADS: usize = 4;
    const TASKS: usize = 2_000;
    let runtime = Kind::Workers.runtime();
    let runs = Count::new();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let tasks: Vec<_> = (0..TASKS)
                    .map(|_| {
                        let runs = runs.clone();
                        runtime.spawn(async move { runs.add() })
                    })
                    .collect();
                for task in tasks {
                    block_on_elsewhere(task).unwrap();
                }
            });
        }
    });
    assert_eq!(runs.get(), THREADS * TASKS);
}

#[test]
fn ids_are_unique_and_known_inside_of_the_task() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        assert_eq!(task::try_id(), None);
        let ids = runtime.block_on(async {
            assert_eq!(task::try_id(), None, "the future in block_on is no task");
            let mut ids = HashSet::new();
            for _ in 0..3_000 {
                let task = filch::spawn(async { (task::id(), task::try_id()) });
                let id = task.id();
                assert_eq!(task.await.unwrap(), (id, Some(id)), "{kind:?}");
                ids.insert(id);
            }
            ids
        });
        assert_eq!(ids.len(), 3_000, "{kind:?}");
    }
    assert!(caught(task::id).message.contains("task"));
}

#[test]
fn builder_gives_every_way_to_spawn_a_name() {
    let runtime = Kind::Workers.runtime();
    let builder = task::Builder::new().name("named");
    runtime.block_on(async {
        assert_eq!(builder.spawn(async { 1 }).unwrap().await.unwrap(), 1);
        assert_eq!(builder.spawn_blocking(|| 2).unwrap().await.unwrap(), 2);
        assert_eq!(builder.spawn_in_place(|| async { 3 }).unwrap().await.unwrap(), 3);
    });
    let on = builder.spawn_on(async { 4 }, runtime.handle()).unwrap();
    assert_eq!(runtime.block_on(on).unwrap(), 4);
    let set = task::LocalSet::new();
    let local = set.block_on(&runtime, async { builder.spawn_local(async { 5 }).unwrap().await });
    assert_eq!(local.unwrap(), 5);
}

#[test]
fn spawned_after_the_shutdown_is_cancelled_and_dropped_once() {
    for kind in Kind::ALL {
        for end in End::ALL {
            let runtime = kind.runtime();
            let handle = runtime.handle().clone();
            end.end(runtime);
            let (polls, drops) = (Count::new(), Count::new());
            let task = handle.spawn(forever(&polls, drops.on_drop()));
            let error = block_on_elsewhere(task).unwrap_err();
            assert!(error.is_cancelled(), "{kind:?} {end:?}");
            drops.wait_for(1);
            if end.waits(kind) {
                assert_eq!(polls.get(), 0, "{kind:?} {end:?}");
            }

            let (ran, dropped) = (Count::new(), Count::new());
            for spawn in [Handle::spawn_blocking, Handle::spawn_compute] {
                let (ran, guard) = (ran.clone(), dropped.on_drop());
                let job = spawn(
                    &handle,
                    Box::new(move || {
                        ran.add();
                        drop(guard);
                    }) as Box<dyn FnOnce() + Send>,
                );
                assert!(block_on_elsewhere(job).unwrap_err().is_cancelled(), "{kind:?} {end:?}");
            }
            assert_eq!((ran.get(), dropped.get()), (0, 2), "{kind:?} {end:?}");
        }
    }
}

#[test]
fn spawning_while_the_runtime_shuts_down_loses_no_task() {
    for kind in Kind::MULTI {
        for _ in 0..20 {
            let runtime = kind.runtime();
            let handle = runtime.handle().clone();
            let (polls, drops) = (Count::new(), Count::new());
            let (began, has_begun) = mpsc::channel();
            let spawner = {
                let (polls, drops) = (polls.clone(), drops.clone());
                thread::spawn(move || {
                    let spawn = |_| handle.spawn(forever(&polls, drops.on_drop()));
                    let first: Vec<_> = (0..100).map(spawn).collect();
                    began.send(()).unwrap();
                    first.into_iter().chain((0..500).map(spawn)).collect::<Vec<_>>()
                })
            };
            has_begun.recv_timeout(PATIENCE).unwrap();
            drop(runtime);
            for task in spawner.join().unwrap() {
                assert!(block_on_elsewhere(task).unwrap_err().is_cancelled(), "{kind:?}");
            }
            drops.wait_for(600);
        }
    }
}

#[test]
fn outside_of_a_runtime_it_panics_at_the_callers_line() {
    let panic = caught(|| filch::spawn(async {}));
    let line = line!() - 1;
    assert!(panic.message.contains("there is no reactor running"), "{panic:?}");
    assert!(panic.message.contains("must be called from the context of a filch runtime"));
    assert_eq!((panic.file.as_str(), panic.line), (file!(), line));

    for (panic, line) in [
        (caught(|| task::spawn_blocking(|| ())), line!()),
        (caught(|| task::spawn_compute(|| ())), line!()),
        (caught(|| task::Builder::new().spawn(async {})), line!()),
    ] {
        assert!(panic.message.contains("there is no reactor running"), "{panic:?}");
        assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
    }
    assert!(caught(Handle::current).message.contains("there is no reactor running"));
}

#[test]
fn future_is_dropped_when_spawning_panics_for_want_of_a_runtime() {
    let (polls, drops) = (Count::new(), Count::new());
    let future = forever(&polls, drops.on_drop());
    caught(move || filch::spawn(future));
    assert_eq!((polls.get(), drops.get()), (0, 1));
}

#[test]
fn tasks_without_drivers_run() {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.build().unwrap();
        let sum = runtime.block_on(async {
            let (left, right) = (filch::spawn(async { 1 }), filch::spawn(async { 2 }));
            left.await.unwrap() + right.await.unwrap()
        });
        assert_eq!(sum, 3);
        runtime.shutdown_timeout(Duration::from_secs(60));
    }
}
