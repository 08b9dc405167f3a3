//! Who lists and queues tasks: one owner per worker, per `LocalSet`, and one for blocking work.
//!
//! Callers: `spawn` lists, `cell::complete` unlists, wakers enqueue, shutdown closes.
//! Data: an intrusive list of all tasks that are not complete, under a lock of the owner's own. A worker
//! lists what it spawns with its own owner, so that the lock is contended only when another thread
//! completes one of its tasks at the same moment. A lock rather than a lock-free list: uncontended it
//! costs two exchanges, and removal from the middle stays simple.
//!
//! Invariants
//! O1  a task that is not COMPLETE is listed, is RUNNING (being completed), or is blocking work that a
//!     Runnable holds.
//! O2  after `close`, nothing is listed again: `list` says no, and the spawner cancels the task.

use std::ptr::NonNull;
use std::sync::{Arc, Weak};

use filch_primitives::lock::Mutex;

use super::header::Header;
use super::state::Shutdown;
use super::{Runnable, local_set};
use crate::runtime::hooks::Hooks;
use crate::scheduler::{current_thread, multi_thread};

/// Lists tasks, and knows where to queue them.
pub(crate) struct Owner {
    tasks: Mutex<Tasks>,
    queue: Queue,
    hooks: Arc<Hooks>,
}

/// Where an owner's tasks are queued when they are woken.
///
/// Weak, since wakers may outlive the runtime, and the runtime holds its owners.
pub(crate) enum Queue {
    /// One worker's tasks of a multi-threaded scheduler.
    MultiThread(Weak<multi_thread::Shared>),
    /// The tasks of a current-thread scheduler.
    CurrentThread(Weak<current_thread::Shared>),
    /// The tasks of a `LocalSet`.
    Local(Weak<local_set::Shared>),
    /// Blocking work: it runs once and is never woken.
    Blocking,
    /// The tasks of a model, which serves the queue by hand.
    #[cfg(filch_loom)]
    Model(Arc<crate::internals::ModelQueue>),
}

/// Where a wake came from, as far as the queue's order is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wake {
    /// From another task, a thread, the driver, a timer: the task was idle.
    FromOutside,
    /// The task was woken while it was polled: it yields, and goes behind all others.
    DuringPoll,
}

#[derive(Default)]
struct Tasks {
    head: Option<NonNull<Header>>,
    len: usize,
    closed: bool,
}

// SAFETY: the pointers are to tasks, which may be listed and unlisted by any thread that holds the lock.
// Whether a task's future may be dropped by the closing thread is the scheduler's concern: a `LocalSet`
// closes its owner on its own thread.
unsafe impl Send for Tasks {}

impl Owner {
    pub(crate) fn new(queue: Queue, hooks: Arc<Hooks>) -> Self {
        Owner { tasks: Mutex::new(Tasks::default()), queue, hooks }
    }

    /// Lists a task that was just allocated. False if the owner is closed (O2).
    #[must_use]
    pub(super) fn list(&self, task: NonNull<Header>) -> bool {
        let mut tasks = self.tasks.lock();
        if tasks.closed {
            return false;
        }
        // SAFETY: the spawner keeps the task alive; the links are guarded by the lock that we hold.
        unsafe {
            task.as_ref().links.with_mut(|links| (*links).next = tasks.head);
            if let Some(head) = tasks.head {
                head.as_ref().links.with_mut(|links| (*links).prev = Some(task));
            }
        }
        tasks.head = Some(task);
        tasks.len += 1;
        true
    }

    /// Takes a task off its owner's list, if it is there.
    ///
    /// # Safety
    /// - `task` is alive.
    pub(super) unsafe fn unlist(task: NonNull<Header>) {
        // SAFETY: the caller's promise.
        let owner: &Owner = unsafe { &(*task.as_ptr()).owner };
        if matches!(owner.queue, Queue::Blocking) {
            return;
        }
        let mut tasks = owner.tasks.lock();
        // SAFETY: alive, and the links of it and its neighbours are guarded by the lock.
        unsafe { tasks.remove(task) };
    }

    /// Queues a task that was woken.
    #[inline]
    pub(super) fn enqueue(task: Runnable) {
        Self::submit(task, Wake::FromOutside);
    }

    /// Queues a task that was woken while it ran: behind all others.
    #[inline]
    pub(super) fn requeue(task: Runnable) {
        Self::submit(task, Wake::DuringPoll);
    }

