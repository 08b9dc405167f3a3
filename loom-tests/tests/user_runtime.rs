//! The runtime of `filch::loom`, as users see it: what it promises in its documentation.
//!
//! Both sides of each promise: what may happen is found in some run, what must not is in none. Covered:
//! tasks that run at the same time, wakes between them, time-outs that fire and that do not, blocking
//! calls, the end, and what becomes of a panic that nobody awaits.

#![cfg(filch_loom)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use filch::loom::sync::atomic::{AtomicUsize, Ordering};
use filch::loom::{self, block_on, model};
use filch::sync::{Notify, mpsc, oneshot};
use filch::task::yield_now;
use filch::time::{Instant, sleep, timeout};

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(1);

/// Everything that some run of a model came to. loom does not see it.
#[derive(Clone, Default)]
struct Outcomes<T>(Arc<StdMutex<BTreeSet<T>>>);

impl<T: Ord + std::fmt::Debug> Outcomes<T> {
    fn note(&self, outcome: T) {
        self.0.lock().unwrap().insert(outcome);
    }

    #[track_caller]
    fn assert_are(&self, expected: impl IntoIterator<Item = T>) {
        assert_eq!(*self.0.lock().unwrap(), expected.into_iter().collect());
    }
}

/// Runs the model, printing how many runs it took.
fn explore(f: impl Fn() + Send + Sync + 'static) {
    let runs = loom::Builder::new().check(f);
    println!("{runs} runs");
    assert!(runs > 1, "nothing was explored");
}

#[test]
fn spawned_task_is_joined() {
    explore(|| {
        let output = block_on(async { filch::spawn(async { 7 }).await });
        assert_eq!(output.unwrap(), 7);
    });
}

/// Two tasks that add to a counter in two steps: they run at the same time, so that one may be lost.
#[test]
fn tasks_run_at_the_same_time() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    explore(move || {
        let counter = Arc::new(AtomicUsize::new(0));
        let add = |counter: Arc<AtomicUsize>| async move {
            let before = counter.load(Ordering::Acquire);
            counter.store(before + 1, Ordering::Release);
        };
        block_on(async {
            let tasks = [filch::spawn(add(counter.clone())), filch::spawn(add(counter.clone()))];
            for task in tasks {
                task.await.unwrap();
            }
        });
        seen.note(counter.load(Ordering::Acquire));
    });
    outcomes.assert_are([1, 2]);
}

/// With one worker they take turns, and none is lost.
#[test]
fn tasks_of_one_worker_take_turns() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    explore(move || {
        let counter = Arc::new(AtomicUsize::new(0));
        let add = |counter: Arc<AtomicUsize>| async move {
            let before = counter.load(Ordering::Acquire);
            counter.store(before + 1, Ordering::Release);
        };
        let runtime = loom::runtime(1);
        let tasks = [runtime.spawn(add(counter.clone())), runtime.spawn(add(counter.clone()))];
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        drop(runtime);
        seen.note(counter.load(Ordering::Acquire));
    });
    outcomes.assert_are([2]);
}

/// A task that is ready later may well run earlier.
#[test]
fn either_task_may_come_first() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    explore(move || {
        let order = block_on(async {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            for name in ["first", "second"] {
                let sender = sender.clone();
                filch::spawn(async move { sender.send(name).unwrap() });
            }
            drop(sender);
            let mut order = Vec::new();
            while let Some(name) = receiver.recv().await {
                order.push(name);
            }
            order
        });
        seen.note(order);
    });
    outcomes.assert_are([vec!["first", "second"], vec!["second", "first"]]);
}

#[test]
fn ping_pong() {
    explore(|| {
        let answer = block_on(async {
            let (ping, pinged) = oneshot::channel();
            let (pong, ponged) = oneshot::channel();
            let other = filch::spawn(async move { pong.send(pinged.await.unwrap() + 1).unwrap() });
            ping.send(1).unwrap();
            let answer = ponged.await.unwrap();
            other.await.unwrap();
            answer
        });
        assert_eq!(answer, 2);
    });
}

