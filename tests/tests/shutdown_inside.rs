//! A runtime that ends where it must not block: in async code, on its own threads.

use std::sync::mpsc;

use filch::task;
use filch_tests::PATIENCE;
use filch_tests::count::{Count, forever};
use filch_tests::panics::{caught, install_hook};
use filch_tests::runtimes::{Kind, assert_all_workers_run, block_on_elsewhere};

/// Async code that a runtime is dropped in.
#[derive(Debug, Clone, Copy)]
enum Inside {
    BlockOn,
    Task,
}

#[test]
fn dropped_inside_of_async_code_it_panics_and_loses_nothing() {
    for kind in Kind::ALL {
        for outer in Kind::ALL {
            for inside in [Inside::BlockOn, Inside::Task] {
                let case = format!("{kind:?} in {outer:?} {inside:?}");
                let (runtime, outer) = (kind.runtime(), outer.runtime());
                let drops = Count::new();
                let pending = runtime.spawn(forever(&Count::new(), drops.on_drop()));
                let work = async move { caught(|| drop(runtime)) };
                let panic = match inside {
                    Inside::BlockOn => outer.block_on(work),
                    Inside::Task => outer.block_on(outer.spawn(work)).unwrap(),
                };
                assert!(
                    panic.message.starts_with(
                        "Cannot drop a runtime in a context where blocking is not allowed."
                    ),
                    "{case}: {panic:?}"
                );
                // It is shut down all the same.
                assert!(block_on_elsewhere(pending).unwrap_err().is_cancelled(), "{case}");
                drops.wait_for(1);
                assert_all_workers_run(&outer);
            }
        }
    }
}

#[test]
fn ended_inside_of_async_code_without_blocking_it_does_not_panic() {
    for kind in Kind::ALL {
        for outer in Kind::ALL {
            let (runtime, outer) = (kind.runtime(), outer.runtime());
            let drops = Count::new();
            let pending = runtime.spawn(forever(&Count::new(), drops.on_drop()));
            outer.block_on(async {
                runtime.shutdown_background();
                assert!(pending.await.unwrap_err().is_cancelled());
            });
            drops.wait_for(1);
        }
    }
    // On a blocking thread waiting is allowed.
    let outer = Kind::CurrentThread.runtime();
    let ended = outer.spawn_blocking(|| drop(Kind::Workers.runtime()));
    outer.block_on(ended).unwrap();
}

#[test]
fn dropped_in_block_in_place_by_a_worker_of_another_runtime_and_of_its_own() {
    for kind in Kind::MULTI {
        let (outer, inner) = (Kind::OneWorker.runtime(), kind.runtime());
        let ended = outer.spawn(async move { task::block_in_place(|| drop(inner)) });
        outer.block_on(ended).unwrap();

        // Its own: the worker is handed over, so that it can end while this thread waits for it.
        let runtime = kind.runtime();
        let handle = runtime.handle().clone();
        let (done, is_done) = mpsc::channel();
        handle.spawn(async move {
            task::block_in_place(|| drop(runtime));
            done.send(()).unwrap();
        });
        is_done.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn dropped_on_one_of_its_own_blocking_threads_it_does_not_wait_for_itself() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let handle = runtime.handle().clone();
        let (done, is_done) = mpsc::channel();
        for spawn in [filch::runtime::Handle::spawn_blocking, filch::runtime::Handle::spawn_compute]
        {
            let (runtime, done) = (kind.runtime(), done.clone());
            let handle = runtime.handle().clone();
            let job: Box<dyn FnOnce() + Send> = Box::new(move || {
                drop(runtime);
                done.send(()).unwrap();
            });
            drop(spawn(&handle, job));
            is_done.recv_timeout(PATIENCE).unwrap();
        }
        drop((handle, runtime));
    }
}

#[test]
fn blocking_panic_while_unwinding_from_async_code_is_not_a_double_panic() {
    install_hook();
    let outer = Kind::CurrentThread.runtime();
    let panic = caught(|| {
        outer.block_on(async {
            let _inner = Kind::OneWorker.runtime();
            filch_tests::panics::expected("with a runtime on the stack");
        });
    });
    assert_eq!(panic.message, "expected: with a runtime on the stack");
}
