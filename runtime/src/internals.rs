//! What the models of `loom-tests` reach beyond the public interface.
//!
//! Tasks on a queue that a model drives by hand, the LIFO slot, the idle word, the blocking pool. No part
//! of the crate's interface: it exists under `--cfg filch_loom` only, and changes without notice.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use filch_primitives::deque::{Injector, Steal};

use crate::runtime::hooks::{Hooks, UnhandledPanic};
use crate::task::owner::{self, Owner};
use crate::task::{JoinHandle, Runnable, here, new_task};

pub use crate::blocking::pool;
pub use crate::scheduler::multi_thread::shutdown::Latch;

/// Who sleeps and who is woken.
pub mod idle {
    pub use crate::scheduler::multi_thread::idle::{Call, Idle, Left, Parked, Place};
}

/// Spare workers, which a model starts and ends by hand: it has no monitor.
pub mod spare {
    use crate::runtime::Handle;
    use crate::scheduler::multi_thread::monitor;

    /// Starts one, if `Builder::max_spare_workers` allows it and the runtime has not ended.
    pub fn start(runtime: &Handle) {
        if let Some(shared) = runtime.as_multi_thread() {
            monitor::start_spare(shared);
        }
    }

    /// Asks those that run to end after their next poll.
    pub fn retire(runtime: &Handle) {
        if let Some(shared) = runtime.as_multi_thread() {
            monitor::retire_spares(shared);
        }
    }
}

use crate::scheduler::multi_thread::lifo;

/// The right to poll a task once. Dropping it cancels the task.
#[derive(Debug)]
#[must_use = "dropping it cancels the task"]
pub struct Task(Runnable);

impl Task {
    /// Polls the task once.
    pub fn run(self) {
        self.0.run();
    }
}

/// Tasks, their owner, and a queue that nobody serves but the model.
///
/// Clones are one queue.
#[derive(Clone)]
pub struct TaskQueue {
    queue: Arc<ModelQueue>,
    owner: Arc<Owner>,
    unhandled: Arc<AtomicUsize>,
}

/// Where the owner of a [`TaskQueue`] queues woken tasks.
pub(crate) struct ModelQueue(Injector<Runnable>);

impl ModelQueue {
    pub(crate) fn push(&self, task: Runnable) {
        self.0.push(task);
    }

    fn pop(&self) -> Option<Runnable> {
        match self.0.steal() {
            Steal::Success(task) => Some(task),
            Steal::Empty => None,
            Steal::Retry => unreachable!("the model's injector never asks for a retry"),
        }
    }
}

impl TaskQueue {
    /// An empty queue.
    #[expect(clippy::new_without_default, reason = "a model makes it, and says so")]
    pub fn new() -> Self {
        let unhandled = Arc::new(AtomicUsize::new(0));
        let count = unhandled.clone();
        let hooks = Hooks {
            unhandled_panic: UnhandledPanic::Call(Arc::new(move |_| {
                // ordering: SeqCst. std's atomic, which the model does not see: any would do.
                count.fetch_add(1, Ordering::SeqCst);
            })),
            ..Hooks::default()
        };
        let queue = Arc::new(ModelQueue(Injector::new()));
        let owner = Arc::new(Owner::new(owner::Queue::Model(queue.clone()), Arc::new(hooks)));
        TaskQueue { queue, owner, unhandled }
    }

    /// Spawns a task and queues it. Cancelled at once if the queue is closed.
    pub fn spawn<F: Future>(&self, future: F) -> JoinHandle<F::Output> {
        let (task, join) = self.prepare(future);
        if let Some(Task(task)) = task {
            self.queue.push(task);
        }
        join
    }

    /// Spawns a task without queueing it. No [`Task`] comes back if the queue is closed.
    pub fn prepare<F: Future>(&self, future: F) -> (Option<Task>, JoinHandle<F::Output>) {
        let (task, join) = new_task(self.owner.clone(), here(), || future);
        (task.map(Task), join)
    }

    /// Takes the task at the front.
    pub fn pop(&self) -> Option<Task> {
        self.queue.pop().map(Task)
    }

    /// Polls tasks until the queue is empty.
    pub fn run_all(&self) {
        while let Some(task) = self.pop() {
            task.run();
        }
    }

    /// Closes the owner: every task that nobody runs is cancelled on this thread.
    pub fn close(&self) {
        self.owner.close();
    }

    /// How many tasks are spawned and not complete.
    pub fn alive(&self) -> usize {
        self.owner.len()
    }

    /// How many panics were reported because nobody could take them from a join handle. Among them would
    /// be loom's own, where it finds a race inside of a poll or of a destructor.
    pub fn unhandled_panics(&self) -> usize {
        // ordering: SeqCst, as above.
        self.unhandled.load(Ordering::SeqCst)
    }
}

/// The LIFO slot of a worker.
pub struct LifoSlot(lifo::Lifo);

impl LifoSlot {
    /// An empty slot.
    #[expect(clippy::new_without_default, reason = "a model makes it, and says so")]
    pub fn new() -> Self {
        LifoSlot(lifo::Lifo::new())
    }

    /// The owner puts a task in; returns the one that it displaces.
    pub fn put(&self, task: Task) -> Option<Task> {
        self.0.put(task.0).map(Task)
    }

    /// Takes the task out, as owner or as thief.
    pub fn take(&self) -> Option<Task> {
        self.0.take().map(Task)
    }
}
