//! Join handles: the output arrives once, whoever awaits it, wherever, whenever.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use filch::sync::oneshot;
use filch::task::JoinHandle;
use filch_tests::PATIENCE;
use filch_tests::count::{Count, OnDrop, poll_once};
use filch_tests::panics::caught;
use filch_tests::runtimes::{Kind, block_on_elsewhere};

#[test]
fn output_is_there_before_and_after_completion() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (go, gone) = oneshot::channel::<()>();
            let early = filch::spawn(async move {
                gone.await.unwrap();
                "early"
            });
            let late = filch::spawn(async { "late" });
            while !late.is_finished() {
                filch::task::yield_now().await;
            }
            assert!(!early.is_finished());
            go.send(()).unwrap();
            assert_eq!((early.await.unwrap(), late.await.unwrap()), ("early", "late"), "{kind:?}");
        });
    }
}

#[test]
fn outputs_of_any_size_and_alignment() {
    #[derive(Debug, PartialEq, Clone, Copy)]
    #[repr(align(64))]
    struct Aligned(u8);

    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            assert_eq!(filch::spawn(async {}).await.unwrap(), ());
            assert_eq!(filch::spawn(async { [7_u8; 4096] }).await.unwrap(), [7; 4096]);
            let aligned = filch::spawn(async { Aligned(1) }).await.unwrap();
            assert_eq!(aligned, Aligned(1));
            let held = Aligned(2);
            let task = filch::spawn(async move {
                filch::task::yield_now().await;
                (std::ptr::from_ref(&held).addr() % 64, held)
            });
            assert_eq!(task.await.unwrap(), (0, Aligned(2)), "the future's alignment is kept");
            // An output may be `Send` and not `Sync`.
            assert_eq!(filch::spawn(async { Cell::new(3) }).await.unwrap().get(), 3);
        });
    }
}

/// What becomes of the handle.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Awaited,
    DroppedBeforeCompletion,
    DroppedAfterCompletion,
    DroppedAfterOnePoll,
}

#[test]
fn future_and_output_are_each_dropped_once_whatever_happens_to_the_handle() {
    for kind in Kind::ALL {
        for fate in [
            Fate::Awaited,
            Fate::DroppedBeforeCompletion,
            Fate::DroppedAfterCompletion,
            Fate::DroppedAfterOnePoll,
        ] {
            let (futures, outputs) = (Count::new(), Count::new());
            let runtime = kind.runtime();
            runtime.block_on(async {
                let (go, gone) = oneshot::channel::<()>();
                let (held, output) = (futures.on_drop(), outputs.on_drop());
                let mut task: JoinHandle<OnDrop> = filch::spawn(async move {
                    let _held = held;
                    gone.await.unwrap();
                    output
                });
                let watch = task.abort_handle();
                match fate {
                    Fate::Awaited => {
                        go.send(()).unwrap();
                        let output = task.await.unwrap();
                        assert_eq!(outputs.get(), 0);
                        drop(output);
                    }
                    Fate::DroppedBeforeCompletion => {
                        drop(task);
                        go.send(()).unwrap();
                    }
                    Fate::DroppedAfterCompletion => {
                        go.send(()).unwrap();
                        while !task.is_finished() {
                            filch::task::yield_now().await;
                        }
                        assert_eq!(outputs.get(), 0, "the output waits in the task");
                        drop(task);
                    }
                    Fate::DroppedAfterOnePoll => {
                        assert!(poll_once(&mut task).is_pending());
                        drop(task);
                        go.send(()).unwrap();
                    }
                }
                while !watch.is_finished() {
                    filch::task::yield_now().await;
                }
            });
            drop(runtime);
            assert_eq!((futures.get(), outputs.get()), (1, 1), "{kind:?} {fate:?}");
        }
    }
}

#[test]
fn awaited_by_reference_and_given_up_it_keeps_the_output() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (go, gone) = oneshot::channel();
            let mut task = filch::spawn(async move { gone.await.unwrap() });
            for _ in 0..3 {
                let mut by_reference = Box::pin(async { (&mut task).await });
                assert!(poll_once(&mut by_reference).is_pending());
            }
            go.send(5).unwrap();
            assert_eq!((&mut task).await.unwrap(), 5, "{kind:?}");
        });
    }
}

#[test]
fn polled_after_its_output_it_panics() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let mut task = runtime.spawn(async { 1 });
        assert_eq!(runtime.block_on(&mut task).unwrap(), 1);
        let panic = caught(|| block_on_elsewhere(&mut task));
        assert!(panic.message.contains("polled after completion"), "{kind:?} {panic:?}");
    }
}

