//! Faults of our own, one of each kind that the scenarios look for: each must be found, and within the
//! schedules that a scenario has in CI.

use std::sync::Arc;
use std::task::Poll;

use filch_loom_tests::random;
use filch_primitives::atomic::{AtomicBool, Ordering};
use filch_primitives::cell::UnsafeCell;
use filch_primitives::lock::Mutex;
use filch_primitives::park::{Parker, Unparker};
use filch_primitives::thread;

use crate::support::World;

const SCHEDULES: u64 = 500;

/// An event that six threads wait for: they look, list themselves, and sleep. They must look once more when
/// they are listed.
struct Event {
    is_set: AtomicBool,
    waiting: Mutex<Vec<Unparker>>,
    looks_again: bool,
}

impl Event {
    fn wait(&self) {
        let parker = Parker::new();
        if self.is_set.load(Ordering::SeqCst) {
            return;
        }
        self.waiting.lock().push(parker.unparker());
        if self.looks_again && self.is_set.load(Ordering::SeqCst) {
            return;
        }
        parker.park();
    }

    fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
        for unparker in std::mem::take(&mut *self.waiting.lock()) {
            unparker.unpark();
        }
    }
}

fn six_wait(looks_again: bool) {
    let event =
        Event { is_set: AtomicBool::new(false), waiting: Mutex::new(Vec::new()), looks_again };
    let event = Arc::new(event);
    let threads: Vec<_> = (0..6)
        .map(|_| {
            let event = event.clone();
            thread::spawn(move || event.wait())
        })
        .collect();
    event.set();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_second_look_is_enough() {
    random::run_seeds("a_second_look_is_enough", 0, SCHEDULES, || six_wait(true));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_lost_wake_is_found() {
    random::run_seeds("a_lost_wake_is_found", 0, SCHEDULES, || six_wait(false));
}

/// Three threads and one cell, whose lock is a flag that is read and then set, in two steps.
#[test]
#[should_panic(expected = "data race")]
fn two_inside_of_one_cell_are_found() {
    struct Shared {
        taken: AtomicBool,
        cell: UnsafeCell<u32>,
    }
    // SAFETY: no access goes through the pointer; the closures' overlap is what is looked for.
    unsafe impl Sync for Shared {}

    random::run_seeds("two_inside_of_one_cell_are_found", 0, SCHEDULES, || {
        let shared = Shared { taken: AtomicBool::new(false), cell: UnsafeCell::new(0) };
        let shared = Arc::new(shared);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || {
                    if !shared.taken.load(Ordering::SeqCst) {
                        shared.taken.store(true, Ordering::SeqCst);
                        shared.cell.with_mut(|_| thread::yield_now());
                        shared.taken.store(false, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
#[should_panic(expected = "tasks that were never freed")]
fn a_leaked_task_is_found() {
    random::run_seeds("a_leaked_task_is_found", 0, 2, || {
        let world = World::new();
        std::mem::forget(world.runtime.spawn(async {}));
        world.end();
    });
}

/// A task that registers its waker after its look, and so sleeps through the one wake, on a whole runtime.
#[test]
#[should_panic(expected = "deadlock")]
fn a_task_that_sleeps_through_its_wake_is_found() {
    random::run_seeds("a_task_that_sleeps_through_its_wake_is_found", 0, SCHEDULES, || {
        let world = World::new();
        let is_set = Arc::new(AtomicBool::new(false));
        let waker = Arc::new(Mutex::new(None));
        let waits = {
            let (is_set, waker) = (is_set.clone(), waker.clone());
            world.runtime.spawn(std::future::poll_fn(move |cx| {
                if is_set.load(Ordering::SeqCst) {
                    return Poll::Ready(());
                }
                *waker.lock() = Some(cx.waker().clone());
                Poll::Pending
            }))
        };
        let sets = world.runtime.spawn(async move {
            is_set.store(true, Ordering::SeqCst);
            if let Some(waker) = waker.lock().take() {
                waker.wake();
            }
        });
        world.runtime.block_on(async {
            waits.await.unwrap();
            sets.await.unwrap();
        });
        world.end();
    });
}

/// What `books` would say of a future that nobody drops.
#[test]
#[should_panic(expected = "dropped, of all that began")]
fn a_future_that_is_not_dropped_is_found() {
    random::run_seeds("a_future_that_is_not_dropped_is_found", 0, 2, || {
        let world = World::new();
        std::mem::forget(world.books.entry());
        world.end();
    });
}
