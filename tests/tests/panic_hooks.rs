//! Panics in what a program hangs into its runtime: thread hooks and the function that names threads.

use std::thread;

use filch::task;
use filch_tests::count::Count;
use filch_tests::panics::{expected, install_hook};
use filch_tests::runtimes::{Kind, assert_all_workers_run};

#[test]
fn hooks_that_panic_cost_no_thread() {
    install_hook();
    for kind in Kind::ALL {
        let calls: [Count; 4] = std::array::from_fn(|_| Count::new());
        let hook = |which: usize| {
            let count = calls[which].clone();
            move || {
                count.add();
                expected("in a hook");
            }
        };
        let runtime = kind
            .builder()
            .on_thread_start(hook(0))
            .on_thread_stop(hook(1))
            .on_thread_park(hook(2))
            .on_thread_unpark(hook(3))
            .build()
            .unwrap();
        assert_all_workers_run(&runtime);
        runtime.block_on(async {
            filch::spawn(async { filch::time::sleep(std::time::Duration::from_millis(2)).await })
                .await
                .unwrap();
            assert_eq!(task::spawn_blocking(|| 1).await.unwrap(), 1);
            assert_eq!(task::spawn_compute(|| 2).await.unwrap(), 2);
        });
        assert_all_workers_run(&runtime);
        drop(runtime);
        let [started, stopped, parked, unparked] = calls.map(|count| count.get());
        assert!(started > 0 && parked > 0 && unparked > 0, "{kind:?}");
        assert_eq!(started, stopped, "{kind:?}: each thread that started stopped");
    }
}

#[test]
fn thread_name_function_that_panics_loses_no_blocking_call() {
    install_hook();
    // Called by whoever starts a thread; workers have theirs already.
    let calls = Count::new();
    let counted = calls.clone();
    let runtime = Kind::OneWorker
        .builder()
        .thread_name_fn(move || {
            counted.add();
            if counted.get() == 2 {
                expected("in the naming function");
            }
            "named".to_owned()
        })
        .build()
        .unwrap();
    let refused = filch_tests::panics::caught(|| drop(runtime.spawn_blocking(|| ())));
    assert_eq!(refused.message, "expected: in the naming function");
    let job = runtime.spawn_blocking(|| thread::current().name().map(str::to_owned));
    assert_eq!(runtime.block_on(job).unwrap().as_deref(), Some("named"));
}
