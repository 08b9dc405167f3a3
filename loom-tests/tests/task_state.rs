//! A task's state word and its allocation: run, wake, abort, join, drop, shutdown, panic.
//!
//! Rules: F1 to F9 of docs/task-contract.md. The tasks are real ones, on a queue that the models serve by
//! hand. In a model the task's allocation is counted, its fields are cells that loom watches, and before
//! it is freed loom checks that all that was done to it happened before: so a model fails on a leak, on a
//! race between two polls, and on one between a last look and the end.
//!
//! A race that loom finds inside of user code is a panic, which the task catches: hence each model ends by
//! saying how the task must have ended, and that no panic went unnoticed.

#![cfg(filch_loom)]

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Poll, Waker};

use filch::internals::TaskQueue;
use filch::task::{JoinError, JoinHandle};
use filch_loom_tests::{Count, OnDrop, block_on, model, poll_once};
use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::cell::UnsafeCell;
use filch_primitives::thread;

/// What a task of these models shares with them. (std's `Arc`: loom's would order the threads.) The data are written and read with Relaxed: only the
/// task's state word orders them.
struct Shared {
    data: AtomicUsize,
    /// Left at the first poll. No lock of loom's: it must order nothing.
    waker: StdMutex<Option<Waker>>,
    futures_dropped: Count,
    outputs_dropped: Count,
    polls: Count,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Shared {
            data: AtomicUsize::new(0),
            waker: StdMutex::new(None),
            futures_dropped: Count::new(),
            outputs_dropped: Count::new(),
            polls: Count::new(),
        })
    }

    /// Ready, with an output that counts its drop, when `data` is `wanted`.
    fn probe(self: &Arc<Self>, wanted: usize) -> Probe {
        Probe {
            shared: self.clone(),
            wanted,
            touched: UnsafeCell::new(0),
            _dropped: self.futures_dropped.on_drop(),
        }
    }

    fn waker(&self) -> Waker {
        self.waker.lock().unwrap().take().expect("polled once")
    }

    fn publish(&self) {
        self.data.fetch_add(1, Ordering::Relaxed);
    }
}

struct Probe {
    shared: Arc<Shared>,
    wanted: usize,
    /// loom sees a poll or a drop that does not happen after the last poll.
    touched: UnsafeCell<usize>,
    _dropped: OnDrop,
}

impl Future for Probe {
    type Output = OnDrop;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OnDrop> {
        // SAFETY: a pinned future has one user; loom checks that the task keeps it so.
        let polls = self.touched.with_mut(|touched| unsafe {
            *touched += 1;
            *touched
        });
        self.shared.polls.add();
        if polls == 1 {
            // The lock is std's: no step of loom's may be taken under it.
            let waker = cx.waker().clone();
            *self.shared.waker.lock().unwrap() = Some(waker);
        }
        if self.shared.data.load(Ordering::Relaxed) == self.wanted {
            Poll::Ready(self.shared.outputs_dropped.on_drop())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: as in `poll`.
        self.touched.with_mut(|touched| unsafe { *touched += 1 });
        let waker = self.shared.waker.lock().unwrap().take();
        drop(waker);
    }
}

/// The output of a task that is over; `None` while it is not.
fn ended<T>(mut join: JoinHandle<T>) -> Option<Result<T, JoinError>> {
    match poll_once(&mut join) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[derive(Clone, Copy, Debug)]
enum WakeBy {
    Value,
    Reference,
}

const WAKES: [WakeBy; 2] = [WakeBy::Value, WakeBy::Reference];

impl WakeBy {
    fn wake(self, waker: Waker) {
        match self {
            WakeBy::Value => waker.wake(),
            WakeBy::Reference => waker.wake_by_ref(),
        }
    }
}

/// F3, F6: what was written before a wake is seen by a poll after it, whatever runs when; the task is
/// polled once more, and no more than there were wakes.
fn wake_races_run_with(wake_by: WakeBy) {
    let (queue, shared) = (TaskQueue::new(), Shared::new());
    let join = queue.spawn(shared.probe(2));
    queue.run_all();
    let waker = shared.waker();
    let other = {
        let (shared, waker) = (shared.clone(), waker.clone());
        thread::spawn(move || {
            shared.publish();
            wake_by.wake(waker);
        })
    };
    shared.publish();
    wake_by.wake(waker);
    queue.run_all();
    other.join().unwrap();
    queue.run_all();
    drop(ended(join).expect("a wake was lost").expect("no race"));
    assert!(shared.polls.get() <= 3, "{} polls for two wakes", shared.polls.get());
    assert_eq!((shared.futures_dropped.get(), shared.outputs_dropped.get()), (1, 1));
    assert_eq!((queue.alive(), queue.unhandled_panics()), (0, 0));
}

#[test]
fn wake_races_run() {
    for wake_by in WAKES {
        model(move || wake_races_run_with(wake_by));
    }
}

/// F1, F2: two threads that serve the queue never poll one task at once, and each poll sees the last one.
#[test]
fn two_runners_race_a_wake() {
    model(|| {
        let (queue, shared) = (TaskQueue::new(), Shared::new());
        let join = queue.spawn(shared.probe(2));
        queue.run_all();
        let waker = shared.waker();
        shared.publish();
        let runner = {
            let (queue, waker) = (queue.clone(), waker.clone());
            thread::spawn(move || {
                waker.wake();
                queue.run_all();
            })
        };
        shared.publish();
        waker.wake();
        queue.run_all();
        runner.join().unwrap();
        queue.run_all();
        drop(ended(join).expect("a wake was lost").expect("no race"));
        assert_eq!((shared.futures_dropped.get(), queue.unhandled_panics()), (1, 0));
    });
}

/// The models above can fail: a wake that comes before the data it announces is a wake too few.
#[test]
#[should_panic(expected = "a wake was lost")]
fn wake_before_its_data_is_lost() {
    model(|| {
        let (queue, shared) = (TaskQueue::new(), Shared::new());
        let join = queue.spawn(shared.probe(1));
        queue.run_all();
        let waker = shared.waker();
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                waker.wake();
                shared.publish();
            })
        };
        queue.run_all();
        other.join().unwrap();
        queue.run_all();
        drop(ended(join).expect("a wake was lost").expect("no race"));
    });
}

