//! The end of a whole runtime, against a spawn, a wake, a drop of the join handle, and another shutdown.
//!
//! Steps: E1 to E6 of docs/shutdown.md. In every model each future is dropped exactly once, each join
//! handle hears of the end, every task's memory is freed (loom counts the allocations), and dropping the
//! runtime returns: a worker that nobody wakes would be a deadlock.
//!
//! With one worker and two preemptions; with two workers, which is what tells the last one from the
//! others, and one preemption: with two it takes many minutes.

#![cfg(filch_loom)]

use std::future::poll_fn;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use filch::internals::Latch;
use filch::runtime::{Builder, Runtime, UnhandledPanic};
use filch::task::JoinHandle;
use filch_loom_tests::{Count, OnDrop, block_on, model, model_bounded};
use filch_primitives::cell::UnsafeCell;
use filch_primitives::thread;

/// Workers, and the preemptions that their models finish with.
const SIZES: [(usize, usize); 2] = [(1, 2), (2, 1)];

/// A runtime on which a panic that nobody awaits is counted: loom's own would be among them.
fn runtime(workers: usize, panics: &Count) -> Runtime {
    let panics = panics.clone();
    Builder::new_multi_thread()
        .worker_threads(workers)
        .unhandled_panic(UnhandledPanic::Call(Arc::new(move |_| panics.add())))
        .build()
        .expect("a model refuses no thread")
}

/// Never ready; counts its drop, polled or not.
async fn pending(_dropped: OnDrop) {
    poll_fn(|_| Poll::<()>::Pending).await;
}

/// Never ready; leaves its waker at each poll, in a lock that loom does not see.
async fn leaves_waker(_dropped: OnDrop, waker: Arc<StdMutex<Option<Waker>>>) {
    poll_fn(|cx| {
        // The lock is std's: no step of loom's may be taken under it.
        let ours = cx.waker().clone();
        let before = waker.lock().unwrap().replace(ours);
        drop(before);
        Poll::<()>::Pending
    })
    .await;
}

fn assert_cancelled(join: JoinHandle<()>) {
    let error = block_on(join).expect_err("never ready");
    assert!(error.is_cancelled(), "{error:?}");
}

/// E1, E2: workers that start, search or park when the shutdown begins all end.
#[test]
fn start_races_shutdown() {
    for (workers, preemptions) in SIZES {
        model_bounded(preemptions, move || {
            let panics = Count::new();
            drop(runtime(workers, &panics));
            assert_eq!(panics.get(), 0);
        });
    }
}

/// E2, E3: a task that was just submitted is run, or cancelled in a queue or on its list.
#[test]
fn submit_races_shutdown() {
    for (workers, preemptions) in SIZES {
        model_bounded(preemptions, move || {
            let (panics, dropped) = (Count::new(), Count::new());
            let runtime = runtime(workers, &panics);
            let join = runtime.spawn(pending(dropped.on_drop()));
            drop(runtime);
            assert_eq!(dropped.get(), 1);
            assert_cancelled(join);
            assert_eq!(panics.get(), 0);
        });
    }
}

/// E3, E5: a handle spawns from another thread while the runtime ends: the task is cancelled, at once or by
/// the end, and its join handle says so.
#[test]
fn spawn_races_shutdown() {
    model(|| {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(1, &panics);
        let spawner = {
            let (handle, dropped) = (runtime.handle().clone(), dropped.on_drop());
            thread::spawn(move || handle.spawn(pending(dropped)))
        };
        drop(runtime);
        assert_cancelled(spawner.join().unwrap());
        assert_eq!((dropped.get(), panics.get()), (1, 0));
    });
}

/// E2, E5, F8: a waker is woken from another thread while the runtime ends.
#[test]
fn wake_races_shutdown() {
    model(|| {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(1, &panics);
        let slot = Arc::new(StdMutex::new(None));
        let join = runtime.spawn(leaves_waker(dropped.on_drop(), slot.clone()));
        let waking = thread::spawn(move || {
            // In the runs where the task was polled by now; the others are `submit_races_shutdown`.
            let waker = slot.lock().unwrap().take();
            if let Some(waker) = waker {
                waker.wake();
            }
            slot
        });
        drop(runtime);
        let slot = waking.join().unwrap();
        assert_cancelled(join);
        let waker = slot.lock().unwrap().take();
        drop(waker);
        assert_eq!((dropped.get(), panics.get()), (1, 0));
    });
}