    /// The task may run, complete and be freed by another thread, and with it this owner, as soon as it
    /// is in a queue. So the queue's own reference is taken first, and nothing here is read after.
    #[inline]
    fn submit(task: Runnable, wake: Wake) {
        match &task.owner().queue {
            Queue::MultiThread(shared) => {
                if multi_thread::is_current(shared) {
                    multi_thread::schedule_local(task, wake);
                } else if let Some(shared) = shared.upgrade() {
                    shared.schedule_woken(task, wake);
                }
            }
            Queue::CurrentThread(shared) => {
                if current_thread::is_current(shared) {
                    current_thread::schedule_local(task);
                } else if let Some(shared) = shared.upgrade() {
                    shared.schedule_remote(task);
                }
            }
            Queue::Local(shared) => {
                if let Some(shared) = shared.upgrade() {
                    shared.schedule(task);
                }
            }
            Queue::Blocking => unreachable!("blocking work is never woken"),
            #[cfg(filch_loom)]
            Queue::Model(queue) => {
                let queue = queue.clone();
                queue.push(task);
            }
        }
        // A runtime that is gone has cancelled its tasks: dropping the Runnable is all that is left.
    }

    /// Lists nothing any more, and cancels every listed task that nobody runs. The futures are dropped
    /// on this thread, one after the other, outside of the lock. A task that runs stays listed until the
    /// thread that runs it has cancelled it, so that a report can name it.
    pub(crate) fn close(&self) {
        self.tasks.lock().closed = true;
        while let Some(task) = self.take_idle() {
            // SAFETY: `take_idle` gave us RUNNING, which keeps the task alive. A NOTIFIED that is set
            // belongs to a Runnable in some queue, not to us.
            unsafe { (task.as_ref().vtable.cancel)(task, false) };
        }
    }

    /// Takes a task that nobody runs off the list, with the right to cancel it. At most as many as there
    /// are threads are passed over.
    fn take_idle(&self) -> Option<NonNull<Header>> {
        let mut tasks = self.tasks.lock();
        let mut next = tasks.head;
        while let Some(task) = next {
            // SAFETY: a listed task is alive (O1) as long as we hold the lock, which its completing thread
            // must pass through `unlist`, and which guards the links.
            unsafe {
                if task.as_ref().state.shutdown() == Shutdown::Cancel {
                    tasks.remove(task);
                    return Some(task);
                }
                next = task.as_ref().links.with(|links| (*links).next);
            }
        }
        None
    }

    /// How many tasks are listed: spawned and not complete.
    pub(crate) fn len(&self) -> usize {
        self.tasks.lock().len
    }

    /// Calls `f` with each listed task, under the lock: `f` must not spawn or drop tasks.
    pub(crate) fn for_each(&self, mut f: impl FnMut(&Header)) {
        let tasks = self.tasks.lock();
        let mut next = tasks.head;
        while let Some(task) = next {
            // SAFETY: listed tasks are alive (O1) while we hold the lock, which guards the links.
            unsafe {
                f(task.as_ref());
                next = task.as_ref().links.with(|links| (*links).next);
            }
        }
    }

    /// A task of this owner panicked, whether or not somebody awaits it.
    pub(super) fn task_panicked(&self) {
        if !self.hooks.shutdown_on_panic() {
            return;
        }
        match &self.queue {
            Queue::MultiThread(shared) => {
                if let Some(shared) = shared.upgrade() {
                    shared.begin_shutdown();
                }
            }
            Queue::CurrentThread(shared) => {
                if let Some(shared) = shared.upgrade() {
                    shared.shut_down_by_panic();
                }
            }
            Queue::Local(shared) => {
                if let Some(shared) = shared.upgrade() {
                    shared.shut_down_by_panic();
                }
            }
            Queue::Blocking => {}
            #[cfg(filch_loom)]
            Queue::Model(_) => {}
        }
    }

    /// A panic that nobody will take from a join handle.
    pub(super) fn report_panic(&self, header: &Header, message: &str) {
        self.hooks.unhandled_panic(header.id, &header.meta, message);
    }
}

impl Tasks {
    /// # Safety
    /// - `task` is alive, and this is its owner's list, locked.
    unsafe fn remove(&mut self, task: NonNull<Header>) {
        // SAFETY: the lock guards the links of every task of this owner, and neighbours are listed, so
        // alive (O1).
        unsafe {
            let (prev, next) = task.as_ref().links.with_mut(|links| {
                let links = &mut *links;
                (links.prev.take(), links.next.take())
            });
            match prev {
                Some(prev) => prev.as_ref().links.with_mut(|links| (*links).next = next),
                None if self.head == Some(task) => self.head = next,
                None => return, // not listed
            }
            if let Some(next) = next {
                next.as_ref().links.with_mut(|links| (*links).prev = prev);
            }
        }
        self.len -= 1;
    }
}