/// The models above can fail: a waker that is forgotten keeps its task for ever, and loom says so.
#[test]
#[should_panic(expected = "leaked")]
fn forgotten_waker_leaks_its_task() {
    model(|| {
        let (queue, shared) = (TaskQueue::new(), Shared::new());
        let join = queue.spawn(shared.probe(1));
        queue.run_all();
        std::mem::forget(shared.waker());
        drop(join);
        queue.close();
    });
}

#[derive(Clone, Copy, Debug)]
enum Before {
    Queued,
    Idle,
}

/// F7: an abort at any moment ends the task, or comes too late; the future is dropped once, by a thread
/// that had the right to.
#[test]
fn abort_races_run() {
    for before in [Before::Queued, Before::Idle] {
        model(move || {
            let (queue, shared) = (TaskQueue::new(), Shared::new());
            let join = queue.spawn(shared.probe(1));
            if let Before::Idle = before {
                queue.run_all();
                shared.publish();
                shared.waker().wake();
            } else {
                shared.publish();
            }
            let aborting = {
                let abort = join.abort_handle();
                thread::spawn(move || abort.abort())
            };
            queue.run_all();
            aborting.join().unwrap();
            queue.run_all();
            let output = ended(join).expect("neither run nor cancelled");
            let cancelled = output.as_ref().err().map(JoinError::is_cancelled);
            assert!(cancelled != Some(false), "{output:?}");
            drop(output);
            assert_eq!(shared.outputs_dropped.get(), usize::from(cancelled.is_none()));
            assert_eq!(shared.futures_dropped.get(), 1);
            assert_eq!((queue.alive(), queue.unhandled_panics()), (0, 0));
        });
    }
}

/// F3, F6, F7: an abort of an idle task against a wake: one Runnable comes of it, and it cancels.
#[test]
fn abort_races_wake_and_run() {
    for wake_by in WAKES {
        model(move || {
            let (queue, shared) = (TaskQueue::new(), Shared::new());
            let join = queue.spawn(shared.probe(usize::MAX));
            queue.run_all();
            let waker = shared.waker();
            let waking = {
                let queue = queue.clone();
                thread::spawn(move || {
                    wake_by.wake(waker);
                    queue.run_all();
                })
            };
            join.abort();
            queue.run_all();
            waking.join().unwrap();
            queue.run_all();
            assert!(ended(join).expect("the abort was lost").unwrap_err().is_cancelled());
            assert_eq!((shared.futures_dropped.get(), queue.alive()), (1, 0));
            assert_eq!(queue.unhandled_panics(), 0);
        });
    }
}

/// F4, F9: a join handle that is awaited while the task completes gets the output: it sees COMPLETE, or
/// its waker is woken.
#[test]
fn join_races_completion() {
    model(|| {
        let (queue, shared) = (TaskQueue::new(), Shared::new());
        let join = queue.spawn(shared.probe(0));
        let runner = {
            let queue = queue.clone();
            thread::spawn(move || queue.run_all())
        };
        drop(block_on(join).expect("no race"));
        runner.join().unwrap();
        assert_eq!((shared.futures_dropped.get(), shared.outputs_dropped.get()), (1, 1));
        assert_eq!(queue.unhandled_panics(), 0);
    });
}

