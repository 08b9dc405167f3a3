//! A model of crossbeam's queues: a lock, and a length that is published apart from the contents.

use super::Steal;
use crate::atomic::{AtomicUsize, Ordering};
use crate::lock::Mutex;
use std::collections::VecDeque;
// Not loom's: its count would order the threads, multiply a model's states, and turn a deadlock that
// loom reports into an abort, since it cannot be dropped while that unwinds.
use std::sync::Arc;

/// A queue whose length is published apart from its contents.
///
/// The lock alone would make `is_empty` stronger than crossbeam's, and hide a missing fence: so
/// the length is an atomic of its own, written with Release and read with Acquire (D4).
#[derive(Debug)]
struct Shared<T> {
    items: Mutex<VecDeque<T>>,
    len: AtomicUsize,
}

impl<T> Shared<T> {
    fn new() -> Self {
        Shared { items: Mutex::new(VecDeque::new()), len: AtomicUsize::new(0) }
    }

    fn push(&self, item: T) {
        let mut items = self.items.lock();
        items.push_back(item);
        // ordering: Release, as crossbeam publishes its index; pairs with `len`.
        self.len.store(items.len(), Ordering::Release);
    }

    fn take(&self) -> Option<T> {
        let mut items = self.items.lock();
        let item = items.pop_front();
        // ordering: Release, as in `push`.
        self.len.store(items.len(), Ordering::Release);
        item
    }

    fn len(&self) -> usize {
        // ordering: Acquire, no more than crossbeam gives; pairs with `push` and `take`.
        self.len.load(Ordering::Acquire)
    }

    /// Takes up to half (at least one, at most `limit`), first into `Steal`, the rest to `dest`.
    fn take_batch(&self, dest: &Worker<T>, limit: usize) -> Steal<T> {
        let mut batch: VecDeque<T> = {
            let mut items = self.items.lock();
            let share = items.len().div_ceil(2);
            let n = share.min(limit);
            let batch = items.drain(..n).collect();
            // ordering: Release, as in `push`.
            self.len.store(items.len(), Ordering::Release);
            batch
        };
        let Some(first) = batch.pop_front() else { return Steal::Empty };
        for item in batch {
            dest.push(item);
        }
        Steal::Success(first)
    }
}

/// The owner's end of a local queue.
#[derive(Debug)]
pub struct Worker<T>(Arc<Shared<T>>);

/// The thieves' end of a local queue.
#[derive(Debug)]
pub struct Stealer<T>(Arc<Shared<T>>);

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Stealer(self.0.clone())
    }
}

impl<T> Worker<T> {
    /// A first-in-first-out queue.
    pub fn new_fifo() -> Self {
        Worker(Arc::new(Shared::new()))
    }

    /// The thieves' end.
    pub fn stealer(&self) -> Stealer<T> {
        Stealer(self.0.clone())
    }

    /// Adds an item at the back.
    pub fn push(&self, item: T) {
        self.0.push(item);
    }

    /// Takes the item at the front.
    pub fn pop(&self) -> Option<T> {
        self.0.take()
    }

    /// Whether it looks empty (D4).
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// How many items it seems to hold (D4).
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T> Stealer<T> {
    /// Whether it looks empty (D4).
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// How many items it seems to hold (D4).
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the item at the front.
    pub fn steal(&self) -> Steal<T> {
        self.0.take().map_or(Steal::Empty, Steal::Success)
    }

    /// Takes half of the queue, at most `limit` items: one to return, the rest into `dest`.
    pub fn steal_batch_with_limit_and_pop(&self, dest: &Worker<T>, limit: usize) -> Steal<T> {
        self.0.take_batch(dest, limit)
    }
}

/// The shared entry queue.
#[derive(Debug)]
pub struct Injector<T>(Shared<T>);

impl<T> Default for Injector<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Injector<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Injector(Shared::new())
    }

    /// Adds an item at the back.
    pub fn push(&self, item: T) {
        self.0.push(item);
    }

    /// Takes the item at the front.
    pub fn steal(&self) -> Steal<T> {
        self.0.take().map_or(Steal::Empty, Steal::Success)
    }

    /// Takes up to `limit` items: one to return, the rest into `dest`.
    pub fn steal_batch_with_limit_and_pop(&self, dest: &Worker<T>, limit: usize) -> Steal<T> {
        self.0.take_batch(dest, limit)
    }

    /// Whether it looks empty (D4).
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// How many items it seems to hold (D4).
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
