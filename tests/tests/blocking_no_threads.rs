//! When the system refuses threads: nothing is lost, nothing is left behind, nothing hangs.
//!
//! Stacks that no address space holds make the system refuse; a limit on the address space makes it
//! refuse for a while.

use std::sync::mpsc;
use std::time::Duration;

use filch::runtime::Builder;
use filch::task;
use filch_tests::PATIENCE;
use filch_tests::count::{Count, Gate};
use filch_tests::process::{alone, descriptors, mapped_bytes, threads_named};
use filch_tests::runtimes::block_on_elsewhere;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// 64 TiB: half of the address space.
const TOO_BIG: usize = 1 << 46;

#[test]
fn workers_that_are_refused_fail_the_build_and_leave_nothing() {
    alone("workers_that_are_refused_fail_the_build_and_leave_nothing", || {
        let before = descriptors();
        for workers in [1, 4] {
            let built = Builder::new_multi_thread()
                .worker_threads(workers)
                .enable_all()
                .thread_name("refused")
                .thread_stack_size(TOO_BIG)
                .build();
            let error = built.expect_err("nobody has so much");
            assert!(error.raw_os_error().is_some(), "the system's own error: {error:?}");
            assert_eq!(descriptors(), before, "{workers} workers");
            assert_eq!(threads_named("refused"), 0, "{workers} workers");
        }
    });
}

#[test]
fn some_workers_refused_end_the_others_again() {
    alone("some_workers_refused_end_the_others_again", || {
        const STACK: usize = 1 << 30;
        let before = descriptors();
        // Room for two stacks and a half.
        let limit = Rlimit {
            current: Some((mapped_bytes() + 5 * STACK / 2) as u64),
            maximum: getrlimit(Resource::As).maximum,
        };
        setrlimit(Resource::As, limit).unwrap();
        let (started, stopped) = (Count::new(), Count::new());
        let (starts, stops) = (started.clone(), stopped.clone());
        let built = Builder::new_multi_thread()
            .worker_threads(8)
            .enable_all()
            .thread_name("refused")
            .thread_stack_size(STACK)
            .on_thread_start(move || starts.add())
            .on_thread_stop(move || stops.add())
            .build();
        built.expect_err("eight stacks do not fit");
        assert!((1..8).contains(&started.get()), "{} started", started.get());
        assert_eq!(started.get(), stopped.get(), "and all of them ended");
        filch_tests::process::wait_until_no_thread_is_named("refused");
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn refused_calls_wait_and_the_runtime_works_and_ends() {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .thread_stack_size(TOO_BIG)
        .build()
        .expect("needs no thread");
    let (ran, drops) = (Count::new(), Count::new());
    let mut jobs = Vec::new();
    for compute in [false, true] {
        let (counter, guard) = (ran.clone(), drops.on_drop());
        let job = move || {
            let _guard = guard;
            counter.add();
        };
        jobs.push(match compute {
            true => runtime.handle().spawn_compute(job),
            false => runtime.spawn_blocking(job),
        });
    }
    // Tasks and timers go on meanwhile.
    runtime.block_on(async {
        filch::time::sleep(Duration::from_millis(2)).await;
        filch::spawn(async {}).await.unwrap();
    });
    assert_eq!((ran.get(), drops.get()), (0, 0), "they wait");
    drop(runtime);
    for job in jobs {
        assert!(block_on_elsewhere(job).unwrap_err().is_cancelled());
    }
    assert_eq!((ran.get(), drops.get()), (0, 2));
}

#[test]
fn refused_for_a_while_every_call_runs_in_the_end() {
    alone("refused_for_a_while_every_call_runs_in_the_end", || {
        const STACK: usize = 1 << 30;
        let maximum = getrlimit(Resource::As).maximum;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_stack_size(STACK)
            .build()
            .unwrap();
        // Room for the program, and for no stack.
        let limit = Rlimit { current: Some((mapped_bytes() + STACK / 2) as u64), maximum };
        setrlimit(Resource::As, limit).unwrap();
        let ran = Count::new();
        let mut jobs = Vec::new();
        for _ in 0..10 {
            for compute in [false, true] {
                let ran = ran.clone();
                let job = move || ran.add();
                jobs.push(match compute {
                    true => runtime.handle().spawn_compute(job),
                    false => runtime.spawn_blocking(job),
                });
            }
        }
        runtime.block_on(async { filch::time::sleep(Duration::from_millis(2)).await });
        assert_eq!(ran.get(), 0, "no thread, no call");
        setrlimit(Resource::As, Rlimit { current: maximum, maximum }).unwrap();
        runtime.block_on(async {
            for job in jobs {
                job.await.unwrap();
            }
        });
        assert_eq!(ran.get(), 20);
    });
}

#[test]
fn in_place_without_a_thread_to_hand_over_to_the_call_is_made_and_the_worker_comes_back() {
    alone(
        "in_place_without_a_thread_to_hand_over_to_the_call_is_made_and_the_worker_comes_back",
        || {
            const STACK: usize = 1 << 30;
            let maximum = getrlimit(Resource::As).maximum;
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .thread_stack_size(STACK)
                .build()
                .unwrap();
            let limit = Rlimit { current: Some((mapped_bytes() + STACK / 2) as u64), maximum };
            setrlimit(Resource::As, limit).unwrap();
            let (done, is_done) = mpsc::channel();
            for n in 0..20 {
                let done = done.clone();
                runtime.spawn(async move {
                    let n = task::block_in_place(|| n);
                    task::yield_now().await;
                    done.send(n).unwrap();
                });
            }
            for _ in 0..20 {
                is_done.recv_timeout(PATIENCE).unwrap();
            }
        },
    );
}

#[test]
fn refused_while_the_only_thread_drives_a_worker_every_call_runs_in_the_end() {
    alone("refused_while_the_only_thread_drives_a_worker_every_call_runs_in_the_end", || {
        const STACK: usize = 1 << 30;
        let maximum = getrlimit(Resource::As).maximum;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            // No spare worker takes the room.
            .enable_monitor(false)
            .thread_stack_size(STACK)
            .build()
            .unwrap();
        // Room for one more.
        let limit = Rlimit { current: Some((mapped_bytes() + 3 * STACK / 2) as u64), maximum };
        setrlimit(Resource::As, limit).unwrap();
        let gate = Gate::closed();
        let (begun, has_begun) = mpsc::channel();
        let pass = gate.clone();
        let in_place = runtime.spawn(async move {
            task::block_in_place(|| {
                begun.send(()).unwrap();
                pass.pass();
            });
        });
        has_begun.recv_timeout(PATIENCE).unwrap();
        // The worker's own thread is in the call: whoever runs this has taken the worker over.
        runtime.block_on(async { filch::spawn(async {}).await.unwrap() });
        let jobs = [runtime.spawn_blocking(|| 1), runtime.handle().spawn_compute(|| 2)];
        setrlimit(Resource::As, Rlimit { current: maximum, maximum }).unwrap();
        runtime.block_on(async {
            for (job, output) in jobs.into_iter().zip(1..) {
                let ended = filch::time::timeout(PATIENCE / 2, job).await;
                assert_eq!(ended.expect("a thread takes it").unwrap(), output);
            }
        });
        gate.open();
        runtime.block_on(in_place).unwrap();
    });
}
