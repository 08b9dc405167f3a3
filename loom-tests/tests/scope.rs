//! Scopes and groups: joining against stopping against leaving, and one scope inside of another.
//!
//! Invariants N1 to N5 of runtime/src/task/scope/node.rs. A current-thread runtime runs the tasks, so that
//! what is explored is the scope's own protocol; the other threads spawn and cancel. In every model what
//! waits ends (a wake-up that is lost would be a deadlock), the futures have been dropped by then, and no
//! memory is left.

#![cfg(filch_loom)]

use std::future::poll_fn;
use std::task::Poll;

use filch::runtime::{Builder, Runtime, UnhandledPanic};
use filch::task::{ScopeError, TaskGroup, scope};
use filch_loom_tests::{Count, OnDrop, block_on, model_bounded};
use filch_primitives::thread;

fn runtime(panics: &Count) -> Runtime {
    let panics = panics.clone();
    Builder::new_current_thread()
        .unhandled_panic(UnhandledPanic::Call(std::sync::Arc::new(move |_| panics.add())))
        .build()
        .expect("a model refuses no thread")
}

/// Ends only when it is cancelled; counts its drop.
async fn forever(_dropped: OnDrop) -> Result<(), u8> {
    poll_fn(|_| Poll::<()>::Pending).await;
    Ok(())
}

/// N1, N3: a spawn from another thread while the group is cancelled and joined: the task is refused, or
/// asked to end by the stop, or by its own `attach`; and `join` waits for it.
#[test]
fn spawn_races_cancel_and_join() {
    model_bounded(3, || {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(&panics);
        let group = TaskGroup::<u8>::new();
        let spawning = {
            let (handle, group) = (runtime.handle().clone(), group.clone());
            let task = forever(dropped.on_drop());
            thread::spawn(move || {
                let _inside = handle.enter();
                drop(group.spawn(task));
            })
        };
        group.cancel();
        let error = runtime.block_on(group.join()).unwrap_err();
        assert!(error.is_cancelled());
        // Refused, it is dropped by whoever spawns it.
        let ended = dropped.get() == 1;
        spawning.join().unwrap();
        assert!(ended || dropped.get() == 1);
        drop(group);
        drop(runtime);
        assert_eq!((dropped.get(), panics.get()), (1, 0));
    });
}

/// N1, N3: the group is cancelled from another thread while its task runs and `join` waits.
#[test]
fn cancel_races_the_tasks_end() {
    model_bounded(3, || {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(&panics);
        let group = TaskGroup::<u8>::new();
        let guard = dropped.on_drop();
        let task = {
            let _inside = runtime.enter();
            group.spawn(async move {
                drop(guard);
                Ok(7)
            })
        };
        let cancelling = {
            let spawner = group.scope().clone();
            thread::spawn(move || spawner.cancel())
        };
        let joined = runtime.block_on(group.join());
        assert_eq!(dropped.get(), 1);
        cancelling.join().unwrap();
        match block_on(task) {
            Ok(7) => {}
            Ok(other) => panic!("{other}"),
            Err(error) => assert!(error.is_cancelled()),
        }
        assert!(joined.is_ok() || joined.unwrap_err().is_cancelled());
        assert_eq!(panics.get(), 0);
    });
}

/// N2: two failures, one of them on another thread's stack: the first is what `join` gives, and it is there
/// when the group is empty.
#[test]
fn failures_race() {
    model_bounded(3, || {
        let panics = Count::new();
        let runtime = runtime(&panics);
        let group = TaskGroup::<u8>::new();
        let blocking = {
            let _inside = runtime.enter();
            group.spawn(async { Err::<(), _>(1) });
            group.spawn_blocking(|| Err::<(), _>(2))
        };
        let error = runtime.block_on(group.join()).unwrap_err();
        assert!(matches!(error, ScopeError::Failed(1 | 2)), "{error:?}");
        drop(blocking);
        drop(runtime);
        assert_eq!(panics.get(), 0);
    });
}

/// N4: a group inside of another gets a task from another thread while the outer one is cancelled and
/// joined: whoever comes first, the outer one does not end before the task.
#[test]
fn spawn_inside_races_cancel_outside() {
    model_bounded(3, || {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(&panics);
        let outer = TaskGroup::<u8>::new();
        let inner = outer.task_group::<u8>();
        let spawning = {
            let handle = runtime.handle().clone();
            let task = forever(dropped.on_drop());
            thread::spawn(move || {
                let _inside = handle.enter();
                drop(inner.spawn(task));
                std::mem::forget(inner);
            })
        };
        outer.cancel();
        let error = runtime.block_on(outer.join()).unwrap_err();
        assert!(error.is_cancelled());
        spawning.join().unwrap();
        assert_eq!((dropped.get(), panics.get()), (1, 0));
    });
}

/// N1: the body has ended while work of the scope begins, runs or ends on another thread.
#[test]
fn leaving_waits_for_a_task_on_another_thread() {
    model_bounded(3, || {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(&panics);
        let guard = dropped.on_drop();
        let value = runtime.block_on(scope(|s| async move {
            s.spawn_blocking(move || {
                drop(guard);
                Ok::<_, u8>(())
            });
            Ok(7)
        }));
        assert_eq!((value.unwrap(), dropped.get()), (7, 1));
        drop(runtime);
        assert_eq!(panics.get(), 0);
    });
}

/// N1: a spawn from another thread while the scope is left: the task is refused, or the scope waits for it.
#[test]
fn spawn_races_leaving() {
    model_bounded(3, || {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(&panics);
        let guard = dropped.on_drop();
        let handle = runtime.handle().clone();
        let spawning = runtime.block_on(scope(|s| {
            let spawning = thread::spawn(move || {
                let _inside = handle.enter();
                s.spawn(async move {
                    drop(guard);
                    Ok::<_, u8>(7)
                })
            });
            async move { Ok(spawning) }
        }));
        // Nobody drives the runtime any more.
        let task = spawning.unwrap().join().unwrap();
        assert!(task.is_finished() && dropped.get() == 1, "outlives its scope");
        if let Err(error) = block_on(task) {
            assert!(error.is_cancelled());
        }
        assert_eq!(panics.get(), 0);
    });
}

/// The models can fail: a plain blocking task is nobody's, and the scope ends before it.
#[test]
#[should_panic(expected = "alive when the scope has ended")]
fn a_task_that_is_not_the_scopes_may_outlive_it() {
    model_bounded(3, || {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(&panics);
        let guard = dropped.on_drop();
        let value = runtime.block_on(scope(|_| async move {
            drop(filch::task::spawn_blocking(move || drop(guard)));
            Ok::<_, u8>(7)
        }));
        assert_eq!(value.unwrap(), 7);
        let ended = dropped.get();
        drop(runtime);
        assert_eq!(ended, 1, "alive when the scope has ended");
    });
}
