//! What `JoinSet` and `JoinMap` share: many join handles, and a list of those whose tasks are complete.
//!
//! Callers: the two sets insert, take what is ready, and abort; completing tasks, on any thread, report.
//! Data: the handles in numbered places, which only the set touches; and a locked queue of numbers, which
//! each task's join waker writes. The set takes the whole queue at once, so that the lock is taken once for
//! all tasks that completed meanwhile. A lock rather than a lock-free list: it is held for a push or a swap.
//!
//! Invariants
//! T1  A task has its place's number queued once, when it is complete: `wake_on_complete` wakes its waker
//!     exactly once, and never before.
//! T2  So a complete task in the set has its number in `batch` or in the queue. A number whose place is
//!     free, or taken by a task that still runs, is one that came too late: of a task that was taken out
//!     while it completed. It is passed over.
//! T3  Whoever waits is woken by the first push after it looked: `wait` stores the waker under the lock that
//!     `push` takes, and only while the queue is empty.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};

use filch_primitives::coop;
use filch_primitives::lock::Mutex;

use super::slots::{Iter, Slots};
use crate::task::{AbortHandle, JoinError, JoinHandle};

/// Many tasks, each with a mark of its set's.
pub(in crate::task) struct Tasks<T, M> {
    slots: Slots<Entry<T, M>>,
    /// Numbers that were taken from the queue, not looked at yet.
    batch: VecDeque<usize>,
    ready: Arc<Ready>,
}

/// A task of a set.
pub(in crate::task) struct Entry<T, M> {
    handle: JoinHandle<T>,
    pub(in crate::task) mark: M,
}

/// What completing tasks see of their set.
struct Ready(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    keys: VecDeque<usize>,
    /// Whoever waits for a task of the set.
    waker: Option<Waker>,
}

/// A task's join waker: tells the set that the task in this place is complete.
struct Notice {
    set: Arc<Ready>,
    key: usize,
}

impl Wake for Notice {
    fn wake(self: Arc<Self>) {
        self.set.push(self.key);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set.push(self.key);
    }
}

impl Ready {
    fn push(&self, key: usize) {
        let waker = {
            let mut queue = self.0.lock();
            queue.keys.push_back(key);
            queue.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves what is queued to `batch`, which is empty. False if nothing is.
    fn take(&self, batch: &mut VecDeque<usize>) -> bool {
        debug_assert!(batch.is_empty());
        std::mem::swap(&mut self.0.lock().keys, batch);
        !batch.is_empty()
    }

    /// T3. Stores the waker, unless something is queued: then it returns false.
    fn wait(&self, waker: &Waker) -> bool {
        {
            let queue = self.0.lock();
            if !queue.keys.is_empty() {
                return false;
            }
            if queue.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
                return true;
            }
        }
        // Wakers are user code: cloned and dropped outside of the lock.
        let waker = waker.clone();
        let mut queue = self.0.lock();
        if !queue.keys.is_empty() {
            return false;
        }
        let old = queue.waker.replace(waker);
        drop(queue);
        drop(old);
        true
    }
}

impl<T, M> Entry<T, M> {
    pub(in crate::task) fn abort(&self) {
        self.handle.abort();
    }

    pub(in crate::task) fn id(&self) -> crate::task::Id {
        self.handle.id()
    }

    /// The output of a task that is complete.
    pub(in crate::task) fn into_output(mut self) -> (Result<T, JoinError>, M) {
        match self.handle.try_take() {
            Some(output) => (output, self.mark),
            None => unreachable!("T2: only a complete task is ready"),
        }
    }
}

impl<T, M> Tasks<T, M> {
    pub(in crate::task) fn new() -> Self {
        Tasks {
            slots: Slots::new(),
            batch: VecDeque::new(),
            ready: Arc::new(Ready(Mutex::new(Queue::default()))),
        }
    }

    pub(in crate::task) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds a task. Says where, and how to abort it.
    pub(in crate::task) fn insert(
        &mut self,
        handle: JoinHandle<T>,
        mark: M,
    ) -> (usize, AbortHandle) {
        let abort = handle.abort_handle();
        let key = self.slots.insert(Entry { handle, mark });
        let notice = Waker::from(Arc::new(Notice { set: self.ready.clone(), key }));
        if let Some(entry) = self.slots.get_mut(key) {
            entry.handle.wake_on_complete(&notice);
        }
        (key, abort)
    }

    pub(in crate::task) fn get(&self, key: usize) -> Option<&Entry<T, M>> {
        self.slots.get(key)
    }

    pub(in crate::task) fn get_mut(&mut self, key: usize) -> Option<&mut Entry<T, M>> {
        self.slots.get_mut(key)
    }

    pub(in crate::task) fn remove(&mut self, key: usize) -> Option<Entry<T, M>> {
        self.slots.remove(key)
    }

    pub(in crate::task) fn iter(&self) -> Iter<'_, Entry<T, M>> {
        self.slots.iter()
    }

    /// The place of a task that is complete, in the order of completion. `None` if all of them run.
    pub(in crate::task) fn next_ready(&mut self) -> Option<usize> {
        loop {
            while let Some(key) = self.batch.pop_front() {
                // T2.
                if self.slots.get(key).is_some_and(|entry| entry.handle.is_finished()) {
                    return Some(key);
                }
            }
            if !self.ready.take(&mut self.batch) {
                return None;
            }
        }
    }

    /// As [`next_ready`](Self::next_ready), or waits for one. Ready with `None` if there are no tasks.
    pub(in crate::task) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        if self.slots.len() == 0 {
            return Poll::Ready(None);
        }
        let coop = ready!(coop::poll_proceed(cx));
        loop {
            if let Some(key) = self.next_ready() {
                coop.made_progress();
                return Poll::Ready(Some(key));
            }
            if self.ready.wait(cx.waker()) {
                return Poll::Pending;
            }
        }
    }

    pub(in crate::task) fn abort_all(&self) {
        self.iter().for_each(Entry::abort);
    }

    /// Lets go of all tasks; they go on.
    pub(in crate::task) fn detach_all(&mut self) {
        self.slots = Slots::new();
        self.batch.clear();
    }
}

impl<T, M> Drop for Tasks<T, M> {
    fn drop(&mut self) {
        self.abort_all();
    }
}
