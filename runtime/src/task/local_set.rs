//! Tasks that stay on one thread: `LocalSet` and `spawn_local`.
//!
//! A `LocalSet` is a future that runs other futures: whoever polls it, on the thread that made it, runs
//! its tasks. They are ordinary tasks with an owner of their own, whose queue is the set's.
//!
//! Invariants
//! X1  a task of a set is polled and its future dropped on the set's thread only: the queues are drained
//!     by `tick` and `drop`, which run there, since `LocalSet` is not `Send`.
//! X2  a Runnable that another thread queues, or that comes too late, is never run there: once the set is
//!     gone its tasks are complete, so that dropping the Runnable only frees memory.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use filch_primitives::atomic::{AtomicBool, Ordering};
use filch_primitives::coop;
use filch_primitives::lock::Mutex;
use filch_primitives::thread::{self, ThreadId};

use super::header::Meta;
use super::owner::{Owner, Queue};
use super::{JoinHandle, Runnable, here, new_task};
use crate::context::{self, Scheduler};
use crate::runtime::hooks::Hooks;
use crate::runtime::{Id, Runtime};

/// How many tasks one poll of the set runs before it yields.
const TASKS_PER_POLL: usize = 61;

/// What the wakers of a set's tasks know of it.
pub(crate) struct Shared {
    thread: ThreadId,
    queue: Mutex<VecDeque<Runnable>>,
    /// Wakes whoever polls the set.
    waker: Mutex<Option<Waker>>,
    panicked: AtomicBool,
}

impl Shared {
    /// Queues a woken task, and wakes the set. From any thread.
    pub(crate) fn schedule(&self, task: Runnable) {
        let mut task = Some(task);
        // On the set's own thread, while it runs tasks: its own queue, and no wake is needed.
        let _ = CURRENT.try_with(|current| {
            // SAFETY: the pointer is to a context that the guard below us on the stack keeps alive.
            let Some(cx) = (unsafe { current.get().as_ref() }) else { return };
            if std::ptr::eq(Arc::as_ptr(&cx.shared), self) && cx.ticking.get() {
                cx.queue.borrow_mut().extend(task.take());
            }
        });
        let Some(task) = task else { return };
        self.queue.lock().push_back(task);
        self.wake();
    }

    fn wake(&self) {
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// A task panicked, and the policy is to shut down: polling the set panics.
    pub(crate) fn shut_down_by_panic(&self) {
        // ordering: Release; pairs with the load in `poll_tasks`.
        self.panicked.store(true, Ordering::Release);
        self.wake();
    }
}

/// The part of a set that stays on its thread.
struct LocalContext {
    shared: Arc<Shared>,
    owner: Arc<Owner>,
    queue: RefCell<VecDeque<Runnable>>,
    /// The set runs tasks right now, and will look at `queue` again.
    ticking: Cell<bool>,
    id: Id,
}

filch_primitives::local! {
    /// The set whose tasks run on this thread, or that was entered.
    static CURRENT: Cell<*const LocalContext> = Cell::new(std::ptr::null());
}

/// Makes a set the current one until dropped.
struct CurrentGuard {
    before: *const LocalContext,
    /// Keeps the context alive as long as the thread-local points to it.
    cx: Rc<LocalContext>,
}

impl CurrentGuard {
    fn new(cx: &Rc<LocalContext>) -> Self {
        CurrentGuard {
            before: CURRENT.with(|current| current.replace(&raw const **cx)),
            cx: cx.clone(),
        }
    }
}

impl Drop for CurrentGuard {
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.set(self.before));
        let _ = &self.cx;
    }
}

/// Runs tasks that need not be `Send`, all on one thread.
///
/// Spawn with [`spawn_local`](Self::spawn_local), or inside of it with [`task::spawn_local`](spawn_local).
/// The tasks run while the set is awaited, or [`run_until`](Self::run_until) or
/// [`block_on`](Self::block_on) polls it. Awaiting the set itself ends when all of its tasks have. Dropping
/// it cancels them.
///
/// ```
/// use std::rc::Rc;
/// let runtime = filch::runtime::Builder::new_current_thread().build()?;
/// let set = filch::task::LocalSet::new();
/// let sum = set.block_on(&runtime, async {
///     let shared = Rc::new(20);
///     let task = filch::task::spawn_local({
///         let shared = shared.clone();
///         async move { *shared + 1 }
///     });
///     task.await.unwrap() + *shared
/// });
/// assert_eq!(sum, 41);
/// # std::io::Result::Ok(())
/// ```
pub struct LocalSet {
    cx: Rc<LocalContext>,
    _not_send: PhantomData<*const ()>,
}

impl LocalSet {
    /// An empty set, bound to this thread.
    pub fn new() -> LocalSet {
        let hooks = context::try_current()
            .map_or_else(|| Arc::new(Hooks::default()), |h| h.common().hooks().clone());
        let shared = Arc::new(Shared {
            thread: thread::current().id(),
            queue: Mutex::new(VecDeque::new()),
            waker: Mutex::new(None),
            panicked: AtomicBool::new(false),
        });
        let owner = Arc::new(Owner::new(Queue::Local(Arc::downgrade(&shared)), hooks));
        let cx = LocalContext {
            shared,
            owner,
            queue: RefCell::new(VecDeque::new()),
            ticking: Cell::new(false),
            id: Id::next(),
        };
        LocalSet { cx: Rc::new(cx), _not_send: PhantomData }
    }

