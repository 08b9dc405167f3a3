//! Fairness by time: where polls are long, but not stuck, the driver and the injector are looked at after
//! some milliseconds, not only after 61 polls.

use std::hint::spin_loop;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use filch::io::AsyncReadExt;
use filch::runtime::{Builder, Runtime};
use filch::{task, time};

/// How long each poll of the noise lasts: less than what counts as stuck.
const POLL: Duration = Duration::from_millis(1);

/// How many polls of the noise there may be while something waits. Workers look by themselves every 61.
const BOUND: u64 = 55;

/// One worker, kept busy by tasks whose polls take `POLL` and are counted.
fn noise() -> (Runtime, Arc<AtomicU64>) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_spare_workers(0)
        .enable_all()
        .build()
        .unwrap();
    let polls = Arc::new(AtomicU64::new(0));
    for _ in 0..3 {
        let polls = polls.clone();
        runtime.spawn(async move {
            loop {
                let start = Instant::now();
                while start.elapsed() < POLL {
                    spin_loop();
                }
                polls.fetch_add(1, Ordering::Relaxed);
                task::yield_now().await;
            }
        });
    }
    (runtime, polls)
}

/// Counts the polls of the noise while something waits, several times, and gives the median: the look that
/// comes after 61 polls may fall into a wait, and the system may hold the monitor back for a while.
fn median(mut waits: impl FnMut() -> u64) -> u64 {
    let mut counts: Vec<u64> = (0..15).map(|_| waits()).collect();
    counts.sort_unstable();
    counts[counts.len() / 2]
}

#[test]
fn timers_fire_after_some_milliseconds_of_long_polls() {
    let (runtime, polls) = noise();
    let count = median(|| {
        let polls = polls.clone();
        let task = runtime.spawn(async move {
            time::sleep(Duration::from_millis(1)).await;
            let due = polls.load(Ordering::Relaxed);
            // From here on: the task is queued behind the noise, and the timer is due when it is armed.
            time::sleep(Duration::from_micros(10)).await;
            polls.load(Ordering::Relaxed) - due
        });
        runtime.block_on(task).unwrap()
    });
    assert!(count < BOUND, "{count} polls");
}

#[test]
fn sockets_are_served_after_some_milliseconds_of_long_polls() {
    let (runtime, polls) = noise();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut stream = {
        let _entered = runtime.enter();
        filch::net::TcpStream::from_std(stream).unwrap()
    };
    let (written, begin) = std::sync::mpsc::channel();
    let (read, mut reads) = filch::sync::mpsc::unbounded_channel();
    let counted = polls.clone();
    runtime.spawn(async move {
        let mut byte = [0; 1];
        while stream.read_exact(&mut byte).await.is_ok() {
            read.send(counted.load(Ordering::Relaxed)).unwrap();
        }
    });
    let count = median(|| {
        client.write_all(b"!").unwrap();
        written.send(polls.load(Ordering::Relaxed)).unwrap();
        let read = runtime.block_on(reads.recv()).unwrap();
        read.saturating_sub(begin.recv().unwrap())
    });
    assert!(count < BOUND, "{count} polls");
}
