//! `block_on`: from where it is allowed, from several threads at once, next to tasks and drivers; and
//! where a thread is inside of a runtime.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use filch::runtime::{Handle, LocalRuntime};
use filch::sync::oneshot;
use filch::task::{self, LocalSet};
use filch_tests::PATIENCE;
use filch_tests::count::Count;
use filch_tests::panics::{Caught, caught};
use filch_tests::runtimes::Kind;

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
