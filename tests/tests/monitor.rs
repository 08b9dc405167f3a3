//! A worker that is stuck in one poll strands nothing: its queue, its slot, sockets and timers are served
//! by others, or by spare workers; the stuck poll is reported.

use std::io::{Read, Write};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::TcpListener;
use filch::runtime::{Builder, Runtime, StuckTask};
use filch::sync::{Notify, oneshot};
use filch::{task, time};
use filch_tests::PATIENCE;
use filch_tests::process::{alone, threads_named, wait_until_no_thread_is_named};

/// A runtime with so many workers and no report on standard error.
fn builder(workers: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all().on_stuck(|_| ());
    builder
}

/// Tasks that block their workers until this is dropped.
struct Stuck(#[expect(dead_code, reason = "held, to be dropped")] Vec<mpsc::Sender<()>>);

impl Stuck {
    /// Spawns so many, and waits until each of them blocks a worker: all of them at once.
    fn block(runtime: &Runtime, count: usize) -> Stuck {
        let meeting = Arc::new(Barrier::new(count + 1));
        let release = (0..count)
            .map(|_| {
                let (release, wait) = mpsc::channel::<()>();
                let meeting = meeting.clone();
                runtime.spawn(async move {
                    meeting.wait();
                    let _ = wait.recv();
                });
                release
            })
            .collect();
        meeting.wait();
        Stuck(release)
    }
}

/// Waits until `holds` is true.
#[track_caller]
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the spare workers have ended.
#[track_caller]
fn wait_until_no_spares(runtime: &Runtime) {
    wait_until("the spare workers have ended", || runtime.metrics().num_spare_workers() == 0);
}

/// An echo server, and a client that sees whether it answers.
fn echo(runtime: &Runtime) -> std::net::TcpStream {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut byte = [0; 1];
        while stream.read_exact(&mut byte).await.is_ok() {
            stream.write_all(&byte).await.unwrap();
        }
    });
    std::net::TcpStream::connect(address).unwrap()
}

fn round_trip(client: &mut std::net::TcpStream) {
    client.write_all(b"?").unwrap();
    let mut byte = [0; 1];
    client.read_exact(&mut byte).unwrap();
    assert_eq!(byte, *b"?");
}

#[test]
fn everything_is_served_while_all_workers_block() {
    for workers in [1, 2, 3] {
        let runtime = builder(workers).build().unwrap();
        let mut client = echo(&runtime);
        round_trip(&mut client);
        let stuck = Stuck::block(&runtime, workers);
        // A task from outside, a timer, a socket.
        let spawned = runtime.spawn(async { 7 });
        assert_eq!(runtime.block_on(spawned).unwrap(), 7);
        let timer = runtime.spawn(async { time::sleep(Duration::from_millis(1)).await });
        runtime.block_on(timer).unwrap();
        round_trip(&mut client);
        assert!(runtime.metrics().num_spare_workers() >= 1);
        // Work that was served meanwhile may have been served before the last of them counted as stuck.
        wait_until("each poll counts as stuck", || {
            runtime.metrics().stuck_polls_count() >= workers as u64
        });
        drop(stuck);
        wait_until_no_spares(&runtime);
        // The workers go on without them.
        round_trip(&mut client);
        assert_eq!(runtime.metrics().num_workers(), workers);
    }
}

#[test]
fn spare_workers_that_block_are_replaced_up_to_the_bound() {
    let runtime = builder(1).max_spare_workers(3).build().unwrap();
    // They block at the same time: the worker, and every spare worker.
    let stuck = Stuck::block(&runtime, 4);
    assert_eq!(runtime.metrics().num_spare_workers(), 3);
    let (done, mut wait) = oneshot::channel();
    runtime.spawn(async move { done.send(()).unwrap() });
    assert!(wait.try_recv().is_err(), "a fourth spare worker ran it");
    drop(stuck);
    runtime.block_on(wait).unwrap();
    wait_until_no_spares(&runtime);
    // They start again.
    let stuck = Stuck::block(&runtime, 4);
    drop(stuck);
    wait_until_no_spares(&runtime);
}

#[test]
fn without_spare_workers_tasks_wait() {
    let runtime = builder(1).max_spare_workers(0).build().unwrap();
    let stuck = Stuck::block(&runtime, 1);
    let (done, mut wait) = oneshot::channel();
    runtime.spawn(async move { done.send(()).unwrap() });
    assert!(wait.try_recv().is_err());
    assert_eq!(runtime.metrics().num_spare_workers(), 0);
    drop(stuck);
    runtime.block_on(wait).unwrap();
}

