//! The contract D1 to D4 as scenarios: run on crossbeam's queues by this crate's tests, and on their model
//! by `loom-tests/tests/deque.rs`.
//!
//! A scenario that the model passes and crossbeam does not would mean that our models prove something
//! about queues that we do not have. The other way round, a scenario that crossbeam passes and the model does
//! not, would be a model that is too weak: it would report failures that cannot happen.

use std::sync::Arc;

use super::{Injector, Steal, Stealer, Worker};
use crate::atomic::{AtomicBool, Ordering, fence, spin_hint};
use crate::cell::UnsafeCell;
use crate::thread::spawn;

/// Its name, and what runs once. It panics if the contract is broken.
pub type Scenario = (&'static str, fn());

/// All of them; each has two or three threads and a handful of items.
pub const SCENARIOS: &[Scenario] = &[
    ("worker is first in, first out", worker_is_first_in_first_out),
    ("injector is first in, first out", injector_is_first_in_first_out),
    ("batch is the oldest half, in order", batch_is_the_oldest_half_in_order),
    ("owner and thief take each item once", owner_and_thief_take_each_item_once),
    ("two thieves take each item once", two_thieves_take_each_item_once),
    ("batch against pop takes each item once", batch_against_pop_takes_each_item_once),
    ("two batches from the injector take each item once", two_batches_take_each_item_once),
    ("two pushers keep their order", two_pushers_keep_their_order),
    ("stolen item shows what its pusher did", stolen_item_shows_what_its_pusher_did),
    ("injected item shows what its pusher did", injected_item_shows_what_its_pusher_did),
    ("fenced looks at the worker miss no push", fenced_looks_at_the_worker_miss_no_push),
    ("fenced looks at the injector miss no push", fenced_looks_at_the_injector_miss_no_push),
];

/// Takes one, if there is one.
fn taken<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(item) => return Some(item),
            Steal::Empty => return None,
            Steal::Retry => spin_hint(),
        }
    }
}

fn drain(worker: &Worker<u32>) -> Vec<u32> {
    std::iter::from_fn(|| worker.pop()).collect()
}

/// D1, for the items 1 to `count`.
#[track_caller]
fn assert_each_once(mut all: Vec<u32>, count: u32) {
    all.sort_unstable();
    assert_eq!(all, (1..=count).collect::<Vec<_>>(), "D1");
}

fn filled(count: u32) -> (Worker<u32>, Stealer<u32>) {
    let worker = Worker::new_fifo();
    let stealer = worker.stealer();
    (1..=count).for_each(|item| worker.push(item));
    (worker, stealer)
}

fn worker_is_first_in_first_out() {
    let (worker, stealer) = filled(3);
    assert_eq!((worker.len(), stealer.len()), (3, 3));
    assert_eq!(taken(|| stealer.steal()), Some(1), "D2");
    let worker = spawn(move || {
        assert_eq!(worker.pop(), Some(2), "D2");
        worker
    })
    .join()
    .unwrap();
    assert_eq!(taken(|| stealer.steal()), Some(3), "D2");
    assert!(worker.is_empty() && stealer.is_empty());
    assert_eq!((worker.pop(), taken(|| stealer.steal())), (None, None));
}

fn injector_is_first_in_first_out() {
    let injector = Arc::new(Injector::new());
    assert!(injector.is_empty());
    (1..=3).for_each(|item| injector.push(item));
    assert_eq!(injector.len(), 3);
    let theirs = injector.clone();
    spawn(move || assert_eq!(taken(|| theirs.steal()), Some(1), "D2")).join().unwrap();
    assert_eq!(taken(|| injector.steal()), Some(2), "D2");
    assert_eq!(taken(|| injector.steal()), Some(3), "D2");
    assert!(injector.is_empty());
    assert_eq!(taken(|| injector.steal()), None);
}

/// One at least, half at most, and never more than the limit; what stays comes out after it.
fn batch_is_the_oldest_half_in_order() {
    let (worker, stealer) = filled(4);
    let thief = spawn(move || {
        let mine = Worker::new_fifo();
        let first = taken(|| stealer.steal_batch_with_limit_and_pop(&mine, 2));
        assert_eq!(first, Some(1), "D2");
        let rest = drain(&mine);
        assert!(rest.is_empty() || rest == [2], "D2: {rest:?}");
        let one = taken(|| stealer.steal_batch_with_limit_and_pop(&mine, 1));
        assert!(one.is_some() && mine.is_empty(), "a limit of one");
        1 + rest.len() as u32 + 1
    });
    let stolen = thief.join().unwrap();
    assert_eq!(drain(&worker), (stolen + 1..=4).collect::<Vec<_>>(), "D1, D2");
}

fn owner_and_thief_take_each_item_once() {
    let (worker, stealer) = filled(2);
    let thief = spawn(move || taken(|| stealer.steal()));
    let mut all = drain(&worker);
    all.extend(thief.join().unwrap());
    all.extend(drain(&worker));
    assert_each_once(all, 2);
}

fn two_thieves_take_each_item_once() {
    let (worker, stealer) = filled(2);
    let thieves: Vec<_> = (0..2)
        .map(|_| {
            let stealer = stealer.clone();
            spawn(move || taken(|| stealer.steal()))
        })
        .collect();
    let mut all: Vec<u32> = thieves.into_iter().filter_map(|thief| thief.join().unwrap()).collect();
    all.extend(drain(&worker));
    assert_each_once(all, 2);
}

