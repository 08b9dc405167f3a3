//! `block_in_place`: the worker's other tasks go on elsewhere, and the call's own go on after it.

use std::sync::mpsc;
use std::thread;

use filch::runtime::Handle;
use filch::task;
use filch_tests::PATIENCE;
use filch_tests::count::{Count, Gate};
use filch_tests::panics::caught;
use filch_tests::runtimes::{Kind, assert_all_workers_run};

#[test]
fn other_tasks_go_on() {
    for kind in Kind::MULTI {
        let runtime = kind.runtime();
        let (meet, met) = mpsc::channel();
        let task = runtime.spawn(async move {
            // Woken into this worker's own slot, and needed by this very call.
            filch::spawn(async move {
                task::yield_now().await;
                meet.send("met").unwrap();
            });
            let met = task::block_in_place(|| met.recv_timeout(PATIENCE).unwrap());
            // Back in async code it is a task like any other.
            task::yield_now().await;
            filch::spawn(async move { met }).await.unwrap()
        });
        assert_eq!(runtime.block_on(task).unwrap(), "met", "{kind:?}");
        assert_all_workers_run(&runtime);
    }
}

#[test]
fn block_on_is_allowed() {
    for kind in Kind::MULTI {
        let runtime = kind.runtime();
        let task = runtime.spawn(async {
            let handle = Handle::current();
            task::block_in_place(|| {
                let sum = handle.block_on(async {
                    let one = filch::spawn(async { 1 }).await.unwrap();
                    // And again.
                    one + task::block_in_place(|| handle.block_on(async { 2 }))
                });
                let other = Kind::CurrentThread.runtime();
                sum + other.block_on(async { filch::spawn(async { 4 }).await.unwrap() })
            })
        });
        assert_eq!(runtime.block_on(task).unwrap(), 7, "{kind:?}");
        // Outside of the call it is forbidden again.
        let task = runtime.spawn(async {
            task::block_in_place(|| ());
            caught(|| Handle::current().block_on(async {})).message
        });
        assert!(runtime.block_on(task).unwrap().contains("from within a runtime"), "{kind:?}");
    }
}

#[test]
fn calls_nest() {
    for kind in Kind::MULTI {
        let runtime = kind.runtime();
        let task = runtime.spawn(async {
            task::block_in_place(|| task::block_in_place(|| thread::current().id()))
        });
        let ran_on = runtime.block_on(task).unwrap();
        assert_ne!(ran_on, thread::current().id());
        assert_all_workers_run(&runtime);
    }
}

#[test]
fn panic_is_the_tasks_and_the_worker_goes_on() {
    filch_tests::panics::install_hook();
    for kind in Kind::MULTI {
        let runtime = kind.runtime();
        for _ in 0..20 {
            let task = runtime.spawn(async {
                task::block_in_place(|| filch_tests::panics::expected("in place"));
            });
            assert!(runtime.block_on(task).unwrap_err().is_panic(), "{kind:?}");
        }
        assert_all_workers_run(&runtime);
    }
}

#[test]
fn every_worker_in_place_at_once_leaves_nobody_behind() {
    for kind in Kind::MULTI {
        let runtime = kind.runtime();
        let gate = Gate::closed();
        let begun = Count::new();
        let tasks: Vec<_> = (0..3 * kind.workers())
            .map(|_| {
                let (gate, begun) = (gate.clone(), begun.clone());
                runtime.spawn(async move {
                    task::block_in_place(|| {
                        begun.add();
                        gate.pass();
                    });
                })
            })
            .collect();
        // All of them, on more threads than there are workers; and others run still.
        begun.wait_for(3 * kind.workers());
        assert_all_workers_run(&runtime);
        gate.open();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_all_workers_run(&runtime);
    }
}

#[test]
fn where_nobody_waits_it_just_calls() {
    assert_eq!(task::block_in_place(|| 1), 1);
    let runtime = Kind::Workers.runtime();
    assert_eq!(runtime.block_on(async { task::block_in_place(|| 2) }), 2);
    let call = runtime.spawn_blocking(|| task::block_in_place(|| 3));
    assert_eq!(runtime.block_on(call).unwrap(), 3);
    let _entered = runtime.enter();
    assert_eq!(task::block_in_place(|| 4), 4);
}

#[test]
fn on_a_current_thread_runtime_it_panics() {
    let runtime = Kind::CurrentThread.runtime();
    let (panic, line) =
        runtime.block_on(async { (caught(|| task::block_in_place(|| ())), line!()) });
    assert!(panic.message.contains("multi-threaded"), "{panic:?}");
    assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
    let in_task = runtime.spawn(async { caught(|| task::block_in_place(|| ())).message });
    assert!(runtime.block_on(in_task).unwrap().contains("multi-threaded"));
    // On its blocking threads it may.
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| task::block_in_place(|| 1))).unwrap(), 1);
}
