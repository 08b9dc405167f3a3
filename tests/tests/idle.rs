//! An idle runtime sleeps: none of its threads runs at all, whatever waits in it.
//!
//! The system counts how often a thread gave up its core. A thread that wakes up for anything has to give
//! it up again, so that a count that stands still means no system call and no turn of a loop. That
//! nothing happens shows only in time that passes: a second here, asleep.

#![cfg(target_os = "linux")]

use std::net::Ipv4Addr;
use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use filch::net::{TcpListener, TcpStream, UdpSocket};
use filch::runtime::Handle;
use filch::sync::{Notify, oneshot};
use filch::task;
use filch::time::{interval, sleep};
use filch_tests::PATIENCE;
use filch_tests::count::poll_once;
use filch_tests::process::{child, is_child, switches, threads};
use filch_tests::runtimes::Kind;

/// How long nothing must happen.
const IDLE: Duration = Duration::from_secs(1);
/// How the name of every thread of the runtime begins, of the one in `block_on` too.
const NAME: &str = "idle-runtime";

/// The threads of the runtime, each with its switches so far.
fn counts() -> Vec<(u32, u64)> {
    let threads = threads().into_iter().filter(|(_, name)| name.starts_with(NAME));
    threads.map(|(tid, _)| (tid, switches(tid))).collect()
}

/// Waits until the runtime has come to rest, gives how often its threads ran in the second after that.
fn switches_in_a_second() -> u64 {
    let start = Instant::now();
    let mut before = counts();
    loop {
        // To rest means: asleep, for a while.
        thread::sleep(Duration::from_millis(50));
        let now = counts();
        if now == before {
            break;
        }
        before = now;
        assert!(start.elapsed() < PATIENCE, "it never comes to rest");
    }
    let sum = |counts: Vec<(u32, u64)>| counts.into_iter().map(|(_, count)| count).sum::<u64>();
    assert!(!before.is_empty(), "no thread {NAME}: {:?}", threads());
    thread::sleep(IDLE);
    sum(counts()) - sum(before)
}

/// Has a runtime whose threads all have the name. `prepare` runs in it; when that has ended, and while
/// `block_on` waits, `check` runs outside.
fn with_runtime<F>(kind: Kind, prepare: impl FnOnce() -> F + Send + 'static, check: impl FnOnce())
where
    F: Future<Output = ()> + Send + 'static,
{
    let (ready, is_ready) = std::sync::mpsc::channel();
    let (end, ended) = oneshot::channel::<()>();
    let main = thread::Builder::new().name(NAME.to_owned());
    let main = main.spawn(move || {
        let mut builder = kind.builder();
        builder.thread_name(NAME).thread_keep_alive(Duration::from_secs(3600));
        builder.build().unwrap().block_on(async move {
            task::spawn(prepare()).await.unwrap();
            ready.send(()).unwrap();
            ended.await.unwrap();
        });
    });
    let main = main.unwrap();
    is_ready.recv_timeout(PATIENCE).unwrap();
    check();
    end.send(()).unwrap();
    main.join().unwrap();
}

/// Everything that can wait, waits.
async fn waiting() {
    task::spawn(std::future::pending::<()>());
    task::spawn(sleep(Duration::from_secs(3600)));
    task::spawn(async {
        let mut ticks = interval(Duration::from_secs(1800));
        loop {
            ticks.tick().await;
        }
    });
    task::spawn(async { Notify::new().notified().await });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    for _ in 0..10 {
        let client = TcpStream::connect(addr).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        for stream in [client, server] {
            task::spawn(async move { stream.readable().await });
        }
    }
    task::spawn(async move { listener.accept().await.map(drop) });
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    task::spawn(async move { socket.recv(&mut [0; 1]).await });
    // Threads of both pools, which have nothing to do any more.
    task::spawn_blocking(|| ()).await.unwrap();
    task::spawn_compute(|| ()).await.unwrap();
    // Timers that have fired.
    for _ in 0..10 {
        sleep(Duration::from_micros(100)).await;
    }
}

/// Runs the test alone in a process.
fn alone(name: &str, test: impl FnOnce()) {
    if is_child(name) {
        return test();
    }
    let ended = child(name, &[]);
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn idle_runtime_that_did_nothing_yet() {
    alone("idle_runtime_that_did_nothing_yet", || {
        for kind in Kind::ALL {
            with_runtime(kind, || async {}, || assert_eq!(switches_in_a_second(), 0, "{kind:?}"));
        }
    });
}

#[test]
fn idle_runtime_where_everything_waits() {
    alone("idle_runtime_where_everything_waits", || {
        for kind in Kind::ALL {
            with_runtime(kind, waiting, || assert_eq!(switches_in_a_second(), 0, "{kind:?}"));
        }
    });
}

#[test]
fn idle_runtime_wakes_for_its_work_and_rests_again() {
    alone("idle_runtime_wakes_for_its_work_and_rests_again", || {
        for kind in Kind::ALL {
            let (handle_sender, handle) = std::sync::mpsc::channel();
            let prepare = move || async move {
                waiting().await;
                handle_sender.send(Handle::current()).unwrap();
            };
            with_runtime(kind, prepare, || {
                let handle: Handle = handle.recv().unwrap();
                assert_eq!(switches_in_a_second(), 0, "{kind:?}");
                let (told, heard) = std::sync::mpsc::channel();
                handle.spawn(async move {
                    sleep(Duration::from_millis(1)).await;
                    told.send(()).unwrap();
                });
                heard.recv_timeout(PATIENCE).unwrap();
                assert_eq!(switches_in_a_second(), 0, "{kind:?}");
            });
        }
    });
}

#[test]
fn cancelled_timers_cost_one_wake_up_and_not_one_each() {
    alone("cancelled_timers_cost_one_wake_up_and_not_one_each", || {
        for kind in Kind::ALL {
            let cancelling = || async {
                for number in 0..100 {
                    let mut cancelled = pin!(sleep(Duration::from_millis(300 + 5 * number)));
                    assert!(poll_once(&mut cancelled).is_pending());
                }
            };
            // Cancelling does not look for the next timer: whoever waits in the driver finds out.
            with_runtime(kind, cancelling, || assert!(switches_in_a_second() <= 5, "{kind:?}"));
        }
    });
}

#[test]
fn busy_runtime_is_seen() {
    alone("busy_runtime_is_seen", || {
        for kind in Kind::ALL {
            // Rests for longer than it is watched for before the count.
            let ticking = || async {
                task::spawn(async {
                    loop {
                        sleep(Duration::from_millis(300)).await;
                    }
                });
            };
            with_runtime(kind, ticking, || assert!(switches_in_a_second() >= 2, "{kind:?}"));
        }
    });
}
