use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::ThreadId;
use std::time::Duration;

use super::*;

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Ran(ThreadId),
    Cancelled,
}

/// A job that reports its end, after it has done what it was given.
struct Probe {
    work: Box<dyn FnOnce() + Send>,
    end: Sender<End>,
    mandatory: bool,
}

impl Job for Probe {
    fn run(self) {
        (self.work)();
        let _ = self.end.send(End::Ran(std::thread::current().id()));
    }

    fn cancel(self) {
        let _ = self.end.send(End::Cancelled);
    }

    fn is_mandatory(&self) -> bool {
        self.mandatory
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Probe")
    }
}

fn probe(work: impl FnOnce() + Send + 'static) -> (Probe, Receiver<End>) {
    let (end, ended) = channel();
    (Probe { work: Box::new(work), end, mandatory: false }, ended)
}

fn submit(pool: &Pool<Probe>, work: impl FnOnce() + Send + 'static) -> Receiver<End> {
    let (job, ended) = probe(work);
    assert!(matches!(pool.submit(job), Submitted::Queued));
    ended
}

fn submit_mandatory(pool: &Pool<Probe>, work: impl FnOnce() + Send + 'static) -> Receiver<End> {
    let (job, ended) = probe(work);
    let submitted = pool.submit(Probe { mandatory: true, ..job });
    assert!(matches!(submitted, Submitted::Queued | Submitted::NoThread));
    ended
}

fn ran_on(ended: &Receiver<End>) -> ThreadId {
    match ended.recv().unwrap() {
        End::Ran(id) => id,
        End::Cancelled => panic!("cancelled"),
    }
}

/// A job that has begun, and ends when the sender says so or goes.
fn occupy(pool: &Pool<Probe>) -> (Sender<()>, Receiver<End>) {
    let (release, released) = channel::<()>();
    let (begin, begun) = channel();
    let ended = submit(pool, move || {
        begin.send(()).unwrap();
        let _ = released.recv();
    });
    begun.recv().unwrap();
    (release, ended)
}

/// Waits for something that the pool does after a job has reported its end. Yields, no sleep: the
/// test's own time limit ends it if it never comes.
fn until(mut what: impl FnMut() -> bool) {
    while !what() {
        std::thread::yield_now();
    }
}

fn config() -> PoolConfig {
    // So long that a test which waits for it is seen to hang.
    PoolConfig { keep_alive: Duration::from_secs(3_600), ..PoolConfig::default() }
}

/// A pool whose threads the system refuses while the flag is set.
fn refusing(config: PoolConfig) -> (Pool<Probe>, Arc<AtomicBool>) {
    let refuse = Arc::new(AtomicBool::new(false));
    let flag = refuse.clone();
    let spawn: Spawn = Box::new(move |builder, body| {
        if flag.load(Ordering::SeqCst) {
            Err(io::Error::from(io::ErrorKind::WouldBlock))
        } else {
            builder.spawn(body)
        }
    });
    (Pool::with_spawn(config, spawn), refuse)
}

#[test]
fn jobs_that_wait_for_each_other_each_get_a_thread() {
    const JOBS: usize = 40;
    let pool = Pool::new(config());
    let all = Arc::new(Barrier::new(JOBS));
    let ends: Vec<_> = (0..JOBS)
        .map(|_| {
            let all = all.clone();
            submit(&pool, move || {
                all.wait();
            })
        })
        .collect();
    let ids: std::collections::HashSet<_> = ends.iter().map(ran_on).collect();
    assert_eq!(ids.len(), JOBS);
    assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
    assert_eq!(pool.threads(), 0);
}

#[test]
fn cap_holds_and_jobs_wait_in_order() {
    let pool = Pool::new(PoolConfig { max_threads: 2, ..config() });
    let (release_a, a) = occupy(&pool);
    let (release_b, b) = occupy(&pool);
    let (order, seen) = channel();
    let waiting: Vec<_> = (0..5)
        .map(|n| {
            let order = order.clone();
            submit(&pool, move || order.send(n).unwrap())
        })
        .collect();
    assert_eq!((pool.threads(), pool.idle(), pool.queued()), (2, 0, 5));
    drop(release_a);
    ran_on(&a);
    for end in &waiting {
        ran_on(end);
    }
    // One thread was free, so they ran one after the other.
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    drop(release_b);
    ran_on(&b);
    let _ = pool.shutdown(None);
}

