//! Tasks bound to a thread: they are polled, woken and dropped there and nowhere else.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use filch::runtime::LocalRuntime;
use filch::sync::oneshot;
use filch::task::{self, LocalSet, spawn_local};
use filch_tests::panics::{caught, expected, install_hook};
use filch_tests::runtimes::Kind;

/// What runs local tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Home {
    Set(Kind),
    Runtime,
}

impl Home {
    const ALL: [Home; 4] = [
        Home::Set(Kind::CurrentThread),
        Home::Set(Kind::OneWorker),
        Home::Set(Kind::Workers),
        Home::Runtime,
    ];

    /// Runs a future in which `spawn_local` works.
    fn run<F: Future>(self, future: F) -> F::Output {
        match self {
            Home::Set(kind) => LocalSet::new().block_on(&kind.runtime(), future),
            Home::Runtime => LocalRuntime::new().unwrap().block_on(future),
        }
    }
}

#[test]
fn tasks_share_what_is_not_send() {
    for home in Home::ALL {
        let seen = home.run(async {
            let seen = Rc::new(RefCell::new(Vec::new()));
            let here = thread::current().id();
            let tasks: Vec<_> = (0..200)
                .map(|n| {
                    let seen = seen.clone();
                    spawn_local(async move {
                        task::yield_now().await;
                        seen.borrow_mut().push(n);
                        assert_eq!(thread::current().id(), here);
                        n
                    })
                })
                .collect();
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.unwrap(), n);
            }
            let mut seen = seen.take();
            seen.sort_unstable();
            seen
        });
        assert!(seen.into_iter().eq(0..200), "{home:?}");
    }
}

#[test]
fn local_tasks_spawn_local_tasks() {
    fn nest(depth: usize) -> std::pin::Pin<Box<dyn Future<Output = usize>>> {
        Box::pin(async move {
            match depth {
                0 => 0,
                _ => spawn_local(nest(depth - 1)).await.unwrap() + 1,
            }
        })
    }
    for home in Home::ALL {
        assert_eq!(home.run(nest(100)), 100, "{home:?}");
    }
}

#[test]
fn woken_by_another_thread_it_runs_at_home() {
    for home in Home::ALL {
        home.run(async {
            let here = thread::current().id();
            let mut wakers = Vec::new();
            let tasks: Vec<_> = (0..20)
                .map(|n| {
                    let (wake, woken) = oneshot::channel();
                    wakers.push(wake);
                    spawn_local(async move {
                        let sent: usize = woken.await.unwrap();
                        assert_eq!(thread::current().id(), here);
                        assert_eq!(sent, n);
                    })
                })
                .collect();
            task::yield_now().await;
            let waking = thread::spawn(move || {
                for (n, wake) in wakers.into_iter().enumerate() {
                    wake.send(n).unwrap();
                }
            });
            for task in tasks {
                task.await.unwrap();
            }
            waking.join().unwrap();
        });
    }
}

#[test]
fn timers_sockets_and_blocking_calls_wake_local_tasks() {
    for home in Home::ALL {
        home.run(async {
            let sleeper = spawn_local(async { filch::time::sleep(Duration::from_millis(2)).await });
            let socket = spawn_local(async {
                let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let client = spawn_local(filch::net::TcpStream::connect(address));
                listener.accept().await.unwrap();
                client.await.unwrap().unwrap();
            });
            let call = spawn_local(async { task::spawn_blocking(|| 1).await.unwrap() });
            sleeper.await.unwrap();
            socket.await.unwrap();
            assert_eq!(call.await.unwrap(), 1, "{home:?}");
        });
    }
}

#[test]
fn send_tasks_spawned_inside_go_to_the_runtime() {
    let runtime = Kind::Workers.runtime();
    let set = LocalSet::new();
    let here = thread::current().id();
    let there = set.block_on(&runtime, async {
        filch::spawn(async { thread::current().id() }).await.unwrap()
    });
    assert_ne!(there, here);
    let runtime = LocalRuntime::new().unwrap();
    let there =
        runtime.block_on(async { filch::spawn(async { thread::current().id() }).await.unwrap() });
    assert_eq!(there, here);
}

#[test]
fn set_is_a_future_that_ends_with_its_tasks() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let done = Rc::new(Cell::new(0));
        let set = LocalSet::new();
        for n in 0..10 {
            let done = done.clone();
            set.spawn_local(async move {
                filch::time::sleep(Duration::from_millis(n % 3)).await;
                done.set(done.get() + 1);
                // One more, while the set is awaited.
                spawn_local(async move { done.set(done.get() + 1) });
            });
        }
        assert_eq!(done.get(), 0, "nothing runs by itself");
        runtime.block_on(set);
        assert_eq!(done.get(), 20, "{kind:?}");
        runtime.block_on(LocalSet::default());
    }
}