#[test]
fn monitor_can_be_switched_off() {
    alone("monitor_can_be_switched_off", || {
        let runtime = builder(2).enable_monitor(false).build().unwrap();
        assert_eq!(threads_named("filch-monitor"), 0);
        let stuck = Stuck::block(&runtime, 1);
        // The other worker serves what comes.
        assert_eq!(runtime.block_on(runtime.spawn(async { 7 })).unwrap(), 7);
        drop(stuck);
        assert_eq!(runtime.metrics().stuck_polls_count(), 0);
    });
}

/// A task wakes another one, and then blocks until that has run: what it woke lies in the slot, or in the
/// queue, of the worker that it blocks.
#[test]
fn task_that_was_woken_by_one_that_blocks_runs_elsewhere() {
    let runtime = builder(2).build().unwrap();
    for woken in [1, 2, 10] {
        let notify = Arc::new(Notify::new());
        let (ran, count) = mpsc::channel();
        let waiters: Vec<_> = (0..woken)
            .map(|_| {
                let (notify, ran) = (notify.clone(), ran.clone());
                let mut notified = Box::pin(notify.clone().notified_owned());
                notified.as_mut().enable();
                runtime.spawn(async move {
                    notified.await;
                    ran.send(()).unwrap();
                    drop(notify);
                })
            })
            .collect();
        let waker = runtime.spawn(async move {
            notify.notify_waiters();
            for _ in 0..woken {
                count.recv().unwrap();
            }
        });
        runtime.block_on(async {
            waker.await.unwrap();
            for waiter in waiters {
                waiter.await.unwrap();
            }
        });
    }
}

/// What a task spawned before it blocks runs elsewhere too.
#[test]
fn task_that_was_spawned_by_one_that_blocks_runs_elsewhere() {
    for workers in [1, 2] {
        let runtime = builder(workers).build().unwrap();
        let (ran, count) = mpsc::channel();
        let spawner = runtime.spawn(async move {
            for _ in 0..10 {
                let ran = ran.clone();
                task::spawn(async move { ran.send(()).unwrap() });
            }
            for _ in 0..10 {
                count.recv().unwrap();
            }
        });
        runtime.block_on(spawner).unwrap();
    }
}

/// A worker that comes out of the driver for a timer or a socket, and stays in that poll.
#[test]
fn timers_and_sockets_of_a_worker_that_blocks_are_served() {
    for workers in [1, 2] {
        let runtime = builder(workers).build().unwrap();
        let mut client = echo(&runtime);
        let (release, wait) = mpsc::channel::<()>();
        let (blocks, blocked) = mpsc::channel();
        runtime.spawn(async move {
            // Both timers lie in this worker's shard; the first one's task blocks it.
            let second = task::spawn(time::sleep(Duration::from_millis(3)));
            time::sleep(Duration::from_millis(1)).await;
            blocks.send(second).unwrap();
            let _ = wait.recv();
        });
        let second = blocked.recv().unwrap();
        runtime.block_on(second).unwrap();
        round_trip(&mut client);
        drop(release);
    }
}

#[test]
fn stuck_poll_is_reported_once() {
    let reports = Arc::new(Mutex::new(Vec::<StuckTask>::new()));
    let (reported, wait) = mpsc::channel();
    let seen = reports.clone();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .stuck_threshold(Duration::from_millis(20))
        .thread_name("oven")
        .on_stuck(move |task| {
            seen.lock().unwrap().push(task.clone());
            reported.send(()).unwrap();
        })
        .build()
        .unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    let line = line!() + 1;
    let named = task::Builder::new().name("baker").spawn_on(
        async move {
            let _ = blocked.recv();
            // The next poll is another one.
            task::yield_now().await;
            let _ = blocked.recv();
        },
        runtime.handle(),
    );
    let task = named.unwrap();
    wait.recv().unwrap();
    let first = reports.lock().unwrap()[0].clone();
    assert_eq!(first.name(), Some("baker"));
    assert_eq!(first.id(), task.id());
    assert_eq!(first.thread(), "oven");
    assert_eq!(first.worker(), 0);
    assert!(first.lasted() >= Duration::from_millis(20), "{first:?}");
    assert!(first.location().file().ends_with("monitor.rs"));
    assert!((line..line + 10).contains(&first.location().line()), "{first}");
    let text = first.to_string();
    assert!(text.contains("\"baker\"") && text.contains("monitor.rs") && text.contains("oven"));
    release.send(()).unwrap();
    wait.recv().unwrap();
    drop(release);
    runtime.block_on(task).unwrap();
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 2, "one for each of the two polls: {reports:?}");
    assert!(reports.iter().all(|report| report.id() == first.id()));
}

