//! Fairness: what comes from outside is polled within a bounded number of polls, whatever the tasks
//! that are there already do.
//!
//! Bounds are in polls, never in time. On several workers the count is the smallest of any worker's: a
//! worker whose thread the system holds back polls nothing, and the others then poll as much as they
//! like. The runtimes with one thread are the strict test.

use std::cell::Cell;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use filch::io::AsyncReadExt;
use filch::runtime::Runtime;
use filch::sync::{Notify, oneshot};
use filch::task;
use filch_tests::PATIENCE;
use filch_tests::runtimes::Kind;

/// What keeps the workers busy.
#[derive(Debug, Clone, Copy)]
enum Noise {
    /// Pairs of tasks that wake each other: the LIFO slot's favourites.
    PingPong,
    /// Tasks that wake themselves.
    SelfWakers,
    /// Tasks that each spawn their successor, without end.
    Spawns,
    /// All of it.
    Everything,
}

/// How many tasks each kind of noise has at any time: more than a worker's queue holds.
const TASKS: u64 = 600;

/// On one worker: up to 61 polls until it looks at the injector; what overflowed there before comes
/// first, and each look takes at least a few; then its queue of 256. After each of these polls the LIFO
/// slot may have three turns. All in all a few rounds of all tasks.
const BOUND: u64 = 4 * (61 + 256 + 3 * 3 * TASKS);

impl Noise {
    const ALL: [Noise; 4] = [Noise::PingPong, Noise::SelfWakers, Noise::Spawns, Noise::Everything];

    fn start(self, runtime: &Runtime, polls: &Arc<Polls>) {
        match self {
            Noise::PingPong => (0..TASKS / 2).for_each(|_| ping_pong(runtime, polls)),
            Noise::SelfWakers => {
                for _ in 0..TASKS {
                    let polls = polls.clone();
                    runtime.spawn(async move {
                        while polls.count() {
                            task::yield_now().await;
                        }
                    });
                }
            }
            Noise::Spawns => {
                for _ in 0..TASKS {
                    let polls = polls.clone();
                    runtime.spawn(async move { successor(polls) });
                }
            }
            Noise::Everything => {
                for noise in [Noise::PingPong, Noise::SelfWakers, Noise::Spawns] {
                    noise.start(runtime, polls);
                }
            }
        }
    }
}

fn ping_pong(runtime: &Runtime, polls: &Arc<Polls>) {
    let sides = [Arc::new(Notify::new()), Arc::new(Notify::new())];
    for side in 0..2 {
        let (mine, other) = (sides[side].clone(), sides[1 - side].clone());
        let polls = polls.clone();
        runtime.spawn(async move {
            if side == 0 {
                other.notify_one();
            }
            while polls.count() {
                mine.notified().await;
                other.notify_one();
            }
            other.notify_one();
        });
    }
}

fn successor(polls: Arc<Polls>) {
    if polls.count() {
        task::spawn(async move { successor(polls) });
    }
}

thread_local! {
    /// The noise that this thread polls, and the thread's number there.
    static THREAD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Does something at each of the noise's polls; false when it need not be called again.
type Watch = Box<dyn FnMut(&Polls) -> bool + Send>;

/// Counts the noise's polls, by thread.
struct Polls {
    number: usize,
    threads: Vec<AtomicU64>,
    threads_seen: AtomicUsize,
    stop: AtomicBool,
    watch: Mutex<Option<Watch>>,
    is_watched: AtomicBool,
}

impl Polls {
    fn new(threads: usize) -> Arc<Polls> {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        Arc::new(Polls {
            number: NEXT.fetch_add(1, Ordering::SeqCst),
            threads: (0..threads).map(|_| AtomicU64::new(0)).collect(),
            threads_seen: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            watch: Mutex::new(None),
            is_watched: AtomicBool::new(false),
        })
    }

    /// One poll more on this thread. False when it is time to end.
    fn count(&self) -> bool {
        let (mut noise, mut thread) = THREAD.get();
        if noise != self.number {
            (noise, thread) = (self.number, self.threads_seen.fetch_add(1, Ordering::SeqCst));
            THREAD.set((noise, thread));
        }
        self.threads[thread].fetch_add(1, Ordering::SeqCst);
        if self.is_watched.load(Ordering::SeqCst) {
            if let Ok(mut watch) = self.watch.try_lock() {
                if watch.as_mut().is_some_and(|watch| !watch(self)) {
                    *watch = None;
                    self.is_watched.store(false, Ordering::SeqCst);
                }
            }
        }
        !self.stop.load(Ordering::SeqCst)
    }

    fn watch(&self, watch: impl FnMut(&Polls) -> bool + Send + 'static) {
        *self.watch.lock().unwrap() = Some(Box::new(watch));
        self.is_watched.store(true, Ordering::SeqCst);
    }

    fn snapshot(&self) -> Vec<u64> {
        self.threads.iter().map(|count| count.load(Ordering::SeqCst)).collect()
    }
}

/// Runs `test` on this thread amid each kind of noise, on each kind of runtime.
fn amid_noise(test: impl Fn(&Runtime, &Arc<Polls>, &str)) {
    for kind in Kind::ALL {
        for noise in Noise::ALL {
            let runtime = kind.runtime();
            let polls = Polls::new(kind.workers());
            noise.start(&runtime, &polls);
            thread::scope(|scope| {
                let (end, ended) = oneshot::channel::<()>();
                // It drives the current-thread runtime.
                scope.spawn(|| runtime.block_on(ended));
                // Also when the test fails: the scope waits for the thread.
                let stop = Stop(&polls, Some(end));
                let start = Instant::now();
                while polls.snapshot().iter().any(|&polls| polls < 10 * TASKS) {
                    assert!(start.elapsed() < PATIENCE, "{kind:?} {noise:?}: no noise");
                    thread::yield_now();
                }
                test(&runtime, &polls, &format!("{kind:?} {noise:?}"));
                drop(stop);
            });
        }
    }
}

struct Stop<'a>(&'a Polls, Option<oneshot::Sender<()>>);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::SeqCst);
        let _ = self.1.take().map(|end| end.send(()));
    }
}