/// F5, F9: the join handle goes while the runtime ends.
#[test]
fn drop_of_join_handle_races_shutdown() {
    model(|| {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(1, &panics);
        let join = runtime.spawn(pending(dropped.on_drop()));
        let dropping = thread::spawn(move || drop(join));
        drop(runtime);
        dropping.join().unwrap();
        assert_eq!((dropped.get(), panics.get()), (1, 0));
    });
}

/// E1, E2: a task that spawns another one while the runtime ends: whichever queue it comes to, it is
/// cancelled.
#[test]
fn spawn_by_a_task_races_shutdown() {
    model(|| {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(1, &panics);
        let (outer, inner) = (dropped.on_drop(), dropped.on_drop());
        let join = runtime.spawn(async move {
            drop(filch::spawn(pending(inner)));
            pending(outer).await;
        });
        drop(runtime);
        assert_cancelled(join);
        assert_eq!((dropped.get(), panics.get()), (2, 0));
    });
}

/// E4: `shutdown_background` does not wait; the workers end by themselves.
#[test]
fn background_shutdown_ends_the_workers() {
    for (workers, preemptions) in SIZES {
        model_bounded(preemptions, move || {
            let (panics, dropped) = (Count::new(), Count::new());
            let runtime = runtime(workers, &panics);
            let join = runtime.spawn(pending(dropped.on_drop()));
            runtime.shutdown_background();
            assert_cancelled(join);
            assert_eq!((dropped.get(), panics.get()), (1, 0));
        });
    }
}

/// E6: who does not wait for the workers closes the owners beside them.
#[test]
fn closing_owners_races_the_workers_end() {
    for (workers, preemptions) in SIZES {
        model_bounded(preemptions, move || {
            let (panics, dropped) = (Count::new(), Count::new());
            let runtime = runtime(workers, &panics);
            let join = runtime.spawn(pending(dropped.on_drop()));
            runtime.shutdown_timeout(Duration::ZERO);
            assert_cancelled(join);
            assert_eq!((dropped.get(), panics.get()), (1, 0));
        });
    }
}

/// E3: the last one to count down sees what the others did before they did: it takes their queues apart.
#[test]
fn last_to_count_down_sees_what_the_others_did() {
    struct Queue(UnsafeCell<usize>);
    // SAFETY: each is written by one thread before it counts down, and read by the last one; loom checks
    // whether that is enough.
    unsafe impl Sync for Queue {}
    // SAFETY: as above.
    unsafe impl Send for Queue {}

    model(|| {
        let shared = Arc::new((Latch::new(2), [0, 0].map(|n| Queue(UnsafeCell::new(n)))));
        let ends = |shared: Arc<(Latch, [Queue; 2])>, worker: usize| {
            let (latch, queues) = &*shared;
            // SAFETY: before we count down.
            queues[worker].0.with_mut(|value| unsafe { *value = 1 });
            if latch.count_down() {
                for queue in queues {
                    // SAFETY: after both did.
                    assert_eq!(queue.0.with(|value| unsafe { *value }), 1);
                }
            }
        };
        let theirs = shared.clone();
        let other = thread::spawn(move || ends(theirs, 1));
        ends(shared, 0);
        other.join().unwrap();
    });
}

/// The models above can fail: a join handle that is forgotten keeps its task's memory, and loom says so.
#[test]
#[should_panic(expected = "leaked")]
fn forgotten_join_handle_leaks_its_task() {
    model(|| {
        let (panics, dropped) = (Count::new(), Count::new());
        let runtime = runtime(1, &panics);
        std::mem::forget(runtime.spawn(pending(dropped.on_drop())));
        drop(runtime);
    });
}
