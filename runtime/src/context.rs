//! What a thread knows of filch: the runtime it is in, the worker it is, the task it polls.
//!
//! All of it is thread-local. The hot part (worker, task) has no destructor and costs a load; the handle
//! of an entered runtime lives in a cell of its own, which only `enter` and lookups outside of workers
//! touch.

use std::cell::{Cell, RefCell};

use filch_primitives::entered;

use crate::driver::TimeHandle;
use crate::runtime::Handle;
use crate::scheduler::{current_thread, multi_thread};
use crate::task::Id;

/// The text of every panic for a call outside of a runtime begins with this.
pub(crate) const NO_RUNTIME: &str =
    "there is no reactor running, must be called from the context of a filch runtime";

/// Who runs on this thread. The pointers are to values on the stack below, which reset them on the way
/// out.
#[derive(Clone, Copy)]
pub(crate) enum Scheduler {
    None,
    MultiThread(*const multi_thread::WorkerContext),
    CurrentThread(*const current_thread::ThreadContext),
}

filch_primitives::local! {
    /// The scheduler that runs on this thread.
    static SCHEDULER: Cell<Scheduler> = Cell::new(Scheduler::None);
    /// The task that is polled, or dropped, on this thread: its number, or 0.
    static TASK: Cell<u64> = Cell::new(0);
    /// How many handles are entered on top of the scheduler. While it is 0, the scheduler's own handle
    /// is the current one.
    static ENTERED: Cell<usize> = Cell::new(0);
    /// The handle entered last.
    static HANDLE: RefCell<Option<Handle>> = RefCell::new(None);
}

/// The scheduler that runs on this thread.
#[inline]
pub(crate) fn scheduler() -> Scheduler {
    SCHEDULER.try_with(Cell::get).unwrap_or(Scheduler::None)
}

/// As [`scheduler`], unless another runtime's handle was entered on top of it.
#[inline]
fn scheduler_in_force() -> Scheduler {
    match ENTERED.try_with(Cell::get) {
        Ok(0) => scheduler(),
        _ => Scheduler::None,
    }
}

/// The number of the worker that this thread is.
pub(crate) fn worker_index() -> Option<usize> {
    match scheduler() {
        Scheduler::MultiThread(cx) => {
            // SAFETY: the pointer is to a value on the stack below us (see `Scheduler`).
            let cx = unsafe { &*cx };
            // A worker's timer shard has its number; spare workers share the one after the last.
            let shard = cx.time_handle().shard();
            (shard < cx.shared().workers()).then_some(shard)
        }
        Scheduler::CurrentThread(_) => Some(0),
        Scheduler::None => None,
    }
}

/// Puts the previous scheduler back on drop.
pub(crate) struct SchedulerGuard {
    before: Scheduler,
    entered_before: usize,
}

/// This thread runs `scheduler` until the guard is dropped.
pub(crate) fn set_scheduler(scheduler: Scheduler) -> SchedulerGuard {
    SchedulerGuard {
        before: SCHEDULER.with(|cell| cell.replace(scheduler)),
        entered_before: ENTERED.with(|cell| cell.replace(0)),
    }
}

impl Drop for SchedulerGuard {
    fn drop(&mut self) {
        let _ = SCHEDULER.try_with(|cell| cell.set(self.before));
        let _ = ENTERED.try_with(|cell| cell.set(self.entered_before));
    }
}

/// Puts the previous task's number back on drop.
pub(crate) struct TaskGuard(u64);

/// This thread works on a task until the guard is dropped.
#[inline]
pub(crate) fn enter_task(id: Id) -> TaskGuard {
    TaskGuard(TASK.try_with(|task| task.replace(id.as_u64())).unwrap_or(0))
}

impl Drop for TaskGuard {
    #[inline]
    fn drop(&mut self) {
        let _ = TASK.try_with(|task| task.set(self.0));
    }
}

/// The task that this thread works on.
pub(crate) fn current_task_id() -> Option<Id> {
    TASK.try_with(Cell::get).ok().and_then(Id::from_u64)
}

/// Makes `handle` the current one until the guard is dropped.
pub(crate) fn enter(handle: Handle) -> EnterGuard {
    let depth = ENTERED.with(|entered| {
        entered.set(entered.get() + 1);
        entered.get()
    });
    let before = HANDLE.with(|cell| cell.borrow_mut().replace(handle));
    EnterGuard { before, depth }
}

/// Puts the previous handle back on drop.
#[derive(Debug)]
pub(crate) struct EnterGuard {
    before: Option<Handle>,
    depth: usize,
}

