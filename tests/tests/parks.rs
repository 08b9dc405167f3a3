//! How often and how long workers sleep, how often they look around: what `RuntimeMetrics` says of it, what the
//! builder sets.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use filch::net::UdpSocket;
use filch::runtime::Builder;
use filch::sync::Notify;
use filch::task;
use filch_tests::PATIENCE;
use filch_tests::count::Count;
use filch_tests::panics::caught;
use filch_tests::runtimes::Kind;

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn every_idle_worker_sleeps_and_its_count_is_odd() {
    for kind in Kind::MULTI {
        let runtime = kind.runtime();
        let metrics = runtime.metrics();
        let workers = 0..metrics.num_workers();
        wait_until("all sleep", || {
            workers.clone().all(|worker| metrics.worker_park_unpark_count(worker) % 2 == 1)
        });
        for worker in workers {
            let turns = metrics.worker_park_unpark_count(worker);
            assert_eq!(metrics.worker_park_count(worker), turns.div_ceil(2));
            // Asleep: no time is added.
            let busy = metrics.worker_total_busy_duration(worker);
            assert!(busy > Duration::ZERO);
        }
    }
}

#[test]
fn a_sleep_and_its_end_count_two() {
    let runtime = Kind::OneWorker.runtime();
    let metrics = runtime.metrics();
    let turns = || metrics.worker_park_unpark_count(0);
    wait_until("it sleeps", || turns() % 2 == 1);
    let before = turns();
    let seen = runtime.block_on(async {
        let metrics = filch::runtime::Handle::current().metrics();
        filch::spawn(async move { metrics.worker_park_unpark_count(0) }).await.unwrap()
    });
    assert!(seen % 2 == 0 && seen > before, "awake while it polls: {seen}");
    wait_until("it sleeps again", || turns() > seen);
    assert!(metrics.worker_park_count(0) > before.div_ceil(2));
}

#[test]
fn time_awake_grows_while_a_worker_is_busy_and_stands_while_it_sleeps() {
    let runtime = Kind::OneWorker.runtime();
    let metrics = runtime.metrics();
    let busy = || metrics.worker_total_busy_duration(0);
    wait_until("it sleeps", || metrics.worker_park_unpark_count(0) % 2 == 1);
    let before = busy();
    let stop = Arc::new(Notify::new());
    let spins = runtime.spawn({
        let stop = stop.clone();
        async move {
            let mut stopped = std::pin::pin!(stop.notified());
            loop {
                let poll =
                    std::future::poll_fn(|cx| std::task::Poll::Ready(stopped.as_mut().poll(cx)));
                if poll.await.is_ready() {
                    break;
                }
                task::yield_now().await;
            }
        }
    });
    wait_until("it grows", || busy() > before + Duration::from_millis(2));
    stop.notify_one();
    runtime.block_on(spins).unwrap();
    wait_until("it sleeps again", || metrics.worker_park_unpark_count(0) % 2 == 1);
    assert_eq!(busy(), busy());
}

#[test]
fn the_thread_of_a_current_thread_runtime_is_its_worker() {
    let runtime = Kind::CurrentThread.runtime();
    let metrics = runtime.metrics();
    assert_eq!((metrics.worker_park_count(0), metrics.worker_park_unpark_count(0)), (0, 0));
    runtime.block_on(async { filch::time::sleep(Duration::from_millis(1)).await });
    assert!(metrics.worker_park_count(0) > 0);
    assert_eq!(metrics.worker_park_unpark_count(0) % 2, 0, "it is awake: it runs this");
    assert!(metrics.worker_total_busy_duration(0) > Duration::ZERO);
}

#[test]
fn a_worker_that_does_not_exist_panics_at_the_callers_line() {
    let metrics = Kind::OneWorker.runtime().metrics();
    let asks: [&dyn Fn() -> u64; 3] =
        [&|| metrics.worker_park_count(1), &|| metrics.worker_park_unpark_count(1), &|| {
            metrics.worker_total_busy_duration(1).as_secs()
        }];
    for ask in asks {
        let caught = caught(ask);
        assert!(caught.message.contains("worker 1 of"), "{}", caught.message);
        assert_eq!(caught.file, file!());
    }
}