/// What was stored before a wake is seen after it, however weakly it was stored.
#[test]
fn a_wake_publishes() {
    explore(|| {
        block_on(async {
            let (flag, notify) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
            let task = {
                let (flag, notify) = (flag.clone(), notify.clone());
                filch::spawn(async move {
                    notify.notified().await;
                    flag.load(Ordering::Relaxed)
                })
            };
            flag.store(7, Ordering::Relaxed);
            notify.notify_one();
            assert_eq!(task.await.unwrap(), 7);
        });
    });
}

/// The models of this file can fail: two workers order nothing by themselves.
#[test]
#[should_panic(expected = "stored, and not seen")]
fn a_worker_publishes_nothing() {
    model(|| {
        block_on(async {
            let (data, flag) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let writing = {
                let (data, flag) = (data.clone(), flag.clone());
                filch::spawn(async move {
                    data.store(7, Ordering::Relaxed);
                    flag.store(1, Ordering::Relaxed);
                })
            };
            let reading = filch::spawn(async move {
                if flag.load(Ordering::Relaxed) == 1 {
                    assert_eq!(data.load(Ordering::Relaxed), 7, "stored, and not seen");
                }
            });
            writing.await.unwrap();
            reading.await.unwrap();
        });
    });
}

#[test]
fn a_timeout_fires_or_not() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    explore(move || {
        let result = block_on(async {
            let (sender, receiver) = oneshot::channel();
            let task = filch::spawn(async move { sender.send(7).is_ok() });
            let result = timeout(SHORT, receiver).await;
            (result.is_ok(), task.await.unwrap())
        });
        seen.note(result);
    });
    // Not in time, and sent all the same: between the two.
    outcomes.assert_are([(false, false), (false, true), (true, true)]);
}

#[test]
fn a_timeout_fires_if_nothing_else_happens() {
    explore(|| {
        block_on(async {
            assert!(timeout(LONG, std::future::pending::<()>()).await.is_err());
        });
    });
}

/// Time that has passed for one has passed for all.
#[test]
fn deadlines_pass_in_their_order() {
    explore(|| {
        block_on(async {
            let start = Instant::now();
            let (long, short) = (sleep(LONG), sleep(SHORT));
            let long = async {
                long.await;
                start.elapsed()
            };
            let short = async {
                short.await;
                start.elapsed()
            };
            let (long, short) = filch::join!(long, short);
            assert!(short >= SHORT && long >= LONG, "{short:?} {long:?}");
        });
    });
}

#[test]
fn a_blocking_call_is_joined() {
    explore(|| {
        let output = block_on(async { filch::task::spawn_blocking(|| 7).await });
        assert_eq!(output.unwrap(), 7);
    });
}

/// A loop that waits by yielding has an end.
#[test]
fn a_task_that_yields_lets_others_go_on() {
    explore(|| {
        block_on(async {
            let flag = Arc::new(AtomicUsize::new(0));
            let waiting = {
                let flag = flag.clone();
                filch::spawn(async move {
                    while flag.load(Ordering::Acquire) == 0 {
                        yield_now().await;
                    }
                })
            };
            flag.store(1, Ordering::Release);
            waiting.await.unwrap();
        });
    });
}

/// A task that is aborted ends, before or after it has done its work.
#[test]
fn an_abort_comes_before_or_after() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    explore(move || {
        let joined = block_on(async {
            let task = filch::spawn(async { 7 });
            task.abort();
            task.await
        });
        seen.note(joined.is_ok());
    });
    outcomes.assert_are([false, true]);
}

/// The end of the runtime is part of the model where it was asked for: the task is cut off, or not.
#[test]
fn dropping_the_runtime_cuts_tasks_off() {
    let outcomes = Outcomes::default();
    let seen = outcomes.clone();
    explore(move || {
        let runtime = loom::runtime(1);
        let task = runtime.spawn(async {
            yield_now().await;
            7
        });
        drop(runtime);
        seen.note(filch_loom_tests::block_on(task).is_ok());
    });
    outcomes.assert_are([false, true]);
}

