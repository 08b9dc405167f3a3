//! The LIFO slot: the owner puts and takes, a thief takes.
//!
//! Covers L1 and L2 of `scheduler/multi_thread/lifo.rs`: every task that is put in comes out once, at the
//! owner or at the thief or displaced by the next, and whoever runs it sees what its waker did before.

#![cfg(filch_loom)]
#![allow(clippy::arc_with_non_send_sync, reason = "loom checks what the tasks do with the cells")]

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use filch::internals::{LifoSlot, TaskQueue};
use filch::task::JoinHandle;
use filch_loom_tests::{Count, model, poll_once};
use filch_primitives::atomic::{AtomicPtr, AtomicUsize, Ordering};
use filch_primitives::cell::UnsafeCell;
use filch_primitives::thread;

/// A task that reads, without any ordering of its own, what was written before it was put in.
fn reader(
    queue: &TaskQueue,
    written: &Arc<UnsafeCell<usize>>,
    ran: &Count,
) -> (filch::internals::Task, JoinHandle<usize>) {
    let (written, ran) = (written.clone(), ran.clone());
    let (task, join) = queue.prepare(poll_fn(move |_| {
        ran.add();
        // SAFETY: nobody writes after the task was put in; loom checks that this is after the write.
        Poll::Ready(written.with(|written| unsafe { *written }))
    }));
    (task.expect("the queue is open"), join)
}

fn output(mut join: JoinHandle<usize>) -> usize {
    match poll_once(&mut join) {
        Poll::Ready(output) => output.expect("no race"),
        Poll::Pending => panic!("a task was lost"),
    }
}

/// L2: the owner and a thief take at once: one of them gets it.
#[test]
fn owner_take_races_thief_take() {
    model(|| {
        let (queue, slot, ran) = (TaskQueue::new(), Arc::new(LifoSlot::new()), Count::new());
        let written = Arc::new(UnsafeCell::new(0));
        let (task, join) = reader(&queue, &written, &ran);
        let thief = {
            let slot = slot.clone();
            thread::spawn(move || slot.take().map(|task| task.run()).is_some())
        };
        // SAFETY: the task is not in the slot yet.
        written.with_mut(|written| unsafe { *written = 7 });
        assert!(slot.put(task).is_none());
        let ours = slot.take().map(|task| task.run()).is_some();
        let theirs = thief.join().unwrap();
        assert!(ours != theirs, "taken by {}", usize::from(ours) + usize::from(theirs));
        assert_eq!((output(join), ran.get(), queue.unhandled_panics()), (7, 1, 0));
    });
}

/// L1, L2: the owner puts a second task in while a thief takes: the first one is displaced or stolen, the
/// second one is in the slot or stolen.
#[test]
fn put_races_thief_take() {
    model(|| {
        let (queue, slot, ran) = (TaskQueue::new(), Arc::new(LifoSlot::new()), Count::new());
        let written = [Arc::new(UnsafeCell::new(0)), Arc::new(UnsafeCell::new(0))];
        let (first, first_join) = reader(&queue, &written[0], &ran);
        let (second, second_join) = reader(&queue, &written[1], &ran);
        // SAFETY: neither task is in the slot yet.
        written[0].with_mut(|written| unsafe { *written = 1 });
        assert!(slot.put(first).is_none());
        let thief = {
            let slot = slot.clone();
            thread::spawn(move || (0..2).filter_map(|_| slot.take()).map(|task| task.run()).count())
        };
        // SAFETY: the second task is not in the slot yet.
        written[1].with_mut(|written| unsafe { *written = 2 });
        let displaced = slot.put(second).map(|task| task.run()).is_some();
        let left = slot.take().map(|task| task.run()).is_some();
        let stolen = thief.join().unwrap();
        assert_eq!(stolen + usize::from(displaced) + usize::from(left), 2);
        assert_eq!((output(first_join), output(second_join)), (1, 2));
        assert_eq!((ran.get(), queue.unhandled_panics()), (2, 0));
    });
}

/// Two thieves and one task.
#[test]
fn thief_take_races_thief_take() {
    model(|| {
        let (queue, slot, ran) = (TaskQueue::new(), Arc::new(LifoSlot::new()), Count::new());
        let written = Arc::new(UnsafeCell::new(3));
        let (task, join) = reader(&queue, &written, &ran);
        let thieves: Vec<_> = (0..2)
            .map(|_| {
                let slot = slot.clone();
                thread::spawn(move || slot.take().map(|task| task.run()).is_some())
            })
            .collect();
        assert!(slot.put(task).is_none());
        let stolen = thieves.into_iter().map(|thief| thief.join().unwrap());
        let stolen = stolen.filter(|&stolen| stolen).count();
        let left = slot.take().map(|task| task.run()).is_some();
        assert_eq!(stolen + usize::from(left), 1);
        assert_eq!((output(join), ran.get(), queue.unhandled_panics()), (3, 1, 0));
    });
}

/// A slot that is dropped with a task in it cancels the task.
#[test]
fn drop_of_the_slot_races_thief_take() {
    model(|| {
        let (queue, slot, ran) = (TaskQueue::new(), Arc::new(LifoSlot::new()), Count::new());
        let written = Arc::new(UnsafeCell::new(3));
        let (task, mut join) = reader(&queue, &written, &ran);
        assert!(slot.put(task).is_none());
        let thief = {
            let slot = slot.clone();
            thread::spawn(move || slot.take().map(|task| task.run()).is_some())
        };
        drop(slot.take());
        let stolen = thief.join().unwrap();
        drop(slot);
        let Poll::Ready(output) = poll_once(&mut join) else { panic!("a task was lost") };
        assert_eq!((output.is_ok(), ran.get()), (stolen, usize::from(stolen)));
        assert_eq!((queue.alive(), queue.unhandled_panics()), (0, 0));
    });
}

/// The models above can fail: a slot emptied in two steps, a load and a store, is taken from twice.
#[test]
#[should_panic(expected = "taken twice")]
fn take_in_two_steps_takes_twice() {
    model(|| {
        let slot = Arc::new(AtomicPtr::new(std::ptr::without_provenance_mut::<u8>(1)));
        let taken = Arc::new(AtomicUsize::new(0));
        let take = |slot: &AtomicPtr<u8>, taken: &AtomicUsize| {
            if !slot.load(Ordering::Acquire).is_null() {
                slot.store(std::ptr::null_mut(), Ordering::Release);
                taken.fetch_add(1, Ordering::Relaxed);
            }
        };
        let thief = {
            let (slot, taken) = (slot.clone(), taken.clone());
            thread::spawn(move || take(&slot, &taken))
        };
        take(&slot, &taken);
        thief.join().unwrap();
        assert_eq!(taken.load(Ordering::Relaxed), 1, "taken twice");
    });
}