#[test]
fn zero_threads_and_zero_waiting_are_taken_as_one() {
    let config = PoolConfig { max_threads: 0, queue_limit: Some(0), ..config() };
    let pool = Pool::new(config);
    ran_on(&submit(&pool, || {}));
    let _ = pool.shutdown(None);
}

#[test]
fn idle_thread_is_used_again_last_in_first_out() {
    let pool = Pool::new(config());
    let (release_a, a) = occupy(&pool);
    let (release_b, b) = occupy(&pool);
    drop(release_a);
    ran_on(&a);
    until(|| pool.idle() == 1);
    drop(release_b);
    let last = ran_on(&b);
    until(|| pool.idle() == 2);
    assert_eq!(ran_on(&submit(&pool, || {})), last);
    assert_eq!(pool.threads(), 2);
    let _ = pool.shutdown(None);
}

#[test]
fn thread_retires_after_its_keep_alive_and_a_later_job_starts_another() {
    for keep_alive in [Duration::ZERO, Duration::from_micros(50)] {
        let pool = Pool::new(PoolConfig { keep_alive, ..PoolConfig::default() });
        for _ in 0..50 {
            ran_on(&submit(&pool, || {}));
            until(|| pool.threads() == 0);
        }
        assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
    }
}

#[test]
fn full_queue_hands_the_job_back() {
    let pool = Pool::new(PoolConfig { max_threads: 1, queue_limit: Some(1), ..config() });
    let (release, a) = occupy(&pool);
    let b = submit(&pool, || {});
    let (job, c) = probe(|| {});
    let Submitted::Full(job) = pool.submit(job) else { panic!("taken") };
    job.cancel();
    assert_eq!(c.recv().unwrap(), End::Cancelled);
    drop(release);
    ran_on(&a);
    ran_on(&b);
    let _ = pool.shutdown(None);
}

