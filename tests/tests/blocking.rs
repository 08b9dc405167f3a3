//! Calls that block and computations: how many run at once, where, and how they end.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use filch::runtime::{Builder, Handle, Runtime};
use filch::task::{self, JoinHandle};
use filch_tests::PATIENCE;
use filch_tests::count::{Count, Gate};
use filch_tests::runtimes::{Kind, assert_all_workers_run, block_on_elsewhere};

/// Which pool.
#[derive(Debug, Clone, Copy)]
enum Pool {
    Blocking,
    Compute,
}

impl Pool {
    const ALL: [Pool; 2] = [Pool::Blocking, Pool::Compute];

    fn spawn<R: Send + 'static>(
        self,
        handle: &Handle,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> JoinHandle<R> {
        match self {
            Pool::Blocking => handle.spawn_blocking(f),
            Pool::Compute => handle.spawn_compute(f),
        }
    }
}

/// A runtime with at most so many threads in either pool.
fn runtime(kind: Kind, threads: usize) -> Runtime {
    kind.builder().max_blocking_threads(threads).compute_threads(threads).build().unwrap()
}

#[test]
fn as_many_as_the_cap_run_at_once_and_no_more() {
    const CAP: usize = 3;
    for kind in Kind::ALL {
        for pool in Pool::ALL {
            let runtime = runtime(kind, CAP);
            let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            // In groups of the cap's size: fewer threads than that would never let a group go on.
            let meeting = Arc::new(Barrier::new(CAP));
            let jobs: Vec<_> = (0..CAP * 20)
                .map(|n| {
                    let (running, most, meeting) = (running.clone(), most.clone(), meeting.clone());
                    pool.spawn(runtime.handle(), move || {
                        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        meeting.wait();
                        running.fetch_sub(1, Ordering::SeqCst);
                        n
                    })
                })
                .collect();
            runtime.block_on(async {
                for (n, job) in jobs.into_iter().enumerate() {
                    assert_eq!(job.await.unwrap(), n);
                }
            });
            assert_eq!(most.load(Ordering::SeqCst), CAP, "{kind:?} {pool:?}");
        }
    }
}

#[test]
fn jobs_of_one_thread_run_in_order() {
    for pool in Pool::ALL {
        let runtime = runtime(Kind::CurrentThread, 1);
        let (tell, told) = mpsc::channel();
        for n in 0..1_000 {
            let tell = tell.clone();
            pool.spawn(runtime.handle(), move || tell.send(n).unwrap());
        }
        drop(tell);
        assert!(told.iter().eq(0..1_000), "{pool:?}");
    }
}

/// Waits for what another thread is about to do.
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}

#[test]
fn idle_thread_takes_the_next_call() {
    let runtime = Kind::CurrentThread.runtime();
    let metrics = runtime.metrics();
    assert_eq!(metrics.num_blocking_threads(), 0, "none before the first call");
    let mut threads = HashSet::new();
    for _ in 0..20 {
        let call = runtime.spawn_blocking(|| thread::current().id());
        threads.insert(runtime.block_on(call).unwrap());
        wait_until("the thread is idle", || metrics.num_idle_blocking_threads() == 1);
    }
    assert_eq!((threads.len(), metrics.num_blocking_threads()), (1, 1));
}

#[test]
fn idle_threads_end_after_their_time() {
    let runtime = Kind::CurrentThread
        .builder()
        .thread_keep_alive(Duration::from_millis(1))
        .thread_name("keep-alive")
        .build()
        .unwrap();
    let calls: Vec<_> = (0..5).map(|_| runtime.spawn_blocking(|| ())).collect();
    runtime.block_on(async {
        for call in calls {
            call.await.unwrap();
        }
    });
    let metrics = runtime.metrics();
    wait_until("no thread is left", || metrics.num_blocking_threads() == 0);
    filch_tests::process::wait_until_no_thread_is_named("keep-alive");
    // And the next call has one again.
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
}

#[test]
fn queue_and_threads_are_counted() {
    let runtime = runtime(Kind::CurrentThread, 2);
    let metrics = runtime.metrics();
    let gate = Gate::closed();
    let begun = Count::new();
    for _ in 0..5 {
        let (gate, begun) = (gate.clone(), begun.clone());
        runtime.spawn_blocking(move || {
            begun.add();
            gate.pass();
        });
    }
    begun.wait_for(2);
    assert_eq!(metrics.num_blocking_threads(), 2);
    assert_eq!(metrics.num_idle_blocking_threads(), 0);
    assert_eq!(metrics.blocking_queue_depth(), 3);
    gate.open();
    wait_until("all have run", || begun.get() == 5);
    wait_until("both are idle", || metrics.num_idle_blocking_threads() == 2);
    assert_eq!(metrics.blocking_queue_depth(), 0);
}