/// Calls `f` on this thread while a poll of the noise waits for it, and says where polls stood: on a
/// runtime with one thread, nothing is polled between `f` and the count.
fn in_a_poll(polls: &Polls, f: impl FnOnce()) -> Vec<u64> {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    polls.watch(move |polls| {
        begin.send(()).unwrap();
        let _ = ended.recv_timeout(PATIENCE);
        tell.send(polls.snapshot()).unwrap();
        false
    });
    begun.recv_timeout(PATIENCE).unwrap();
    f();
    end.send(()).unwrap();
    told.recv_timeout(PATIENCE).unwrap()
}

/// How many polls every worker made from one count to the other, at least.
fn between(before: &[u64], after: &[u64]) -> u64 {
    let polls = after.iter().zip(before).map(|(after, before)| after.saturating_sub(*before));
    polls.min().unwrap_or(0)
}

#[track_caller]
fn assert_bounded(case: &str, before: &[u64], told: &mpsc::Receiver<Vec<u64>>) {
    let Ok(after) = told.recv_timeout(PATIENCE) else { panic!("{case}: starved") };
    let polls = between(before, &after);
    assert!(polls <= BOUND, "{case}: {polls} polls");
}

#[test]
fn task_from_outside_is_polled() {
    amid_noise(|runtime, polls, case| {
        for _ in 0..20 {
            let (tell, told) = mpsc::channel();
            let counter = polls.clone();
            let before = in_a_poll(polls, || {
                runtime.spawn(async move { tell.send(counter.snapshot()).unwrap() });
            });
            assert_bounded(case, &before, &told);
        }
    });
}

#[test]
fn idle_task_that_is_woken_from_outside_is_polled() {
    amid_noise(|runtime, polls, case| {
        let (wake, mut woken) = filch::sync::mpsc::unbounded_channel::<()>();
        let (tell, told) = mpsc::channel();
        let counter = polls.clone();
        runtime.spawn(async move {
            while woken.recv().await.is_some() {
                tell.send(counter.snapshot()).unwrap();
            }
        });
        for _ in 0..20 {
            let before = in_a_poll(polls, || wake.send(()).unwrap());
            assert_bounded(case, &before, &told);
        }
    });
}

#[test]
fn timer_fires() {
    amid_noise(|runtime, polls, case| {
        for _ in 0..5 {
            let (tell, told) = mpsc::channel();
            let (due_seen, seen) = mpsc::channel();
            let noise = polls.clone();
            runtime.spawn(async move {
                let duration = Duration::from_millis(3);
                // A timer may be late by a tick; from then on polls count.
                let due = Instant::now() + duration + Duration::from_millis(2);
                noise.watch(move |polls| {
                    let is_due = Instant::now() >= due;
                    if is_due {
                        due_seen.send(polls.snapshot()).unwrap();
                    }
                    !is_due
                });
                filch::time::sleep(duration).await;
                tell.send(noise.snapshot()).unwrap();
            });
            let due = seen.recv_timeout(PATIENCE).unwrap();
            assert_bounded(case, &due, &told);
        }
    });
}

#[test]
fn socket_is_read() {
    amid_noise(|runtime, polls, case| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut writer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (reader, _) = listener.accept().unwrap();
        reader.set_nonblocking(true).unwrap();
        let (tell, told) = mpsc::channel();
        let counter = polls.clone();
        runtime.spawn(async move {
            let mut reader = filch::net::TcpStream::from_std(reader).unwrap();
            let mut byte = [0];
            while reader.read(&mut byte).await.unwrap() == 1 {
                tell.send(counter.snapshot()).unwrap();
            }
        });
        for _ in 0..20 {
            let before = in_a_poll(polls, || writer.write_all(b"x").unwrap());
            assert_bounded(case, &before, &told);
        }
    });
}

#[test]
fn task_that_always_finds_something_ready_yields() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let stop = Arc::new(AtomicBool::new(false));
        let polls = filch_tests::count::Count::new();
        let greedy = {
            let stop = stop.clone();
            runtime.spawn(filch_tests::count::count_polls(&polls, async move {
                // Every message is there already: without a budget this poll would not end.
                let (sender, mut receiver) = filch::sync::mpsc::unbounded_channel();
                while !stop.load(Ordering::SeqCst) {
                    sender.send(()).unwrap();
                    receiver.recv().await.unwrap();
                }
            }))
        };
        let other = runtime.spawn(async move { stop.store(true, Ordering::SeqCst) });
        runtime.block_on(async {
            other.await.unwrap();
            greedy.await.unwrap();
        });
        assert!(polls.get() >= 1);
        if kind != Kind::Workers {
            assert!(polls.get() >= 2, "{kind:?}: the other one had its turn in between");
        }
    }
}