#[test]
fn refused_first_thread_keeps_the_job_until_try_grow_succeeds() {
    let (pool, refuse) = refusing(config());
    refuse.store(true, Ordering::SeqCst);
    let (job, ended) = probe(|| {});
    assert!(matches!(pool.submit(job), Submitted::NoThread));
    assert_eq!((pool.threads(), pool.queued()), (0, 1));
    assert_eq!(pool.try_grow().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!((pool.threads(), pool.queued()), (0, 1));
    refuse.store(false, Ordering::SeqCst);
    assert!(pool.try_grow().unwrap());
    ran_on(&ended);
    assert!(!pool.try_grow().unwrap(), "nothing waits");
    let _ = pool.shutdown(None);
}

#[test]
fn refused_second_thread_leaves_the_job_to_the_first() {
    let (pool, refuse) = refusing(config());
    let (release, a) = occupy(&pool);
    refuse.store(true, Ordering::SeqCst);
    let b = submit(&pool, || {});
    assert!(pool.try_grow().is_err());
    drop(release);
    assert_eq!(ran_on(&a), ran_on(&b));
    let _ = pool.shutdown(None);
}

#[test]
fn thread_that_steps_aside_is_replaced_and_counts_not_against_the_cap() {
    let pool = Pool::new(PoolConfig { max_threads: 1, ..config() });
    let (release, released) = channel::<()>();
    let (is_aside, was_aside) = channel();
    let aside = pool.clone();
    let a = submit(&pool, move || {
        let aside = aside.step_aside();
        is_aside.send(aside.is_starved()).unwrap();
        let _ = released.recv();
    });
    assert!(!was_aside.recv().unwrap());
    assert_eq!(pool.threads(), 0);
    let b = submit(&pool, || {});
    let other = ran_on(&b);
    drop(release);
    assert_ne!(ran_on(&a), other);
    let _ = pool.shutdown(None);
}

#[test]
fn refused_thread_for_one_that_steps_aside_obliges_to_try_again() {
    let (pool, refuse) = refusing(config());
    let (release, released) = channel::<()>();
    let (steps_aside, may_step) = channel::<()>();
    let (is_aside, was_aside) = channel();
    let aside = pool.clone();
    let a = submit(&pool, move || {
        may_step.recv().unwrap();
        let aside = aside.step_aside();
        is_aside.send(aside.is_starved()).unwrap();
        let _ = released.recv();
    });
    refuse.store(true, Ordering::SeqCst);
    let b = submit(&pool, || {});
    steps_aside.send(()).unwrap();
    assert!(was_aside.recv().unwrap(), "one waits, and nobody serves");
    let (job, c) = probe(|| {});
    assert!(matches!(pool.submit(job), Submitted::NoThread));
    assert!(pool.try_grow().is_err());
    refuse.store(false, Ordering::SeqCst);
    assert!(pool.try_grow().unwrap());
    ran_on(&b);
    ran_on(&c);
    drop(release);
    ran_on(&a);
    let _ = pool.shutdown(None);
}

#[test]
fn refused_pool_cancels_its_job_at_shutdown() {
    let (pool, refuse) = refusing(config());
    refuse.store(true, Ordering::SeqCst);
    let (job, ended) = probe(|| {});
    assert!(matches!(pool.submit(job), Submitted::NoThread));
    assert_eq!(pool.shutdown(None), PoolReport { cancelled: 1, running: 0 });
    assert_eq!(ended.recv().unwrap(), End::Cancelled);
    assert!(!pool.try_grow().unwrap());
}

#[test]
fn shutdown_cancels_what_waits_and_waits_for_what_runs() {
    let pool = Pool::new(PoolConfig { max_threads: 1, ..config() });
    let (release, a) = occupy(&pool);
    let b = submit(&pool, || unreachable!("cancelled"));
    assert_eq!(
        pool.shutdown(Some(Duration::ZERO)),
        PoolReport { cancelled: 1, running: 1 },
        "no time to wait"
    );
    assert_eq!(b.recv().unwrap(), End::Cancelled);
    assert_eq!(pool.shutdown(Some(Duration::from_millis(1))).running, 1, "a short time");
    let (job, c) = probe(|| {});
    let Submitted::ShutDown(job) = pool.submit(job) else { panic!("taken") };
    job.cancel();
    assert_eq!(c.recv().unwrap(), End::Cancelled);
    drop(release);
    assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
    ran_on(&a);
}

#[test]
fn shutdown_wakes_idle_threads_and_sees_them_gone() {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = gone.clone();
    let around: AroundThread = Arc::new(move |body| {
        body();
        count.fetch_add(1, Ordering::SeqCst);
    });
    let pool = Pool::new(PoolConfig { around_thread: around, ..config() });
    let occupied: Vec<_> = (0..4).map(|_| occupy(&pool)).collect();
    for (release, end) in occupied {
        drop(release);
        ran_on(&end);
    }
    until(|| pool.idle() == 4);
    assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
    assert_eq!(gone.load(Ordering::SeqCst), 4, "the hooks ran before the shutdown returned");
}

#[test]
fn shutdown_from_its_own_threads_waits_for_the_others_only() {
    let pool = Pool::new(config());
    let (release, other) = occupy(&pool);
    let both = Arc::new(Barrier::new(2));
    let (report, reports) = channel();
    let inside: Vec<_> = (0..2)
        .map(|_| {
            let (own, both, report) = (pool.clone(), both.clone(), report.clone());
            submit(&pool, move || {
                both.wait();
                report.send(own.shutdown(None)).unwrap();
            })
        })
        .collect();
    // Both wait for the occupied thread, and not for each other.
    until(|| pool.0.state.lock().awaited() == 1);
    drop(release);
    ran_on(&other);
    for end in &inside {
        ran_on(end);
        assert_eq!(reports.recv().unwrap().running, 0);
    }
    assert_eq!(pool.shutdown(None).running, 0);
}

#[test]
fn surroundings_that_panic_lose_a_thread_and_no_job() {
    let fail = Arc::new(AtomicBool::new(true));
    let failing = fail.clone();
    let (panicked, panics) = channel();
    let around: AroundThread = Arc::new(move |body| {
        if failing.swap(false, Ordering::SeqCst) {
            panicked.send(()).unwrap();
            std::panic::resume_unwind(Box::new("planned"));
        }
        body();
    });
    let pool = Pool::new(PoolConfig { around_thread: around, ..config() });
    let a = submit(&pool, || {});
    panics.recv().unwrap();
    until(|| pool.threads() == 0);
    assert_eq!(pool.queued(), 1);
    assert!(pool.try_grow().unwrap());
    ran_on(&a);
    assert_eq!(pool.shutdown(None).running, 0);
}

#[test]
fn name_that_panics_gives_the_reservation_back() {
    let fail = Arc::new(AtomicBool::new(true));
    let failing = fail.clone();
    let thread_name: ThreadName = Arc::new(move || {
        if failing.swap(false, Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("planned"));
        }
        "named".to_owned()
    });
    let pool = Pool::new(PoolConfig { thread_name, ..config() });
    let (job, ended) = probe(|| assert_eq!(std::thread::current().name(), Some("named")));
    let submitted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.submit(job)));
    assert!(submitted.is_err());
    assert_eq!((pool.threads(), pool.queued()), (0, 1));
    assert!(pool.try_grow().unwrap());
    ran_on(&ended);
    assert_eq!(pool.shutdown(None).running, 0);
}

