//! Futures too big for the stack that spawns them.

use std::hint::black_box;
use std::thread;

use filch::runtime::Runtime;
use filch::task;
use filch_tests::count::{Count, OnDrop};
use filch_tests::panics::caught;
use filch_tests::runtimes::Kind;

/// What the future holds across an `await`.
const BIG: usize = 1 << 20;
/// The stack of the thread that spawns: a quarter of the future.
const SMALL_STACK: usize = 256 << 10;

/// Runs it on a thread with a small stack, inside of the runtime.
fn on_small_stack<R: Send>(runtime: &Runtime, f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(SMALL_STACK);
        let thread = builder
            .spawn_scoped(scope, || {
                let _entered = runtime.enter();
                f()
            })
            .unwrap();
        thread.join().unwrap()
    })
}

/// A mebibyte that is there before and after an `await`.
async fn big(fill: u8, guard: OnDrop) -> usize {
    let mut bytes = [fill; BIG];
    black_box(&mut bytes);
    task::yield_now().await;
    bytes[BIG / 2] = fill.wrapping_add(1);
    black_box(&mut bytes);
    task::yield_now().await;
    drop(guard);
    bytes.iter().map(|&byte| usize::from(byte)).sum()
}

#[test]
fn big_future_is_made_in_place() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let drops = Count::new();
        let guard = drops.on_drop();
        let task = on_small_stack(&runtime, || {
            let task = task::Builder::new().name("big").spawn_in_place(move || {
                let future = big(7, guard);
                assert!(size_of_val(&future) >= BIG);
                future
            });
            task.unwrap()
        });
        assert_eq!(runtime.block_on(task).unwrap(), 7 * BIG + 1, "{kind:?}");
        assert_eq!(drops.get(), 1);
    }
}

#[test]
fn boxed_big_future_needs_the_stack_only_where_it_is_made() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let drops = Count::new();
        // Made where the stack is big enough for a few copies, which a build without optimisation makes.
        let guard = drops.on_drop();
        let maker = thread::Builder::new().stack_size(16 * BIG);
        let future = maker.spawn(move || Box::pin(big(3, guard))).unwrap().join().unwrap();
        let task = on_small_stack(&runtime, || task::spawn(future));
        assert_eq!(runtime.block_on(task).unwrap(), 3 * BIG + 1, "{kind:?}");
        assert_eq!(drops.get(), 1);
    }
}

#[test]
fn big_future_is_aborted_and_dropped_once() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let drops = Count::new();
        let guard = drops.on_drop();
        let task = on_small_stack(&runtime, || {
            task::Builder::new()
                .spawn_in_place(move || async move {
                    let mut bytes = [1; BIG];
                    black_box(&mut bytes);
                    std::future::pending::<()>().await;
                    black_box(&mut bytes);
                    drop(guard);
                })
                .unwrap()
        });
        task.abort();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled(), "{kind:?}");
        assert_eq!(drops.get(), 1);
    }
}

#[test]
fn big_future_of_a_runtime_that_is_gone_is_cancelled() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let handle = runtime.handle().clone();
        drop(runtime);
        let drops = Count::new();
        let guard = drops.on_drop();
        let _entered = handle.enter();
        let task = task::Builder::new().spawn_in_place(move || big(1, guard)).unwrap();
        let outcome = filch_tests::runtimes::block_on_elsewhere(task);
        assert!(outcome.unwrap_err().is_cancelled(), "{kind:?}");
        assert_eq!(drops.get(), 1);
    }
}

#[test]
fn panic_while_it_is_made_is_the_callers() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let _entered = runtime.enter();
        let panic = caught(|| {
            task::Builder::new().spawn_in_place(|| {
                if black_box(true) {
                    filch_tests::panics::expected("no future today");
                }
                big(1, Count::new().on_drop())
            })
        });
        assert_eq!(panic.message, "expected: no future today", "{kind:?}");
        // A small one is made right here, and panics right here.
        let panic = caught(|| {
            task::Builder::new().spawn_in_place(|| {
                if black_box(true) {
                    filch_tests::panics::expected("not even a small one");
                }
                async {}
            })
        });
        assert_eq!(panic.message, "expected: not even a small one", "{kind:?}");
        assert_eq!(runtime.metrics().num_alive_tasks(), 0, "{kind:?}");
        filch_tests::runtimes::assert_all_workers_run(&runtime);
    }
}
