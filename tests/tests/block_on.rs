//! `block_on`: from where it is allowed, from several threads at once, next to tasks and drivers; and
//! where a thread is inside of a runtime.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use filch::runtime::{Builder, Handle, LocalRuntime, Runtime};
use filch::sync::oneshot;
use filch::task::{self, LocalSet};
use filch_tests::PATIENCE;
use filch_tests::count::Count;
use filch_tests::panics::{Caught, caught};
use filch_tests::runtimes::{Kind, block_on_elsewhere};

/// How async code blocks its thread, which it must not.
#[derive(Debug, Clone, Copy)]
enum Inner {
    Runtime(Kind),
    Handle(Kind),
    LocalSet,
    LocalRuntime,
}

impl Inner {
    const ALL: [Inner; 8] = [
        Inner::Runtime(Kind::CurrentThread),
        Inner::Runtime(Kind::OneWorker),
        Inner::Runtime(Kind::Workers),
        Inner::Handle(Kind::CurrentThread),
        Inner::Handle(Kind::OneWorker),
        Inner::Handle(Kind::Workers),
        Inner::LocalSet,
        Inner::LocalRuntime,
    ];

    /// The panic, and the line of the call.
    fn block(self) -> (Caught, u32) {
        match self {
            Inner::Runtime(kind) => {
                let runtime = kind.runtime();
                let panic = (caught(|| runtime.block_on(async {})), line!());
                runtime.shutdown_background();
                panic
            }
            Inner::Handle(kind) => {
                let runtime = kind.runtime();
                let handle = runtime.handle().clone();
                let panic = (caught(|| handle.block_on(async {})), line!());
                runtime.shutdown_background();
                panic
            }
            Inner::LocalSet => {
                let (set, runtime) = (LocalSet::new(), Kind::CurrentThread.runtime());
                let panic = (caught(|| set.block_on(&runtime, async {})), line!());
                runtime.shutdown_background();
                panic
            }
            Inner::LocalRuntime => {
                let runtime = LocalRuntime::new().unwrap();
                let panic = (caught(|| runtime.block_on(async {})), line!());
                runtime.shutdown_background();
                panic
            }
        }
    }
}

#[test]
fn inside_of_async_code_it_panics_and_says_what_to_do() {
    for kind in Kind::ALL {
        for inner in Inner::ALL {
            let runtime = kind.runtime();
            let in_block_on = runtime.block_on(async { inner.block() });
            let in_task = runtime.block_on(runtime.spawn(async move { inner.block() })).unwrap();
            for (panic, line) in [in_block_on, in_task] {
                let case = format!("{inner:?} in {kind:?}: {panic:?}");
                assert!(
                    panic.message.contains("Cannot start a runtime from within a runtime"),
                    "{case}"
                );
                assert!(panic.message.contains("block_in_place"), "{case}");
                assert_eq!((panic.file.as_str(), panic.line), (file!(), line), "{case}");
            }
            // The thread is none the worse for it.
            assert_eq!(runtime.block_on(async { 1 }), 1);
        }
    }
    assert_eq!(Kind::Workers.runtime().block_on(async { 1 }), 1);
}

#[test]
fn on_blocking_threads_and_under_enter_it_is_allowed() {
    for kind in Kind::ALL {
        for other in Kind::ALL {
            let (runtime, other) = (kind.runtime(), Arc::new(other.runtime()));
            let theirs = other.clone();
            let call = runtime.spawn_blocking(move || theirs.block_on(async { 1 }));
            assert_eq!(runtime.block_on(call).unwrap(), 1);
            let theirs = other.clone();
            let compute = runtime.handle().spawn_compute(move || theirs.block_on(async { 2 }));
            assert_eq!(runtime.block_on(compute).unwrap(), 2);
            let _entered = runtime.enter();
            assert_eq!(other.block_on(async { 3 }), 3);
            assert_eq!(Handle::current().id(), runtime.handle().id());
        }
        // A blocking call's own runtime drives on meanwhile.
        let runtime = kind.runtime();
        let nested = runtime.spawn_blocking(|| {
            Handle::current().block_on(async { filch::spawn(async { 4 }).await.unwrap() })
        });
        assert_eq!(runtime.block_on(nested).unwrap(), 4);
    }
}

#[test]
fn future_need_not_be_send_nor_static_and_gives_its_output() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let mut local = std::rc::Rc::new(String::from("borrowed"));
        let length = runtime.block_on(async {
            task::yield_now().await;
            std::rc::Rc::get_mut(&mut local).unwrap().push('!');
            local.len()
        });
        assert_eq!((length, local.as_str()), (9, "borrowed!"), "{kind:?}");
    }
}

