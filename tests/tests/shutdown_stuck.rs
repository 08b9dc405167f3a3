//! A runtime that ends while something still runs: who waits for it, for how long, and what is said of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use filch::runtime::Handle;
use filch::task;
use filch_tests::PATIENCE;
use filch_tests::count::{Count, Gate};
use filch_tests::runtimes::{End, Kind, block_on_elsewhere};

#[test]
fn drop_waits_for_a_poll_and_for_blocking_work_that_have_begun() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let done = Count::new();
        let (begun, has_begun) = mpsc::channel();
        let gate = Gate::closed();
        let work = |done: Count| {
            let (begun, gate) = (begun.clone(), gate.clone());
            move || {
                begun.send(()).unwrap();
                gate.pass();
                done.add();
            }
        };
        let mut expected = 2;
        runtime.spawn_blocking(work(done.clone()));
        runtime.handle().spawn_compute(work(done.clone()));
        if kind != Kind::CurrentThread {
            let poll = work(done.clone());
            runtime.spawn(async move { poll() });
            expected += 1;
        }
        for _ in 0..expected {
            has_begun.recv_timeout(PATIENCE).unwrap();
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(done.get(), 0);
                gate.open();
            });
            drop(runtime);
            assert_eq!(done.get(), expected, "{kind:?}");
        });
    }
}

#[test]
fn report_names_the_stuck_task_and_counts_the_stuck_threads() {
    for kind in Kind::MULTI {
        let runtime = kind.runtime();
        let meeting = Arc::new(Barrier::new(4));
        let gate = Gate::closed();
        let stuck = || {
            let (meeting, gate) = (meeting.clone(), gate.clone());
            move || {
                meeting.wait();
                gate.pass();
            }
        };
        let (poll, call, computation) = (stuck(), stuck(), stuck());
        let line = line!() + 3;
        let task = task::Builder::new()
            .name("stuck in a poll")
            .spawn_on(async move { poll() }, runtime.handle())
            .unwrap();
        let idle = runtime.spawn(std::future::pending::<()>());
        let blocking = runtime.spawn_blocking(call);
        let compute = runtime.handle().spawn_compute(computation);
        meeting.wait();

        let start = Instant::now();
        let report = runtime.shutdown(Duration::from_millis(50));
        assert!(start.elapsed() >= Duration::from_millis(50));
        assert!(start.elapsed() < PATIENCE / 2, "{kind:?}: it always returns");
        assert!(!report.is_clean());
        assert_eq!((report.blocking_threads, report.computations), (1, 1), "{kind:?} {report}");
        let [stuck] = &report.tasks[..] else { panic!("{kind:?} {report}") };
        assert_eq!((stuck.id, stuck.name.as_deref()), (task.id(), Some("stuck in a poll")));
        assert_eq!(stuck.location.file(), file!());
        assert!((line - 2..=line).contains(&stuck.location.line()), "{}", stuck.location);
        let text = report.to_string();
        for part in
            ["stuck in a poll", "shutdown_stuck.rs:", "1 tasks, 1 blocking calls, 1 computations"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        // When it comes back, it is over, and nothing is lost.
        gate.open();
        assert!(block_on_elsewhere(idle).unwrap_err().is_cancelled());
        block_on_elsewhere(blocking).unwrap();
        block_on_elsewhere(compute).unwrap();
        block_on_elsewhere(task).unwrap();
    }
}

/// A thread that `block_in_place` left without its worker tells others of its task's end, which takes it long:
/// the task has ended all the same, as its join handle says.
#[test]
fn report_names_no_task_that_has_ended_on_a_thread_without_a_worker() {
    struct HoldsUp(mpsc::Sender<()>, Arc<Gate>);
    impl Wake for HoldsUp {
        fn wake(self: Arc<Self>) {
            self.0.send(()).unwrap();
            self.1.pass();
        }
    }

    let runtime = Kind::OneWorker.runtime();
    let (begin, begins) = filch::sync::oneshot::channel::<()>();
    let mut task = runtime.spawn(async move {
        begins.await.unwrap();
        let (ran, has_run) = mpsc::channel();
        task::spawn(async move { ran.send(()).unwrap() });
        // By another thread, which has the worker from here on.
        task::block_in_place(|| has_run.recv_timeout(PATIENCE).unwrap());
        7
    });
    let (tells, is_telling) = mpsc::channel();
    let gate = Gate::closed();
    let waker = Waker::from(Arc::new(HoldsUp(tells, gate.clone())));
    assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
    begin.send(()).unwrap();
    is_telling.recv_timeout(PATIENCE).unwrap();
    assert!(task.is_finished());
    let report = runtime.shutdown(PATIENCE);
    assert!(report.tasks.is_empty(), "{report}");
    gate.open();
    assert_eq!(block_on_elsewhere(task).unwrap(), 7);
}

#[test]
fn timeout_and_background_do_not_wait_for_a_stuck_poll() {
    for kind in Kind::MULTI {
        for end in [End::Timeout, End::Background] {
            let runtime = kind.runtime();
            let (begun, has_begun) = mpsc::channel();
            let (release, released) = mpsc::channel::<()>();
            let drops = Count::new();
            let guard = drops.on_drop();
            let stuck = runtime.spawn(async move {
                let _guard = guard;
                begun.send(()).unwrap();
                released.recv_timeout(PATIENCE).unwrap();
                // Ends here.
                std::future::pending::<()>().await;
            });
            has_begun.recv_timeout(PATIENCE).unwrap();
            match end {
                End::Timeout => runtime.shutdown_timeout(Duration::from_millis(10)),
                _ => runtime.shutdown_background(),
            }
            assert_eq!(drops.get(), 0, "{kind:?} {end:?}: nobody drops it under the poll");
            release.send(()).unwrap();
            assert!(block_on_elsewhere(stuck).unwrap_err().is_cancelled());
            drops.wait_for(1);
        }
    }
}

#[test]
fn waiting_blocking_calls_are_cancelled_and_dropped_once() {
    for kind in Kind::ALL {
        for end in End::ALL {
            let runtime =
                kind.builder().max_blocking_threads(1).compute_threads(1).build().unwrap();
            let (begun, has_begun) = mpsc::channel();
            let gate = Gate::closed();
            let mut first = Vec::new();
            for spawn in [Handle::spawn_blocking, Handle::spawn_compute] {
                let (begun, gate) = (begun.clone(), gate.clone());
                let job: Box<dyn FnOnce() + Send> = Box::new(move || {
                    begun.send(()).unwrap();
                    gate.pass();
                });
                first.push(spawn(runtime.handle(), job));
                has_begun.recv_timeout(PATIENCE).unwrap();
            }
            let (ran, drops) = (Count::new(), Count::new());
            let mut jobs = Vec::new();
            for _ in 0..10 {
                for compute in [false, true] {
                    let (ran, guard) = (ran.clone(), drops.on_drop());
                    let job = move || {
                        ran.add();
                        drop(guard);
                    };
                    jobs.push(match compute {
                        true => runtime.handle().spawn_compute(job),
                        false => runtime.spawn_blocking(job),
                    });
                }
            }
            thread::scope(|scope| {
                scope.spawn(|| {
                    // They are over before what they wait for has ended.
                    for job in jobs {
                        assert!(block_on_elsewhere(job).unwrap_err().is_cancelled());
                    }
                    gate.open();
                });
                end.end(runtime);
            });
            for job in first {
                block_on_elsewhere(job).unwrap();
            }
            assert_eq!((ran.get(), drops.get()), (0, 20), "{kind:?} {end:?}");
        }
    }
}