#[test]
fn stress_every_job_ends_once_while_threads_come_and_go() {
    const SUBMITTERS: usize = 4;
    const JOBS: usize = if cfg!(miri) { 50 } else { 5_000 };
    let pool = Pool::new(PoolConfig {
        max_threads: 3,
        keep_alive: Duration::from_micros(20),
        ..PoolConfig::default()
    });
    let ran = Arc::new(AtomicUsize::new(0));
    let submitters: Vec<_> = (0..SUBMITTERS)
        .map(|_| {
            let (pool, ran) = (pool.clone(), ran.clone());
            std::thread::spawn(move || {
                for n in 0..JOBS {
                    let ran = ran.clone();
                    let ended = submit(&pool, move || {
                        ran.fetch_add(1, Ordering::Relaxed);
                    });
                    if n % 7 == 0 {
                        ran_on(&ended);
                    }
                }
            })
        })
        .collect();
    submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
    until(|| ran.load(Ordering::Relaxed) == SUBMITTERS * JOBS);
    assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
}

#[test]
fn stress_shutdown_among_submissions_runs_cancels_or_returns_each_job() {
    for _ in 0..if cfg!(miri) { 3 } else { 300 } {
        let pool = Pool::new(PoolConfig { max_threads: 2, ..config() });
        let start = Arc::new(Barrier::new(3));
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let (pool, start) = (pool.clone(), start.clone());
                std::thread::spawn(move || {
                    start.wait();
                    let mut ends = Vec::new();
                    for _ in 0..20 {
                        let (job, ended) = probe(|| {});
                        match pool.submit(job) {
                            Submitted::Queued => {}
                            Submitted::ShutDown(job) => job.cancel(),
                            other => panic!("{other:?}"),
                        }
                        ends.push(ended);
                    }
                    ends
                })
            })
            .collect();
        start.wait();
        assert_eq!(pool.shutdown(None).running, 0);
        for submitter in submitters {
            for end in submitter.join().unwrap() {
                end.recv().expect("ran or cancelled");
                assert!(end.recv().is_err(), "ended twice");
            }
        }
    }
}

#[test]
fn shutdown_runs_what_is_mandatory_and_cancels_the_rest() {
    let pool = Pool::new(PoolConfig { max_threads: 1, ..config() });
    let (release, first) = occupy(&pool);
    let waits = submit(&pool, || {});
    let mandatory = [submit_mandatory(&pool, || {}), submit_mandatory(&pool, || {})];
    // The thread is occupied until the waiting job has been cancelled: by the shutdown.
    let other = std::thread::spawn(move || {
        assert_eq!(waits.recv().unwrap(), End::Cancelled);
        drop(release);
    });
    assert_eq!(pool.shutdown(None), PoolReport { cancelled: 1, running: 0 });
    other.join().unwrap();
    let thread = ran_on(&first);
    assert!(mandatory.iter().all(|ended| ran_on(ended) == thread));
}

#[test]
fn shutdown_without_threads_runs_what_is_mandatory_itself() {
    let (pool, refuse) = refusing(config());
    refuse.store(true, Ordering::SeqCst);
    let mandatory = submit_mandatory(&pool, || {});
    assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
    assert_eq!(ran_on(&mandatory), std::thread::current().id());
}
