//! `task::Builder`, numbers of tasks, workers and sets, and local tasks on threads of every kind.

use std::collections::HashSet;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use filch::net::TcpListener;
use filch::runtime::{self, Handle, LocalRuntime, UnhandledPanic};
use filch::sync::Barrier;
use filch::task::{self, Builder, LocalSet};
use filch_tests::count::Count;
use filch_tests::panics::{caught, expected, install_hook};
use filch_tests::runtimes::Kind;

#[test]
fn every_way_to_spawn_with_a_name() {
    let other = Kind::OneWorker.builder().name("other").build().unwrap();
    let runtime = Kind::CurrentThread.builder().name("here").build().unwrap();
    let name = || Handle::current().name().unwrap().to_owned();
    LocalSet::new().block_on(&runtime, async {
        let inner = LocalSet::new();
        let shared = Rc::new(name);
        let named = Builder::new().name("worker bee");
        let tasks = [
            named.spawn(async move { name() }).unwrap(),
            named.spawn_in_place(move || async move { name() }).unwrap(),
            named.spawn_on(async move { name() }, other.handle()).unwrap(),
            named
                .spawn_local({
                    let shared = shared.clone();
                    async move { shared() }
                })
                .unwrap(),
            named.spawn_local_on(async move { shared() }, &inner).unwrap(),
            named.spawn_blocking(name).unwrap(),
            named.spawn_blocking_on(name, other.handle()).unwrap(),
            named.spawn_compute(name).unwrap(),
        ];
        let ids: HashSet<_> = tasks.iter().map(task::JoinHandle::id).collect();
        assert_eq!(ids.len(), tasks.len());
        inner.await;
        let mut names = Vec::new();
        for task in tasks {
            names.push(task.await.unwrap());
        }
        assert_eq!(names, ["here", "here", "other", "here", "here", "here", "other", "here"]);
    });
}

/// Name and line of whatever was spawned, from its report.
#[test]
fn names_and_lines_are_reported() {
    install_hook();
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
    let first_line = line!();
    runtime.block_on(async {
        let (set, bad) = (LocalSet::new(), || -> () { expected("named") });
        drop(Builder::new().name("a").spawn_local_on(async move { bad() }, &set).unwrap());
        drop(Builder::new().name("b").spawn_blocking_on(bad, &Handle::current()).unwrap());
        drop(Builder::new().name("c").spawn_compute(bad).unwrap());
        set.await;
        while reported.get() < 3 {
            task::yield_now().await;
        }
    });
    let mut reports: Vec<_> = receiver.try_iter().collect();
    reports.sort();
    let expected: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .zip(first_line + 3..)
        .map(|(n, l)| (Some(n.into()), l))
        .collect();
    assert_eq!(reports, expected);
}

#[test]
fn outside_of_a_runtime_they_panic_at_the_callers_line() {
    let message = "no reactor running";
    let spawn = caught(|| Builder::new().spawn(async {}));
    assert_eq!((spawn.line, spawn.message.contains(message)), (line!() - 1, true));
    let blocking = caught(|| Builder::new().spawn_blocking(|| ()));
    assert_eq!((blocking.line, blocking.message.contains(message)), (line!() - 1, true));
    let compute = caught(|| Builder::new().spawn_compute(|| ()));
    assert_eq!((compute.line, compute.message.contains(message)), (line!() - 1, true));
    let local = caught(|| Builder::new().spawn_local(async {}));
    assert_eq!((local.line, local.message.contains("LocalSet")), (line!() - 1, true));
}

#[test]
fn tasks_know_their_numbers() {
    assert_eq!(task::try_id(), None);
    let caught = caught(task::id);
    assert!(caught.message.contains("not inside a task"), "{}", caught.message);
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            assert_eq!(task::try_id(), None, "the main future is no task");
            let spawned = filch::spawn(async { (task::id(), task::try_id()) });
            let (id, abort) = (spawned.id(), spawned.abort_handle());
            assert_eq!(spawned.await.unwrap(), (id, Some(id)));
            assert_eq!(abort.id(), id);
            assert_eq!(format!("{abort:?}"), format!("AbortHandle {{ id: {id:?} }}"));
            let blocking = task::spawn_blocking(task::id);
            let id = blocking.id();
            assert_eq!(blocking.await.unwrap(), id);
        });
    }
}

