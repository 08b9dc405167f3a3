//! What a task costs: its future and at most 96 bytes, in memory that is really there. A million of them
//! go away on shutdown, each dropped once. Alone in its process, whose memory it measures.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use filch_tests::PATIENCE;
use filch_tests::process::{child, is_child, resident_bytes};
use filch_tests::runtimes::Kind;

/// How many tasks.
const TASKS: usize = 1_000_000;
/// What a task may cost beside its future.
const OVERHEAD: f64 = 96.0;
/// How many are spawned before all of them must have been polled, so that no queue grows: what is
/// measured is tasks.
const PACE: usize = 64;

const _: () = assert!(TASKS % PACE == 0);

/// What the futures of one round tell.
#[derive(Default)]
struct Seen {
    polled: AtomicUsize,
    dropped: AtomicUsize,
}

/// Waits forever, and is of a size that is known.
struct Forever<const WORDS: usize> {
    seen: Arc<Seen>,
    is_polled: bool,
    state: [usize; WORDS],
}

impl<const WORDS: usize> Future for Forever<WORDS> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        assert!(!self.is_polled, "nobody woke it");
        self.is_polled = true;
        black_box(&mut self.state);
        self.seen.polled.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }
}

impl<const WORDS: usize> Drop for Forever<WORDS> {
    fn drop(&mut self) {
        self.seen.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Spawns a million, measures, shuts down.
fn round<const WORDS: usize>(kind: Kind) {
    let seen = Arc::new(Seen::default());
    let runtime = kind.runtime();
    let shared = seen.clone();
    let spawned = async move {
        let before = resident_bytes();
        for number in 0..TASKS {
            let seen = shared.clone();
            drop(filch::spawn(Forever::<WORDS> { seen, is_polled: false, state: [number; WORDS] }));
            while (number + 1) % PACE == 0 && shared.polled.load(Ordering::Relaxed) <= number {
                filch::task::yield_now().await;
            }
        }
        assert_eq!(shared.polled.load(Ordering::Relaxed), TASKS);
        resident_bytes() - before
    };
    let grown = runtime.block_on(async { filch::spawn(spawned).await.unwrap() });
    let size = size_of::<Forever<WORDS>>();
    let overhead = grown as f64 / TASKS as f64 - size as f64;
    println!("{kind:?}: a future of {size} bytes costs {overhead:.1} more");
    assert!(overhead <= OVERHEAD, "{kind:?}: {size} bytes and {overhead:.1}");
    // Else the measurement misses the memory that tasks are in.
    assert!(overhead >= 0.0, "{kind:?}: {size} bytes and {overhead:.1}");
    // The task that spawned them has been awaited, and is let go of a moment later.
    let start = Instant::now();
    while runtime.metrics().num_alive_tasks() != TASKS {
        assert!(start.elapsed() < PATIENCE, "{}", runtime.metrics().num_alive_tasks());
        std::thread::yield_now();
    }

    assert_eq!(seen.dropped.load(Ordering::Relaxed), 0);
    drop(runtime);
    assert_eq!(seen.dropped.load(Ordering::Relaxed), TASKS);
    assert_eq!(Arc::strong_count(&seen), 1);
}

/// Tells the child which round is its own.
const ROUND: &str = "FILCH_TESTS_ROUND";

#[test]
fn million_waiting_tasks_cost_their_futures_and_96_bytes_each() {
    const NAME: &str = "million_waiting_tasks_cost_their_futures_and_96_bytes_each";
    // Each in a process of its own: the second in one process might get what the first gave back.
    let rounds: Vec<(Kind, fn(Kind))> = Kind::ALL
        .into_iter()
        .flat_map(|kind| [(kind, round::<0> as fn(Kind)), (kind, round::<6>)])
        .collect();
    if is_child(NAME) {
        let number: usize = std::env::var(ROUND).unwrap().parse().unwrap();
        let (kind, round) = rounds[number];
        return round(kind);
    }
    for number in 0..rounds.len() {
        let ended = child(NAME, &[(ROUND, &number.to_string())]);
        assert!(ended.status.success(), "{ended:?}");
        let line = ended.output.lines().find(|line| line.contains("costs")).unwrap();
        println!("{line}");
    }
}
