//! The blocking pool, where a job steps aside: it goes on for long, and another thread serves in its place.
//!
//! Step: B10 of docs/blocking.md, against a submission, an idle thread, and a shutdown. A job that waits
//! though a thread might be had leaves the model's main thread parked for ever, which loom reports.

#![cfg(filch_loom)]

use std::time::Duration;

use filch::internals::pool::{Job, Pool, PoolConfig, Submitted};
use filch_loom_tests::{Count, model_bounded};
use filch_primitives::park::{Parker, Unparker};

/// What a job does. Jobs of one pool are of one type.
enum Work {
    /// Steps aside and waits for the other job; or does neither.
    Long { pool: Pool<Work>, aside: Aside, parker: Parker, ended: Unparker },
    /// Ends at once.
    Short { wakes: Unparker, ran: Count },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Aside {
    Steps,
    Stays,
}

impl Job for Work {
    fn run(self) {
        match self {
            Work::Long { pool, aside, parker, ended } => {
                if aside == Aside::Steps {
                    let aside = pool.step_aside();
                    parker.park();
                    drop(aside);
                }
                ended.unpark();
            }
            Work::Short { wakes, ran } => {
                ran.add();
                wakes.unpark();
            }
        }
    }

    fn cancel(self) {
        match self {
            Work::Long { ended, .. } => {
                ended.unpark();
            }
            Work::Short { wakes, .. } => {
                wakes.unpark();
            }
        }
    }
}

fn submit(pool: &Pool<Work>, work: Work) {
    match pool.submit(work) {
        Submitted::Queued => {}
        Submitted::ShutDown(work) => work.cancel(),
        Submitted::NoThread | Submitted::Full(_) => unreachable!("neither is configured"),
    }
}

/// A pool of one thread. A long job waits for a short one, which waits for a thread.
fn short_job_behind_a_long_one(aside: Aside, keep_alive: Duration) {
    let pool = Pool::new(PoolConfig { max_threads: 1, keep_alive, ..PoolConfig::default() });
    let (long, main, ran) = (Parker::new(), Parker::new(), Count::new());
    let wakes = long.unparker();
    submit(&pool, Work::Long { pool: pool.clone(), aside, parker: long, ended: main.unparker() });
    submit(&pool, Work::Short { wakes, ran: ran.clone() });
    main.park();
    assert_eq!(ran.get(), 1, "the short job waits");
    // Threads that serve again, or wait for a job, leave: nobody is counted twice.
    assert_eq!(pool.shutdown(None).running, 0);
    assert_eq!(pool.threads(), 0);
}

/// B10, B2: the submission comes before, while and after the job steps aside; a new thread is started for it.
#[test]
fn submit_races_step_aside() {
    model_bounded(2, || short_job_behind_a_long_one(Aside::Steps, Duration::from_secs(1)));
}

/// The same where idle threads leave at once: while it is back, and serves again.
#[test]
fn step_back_races_the_keep_alive_of_the_other() {
    model_bounded(2, || short_job_behind_a_long_one(Aside::Steps, Duration::ZERO));
}

/// B10, B7: the pool is shut down while a job steps aside and comes back; the shutdown waits for it.
#[test]
fn shutdown_races_step_aside() {
    model_bounded(2, || {
        let pool = Pool::new(PoolConfig { max_threads: 1, ..PoolConfig::default() });
        let (long, main) = (Parker::new(), Parker::new());
        // It need not wait: what counts is that it is aside at some time.
        long.unparker().unpark();
        let ended = main.unparker();
        submit(&pool, Work::Long { pool: pool.clone(), aside: Aside::Steps, parker: long, ended });
        assert_eq!(pool.shutdown(None).running, 0);
        assert_eq!(pool.threads(), 0);
        main.park();
    });
}

/// The models of this file can fail: a long job that does not step aside keeps the short one waiting.
#[test]
#[should_panic(expected = "the short job waits")]
fn without_b10_the_short_job_waits_for_the_long_one() {
    model_bounded(2, || short_job_behind_a_long_one(Aside::Stays, Duration::from_secs(1)));
}