#[test]
fn two_threads_in_one_current_thread_runtime_and_the_second_takes_over() {
    for _ in 0..50 {
        let runtime = Kind::CurrentThread.runtime();
        let (entered, has_entered) = mpsc::channel();
        let (end_first, first_ends) = oneshot::channel::<()>();
        thread::scope(|scope| {
            let runtime = &runtime;
            let first = scope.spawn(move || {
                runtime.block_on(async {
                    entered.send(()).unwrap();
                    first_ends.await.unwrap();
                });
            });
            has_entered.recv_timeout(PATIENCE).unwrap();
            // The first one drives: the second's own future, its tasks and its timers go on.
            let second = scope.spawn(move || {
                runtime.block_on(async {
                    filch::spawn(async { task::yield_now().await }).await.unwrap();
                    filch::time::sleep(Duration::from_millis(1)).await;
                    end_first.send(()).unwrap();
                    // And from now on nobody but the second can drive.
                    for _ in 0..10 {
                        filch::spawn(async { task::yield_now().await }).await.unwrap();
                    }
                    filch::time::sleep(Duration::from_millis(1)).await;
                });
            });
            first.join().unwrap();
            second.join().unwrap();
        });
    }
}

#[test]
fn many_threads_in_one_current_thread_runtime() {
    const THREADS: usize = 6;
    let runtime = Kind::CurrentThread.runtime();
    let done = Count::new();
    thread::scope(|scope| {
        for n in 0..THREADS {
            let (runtime, done) = (&runtime, done.clone());
            scope.spawn(move || {
                for round in 0..200 {
                    let sum = runtime.block_on(async {
                        let task = filch::spawn(async move {
                            task::yield_now().await;
                            n + round
                        });
                        task.await.unwrap()
                    });
                    assert_eq!(sum, n + round);
                    done.add();
                }
            });
        }
    });
    assert_eq!(done.get(), THREADS * 200);
}

#[test]
fn panic_of_the_thread_that_drives_hands_over() {
    filch_tests::panics::install_hook();
    let runtime = Kind::CurrentThread.runtime();
    let (entered, has_entered) = mpsc::channel();
    let (panics, panic_now) = oneshot::channel::<()>();
    thread::scope(|scope| {
        let runtime = &runtime;
        let first = scope.spawn(move || {
            runtime.block_on(async {
                entered.send(()).unwrap();
                panic_now.await.unwrap();
                filch_tests::panics::expected("while driving");
            });
        });
        has_entered.recv_timeout(PATIENCE).unwrap();
        let (left, right) = oneshot::channel::<()>();
        let task = runtime.spawn(async move { right.await.unwrap() });
        let second = scope.spawn(move || runtime.block_on(task));
        panics.send(()).unwrap();
        assert!(first.join().is_err());
        left.send(()).unwrap();
        second.join().unwrap().unwrap();
    });
}

#[test]
fn main_future_that_wakes_itself_starves_neither_tasks_nor_timers_nor_sockets() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        runtime.block_on(async {
            let (done, mut is_done) = oneshot::channel();
            filch::spawn(async move {
                let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let client = filch::spawn(filch::net::TcpStream::connect(address));
                listener.accept().await.unwrap();
                client.await.unwrap().unwrap();
                filch::time::sleep(Duration::from_millis(2)).await;
                done.send(()).unwrap();
            });
            // Never pending but by its own wake.
            while is_done.try_recv().is_err() {
                task::yield_now().await;
            }
        });
    }
}

#[test]
fn tasks_that_always_run_do_not_starve_the_main_future() {
    let runtime = Kind::CurrentThread.runtime();
    let polls = Count::new();
    for _ in 0..10 {
        let polls = polls.clone();
        runtime.spawn(async move {
            loop {
                polls.add();
                task::yield_now().await;
            }
        });
    }
    runtime.block_on(async {
        for _ in 0..100 {
            let before = polls.get();
            task::yield_now().await;
            assert!(polls.get() - before <= 61, "{} polls", polls.get() - before);
        }
    });
}

/// Whether this thread is inside of a runtime, and of which.
fn inside() -> Option<filch::runtime::Id> {
    match Handle::try_current() {
        Ok(handle) => Some(handle.id()),
        Err(error) => {
            assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
            assert!(error.to_string().contains("there is no reactor running"), "{error}");
            None
        }
    }
}

