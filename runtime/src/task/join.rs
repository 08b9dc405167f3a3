//! The right to a task's output.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use filch_primitives::coop;

use super::abort::AbortHandle;
use super::error::JoinError;
use super::header::{Header, join_waker};
use super::id::Id;
use super::state::{DropJoin, OnWake, Release};
use super::{Runnable, owner::Owner};

/// Waits for a task's output.
///
/// A pointer and a mark. Dropping it detaches the task, which goes on; a panic of a detached task is reported.
/// To cancel instead use [`abort`](Self::abort) or [`abort_on_drop`](Self::abort_on_drop).
///
/// # Errors
/// Awaiting gives a [`JoinError`] if the task panicked or was cancelled.
/// # Panics
/// If polled again after it gave its output.
/// # Cancel safety
/// Awaiting by `&mut handle` loses nothing when dropped: the output waits in the task.
///
/// # Examples
/// ```
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let handle = filch::spawn(async { "done" });
/// assert_eq!(handle.await.unwrap(), "done");
/// # });
/// ```
pub struct JoinHandle<T> {
    task: NonNull<Header>,
    /// The output was given out.
    taken: bool,
    _output: PhantomData<T>,
}

// SAFETY: the handle moves the output out of the task, hence `T: Send`; everything else goes through
// the state word.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: by `&JoinHandle` one can only ask and abort, which the state word orders.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    /// - The caller owns the join handle's right (JOIN) of this live task, whose output is `T`.
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        JoinHandle { task, taken: false, _output: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: JOIN keeps the task alive.
        unsafe { self.task.as_ref() }
    }

    /// Asks the task to end. Its future is dropped by the thread that runs it, or by a worker soon;
    /// awaiting the handle then gives a cancelled [`JoinError`]. A task that already completed keeps its
    /// output. Work on a blocking thread that has begun is not interrupted.
    pub fn abort(&self) {
        abort(self.task);
    }

    /// Whether the task completed, was cancelled or panicked.
    pub fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }

    /// A handle that can only abort. It does not keep the output.
    pub fn abort_handle(&self) -> AbortHandle {
        self.header().state.clone_ref();
        // SAFETY: the reference was just counted.
        unsafe { AbortHandle::from_raw(self.task) }
    }

    /// A handle that cancels the task when it is dropped.
    pub fn abort_on_drop(self) -> AbortOnDropHandle<T> {
        AbortOnDropHandle(self)
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.header().id
    }

    /// Wakes `waker` once: when the task completes, or now if it has. For a handle that nobody polls.
    pub(super) fn wake_on_complete(&mut self, waker: &Waker) {
        if self.register(waker) {
            waker.wake_by_ref();
        }
    }

    /// The output, if the task is complete and its output was not given out.
    pub(super) fn try_take(&mut self) -> Option<Result<T, JoinError>> {
        if self.taken || !self.is_finished() {
            return None;
        }
        match self.take() {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// Moves the output out. COMPLETE was seen, and nothing was taken before.
    fn take(&mut self) -> Poll<Result<T, JoinError>> {
        debug_assert!(!self.taken && self.is_finished());
        self.taken = true;
        let mut output = Poll::Pending;
        // SAFETY: COMPLETE was seen, JOIN is ours, nothing was taken before (the callers looked); the
        // place has the type that `take_output` writes.
        unsafe { (self.header().vtable.take_output)(self.task, (&raw mut output).cast()) };
        output
    }

    /// F9: gives the task a waker to wake at completion. True if the task is complete.
    fn register(&self, waker: &Waker) -> bool {
        let state = &self.header().state;
        let seen = state.load();
        if seen.is_complete() {
            return true;
        }
        // SAFETY: JOIN keeps the task alive.
        let place = unsafe { join_waker(self.task) };
        if seen.has_join_waker() {
            // SAFETY: F9. Published: both sides only read it.
            let same = place.with(|w| unsafe { (*w).as_ref().is_some_and(|w| w.will_wake(waker)) });
            if same {
                // Complete may have read the state just before: it wakes this very waker then.
                return false;
            }
            if !state.retract_join_waker() {
                return true;
            }
        }
        let waker = waker.clone();
        // SAFETY: F9. JOIN_WAKER is not set: the field is the join handle's alone.
        let old = place.with_mut(|w| unsafe { (*w).replace(waker) });
        drop(old);
        !state.publish_join_waker()
    }
}

/// Aborts the task behind the pointer, which the caller keeps alive.
pub(super) fn abort(task: NonNull<Header>) {
    // SAFETY: alive by the caller's reference.
    if unsafe { task.as_ref() }.state.abort() == OnWake::Enqueue {
        // SAFETY: the transition gave us the Runnable.
        Owner::enqueue(unsafe { Runnable::from_raw(task) });
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.taken, "JoinHandle polled after completion");
        let coop = std::task::ready!(coop::poll_proceed(cx));
        if !self.register(cx.waker()) {
            return Poll::Pending;
        }
        coop.made_progress();
        self.take()
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        loop {
            match self.header().state.drop_join_handle() {
                DropJoin::Done => return,
                DropJoin::DropWaker => {
                    // SAFETY: alive by JOIN. F9: JOIN_WAKER was just taken back, the field is ours.
                    let waker = unsafe { join_waker(self.task).with_mut(|w| (*w).take()) };
                    // A waker's destructor is user code; a panic must not leave JOIN behind.
                    let _ = catch_unwind(AssertUnwindSafe(|| drop(waker)));
                }
                DropJoin::DropOutput => {
                    // SAFETY: COMPLETE, and JOIN, which is ours, keeps the task alive until released.
                    unsafe {
                        if !self.taken {
                            (self.header().vtable.drop_output)(self.task);
                        }
                        if self.header().state.release_join() == Release::Free {
                            (self.header().vtable.dealloc)(self.task);
                        }
                    }
                    return;
                }
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish()
    }
}

/// A join handle that cancels its task when it is dropped.
///
/// Made by [`JoinHandle::abort_on_drop`]. The task's future is dropped soon after, not before `drop`
/// returns.
///
/// # Cancel safety
/// Dropping it while awaiting cancels the task: that is what it is for.
#[must_use = "dropping it cancels the task at once"]
#[derive(Debug)]
pub struct AbortOnDropHandle<T>(JoinHandle<T>);

impl<T> AbortOnDropHandle<T> {
    /// Asks the task to end; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether the task completed, was cancelled or panicked.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.0.id()
    }

    /// Back to a handle that detaches when dropped.
    pub fn detach(self) -> JoinHandle<T> {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: the inner handle is moved out once, and `this` is never dropped.
        unsafe { std::ptr::read(&raw const this.0) }
    }
}

impl<T> Future for AbortOnDropHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for AbortOnDropHandle<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