/// F9: the waker that is registered last is the one that is woken, however the change falls against the
/// completion.
#[test]
fn join_waker_swap_races_completion() {
    model(|| {
        let (queue, shared) = (TaskQueue::new(), Shared::new());
        let mut join = queue.spawn(shared.probe(0));
        let first = Count::new();
        let waker = first.on_wake();
        let pending = Pin::new(&mut join).poll(&mut Context::from_waker(&waker));
        assert!(pending.is_pending());
        let runner = {
            let queue = queue.clone();
            thread::spawn(move || queue.run_all())
        };
        drop(block_on(join).expect("no race"));
        runner.join().unwrap();
        assert!(first.get() <= 1, "woken at completion, at most once");
        assert_eq!((shared.outputs_dropped.get(), queue.unhandled_panics()), (1, 0));
    });
}

/// F4, F5, F9: a join handle dropped while the task completes: the output is dropped once, by either
/// side, the waker too, and the memory is freed once.
#[test]
fn drop_of_join_handle_races_completion() {
    for registered in [false, true] {
        model(move || {
            let (queue, shared) = (TaskQueue::new(), Shared::new());
            let mut join = queue.spawn(shared.probe(0));
            let wakes = Count::new();
            if registered {
                let waker = wakes.on_wake();
                assert!(Pin::new(&mut join).poll(&mut Context::from_waker(&waker)).is_pending());
            }
            let runner = {
                let queue = queue.clone();
                thread::spawn(move || queue.run_all())
            };
            drop(join);
            runner.join().unwrap();
            assert!(wakes.get() <= usize::from(registered));
            assert_eq!((shared.futures_dropped.get(), shared.outputs_dropped.get()), (1, 1));
            assert_eq!((queue.alive(), queue.unhandled_panics()), (0, 0));
        });
    }
}

/// What keeps a task alive, each to be dropped by one of two threads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Held {
    Runnable,
    Join,
    Waker,
    Abort,
}

/// Drops one of them.
type Action = Box<dyn FnOnce() + Send>;

/// F5: whichever goes last frees the task, and none too early, in each order on two threads.
#[test]
fn every_handle_is_dropped_in_every_order() {
    const HELD: [Held; 4] = [Held::Runnable, Held::Join, Held::Waker, Held::Abort];
    for (a, b, c, d) in permutations(HELD) {
        model(move || {
            let (queue, shared) = (TaskQueue::new(), Shared::new());
            let join = queue.spawn(shared.probe(usize::MAX));
            queue.run_all();
            let waker = shared.waker();
            waker.wake_by_ref();
            let abort = join.abort_handle();
            let mut held: Vec<(Held, Option<Action>)> = vec![
                (
                    Held::Runnable,
                    Some(Box::new({
                        let task = queue.pop();
                        move || drop(task)
                    })),
                ),
                (Held::Join, Some(Box::new(move || drop(join)))),
                (Held::Waker, Some(Box::new(move || drop(waker)))),
                (Held::Abort, Some(Box::new(move || drop(abort)))),
            ];
            let mut take = |wanted: Held| {
                let found = held.iter_mut().find(|(held, _)| *held == wanted);
                found.and_then(|(_, drop)| drop.take()).expect("each is dropped once")
            };
            let theirs = [take(a), take(b)];
            let ours = [take(c), take(d)];
            let other = thread::spawn(move || theirs.into_iter().for_each(|drop| drop()));
            ours.into_iter().for_each(|drop| drop());
            other.join().unwrap();
            assert_eq!((shared.futures_dropped.get(), queue.alive()), (1, 0));
            assert_eq!(queue.unhandled_panics(), 0);
        });
    }
}

/// The orders of four things, less those that only swap the two threads.
fn permutations<T: Copy + PartialEq>(all: [T; 4]) -> Vec<(T, T, T, T)> {
    let mut orders = Vec::new();
    for a in all {
        for b in all.into_iter().filter(|&b| b != a) {
            for c in all.into_iter().filter(|&c| c != a && c != b) {
                let d = all.into_iter().find(|&d| d != a && d != b && d != c).expect("four");
                let first =
                    all.into_iter().position(|x| x == a).min(all.into_iter().position(|x| x == b));
                if first == Some(0) {
                    orders.push((a, b, c, d));
                }
            }
        }
    }
    orders
}