#[test]
fn try_current_knows_where_it_is() {
    assert_eq!(inside(), None);
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let id = Some(runtime.handle().id());
        let other = Kind::CurrentThread.runtime();
        let other_id = Some(other.handle().id());
        let (seen_in_thread, from_thread) = mpsc::channel();

        runtime.block_on(async {
            assert_eq!(inside(), id, "block_on");
            assert_eq!(filch::spawn(async { inside() }).await.unwrap(), id, "task");
            assert_eq!(task::spawn_blocking(inside).await.unwrap(), id, "blocking");
            assert_eq!(task::spawn_compute(inside).await.unwrap(), id, "compute");
            let nested = task::spawn_blocking(|| Handle::current().block_on(async { inside() }));
            assert_eq!(nested.await.unwrap(), id, "block_on in a blocking call");
            thread::spawn(move || seen_in_thread.send(inside()).unwrap()).join().unwrap();
            let local = LocalSet::new();
            assert_eq!(
                local
                    .run_until(async { task::spawn_local(async { inside() }).await })
                    .await
                    .unwrap(),
                id,
                "local task"
            );
            if kind != Kind::CurrentThread {
                let in_place = filch::spawn(async { task::block_in_place(inside) });
                assert_eq!(in_place.await.unwrap(), id, "block_in_place");
            }
            // Another one may be entered on top of it.
            let handle = other.handle().clone();
            let entered = filch::spawn(async move {
                let on_top = {
                    let _entered = handle.enter();
                    inside()
                };
                (on_top, inside())
            });
            assert_eq!(entered.await.unwrap(), (other_id, id));
        });
        assert_eq!(from_thread.recv_timeout(PATIENCE).unwrap(), None, "a thread of one's own");
        assert_eq!(inside(), None, "after block_on");

        {
            let _outer = runtime.enter();
            assert_eq!(inside(), id, "enter");
            {
                let _inner = other.enter();
                assert_eq!(inside(), other_id, "enter in enter");
                runtime.block_on(async { assert_eq!(inside(), id) });
                assert_eq!(inside(), other_id, "after block_on under enter");
            }
            assert_eq!(inside(), id);
        }
        assert_eq!(inside(), None, "after the guard");

        // Where futures are dropped.
        struct InDrop(mpsc::Sender<Option<filch::runtime::Id>>);
        impl Drop for InDrop {
            fn drop(&mut self) {
                let _ = self.0.send(inside());
            }
        }
        let (seen, from_drop) = mpsc::channel();
        let guard = InDrop(seen.clone());
        runtime.spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        runtime.block_on(task::yield_now());
        drop(runtime);
        assert_eq!(from_drop.recv_timeout(PATIENCE).unwrap(), id, "{kind:?}: drop at shutdown");
        assert_eq!(inside(), None, "after the shutdown");
    }
}

#[test]
fn guard_of_a_temporary_runtime_outlives_its_statement() {
    // A shape that libraries use: it compiles only if the guard itself has no destructor.
    fn entered() -> std::io::Result<Option<filch::runtime::Id>> {
        let runtime = Builder::new_current_thread().build()?;
        let guard = runtime.enter();
        let id = inside();
        drop(guard);
        Ok(id)
    }
    assert!(entered().unwrap().is_some());
    assert_eq!(inside(), None);
}

#[test]
fn many_runtimes_in_one_process_talk_to_each_other() {
    const RUNTIMES: usize = 40;
    let runtimes: Vec<Runtime> = (0..RUNTIMES).map(|n| Kind::ALL[n % 2].runtime()).collect();
    // A ring: each passes on to the next what it receives.
    let (first, mut before) = filch::sync::mpsc::unbounded_channel::<usize>();
    let mut drivers = Vec::new();
    for runtime in runtimes {
        let (next, receiver) = filch::sync::mpsc::unbounded_channel();
        let mut from = std::mem::replace(&mut before, receiver);
        drivers.push(thread::spawn(move || {
            let relay = runtime.spawn(async move {
                while let Some(n) = from.recv().await {
                    next.send(n + 1).unwrap();
                }
            });
            runtime.block_on(relay).unwrap();
        }));
    }
    block_on_elsewhere(async {
        for n in 0..100 {
            first.send(n).unwrap();
        }
        for n in 0..100 {
            assert_eq!(before.recv().await, Some(n + RUNTIMES));
        }
        drop(first);
        assert_eq!(before.recv().await, None);
    });
    for driver in drivers {
        driver.join().unwrap();
    }
    // Each runtime has a number of its own.
    let ids: std::collections::HashSet<_> =
        (0..20).map(|_| Kind::CurrentThread.runtime().handle().id()).collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn handles_block_on_drives_nothing_on_a_current_thread_runtime() {
    let runtime = Kind::CurrentThread.runtime();
    let (ran, has_run) = mpsc::channel();
    runtime.spawn(async move { ran.send(()).unwrap() });
    assert_eq!(runtime.handle().block_on(async { 1 }), 1);
    assert!(has_run.try_recv().is_err());
    runtime.block_on(task::yield_now());
    has_run.recv_timeout(PATIENCE).unwrap();
}
