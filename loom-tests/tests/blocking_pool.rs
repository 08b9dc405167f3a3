//! The blocking pool: submit against idle time-out, against other submitters, against shutdown.
//!
//! Steps: B1 to B8 of docs/blocking.md. A job that nobody runs leaves the model's main thread parked
//! for ever, which loom reports as a deadlock; a job that ends twice fails an assertion.
//!
//! In a model no time passes, so a thread with a keep-alive time waits until it is woken, and one
//! with a keep-alive of zero times out at once: at every possible moment relative to the others.

#![cfg(filch_loom)]

use std::time::Duration;

use filch::internals::pool::{Job, Pool, PoolConfig, PoolReport, Submitted};
use filch_primitives::Arc;
use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::park::{Parker, Unparker};
use filch_primitives::thread;

/// Counts how its jobs end.
#[derive(Clone)]
struct Ends {
    ran: Arc<AtomicUsize>,
    cancelled: Arc<AtomicUsize>,
}

impl Ends {
    fn new() -> Self {
        Ends { ran: Arc::new(AtomicUsize::new(0)), cancelled: Arc::new(AtomicUsize::new(0)) }
    }

    fn ran(&self) -> usize {
        self.ran.load(Ordering::Acquire)
    }

    fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::Acquire)
    }
}

/// A job that counts its end and wakes whoever waits for it.
struct Count {
    ends: Ends,
    waiting: Option<Unparker>,
    mandatory: bool,
}

impl Job for Count {
    fn run(self) {
        self.ends.ran.fetch_add(1, Ordering::AcqRel);
        if let Some(waiting) = self.waiting {
            waiting.unpark();
        }
    }

    fn cancel(self) {
        self.ends.cancelled.fetch_add(1, Ordering::AcqRel);
        if let Some(waiting) = self.waiting {
            waiting.unpark();
        }
    }

    fn is_mandatory(&self) -> bool {
        self.mandatory
    }
}

const WAITS: Duration = Duration::from_secs(1);

fn config(max_threads: usize, keep_alive: Duration) -> PoolConfig {
    PoolConfig { max_threads, keep_alive, ..PoolConfig::default() }
}

fn submit(pool: &Pool<Count>, ends: &Ends, waiting: Option<&Parker>) {
    let waiting = waiting.map(Parker::unparker);
    submit_job(pool, Count { ends: ends.clone(), waiting, mandatory: false });
}

fn submit_job(pool: &Pool<Count>, job: Count) {
    match pool.submit(job) {
        Submitted::Queued => {}
        Submitted::ShutDown(job) => job.cancel(),
        Submitted::NoThread | Submitted::Full(_) => unreachable!("neither is configured"),
    }
}

fn await_runs(ends: &Ends, parker: &Parker, runs: usize) {
    while ends.ran() < runs {
        parker.park();
    }
}

fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = filch_primitives::loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.check(f);
}

/// B1, B4, B5: whatever the moment at which the thread retires, the second job is run.
#[test]
fn submit_races_idle_time_out() {
    model(|| {
        let (ends, parker) = (Ends::new(), Parker::new());
        let pool = Pool::new(config(1, Duration::ZERO));
        submit(&pool, &ends, Some(&parker));
        submit(&pool, &ends, Some(&parker));
        await_runs(&ends, &parker, 2);
        assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
        assert_eq!(pool.threads(), 0);
    });
}

/// B1, B2, B5: a thread that goes idle while a job comes is woken for it.
#[test]
fn submit_races_going_idle() {
    model(|| {
        let (ends, parker) = (Ends::new(), Parker::new());
        let pool = Pool::new(config(1, WAITS));
        submit(&pool, &ends, Some(&parker));
        await_runs(&ends, &parker, 1);
        submit(&pool, &ends, Some(&parker));
        await_runs(&ends, &parker, 2);
        assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
    });
}