/// F8: the owner closes while a thread polls and another wakes: the future is dropped once, and the join
/// handle always hears of it.
#[test]
fn shutdown_races_run_and_wake() {
    for wake_by in WAKES {
        model(move || {
            let (queue, shared) = (TaskQueue::new(), Shared::new());
            let join = queue.spawn(shared.probe(usize::MAX));
            queue.run_all();
            let waker = shared.waker();
            let runner = {
                let queue = queue.clone();
                thread::spawn(move || {
                    wake_by.wake(waker);
                    queue.run_all();
                })
            };
            queue.close();
            runner.join().unwrap();
            queue.run_all();
            assert!(ended(join).expect("closed").unwrap_err().is_cancelled());
            assert_eq!((shared.futures_dropped.get(), queue.alive()), (1, 0));
            assert_eq!(queue.unhandled_panics(), 0);
        });
    }
}

/// F8: the owner closes while a task completes by itself.
#[test]
fn shutdown_races_completion() {
    model(|| {
        let (queue, shared) = (TaskQueue::new(), Shared::new());
        let join = queue.spawn(shared.probe(0));
        let runner = {
            let queue = queue.clone();
            thread::spawn(move || queue.run_all())
        };
        queue.close();
        runner.join().unwrap();
        let output = ended(join).expect("closed");
        assert!(output.as_ref().err().is_none_or(JoinError::is_cancelled), "{output:?}");
        drop(output);
        assert_eq!((shared.futures_dropped.get(), queue.alive()), (1, 0));
        assert_eq!(queue.unhandled_panics(), 0);
    });
}

/// F8, E6: two threads close one owner at once: each task is cancelled by one of them.
#[test]
fn shutdown_races_shutdown() {
    model(|| {
        let (queue, shared) = (TaskQueue::new(), Shared::new());
        let joins = [queue.spawn(shared.probe(usize::MAX)), queue.spawn(shared.probe(usize::MAX))];
        let other = {
            let queue = queue.clone();
            thread::spawn(move || queue.close())
        };
        queue.close();
        other.join().unwrap();
        queue.run_all();
        for join in joins {
            assert!(ended(join).expect("closed").unwrap_err().is_cancelled());
        }
        assert_eq!((shared.futures_dropped.get(), queue.alive()), (2, 0));
        assert_eq!(queue.unhandled_panics(), 0);
    });
}

/// F8, O2: a spawn while the owner closes: the task is listed in time to be cancelled, or not listed.
#[test]
fn spawn_races_shutdown() {
    model(|| {
        let (queue, shared) = (TaskQueue::new(), Shared::new());
        let spawner = {
            let (queue, shared) = (queue.clone(), shared.clone());
            thread::spawn(move || queue.spawn(shared.probe(usize::MAX)))
        };
        queue.close();
        let join = spawner.join().unwrap();
        queue.run_all();
        assert!(ended(join).expect("closed").unwrap_err().is_cancelled());
        assert_eq!((shared.futures_dropped.get(), queue.alive()), (1, 0));
        assert_eq!(queue.unhandled_panics(), 0);
    });
}

/// Panics where it is told to, without a word on standard error.
struct Panics {
    in_poll: bool,
    in_drop: bool,
    _dropped: OnDrop,
}

impl Future for Panics {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.in_poll {
            resume_unwind(Box::new("in poll"));
        }
        Poll::Ready(())
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        if self.in_drop {
            resume_unwind(Box::new("in drop"));
        }
    }
}

/// F4: a panic in a poll or in the future's destructor is the output, or is reported where the join
/// handle goes in that moment: never both, never neither.
#[test]
fn panic_races_drop_of_join_handle() {
    for (in_poll, in_drop) in [(true, false), (false, true)] {
        model(move || {
            let queue = TaskQueue::new();
            let dropped = Count::new();
            let mut join = queue.spawn(Panics { in_poll, in_drop, _dropped: dropped.on_drop() });
            let runner = {
                let queue = queue.clone();
                thread::spawn(move || queue.run_all())
            };
            let taken = match poll_once(&mut join) {
                Poll::Ready(output) => usize::from(output.unwrap_err().is_panic()),
                Poll::Pending => 0,
            };
            drop(join);
            runner.join().unwrap();
            assert_eq!(taken + queue.unhandled_panics(), 1, "one panic, one account of it");
            assert_eq!((dropped.get(), queue.alive()), (1, 0));
        });
    }
}

/// F4, F7: a panic in a poll against an abort: the join handle gets one or the other.
#[test]
fn panic_races_abort() {
    model(|| {
        let queue = TaskQueue::new();
        let dropped = Count::new();
        let join =
            queue.spawn(Panics { in_poll: true, in_drop: false, _dropped: dropped.on_drop() });
        let aborting = {
            let abort = join.abort_handle();
            thread::spawn(move || abort.abort())
        };
        queue.run_all();
        aborting.join().unwrap();
        let error = ended(join).expect("over").unwrap_err();
        assert!(error.is_panic() != error.is_cancelled());
        assert_eq!((dropped.get(), queue.alive(), queue.unhandled_panics()), (1, 0, 0));
    });
}
