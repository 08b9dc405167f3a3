use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

#[derive(Debug, PartialEq, Eq)]
enum End {
    Ran,
    Cancelled,
}

struct Probe {
    work: Box<dyn FnOnce() + Send>,
    end: Sender<End>,
}

impl Job for Probe {
    fn run(self) {
        (self.work)();
        let _ = self.end.send(End::Ran);
    }

    fn cancel(self) {
        let _ = self.end.send(End::Cancelled);
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Probe")
    }
}

fn probe(work: impl FnOnce() + Send + 'static) -> (Probe, Receiver<End>) {
    let (end, ended) = channel();
    (Probe { work: Box::new(work), end }, ended)
}

fn submit(pool: &Compute<Probe>, work: impl FnOnce() + Send + 'static) -> Receiver<End> {
    let (job, ended) = probe(work);
    pool.submit(job).unwrap();
    ended
}

fn threads(n: usize) -> ComputeConfig {
    ComputeConfig { threads: Some(n), ..ComputeConfig::default() }
}

/// A job that has begun, and ends when the sender goes.
fn occupy(pool: &Compute<Probe>) -> (Sender<()>, Receiver<End>) {
    let (release, released) = channel::<()>();
    let (begin, begun) = channel();
    let ended = submit(pool, move || {
        begin.send(()).unwrap();
        let _ = released.recv();
    });
    begun.recv().unwrap();
    (release, ended)
}

#[test]
fn as_many_jobs_as_threads_run_at_a_time() {
    let pool = Compute::new(threads(2));
    let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let pair = Arc::new(Barrier::new(2));
    let ends: Vec<_> = (0..40)
        .map(|_| {
            let (running, peak, pair) = (running.clone(), peak.clone(), pair.clone());
            submit(&pool, move || {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                peak.fetch_max(now, Ordering::SeqCst);
                // Two must run side by side, or this would hang.
                pair.wait();
                running.fetch_sub(1, Ordering::SeqCst);
            })
        })
        .collect();
    ends.iter().for_each(|end| assert_eq!(end.recv().unwrap(), End::Ran));
    assert_eq!(peak.load(Ordering::SeqCst), 2);
    assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
}

#[test]
fn threads_are_named_and_surrounded() {
    let surrounded = Arc::new(AtomicUsize::new(0));
    let count = surrounded.clone();
    let pool = Compute::new(ComputeConfig {
        thread_name: Arc::new(|| "counted".to_owned()),
        around_thread: Arc::new(move |body| {
            count.fetch_add(1, Ordering::SeqCst);
            body();
        }),
        stack_size: Some(256 * 1024),
        ..threads(1)
    });
    let (name, names) = channel();
    let end = submit(&pool, move || {
        name.send(std::thread::current().name().map(str::to_owned)).unwrap();
    });
    assert_eq!(names.recv().unwrap().as_deref(), Some("counted"));
    assert_eq!(end.recv().unwrap(), End::Ran);
    assert_eq!(surrounded.load(Ordering::SeqCst), 1);
    let _ = pool.shutdown(None);
}

#[test]
fn default_is_one_thread_per_core_and_zero_is_one() {
    assert_eq!(Compute::<Probe>::new(ComputeConfig::default()).threads(), num_cpus::get());
    assert_eq!(Compute::<Probe>::new(threads(0)).threads(), 1);
}

#[test]
fn jobs_begin_in_order() {
    let pool = Compute::new(threads(1));
    let (release, first) = occupy(&pool);
    let (order, seen) = channel();
    let ends: Vec<_> = (0..10)
        .map(|n| {
            let order = order.clone();
            submit(&pool, move || order.send(n).unwrap())
        })
        .collect();
    assert_eq!((pool.running(), pool.queued()), (1, 10));
    drop(release);
    first.recv().unwrap();
    ends.iter().for_each(|end| assert_eq!(end.recv().unwrap(), End::Ran));
    assert!(seen.try_iter().eq(0..10));
    let _ = pool.shutdown(None);
}

#[test]
fn refused_threads_hand_the_job_back_and_the_next_submission_tries_again() {
    let refuse = Arc::new(AtomicBool::new(true));
    let flag = refuse.clone();
    let spawn: Spawn = Box::new(move |builder, body| {
        if flag.load(Ordering::SeqCst) {
            Err(io::Error::other("no thread today"))
        } else {
            builder.spawn(body)
        }
    });
    let pool = Compute::with_spawn(threads(2), spawn);
    let (job, ended) = probe(|| {});
    let Err(Refused::System(job, error)) = pool.submit(job) else { panic!("taken") };
    assert_eq!(error.to_string(), "no thread today");
    refuse.store(false, Ordering::SeqCst);
    pool.submit(job).unwrap();
    assert_eq!(ended.recv().unwrap(), End::Ran);
    let _ = pool.shutdown(None);
}

#[test]
fn shutdown_cancels_what_waits_at_once_and_waits_for_what_runs() {
    let pool = Compute::new(threads(1));
    let (release, a) = occupy(&pool);
    let b = submit(&pool, || unreachable!("cancelled"));
    assert_eq!(pool.shutdown(Some(Duration::ZERO)), PoolReport { cancelled: 1, running: 1 });
    assert_eq!(b.recv().unwrap(), End::Cancelled, "while the only thread is busy");
    assert_eq!(pool.shutdown(Some(Duration::from_millis(1))).running, 1);
    let (job, _ended) = probe(|| {});
    assert!(matches!(pool.submit(job), Err(Refused::ShutDown(_))));
    drop(release);
    assert_eq!(pool.shutdown(None).running, 0);
    assert_eq!(a.recv().unwrap(), End::Ran);
}

#[test]
fn unused_pool_shuts_down_and_refuses() {
    let pool = Compute::new(threads(1));
    assert_eq!(pool.shutdown(None), PoolReport { cancelled: 0, running: 0 });
    let (job, _ended) = probe(|| {});
    assert!(matches!(pool.submit(job), Err(Refused::ShutDown(_))));
}

#[test]
fn shutdown_from_a_job_does_not_wait() {
    let pool = Compute::new(threads(2));
    let (release, a) = occupy(&pool);
    let (own, (report, reports)) = (pool.clone(), channel());
    let b = submit(&pool, move || report.send(own.shutdown(None)).unwrap());
    assert_eq!(reports.recv().unwrap(), PoolReport { cancelled: 0, running: 1 });
    assert_eq!(b.recv().unwrap(), End::Ran);
    drop(release);
    assert_eq!(pool.shutdown(None).running, 0);
    assert_eq!(a.recv().unwrap(), End::Ran);
}

#[test]
fn shutdown_without_a_limit_returns_when_every_thread_has_passed_its_hooks() {
    let (began, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (begins, ends) = (began.clone(), ended.clone());
    let pool = Compute::new(ComputeConfig {
        around_thread: Arc::new(move |body| {
            begins.fetch_add(1, Ordering::SeqCst);
            body();
            // Time for a caller that does not wait to get away.
            std::thread::yield_now();
            ends.fetch_add(1, Ordering::SeqCst);
        }),
        ..threads(3)
    });
    assert_eq!(submit(&pool, || {}).recv().unwrap(), End::Ran);
    let _ = pool.shutdown(None);
    let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
    assert_eq!((count(&began), count(&ended)), (3, 3));
    assert!(pool.0.books.state.lock().handles.is_empty(), "joined");
}