    /// Spawns a task on the set. It runs when the set is polled.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_with(here(), future)
    }

    pub(super) fn spawn_with<F>(&self, meta: Meta, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.cx.spawn(meta, future)
    }

    /// Makes this the current set of this thread until the guard is dropped.
    pub fn enter(&self) -> LocalEnterGuard {
        LocalEnterGuard(CurrentGuard::new(&self.cx))
    }

    /// The set's number. It is one of a runtime's, and differs from that of every other runtime and set.
    pub fn id(&self) -> Id {
        self.cx.id
    }

    /// Runs `future` and the set's tasks until `future` is ready.
    ///
    /// # Panics
    /// As [`Runtime::block_on`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output {
        runtime.block_on(self.run_until(future))
    }

    /// Runs `future` and the set's tasks until `future` is ready. Tasks that are left stay in the set.
    ///
    /// # Cancel safety
    /// Dropping it drops `future`; the tasks stay in the set.
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _current = CurrentGuard::new(&self.cx);
            self.cx.register(cx.waker());
            {
                let _ticking = Ticking::new(&self.cx);
                if let Poll::Ready(output) = future.as_mut().poll(cx) {
                    return Poll::Ready(output);
                }
            }
            if self.cx.poll_tasks() {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    }
}

/// The set's tasks run, or its main future does: what they wake goes to the set's own queue.
struct Ticking<'a> {
    cx: &'a LocalContext,
    before: bool,
}

impl<'a> Ticking<'a> {
    fn new(cx: &'a LocalContext) -> Self {
        Ticking { cx, before: cx.ticking.replace(true) }
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.cx.ticking.set(self.before);
        // The main future may have ended, or panicked, with tasks woken: the set must be polled again,
        // by whoever polls it next.
        if !self.before && !self.cx.queue.borrow().is_empty() {
            let mut queue = self.cx.queue.borrow_mut();
            self.cx.shared.queue.lock().extend(queue.drain(..));
        }
    }
}

impl LocalContext {
    fn spawn<F>(&self, meta: Meta, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let (task, join) = new_task(self.owner.clone(), meta, || future);
        if let Some(task) = task {
            self.shared.schedule(task);
        }
        join
    }

    fn register(&self, waker: &Waker) {
        let old = {
            let mut slot = self.shared.waker.lock();
            match &*slot {
                Some(old) if old.will_wake(waker) => None,
                _ => slot.replace(waker.clone()),
            }
        };
        drop(old);
    }

    /// Runs up to `TASKS_PER_POLL` tasks. True if more wait.
    fn poll_tasks(&self) -> bool {
        debug_assert!(thread::current().id() == self.shared.thread, "X1");
        let ticking = Ticking::new(self);
        for _ in 0..TASKS_PER_POLL {
            let local = self.queue.borrow_mut().pop_front();
            let Some(task) = local.or_else(|| self.shared.queue.lock().pop_front()) else { break };
            let _budget = coop::fresh();
            task.run();
        }
        drop(ticking);
        // ordering: Acquire; pairs with `shut_down_by_panic`.
        if self.shared.panicked.load(Ordering::Acquire) {
            panic!(
                "a spawned task panicked and the LocalSet is configured to shutdown on unhandled panic"
            );
        }
        !self.shared.queue.lock().is_empty()
    }
}

impl Future for LocalSet {
    type Output = ();

    /// Runs the set's tasks. Ready when all of them have ended.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let _current = CurrentGuard::new(&self.cx);
        self.cx.register(cx.waker());
        if self.cx.poll_tasks() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.cx.owner.len() == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        // X1: destructors of the futures run here, with the set as the current one.
        let _current = CurrentGuard::new(&self.cx);
        self.cx.owner.close();
        loop {
            let local = self.cx.queue.borrow_mut().pop_front();
            match local.or_else(|| self.cx.shared.queue.lock().pop_front()) {
                Some(task) => drop(task),
                None => break,
            }
        }
    }
}

impl Default for LocalSet {
    fn default() -> Self {
        LocalSet::new()
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").field("tasks", &self.cx.owner.len()).finish()
    }
}

/// A set is the current one of this thread as long as this lives. Made by [`LocalSet::enter`].
#[must_use = "the set is entered as long as the guard lives"]
pub struct LocalEnterGuard(CurrentGuard);

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").field("tasks", &self.0.cx.owner.len()).finish()
    }
}

/// Spawns a task that need not be `Send` on the current [`LocalSet`] or
/// [`LocalRuntime`](crate::runtime::LocalRuntime).
///
/// # Panics
/// Outside of both.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_local_with(here(), future)
}

#[track_caller]
pub(super) fn spawn_local_with<F>(meta: Meta, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let set = CURRENT.try_with(Cell::get).unwrap_or(std::ptr::null());
    // SAFETY: the pointer is to a context that a guard below us on the stack keeps alive.
    if let Some(cx) = unsafe { set.as_ref() } {
        return cx.spawn(meta, future);
    }
    if let Scheduler::CurrentThread(cx) = context::scheduler() {
        // SAFETY: the pointer is to a value on the stack below us.
        if let Some(shared) = unsafe { (*cx).local_shared() } {
            let (task, join) = new_task(shared.owner().clone(), meta, || future);
            if let Some(task) = task {
                shared.schedule_spawned(task);
            }
            return join;
        }
    }
    panic!(
        "`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`: run it \
         inside of one of them"
    )
}