/// B2, B3, B4: two submitters, two threads; the searching one hands the search on.
#[test]
fn submit_races_submit() {
    model(|| {
        let (ends, parker) = (Ends::new(), Parker::new());
        let pool = Pool::new(config(2, WAITS));
        let other = {
            let (pool, ends, unparker) = (pool.clone(), ends.clone(), parker.unparker());
            thread::spawn(move || {
                let job = Count { ends, waiting: Some(unparker), mandatory: false };
                assert!(matches!(pool.submit(job), Submitted::Queued));
            })
        };
        submit(&pool, &ends, Some(&parker));
        await_runs(&ends, &parker, 2);
        other.join().unwrap();
        assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
    });
}

/// A job that ends when its counterpart has begun.
struct Meet {
    own: Parker,
    other: Unparker,
}

impl Job for Meet {
    fn run(self) {
        self.other.unpark();
        self.own.park();
    }

    fn cancel(self) {
        unreachable!("the shutdown waits for both to end");
    }
}

/// B2, B4: jobs that wait for each other each get a thread, also when one search was under way for both.
#[test]
fn submit_races_take() {
    model(|| {
        let pool = Pool::new(config(2, WAITS));
        let (a, b) = (Parker::new(), Parker::new());
        let (to_a, to_b) = (a.unparker(), b.unparker());
        for (own, other) in [(a, to_b), (b, to_a)] {
            assert!(matches!(pool.submit(Meet { own, other }), Submitted::Queued));
        }
        while pool.queued() > 0 {
            thread::yield_now();
        }
        assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
    });
}

/// B7: each job is run, or cancelled, or handed back: once.
#[test]
fn submit_races_shutdown() {
    for keep_alive in [Duration::ZERO, WAITS] {
        model(move || {
            let ends = Ends::new();
            let pool = Pool::new(config(1, keep_alive));
            let submitter = {
                let (pool, ends) = (pool.clone(), ends.clone());
                thread::spawn(move || {
                    submit(&pool, &ends, None);
                    submit(&pool, &ends, None);
                })
            };
            assert_eq!(pool.shutdown(None).running, 0);
            submitter.join().unwrap();
            // A thread that was being started when the shutdown looked is seen by this one.
            assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
            assert_eq!(ends.ran() + ends.cancelled(), 2);
            assert_eq!((pool.threads(), pool.queued()), (0, 0));
        });
    }
}

/// B7: a mandatory job that was queued before the shutdown is run, and the thread's end waited for.
#[test]
fn shutdown_runs_what_is_mandatory() {
    for keep_alive in [Duration::ZERO, WAITS] {
        model(move || {
            let ends = Ends::new();
            let pool = Pool::new(config(1, keep_alive));
            submit(&pool, &ends, None);
            submit_job(&pool, Count { ends: ends.clone(), waiting: None, mandatory: true });
            let cancelled = pool.shutdown(None).cancelled;
            assert_eq!(cancelled, ends.cancelled());
            assert_eq!(ends.ran() + ends.cancelled(), 2);
            assert!(ends.ran() >= 1, "the mandatory job was not run");
            assert_eq!((pool.threads(), pool.queued()), (0, 0));
        });
    }
}

/// A job that shuts down its own pool.
struct ShutsDown(Pool<ShutsDown>);

impl Job for ShutsDown {
    fn run(self) {
        assert_eq!(self.0.shutdown(None).running, 0);
    }

    fn cancel(self) {}
}

/// B8: a shutdown inside the pool and one outside wait for neither themselves nor in a circle.
#[test]
fn shutdown_inside_races_shutdown_outside() {
    model(|| {
        let pool = Pool::new(config(1, WAITS));
        let _ = pool.submit(ShutsDown(pool.clone()));
        assert_eq!(pool.shutdown(None).running, 0);
        assert_eq!(pool.threads(), 0);
    });
}

/// The models above can fail: a thread that serves nobody loses its job, and that is seen.
#[test]
#[should_panic(expected = "deadlock")]
fn thread_that_serves_nobody_is_seen() {
    model(|| {
        let (ends, parker) = (Ends::new(), Parker::new());
        let pool = Pool::new(PoolConfig {
            around_thread: std::sync::Arc::new(|_body| {}),
            ..config(1, WAITS)
        });
        submit(&pool, &ends, Some(&parker));
        await_runs(&ends, &parker, 1);
    });
}