/// Counts the wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn only_the_waker_of_the_last_poll_is_woken_and_once() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (go, gone) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move { gone.await.unwrap() });
        let wakes = [Arc::new(Wakes::default()), Arc::new(Wakes::default())];
        let wakers = wakes.clone().map(Waker::from);
        // Back and forth, and twice the same: whichever was last counts.
        for which in [0, 1, 0, 0, 1, 1] {
            let polled = Pin::new(&mut task).poll(&mut Context::from_waker(&wakers[which]));
            assert!(polled.is_pending());
        }
        go.send(()).unwrap();
        while !task.is_finished() {
            runtime.block_on(filch::task::yield_now());
        }
        let start = std::time::Instant::now();
        while wakes[1].0.load(Ordering::SeqCst) == 0 {
            assert!(start.elapsed() < PATIENCE, "{kind:?}: not woken");
            thread::yield_now();
        }
        drop(runtime);
        let counts = wakes.each_ref().map(|wakes| wakes.0.load(Ordering::SeqCst));
        assert_eq!(counts, [0, 1], "{kind:?}");
        assert!(poll_once(&mut task).is_ready());
        drop((task, wakers));
        assert!(wakes.iter().all(|wakes| Arc::strong_count(wakes) == 1), "wakers are dropped");
    }
}

#[test]
fn tasks_await_each_other_in_a_chain() {
    for kind in Kind::ALL {
        let sum = kind.runtime().block_on(async {
            let mut last = filch::spawn(async { 0 });
            for _ in 0..1_000 {
                last = filch::spawn(async move { last.await.unwrap() + 1 });
            }
            last.await.unwrap()
        });
        assert_eq!(sum, 1_000, "{kind:?}");
    }
}

#[test]
fn awaited_on_another_runtime_and_on_none() {
    for kind in Kind::ALL {
        for elsewhere in Kind::ALL {
            let (runtime, other) = (Kind::OneWorker.runtime(), elsewhere.runtime());
            let (go, gone) = mpsc::channel::<()>();
            // Not ready when it is first polled: the other runtime must be woken.
            let task = runtime.spawn(async move {
                gone.recv_timeout(PATIENCE).unwrap();
                filch::task::yield_now().await;
                1
            });
            let relay = other.spawn(async move {
                go.send(()).unwrap();
                task.await.unwrap() + 1
            });
            assert_eq!(other.block_on(relay).unwrap(), 2, "{kind:?} {elsewhere:?}");
        }
    }
    let runtime = Kind::Workers.runtime();
    for n in 0..1_000 {
        let task = runtime.spawn(async move {
            filch::task::yield_now().await;
            n
        });
        assert_eq!(block_on_elsewhere(task).unwrap(), n);
    }
}

#[test]
fn output_outlives_the_runtime() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let task = runtime.spawn(async { "kept" });
        while !task.is_finished() {
            runtime.block_on(filch::task::yield_now());
        }
        drop(runtime);
        assert_eq!(block_on_elsewhere(task).unwrap(), "kept", "{kind:?}");
    }
}

#[test]
fn detached_task_goes_on() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (done, is_done) = oneshot::channel();
        runtime.block_on(async {
            drop(filch::spawn(async move {
                for _ in 0..10 {
                    filch::task::yield_now().await;
                }
                done.send(()).unwrap();
            }));
            is_done.await.unwrap();
        });
    }
}

#[test]
fn finished_handles_spend_the_budget() {
    let runtime = Kind::CurrentThread.runtime();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1_000).map(|_| filch::spawn(async {})).collect();
        while !tasks.iter().all(JoinHandle::is_finished) {
            filch::task::yield_now().await;
        }
        let polls = Count::new();
        let joined = filch_tests::count::count_polls(&polls, async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        joined.await;
        assert!(polls.get() >= 1_000 / 128, "1,000 joins took {} polls", polls.get());
    });
}

#[test]
fn handle_says_which_task_it_is() {
    let runtime = Kind::CurrentThread.runtime();
    let task = runtime.spawn(async { filch::task::id() });
    let id = task.id();
    assert_eq!(task.abort_handle().id(), id);
    assert!(format!("{task:?}").contains(&id.to_string()));
    let task = task.abort_on_drop();
    assert_eq!(task.id(), id);
    assert_eq!(runtime.block_on(task).unwrap(), id);
}

#[test]
fn polling_from_many_threads_in_turn_loses_no_wake() {
    let runtime = Kind::Workers.runtime();
    for _ in 0..200 {
        let (go, gone) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move { gone.await.unwrap() });
        // Registered by one thread, completed meanwhile, awaited by another.
        let first = thread::spawn(move || {
            let pending: Poll<_> = poll_once(&mut task);
            (pending.is_ready(), task)
        });
        go.send(()).unwrap();
        let (was_ready, task) = first.join().unwrap();
        if !was_ready {
            block_on_elsewhere(task).unwrap();
        }
    }
}