fn batch_against_pop_takes_each_item_once() {
    let (worker, stealer) = filled(3);
    let thief = spawn(move || {
        let mine = Worker::new_fifo();
        let first = taken(|| stealer.steal_batch_with_limit_and_pop(&mine, 2));
        let mut all: Vec<u32> = first.into_iter().collect();
        all.extend(drain(&mine));
        all
    });
    worker.push(4);
    let mut all: Vec<u32> = worker.pop().into_iter().collect();
    all.extend(thief.join().unwrap());
    all.extend(drain(&worker));
    assert_each_once(all, 4);
}

fn two_batches_take_each_item_once() {
    let injector = Arc::new(Injector::new());
    (1..=3).for_each(|item| injector.push(item));
    let take = |injector: Arc<Injector<u32>>| {
        let mine = Worker::new_fifo();
        let first = taken(|| injector.steal_batch_with_limit_and_pop(&mine, 2));
        let mut all: Vec<u32> = first.into_iter().collect();
        all.extend(drain(&mine));
        all
    };
    let theirs = injector.clone();
    let thief = spawn(move || take(theirs));
    let mut all = take(injector.clone());
    all.extend(thief.join().unwrap());
    all.extend(std::iter::from_fn(|| taken(|| injector.steal())));
    assert_each_once(all, 3);
}

fn two_pushers_keep_their_order() {
    let injector = Arc::new(Injector::new());
    let theirs = injector.clone();
    let pusher = spawn(move || {
        theirs.push(1);
        theirs.push(2);
    });
    injector.push(3);
    injector.push(4);
    pusher.join().unwrap();
    let all: Vec<u32> = std::iter::from_fn(|| taken(|| injector.steal())).collect();
    let place = |item| all.iter().position(|&other| other == item);
    assert!(place(1) < place(2) && place(3) < place(4), "D2: {all:?}");
    assert_each_once(all, 4);
}

/// An item whose contents loom checks for order.
struct Written(UnsafeCell<u32>);

// SAFETY: it is written before it is pushed, and read by the one that takes it: D3, which is checked here.
unsafe impl Send for Written {}

impl Written {
    fn new() -> Box<Written> {
        let written = Box::new(Written(UnsafeCell::new(0)));
        // SAFETY: nobody else has it yet.
        written.0.with_mut(|value| unsafe { *value = 7 });
        written
    }

    fn check(&self) {
        // SAFETY: taken from a queue: its pusher is done with it (D3).
        assert_eq!(self.0.with(|value| unsafe { *value }), 7, "D3");
    }
}

fn stolen_item_shows_what_its_pusher_did() {
    let worker = Worker::new_fifo();
    let stealer = worker.stealer();
    let thief =
        spawn(move || taken(|| stealer.steal()).map(|item: Box<Written>| item.check()).is_some());
    worker.push(Written::new());
    let is_stolen = thief.join().unwrap();
    assert_eq!(worker.pop().map(|item| item.check()).is_some(), !is_stolen, "D1");
}

fn injected_item_shows_what_its_pusher_did() {
    let injector = Arc::new(Injector::new());
    let theirs = injector.clone();
    let thief =
        spawn(move || taken(|| theirs.steal()).map(|item: Box<Written>| item.check()).is_some());
    injector.push(Written::new());
    let is_stolen = thief.join().unwrap();
    assert_eq!(taken(|| injector.steal()).map(|item| item.check()).is_some(), !is_stolen, "D1");
}

/// D4, the sleep protocol's S2 against S5: one pushes, fences, and asks whether the other sleeps; the other
/// says that it sleeps, fences, and looks for items. One of the two must see the other.
fn fenced_looks_miss_nothing(
    push: impl FnOnce(),
    is_empty: impl FnOnce() -> bool + Send + 'static,
) {
    let sleeps = Arc::new(AtomicBool::new(false));
    let theirs = sleeps.clone();
    let sleeper = spawn(move || {
        // ordering: Relaxed, ordered by the fence below.
        theirs.store(true, Ordering::Relaxed);
        // ordering: SeqCst; pairs with the fence after the push.
        fence(Ordering::SeqCst);
        !is_empty()
    });
    push();
    // ordering: SeqCst; pairs with the fence before the look.
    fence(Ordering::SeqCst);
    // ordering: Relaxed, after the fence.
    let is_asleep = sleeps.load(Ordering::Relaxed);
    assert!(sleeper.join().unwrap() || is_asleep, "D4: the item is forgotten");
}

fn fenced_looks_at_the_worker_miss_no_push() {
    let worker = Worker::new_fifo();
    let stealer: Stealer<u32> = worker.stealer();
    fenced_looks_miss_nothing(|| worker.push(1), move || stealer.is_empty());
}

fn fenced_looks_at_the_injector_miss_no_push() {
    let injector = Arc::new(Injector::new());
    let theirs = injector.clone();
    fenced_looks_miss_nothing(|| injector.push(1), move || theirs.is_empty());
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    /// Threads meet by chance here; loom makes them meet in every way on the model.
    #[test]
    fn crossbeams_queues_keep_the_contract() {
        for (name, scenario) in SCENARIOS {
            for _ in 0..500 {
                scenario();
            }
            println!("500 times: {name}");
        }
    }
}