impl Drop for EnterGuard {
    fn drop(&mut self) {
        let in_order = ENTERED.try_with(|entered| entered.get() == self.depth).unwrap_or(true);
        if !in_order {
            // The handles stay as they are: every one is counted, so nothing dangles.
            if !std::thread::panicking() {
                panic!(
                    "`EnterGuard` values dropped out of order. Guards returned by \
                     `Handle::enter()` must be dropped in the reverse order as they were acquired."
                );
            }
            return;
        }
        let before = self.before.take();
        // Dropped outside of the borrow: it may be the last handle of its runtime.
        let left = HANDLE.try_with(|cell| std::mem::replace(&mut *cell.borrow_mut(), before));
        let _ = ENTERED.try_with(|entered| entered.set(self.depth - 1));
        drop(left);
    }
}

/// The current runtime's handle, if there is one.
pub(crate) fn try_current() -> Option<Handle> {
    match scheduler_in_force() {
        // SAFETY: the pointer is to a value on the stack below us (see `Scheduler`).
        Scheduler::MultiThread(cx) => Some(unsafe { (*cx).handle() }),
        // SAFETY: as above.
        Scheduler::CurrentThread(cx) => Some(unsafe { (*cx).handle() }),
        Scheduler::None => HANDLE.try_with(|cell| cell.borrow().clone()).ok().flatten(),
    }
}

/// The current runtime's handle.
#[track_caller]
pub(crate) fn current() -> Handle {
    match try_current() {
        Some(handle) => handle,
        None => panic!("{NO_RUNTIME}"),
    }
}

/// Runs `f` with the worker's context, if this thread is a worker and no other runtime was entered.
#[inline]
pub(crate) fn with_worker<R>(f: impl FnOnce(Option<&multi_thread::WorkerContext>) -> R) -> R {
    match scheduler_in_force() {
        // SAFETY: the pointer is to a value on the stack below us (see `Scheduler`).
        Scheduler::MultiThread(cx) => f(Some(unsafe { &*cx })),
        _ => f(None),
    }
}

/// What timers need of the current runtime: per worker, so that its count stays on the worker's own
/// cache line.
#[track_caller]
pub(crate) fn time_handle() -> filch_primitives::Arc<TimeHandle> {
    let time = match scheduler_in_force() {
        // SAFETY: the pointer is to a value on the stack below us (see `Scheduler`).
        Scheduler::MultiThread(cx) => unsafe { (*cx).time_handle().clone() },
        // SAFETY: as above.
        Scheduler::CurrentThread(cx) => unsafe { (*cx).time_handle().clone() },
        Scheduler::None => current().time_handle(),
    };
    if !time.is_enabled() {
        panic!(
            "A filch 1.x context was found, but timers are disabled. Call `enable_time` on the \
             runtime builder to enable timers."
        );
    }
    time
}

/// The time, as the current runtime has it: its clock may be paused. The real one outside of a runtime.
pub(crate) fn try_clock_now() -> std::time::Instant {
    if !filch_timer::any_clock_was_paused() {
        return std::time::Instant::now();
    }
    match scheduler_in_force() {
        // SAFETY: the pointer is to a value on the stack below us (see `Scheduler`).
        Scheduler::CurrentThread(cx) => unsafe { (*cx).time_handle().timers().clock().now() },
        _ => match try_current() {
            Some(handle) => handle.driver().timers().clock().now(),
            None => std::time::Instant::now(),
        },
    }
}

/// Refuses, in a model, what only the system can do.
#[inline]
#[track_caller]
pub(crate) fn needs_system(what: &str) {
    #[cfg(filch_loom)]
    crate::loom::unavailable(what);
    #[cfg(not(filch_loom))]
    let _ = what;
}

/// The current runtime's I/O driver.
#[cfg(filch_loom)]
#[track_caller]
pub(crate) fn io_driver() -> std::sync::Arc<filch_io_driver::Driver> {
    crate::loom::unavailable("sockets, signals and child processes")
}

/// The current runtime's I/O driver.
#[cfg(not(filch_loom))]
#[track_caller]
pub(crate) fn io_driver() -> std::sync::Arc<filch_io_driver::Driver> {
    let handle = current();
    match handle.driver().io() {
        Some(io) => io.clone(),
        None => panic!(
            "A filch 1.x context was found, but IO is disabled. Call `enable_io` on the runtime \
             builder to enable IO."
        ),
    }
}

/// Refuses to block a thread that polls async code.
#[track_caller]
pub(crate) fn enter_blocking(what: &str) -> entered::Restore {
    if entered::is_entered() {
        panic!(
            "Cannot start a runtime from within a runtime. {what} would block a thread that is being \
             used to drive asynchronous tasks: use `.await`, or `task::block_in_place`."
        );
    }
    entered::enter()
}