/// The models of users can fail: a task that waits for what never comes is a deadlock.
#[test]
#[should_panic(expected = "deadlock")]
fn a_task_that_waits_for_ever_is_found() {
    model(|| {
        block_on(async {
            let (sender, receiver) = oneshot::channel::<()>();
            let task = filch::spawn(receiver);
            let _ = task.await;
            drop(sender);
        });
    });
}

#[test]
#[should_panic(expected = "panicked: out of luck")]
fn a_panic_that_nobody_awaits_fails_the_model() {
    model(|| {
        block_on(async {
            let (sender, receiver) = oneshot::channel::<()>();
            filch::spawn(async move {
                let _sender = sender;
                panic!("out of luck");
            });
            let _ = receiver.await;
        });
    });
}

#[test]
#[should_panic(expected = "leaked")]
fn a_forgotten_join_handle_fails_the_model() {
    model(|| {
        block_on(async { std::mem::forget(filch::spawn(async {})) });
    });
}

/// A check that stops early says how far it came.
#[test]
fn bounds_are_kept() {
    let two_tasks = || {
        block_on(async {
            let task = filch::spawn(yield_now());
            yield_now().await;
            task.await.unwrap();
        });
    };
    let all = loom::Builder::new().preemption_bound(1).check(two_tasks);
    let fewer = loom::Builder::new().preemption_bound(0).check(two_tasks);
    assert!(fewer < all, "{fewer} runs without preemptions, {all} with one");
    let some = loom::Builder::new().max_permutations(3).checkpoint_interval(1).check(two_tasks);
    assert!(some <= 3, "{some}");
}

#[test]
#[should_panic(expected = "maximum number of branches")]
fn a_run_without_end_is_given_up() {
    loom::Builder::new().max_branches(100).check(|| {
        block_on(async {
            loop {
                filch::spawn(yield_now()).await.unwrap();
            }
        });
    });
}

/// What needs the system compiles, and says that it is not there.
#[test]
#[should_panic(expected = "no sockets, signals and child processes in a loom model")]
fn a_socket_says_that_there_is_none() {
    model(|| {
        block_on(async {
            let _ = filch::net::TcpListener::bind("127.0.0.1:0").await;
        });
    });
}

#[test]
#[should_panic(expected = "no names of hosts in a loom model")]
fn a_lookup_says_that_there_is_none() {
    model(|| {
        block_on(async {
            let _ = filch::net::TcpStream::connect("localhost:80").await;
        });
    });
}

#[test]
#[should_panic(expected = "no files in a loom model")]
fn a_file_says_that_there_is_none() {
    model(|| {
        block_on(async {
            let _ = filch::fs::read("Cargo.toml").await;
        });
    });
}

#[test]
#[should_panic(expected = "no sockets, signals and child processes in a loom model")]
fn a_child_process_says_that_there_is_none() {
    model(|| {
        block_on(async {
            let _ = filch::process::Command::new("true").spawn();
        });
    });
}

#[test]
#[should_panic(expected = "no sockets, signals and child processes in a loom model")]
fn a_signal_says_that_there_is_none() {
    model(|| {
        block_on(async {
            let _ = filch::signal::ctrl_c().await;
        });
    });
}

/// What needs no system works: a pipe in memory.
#[test]
fn a_pipe_in_memory_works() {
    use filch::io::{AsyncReadExt, AsyncWriteExt};
    explore(|| {
        block_on(async {
            let (mut writer, mut reader) = filch::io::duplex(1);
            let task = filch::spawn(async move { writer.write_all(b"ab").await });
            let mut bytes = [0; 2];
            reader.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"ab");
            task.await.unwrap().unwrap();
        });
    });
}