#[test]
fn panic_in_the_report_leaves_the_monitor_alive() {
    let (reported, wait) = mpsc::channel();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .stuck_threshold(Duration::from_millis(10))
        .on_stuck(move |_| {
            reported.send(()).unwrap();
            panic!("on purpose");
        })
        .build()
        .unwrap();
    for _ in 0..3 {
        let stuck = Stuck::block(&runtime, 1);
        wait.recv().unwrap();
        assert_eq!(runtime.block_on(runtime.spawn(async { 7 })).unwrap(), 7);
        drop(stuck);
    }
}

#[test]
fn report_on_standard_error_names_the_task() {
    const NAME: &str = "report_on_standard_error_names_the_task";
    if filch_tests::process::is_child(NAME) {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .stuck_threshold(Duration::from_millis(10))
            .build()
            .unwrap();
        let (release, wait) = mpsc::channel::<()>();
        let blocks = task::Builder::new()
            .name("baker")
            .spawn_on(async move { wait.recv().unwrap_err() }, runtime.handle())
            .unwrap();
        // A spare worker runs this, so the monitor has seen the other one; it reports in the same look or
        // in one that follows.
        runtime.block_on(runtime.spawn(async {})).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(200) {
            runtime.block_on(runtime.spawn(task::yield_now())).unwrap();
        }
        drop(release);
        runtime.block_on(blocks).unwrap();
        return;
    }
    let ended = filch_tests::process::child(NAME, &[("FILCH_DEBUG", "1")]);
    assert!(ended.status.success(), "{ended:?}");
    // Where the thread waits, by its call and by our line.
    if cfg!(target_os = "linux") {
        assert!(
            ended.output.contains("mpsc::Receiver") && ended.output.contains("tests/monitor.rs:")
        );
    }
    let reports: Vec<_> =
        ended.output.lines().filter(|line| line.contains("has been in one poll")).collect();
    assert_eq!(reports.len(), 1, "{}", ended.output);
    assert!(reports[0].contains("\"baker\"") && reports[0].contains("monitor.rs"), "{reports:?}");
}

#[test]
fn shutdown_while_spare_workers_run() {
    alone("shutdown_while_spare_workers_run", || {
        for _ in 0..20 {
            let runtime = builder(2).thread_name("oven").build().unwrap();
            let stuck = Stuck::block(&runtime, 3);
            assert!(runtime.metrics().num_spare_workers() >= 1);
            let waits = runtime.spawn(std::future::pending::<()>());
            let unblock = thread::spawn(move || drop(stuck));
            drop(runtime);
            unblock.join().unwrap();
            wait_until_no_thread_is_named("oven");
            wait_until_no_thread_is_named("filch-monitor");
            assert!(waits.is_finished());
        }
    });
}

#[test]
fn shutdown_with_a_grace_returns_while_workers_and_spare_workers_block() {
    let runtime = builder(1).max_spare_workers(1).build().unwrap();
    let stuck = Stuck::block(&runtime, 2);
    let report = runtime.shutdown(Duration::from_millis(20));
    assert_eq!(report.tasks.len(), 2, "{report:?}");
    drop(stuck);
}

/// `block_in_place` hands a spare worker's core over as any other's.
#[test]
fn spare_worker_may_block_in_place() {
    let runtime = builder(1).build().unwrap();
    let stuck = Stuck::block(&runtime, 1);
    let (go, wait) = mpsc::channel();
    let inside = runtime.spawn(async move { task::block_in_place(|| wait.recv().unwrap()) });
    assert_eq!(runtime.block_on(runtime.spawn(async { 7 })).unwrap(), 7);
    go.send(5).unwrap();
    assert_eq!(runtime.block_on(inside).unwrap(), 5);
    drop(stuck);
    wait_until_no_spares(&runtime);
    drop(runtime);
}

/// Many rounds of workers that block and go on, from the first poll on: nothing hangs.
#[test]
fn thousand_short_blocks() {
    let runtime = builder(2).build().unwrap();
    for round in 0..1_000_u32 {
        let (done, wait) = mpsc::channel();
        let (ran, both) = mpsc::channel();
        let blocks = runtime.spawn(async move {
            task::spawn(async move { ran.send(round).unwrap() });
            wait.recv().unwrap()
        });
        assert_eq!(both.recv().unwrap(), round);
        done.send(round).unwrap();
        assert_eq!(runtime.block_on(blocks).unwrap(), round);
    }
    wait_until_no_spares(&runtime);
}