#[test]
fn aborted_before_it_begins_it_never_runs_and_after_that_it_runs_to_its_end() {
    for kind in Kind::ALL {
        for pool in Pool::ALL {
            let runtime = runtime(kind, 1);
            let gate = Gate::closed();
            let (begun, has_begun) = mpsc::channel();
            let running = {
                let gate = gate.clone();
                pool.spawn(runtime.handle(), move || {
                    begun.send(()).unwrap();
                    gate.pass();
                    "ran to its end"
                })
            };
            has_begun.recv_timeout(PATIENCE).unwrap();
            let (ran, drops) = (Count::new(), Count::new());
            let (counter, guard) = (ran.clone(), drops.on_drop());
            let waiting = pool.spawn(runtime.handle(), move || {
                let _guard = guard;
                counter.add();
            });
            waiting.abort();
            running.abort();
            gate.open();
            assert_eq!(runtime.block_on(running).unwrap(), "ran to its end", "{kind:?} {pool:?}");
            assert!(runtime.block_on(waiting).unwrap_err().is_cancelled(), "{kind:?} {pool:?}");
            assert_eq!((ran.get(), drops.get()), (0, 1), "{kind:?} {pool:?}");
        }
    }
}

#[test]
fn dropped_handle_lets_it_run() {
    for pool in Pool::ALL {
        let runtime = Kind::CurrentThread.runtime();
        let (done, is_done) = mpsc::channel();
        drop(pool.spawn(runtime.handle(), move || done.send(()).unwrap()));
        is_done.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn calls_from_calls_and_computations_from_computations() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let nested = runtime.spawn_blocking(|| {
            let inner = task::spawn_blocking(|| task::spawn_compute(|| 1));
            block_on_elsewhere(async { inner.await.unwrap().await.unwrap() })
        });
        assert_eq!(runtime.block_on(nested).unwrap(), 1, "{kind:?}");
    }
}

#[test]
fn paused_clock_stands_still_while_a_call_is_under_way() {
    let runtime = Kind::CurrentThread.builder().start_paused(true).build().unwrap();
    for pool in Pool::ALL {
        runtime.block_on(async {
            let start = filch::time::Instant::now();
            let gate = Gate::closed();
            let theirs = gate.clone();
            let job = pool.spawn(&Handle::current(), move || theirs.pass());
            let far = filch::spawn(filch::time::sleep(Duration::from_secs(3600)));
            // The clock could jump an hour ahead in each of these turns.
            for _ in 0..200 {
                task::yield_now().await;
            }
            assert_eq!(start.elapsed(), Duration::ZERO, "{pool:?}");
            thread::spawn(move || gate.open());
            job.await.unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO, "{pool:?}");
            far.await.unwrap();
            assert!(start.elapsed() >= Duration::from_secs(3600), "{pool:?}");
        });
    }
}

#[test]
fn threads_have_the_runtimes_name_and_hooks() {
    for kind in Kind::ALL {
        let (started, stopped) = (Count::new(), Count::new());
        let (starts, stops) = (started.clone(), stopped.clone());
        let runtime = kind
            .builder()
            .thread_name("hooked")
            .max_blocking_threads(1)
            .compute_threads(2)
            .on_thread_start(move || starts.add())
            .on_thread_stop(move || stops.add())
            .build()
            .unwrap();
        let name = || thread::current().name().unwrap_or_default().to_owned();
        assert_eq!(runtime.block_on(runtime.spawn_blocking(name)).unwrap(), "hooked");
        let compute = runtime.handle().spawn_compute(name);
        assert!(runtime.block_on(compute).unwrap().starts_with("hooked"));
        let workers = if kind == Kind::CurrentThread { 0 } else { kind.workers() };
        assert_all_workers_run(&runtime);
        drop(runtime);
        assert_eq!((started.get(), stopped.get()), (workers + 3, workers + 3), "{kind:?}");
    }
}

/// A bounded queue: what is more is refused or cancelled at once, and what was taken runs.
#[test]
fn bounded_queue_refuses_what_is_more() {
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(1)
        .max_blocking_queue(2)
        .build()
        .unwrap();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let (began, begin) = std::sync::mpsc::channel();
    let first = runtime.spawn_blocking(move || {
        began.send(()).unwrap();
        let _ = wait.recv();
        0
    });
    begin.recv().unwrap();
    let handle = runtime.handle();
    let waiting = [handle.try_spawn_blocking(|| 1).unwrap(), handle.spawn_blocking(|| 2)];
    let refused = handle.try_spawn_blocking(|| 3).unwrap_err();
    assert!(refused.to_string().contains("too many blocking calls"), "{refused}");
    let cancelled = runtime.block_on(handle.spawn_blocking(|| 4)).unwrap_err();
    assert!(cancelled.is_cancelled());
    drop(release);
    runtime.block_on(async {
        assert_eq!(first.await.unwrap(), 0);
        let [one, two] = waiting;
        assert_eq!((one.await.unwrap(), two.await.unwrap()), (1, 2));
        // There is room again.
        assert_eq!(task::try_spawn_blocking(|| 5).unwrap().await.unwrap(), 5);
    });
}