#[test]
fn tasks_that_are_left_go_on_at_the_next_turn() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let set = LocalSet::new();
        let steps = Rc::new(Cell::new(0));
        let task = {
            let steps = steps.clone();
            set.spawn_local(async move {
                for _ in 0..3 {
                    steps.set(steps.get() + 1);
                    task::yield_now().await;
                }
            })
        };
        set.block_on(&runtime, async {});
        assert!(steps.get() <= 1);
        set.block_on(&runtime, task).unwrap();
        assert_eq!(steps.get(), 3, "{kind:?}");
    }
}

#[test]
fn woken_while_nobody_polls_the_set_it_runs_when_somebody_does() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let set = LocalSet::new();
        let (wake, woken) = oneshot::channel::<()>();
        let task = set.spawn_local(async move { woken.await.unwrap() });
        set.block_on(&runtime, task::yield_now());
        thread::spawn(move || wake.send(()).unwrap()).join().unwrap();
        assert!(!task.is_finished());
        set.block_on(&runtime, task).unwrap();
    }
}

#[test]
fn full_set_yields_to_others() {
    let runtime = Kind::CurrentThread.runtime();
    let turns = Rc::new(Cell::new(0));
    let set = LocalSet::new();
    for _ in 0..1_000 {
        let turns = turns.clone();
        set.spawn_local(async move {
            loop {
                turns.set(turns.get() + 1);
                task::yield_now().await;
            }
        });
    }
    let other = runtime.spawn(async {
        for _ in 0..10 {
            task::yield_now().await;
        }
    });
    // Ends only if the other task has its turns, and the main future its own.
    set.block_on(&runtime, other).unwrap();
    assert!(turns.get() < 10_000, "{} polls of local tasks meanwhile", turns.get());
}

#[test]
fn two_sets_on_one_thread_keep_their_tasks_apart() {
    let runtime = Kind::CurrentThread.runtime();
    let (first, second) = (LocalSet::new(), LocalSet::new());
    let order = Rc::new(RefCell::new(Vec::new()));
    for (name, set) in [("first", &first), ("second", &second)] {
        let order = order.clone();
        set.spawn_local(async move {
            order.borrow_mut().push(name);
            spawn_local(async move { order.borrow_mut().push(name) });
        });
    }
    runtime.block_on(second);
    assert_eq!(*order.borrow(), ["second", "second"]);
    // A set in a set: each is the current one while its own tasks run.
    runtime.block_on(first.run_until(async {
        let inner = LocalSet::new();
        inner.run_until(async { spawn_local(async {}).await.unwrap() }).await;
        spawn_local(async {}).await.unwrap();
    }));
    assert_eq!(*order.borrow(), ["second", "second", "first", "first"]);
}

#[test]
fn set_that_is_entered_takes_what_is_spawned() {
    let (runtime, set) = (Kind::CurrentThread.runtime(), LocalSet::new());
    let task = {
        let _entered = set.enter();
        spawn_local(async { 1 })
    };
    assert!(caught(|| spawn_local(async {})).message.contains("LocalSet"));
    assert_eq!(set.block_on(&runtime, task).unwrap(), 1);
}

#[test]
fn outside_of_a_set_it_panics_at_the_callers_line() {
    for runtime in [Kind::CurrentThread.runtime(), Kind::OneWorker.runtime()] {
        let (panic, line) = runtime.block_on(async { (caught(|| spawn_local(async {})), line!()) });
        assert!(panic.message.contains("LocalRuntime"), "{panic:?}");
        assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
        // A task that the runtime may move is in no set, even if a set is polled on that thread.
        let in_task = runtime.spawn(async { caught(|| spawn_local(async {})).message });
        let set = LocalSet::new();
        let text = set.block_on(&runtime, in_task).unwrap();
        if runtime.handle().runtime_flavor() == filch::runtime::RuntimeFlavor::MultiThread {
            assert!(text.contains("LocalRuntime"), "{text}");
        }
    }
}

#[test]
fn panics_of_local_tasks_are_theirs() {
    install_hook();
    for home in Home::ALL {
        home.run(async {
            let panicked = spawn_local(async { expected("in a local task") });
            assert!(panicked.await.unwrap_err().is_panic());
            assert_eq!(spawn_local(async { 1 }).await.unwrap(), 1, "{home:?}");
        });
        // The main future's is the caller's, and the set can be polled again.
        if let Home::Set(kind) = home {
            let (runtime, set) = (kind.runtime(), LocalSet::new());
            let task = set.spawn_local(async { 2 });
            caught(|| set.block_on(&runtime, async { expected("in the main future") }));
            assert_eq!(set.block_on(&runtime, task).unwrap(), 2, "{home:?}");
        }
    }
}

#[test]
fn local_runtime_spawns_before_and_between_block_ons() {
    let runtime = LocalRuntime::new().unwrap();
    let count = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let count = count.clone();
        let task = runtime.spawn_local(async move { count.set(count.get() + 1) });
        runtime.block_on(task).unwrap();
    }
    assert_eq!(count.get(), 3);
    // `Send` tasks come from any thread.
    let handle = runtime.handle().clone();
    let spawned = thread::spawn(move || handle.spawn(async { 4 })).join().unwrap();
    assert_eq!(runtime.block_on(spawned).unwrap(), 4);
}
