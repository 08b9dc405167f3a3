//! Destructors that panic while what owns them goes away: a local set or runtime with its tasks, a pool with
//! the calls that never began. Each of the others is dropped nevertheless, once, on its thread.
//!
//! A class of advisories: a panic in a destructor that leaves a half-freed list behind, or frees twice. (Of
//! tasks on workers: panic.rs, shutdown.rs. Of join sets: join_set.rs.)

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use filch::runtime::LocalRuntime;
use filch::task::{LocalSet, spawn_local, yield_now};
use filch_tests::count::{Count, Gate, OnDrop};
use filch_tests::panics::{PanicOnDrop, install_hook};
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::{Kind, block_on_elsewhere};

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind(
        "nothing_is_left_behind",
        || drop(Kind::Workers.runtime()),
        &[local_tasks_with_their_home, blocking_calls_that_never_began],
    );
}

/// Counts, and panics at every other number.
fn bomb(number: usize, drops: &Count) -> (OnDrop, Option<PanicOnDrop>) {
    (drops.on_drop_here(), (number % 2 == 0).then(|| PanicOnDrop("of a local task")))
}

/// Never ready, and not `Send`.
async fn holds<G>(guard: G) {
    let _held = Rc::new(guard);
    std::future::pending::<()>().await;
}

#[test]
fn local_tasks_with_their_home() {
    const TASKS: usize = 20;
    install_hook();
    let drops = Count::new();
    let spawn = || async {
        for number in 0..TASKS {
            drop(spawn_local(holds(bomb(number, &drops))));
        }
        yield_now().await;
        yield_now().await;
    };
    let runtime = Kind::CurrentThread.runtime();
    let set = LocalSet::new();
    set.block_on(&runtime, spawn());
    // Whether one of the panics comes out is not what is tested.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(set)));
    assert_eq!(drops.get(), TASKS, "a set");
    drop(runtime);

    let home = LocalRuntime::new().unwrap();
    home.block_on(spawn());
    let _ = catch_unwind(AssertUnwindSafe(|| drop(home)));
    assert_eq!(drops.get(), 2 * TASKS, "a runtime");
}

#[test]
fn blocking_calls_that_never_began() {
    const CALLS: usize = 10;
    install_hook();
    for kind in Kind::ALL {
        let runtime = kind.builder().max_blocking_threads(1).build().unwrap();
        let (gate, begun, drops) = (Gate::closed(), Count::new(), Count::new());
        let (waits, begins) = (gate.clone(), begun.clone());
        let first = runtime.spawn_blocking(move || {
            begins.add();
            waits.pass();
        });
        begun.wait_for(1);
        let ran = Count::new();
        let calls: Vec<_> = (0..CALLS)
            .map(|_| {
                let held = (drops.on_drop(), PanicOnDrop("of a call that never began"));
                let ran = ran.clone();
                runtime.spawn_blocking(move || {
                    ran.add();
                    drop(held);
                })
            })
            .collect();
        // One is cancelled by its handle, the others by the end of the pool.
        calls[0].abort();
        runtime.shutdown_background();
        gate.open();
        for call in calls {
            assert!(block_on_elsewhere(call).is_err(), "{kind:?}");
        }
        assert!(block_on_elsewhere(first).is_ok(), "{kind:?}: it had begun");
        drops.wait_for(CALLS);
        assert_eq!(ran.get(), 0, "{kind:?}");
    }
}