/// Both hooks are called around each sleep, wherever the worker sleeps.
#[test]
fn park_hooks_are_called_by_every_worker() {
    let (parks, unparks) = (Count::new(), Count::new());
    let runtime = Kind::Workers
        .builder()
        .on_thread_park({
            let parks = parks.clone();
            move || parks.add()
        })
        .on_thread_unpark({
            let unparks = unparks.clone();
            move || unparks.add()
        })
        .build()
        .unwrap();
    wait_until("all sleep", || parks.get() >= 4);
    drop(runtime);
    assert_eq!(parks.get(), unparks.get());
}

/// A socket that is ready waits for as many polls as were set, at most, on a runtime that is never idle.
#[test]
fn event_interval_bounds_the_polls_before_a_socket() {
    for interval in [1, 7, 61] {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().event_interval(interval).build().unwrap();
        runtime.block_on(async {
            let polls = Count::new();
            let busy = filch::spawn({
                let polls = polls.clone();
                async move {
                    loop {
                        polls.add();
                        task::yield_now().await;
                    }
                }
            });
            let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let receiver = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            for turn in 0..20 {
                let waiting = filch::spawn({
                    let (receiver, polls) = (receiver.clone(), polls.clone());
                    async move {
                        receiver.recv(&mut [0; 1]).await.unwrap();
                        polls.get()
                    }
                });
                // Not always at the same place of the interval.
                for _ in 0..2 * interval + turn {
                    task::yield_now().await;
                }
                let sent_at = polls.get();
                sender.send_to(b"x", receiver.local_addr().unwrap()).unwrap();
                let waited = waiting.await.unwrap() - sent_at;
                assert!(waited <= interval as usize + 2, "{waited} polls, set to {interval}");
            }
            busy.abort();
        });
    }
}

#[test]
fn a_task_from_outside_gets_in_at_the_interval_that_was_set() {
    for kind in Kind::ALL {
        for interval in [1, 2, 1_000] {
            let mut builder = kind.builder();
            let runtime =
                builder.global_queue_interval(interval).event_interval(interval).build().unwrap();
            runtime.block_on(async {
                let handle = filch::runtime::Handle::current();
                let busy: Vec<_> = (0..2 * kind.workers())
                    .map(|_| {
                        filch::spawn(async {
                            loop {
                                task::yield_now().await;
                            }
                        })
                    })
                    .collect();
                let outside = std::thread::spawn(move || handle.spawn(async { 7 }));
                while !outside.is_finished() {
                    task::yield_now().await;
                }
                assert_eq!(outside.join().unwrap().await.unwrap(), 7);
                busy.iter().for_each(task::JoinHandle::abort);
            });
        }
    }
}

#[test]
fn intervals_of_zero_are_refused_at_the_callers_line() {
    let event = caught(|| Builder::new_multi_thread().event_interval(0).build());
    assert_eq!((event.file.as_str(), event.line), (file!(), line!() - 1));
    assert!(event.message.contains("event_interval"));
    let global = caught(|| Builder::new_multi_thread().global_queue_interval(0).build());
    assert_eq!((global.file.as_str(), global.line), (file!(), line!() - 1));
    assert!(global.message.contains("global_queue_interval"));
    let events = caught(|| Builder::new_multi_thread().max_io_events_per_tick(0).build());
    assert_eq!((events.file.as_str(), events.line), (file!(), line!() - 1));
    assert!(events.message.contains("max_io_events_per_tick"));
    let events = caught(|| Builder::new_multi_thread().max_io_events_per_busy_tick(0).build());
    assert_eq!((events.file.as_str(), events.line), (file!(), line!() - 1));
    assert!(events.message.contains("max_io_events_per_busy_tick"));
}

/// One event at a time: every socket has its turn.
#[test]
fn small_batches_serve_every_socket() {
    for kind in [Kind::CurrentThread, Kind::OneWorker] {
        let mut builder = kind.builder();
        let runtime = builder.enable_all().max_io_events_per_tick(1).build().unwrap();
        runtime.block_on(async {
            let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut receiving = Vec::new();
            for _ in 0..20 {
                let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                sender.send_to(b"x", receiver.local_addr().unwrap()).unwrap();
                receiving.push(filch::spawn(async move { receiver.recv(&mut [0; 1]).await }));
            }
            for received in receiving {
                assert_eq!(received.await.unwrap().unwrap(), 1);
            }
        });
    }
}