#[test]
fn workers_know_their_numbers() {
    assert_eq!(runtime::worker_index(), None);
    let runtime = Kind::Workers.runtime();
    runtime.block_on(async {
        assert_eq!(runtime::worker_index(), None);
        let meeting = Arc::new(std::sync::Barrier::new(4));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let meeting = meeting.clone();
                filch::spawn(async move {
                    meeting.wait();
                    runtime::worker_index()
                })
            })
            .collect();
        let mut seen = HashSet::new();
        for task in tasks {
            // A spare worker may have come in for one that waits.
            if let Some(index) = task.await.unwrap() {
                assert!(index < 4 && seen.insert(index), "{index}");
            }
        }
        assert!(!seen.is_empty());
        assert_eq!(task::spawn_blocking(runtime::worker_index).await.unwrap(), None);
    });
    let current = Kind::CurrentThread.runtime();
    current.block_on(async {
        assert_eq!(runtime::worker_index(), Some(0));
        assert_eq!(filch::spawn(async { runtime::worker_index() }).await.unwrap(), Some(0));
        assert_eq!(task::spawn_blocking(runtime::worker_index).await.unwrap(), None);
    });
    let local = LocalRuntime::new().unwrap();
    local.block_on(async { assert_eq!(runtime::worker_index(), Some(0)) });
}

#[test]
fn sets_and_runtimes_have_numbers_of_their_own() {
    let runtimes = [Kind::CurrentThread.runtime(), Kind::OneWorker.runtime()];
    let sets = [LocalSet::new(), LocalSet::new()];
    let ids: HashSet<_> =
        runtimes.iter().map(|r| r.handle().id()).chain(sets.iter().map(LocalSet::id)).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(sets[0].id(), sets[0].id());
}

/// A `LocalSet` runs wherever something polls it: in `block_on`, on blocking threads, on plain threads, on
/// several at once.
#[test]
fn sets_run_on_any_thread() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let job = |handle: Handle| {
            move || {
                let home = thread::current().id();
                let set = LocalSet::new();
                handle.block_on(set.run_until(async move {
                    let value = Rc::new(20);
                    let task = task::spawn_local({
                        let value = value.clone();
                        async move {
                            task::yield_now().await;
                            // From another thread and back.
                            let one = filch::spawn(async { 1 }).await.unwrap();
                            assert_eq!(thread::current().id(), home);
                            *value + one
                        }
                    });
                    task.await.unwrap() + *value
                }))
            }
        };
        runtime.block_on(async {
            let jobs: Vec<_> =
                (0..4).map(|_| task::spawn_blocking(job(Handle::current()))).collect();
            let thread = thread::spawn(job(Handle::current()));
            for blocking in jobs {
                assert_eq!(blocking.await.unwrap(), 41, "{kind:?}");
            }
            while !thread.is_finished() {
                task::yield_now().await;
            }
            assert_eq!(thread.join().unwrap(), 41);
        });
    }
}

/// A set on a worker: inside of `block_in_place`, which may block on it.
#[test]
fn a_set_inside_of_block_in_place() {
    Kind::Workers.runtime().block_on(async {
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                filch::spawn(async move {
                    task::block_in_place(|| {
                        let set = LocalSet::new();
                        let local = set.spawn_local(async move { Rc::new(n) });
                        Handle::current().block_on(set.run_until(async { *local.await.unwrap() }))
                    })
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
    });
}

#[test]
fn aborted_by_any_handle_once() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let barrier = Arc::new(Barrier::new(2));
            let task = filch::spawn({
                let barrier = barrier.clone();
                async move {
                    barrier.wait().await;
                    pending::<()>().await;
                }
            });
            barrier.wait().await;
            let handles = [task.abort_handle(), task.abort_handle()];
            assert!(!handles[0].is_finished());
            handles.iter().chain([&handles[0].clone()]).for_each(task::AbortHandle::abort);
            assert!(task.await.unwrap_err().is_cancelled());
            assert!(handles[1].is_finished());
            handles[1].abort();
        });
    }
}

#[test]
fn an_error_of_a_runtime_that_is_gone_is_told_from_others() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        drop(runtime);
        let error = kind.runtime().block_on(listener.accept()).unwrap_err();
        assert!(runtime::is_rt_shutdown_err(&error), "{error}");
    }
    let others = [
        std::io::Error::other("shut down"),
        std::io::ErrorKind::NotConnected.into(),
        std::io::Error::from_raw_os_error(1),
    ];
    assert!(!others.iter().any(runtime::is_rt_shutdown_err));
}
