//! The future that waits for permits, and the node in it.
//!
//! Protocol: docs/sync.md, steps SEM2, SEM6 and SEM7. Invariants P1 to P5: `raw.rs`.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, ready};

use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::coop;

use super::raw::RawSemaphore;
use super::{AcquireError, TryAcquireError};
use crate::node_waker::NodeWaker;
use crate::wait_list::Node;

/// `needed` of a waiter that the closing semaphore sent away.
pub(super) const REFUSED: usize = usize::MAX;

/// The payload of a waiting node.
pub(super) struct Waiter {
    /// How many permits it came for.
    pub(super) asked: usize,
    /// How many it still needs; 0 when it has all, [`REFUSED`] when it gets none. Written under the lock.
    /// The step to 0 or REFUSED is the last access of the other side (P5).
    pub(super) needed: AtomicUsize,
    /// Whom to wake.
    pub(super) waker: NodeWaker,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not polled yet: the node is in no list.
    Start,
    /// `acquire_or_queue` put the node into the list. It may have left it since.
    Queued,
    /// Has its permits, or its refusal: the node is in no list.
    Done,
}

/// Takes permits from a [`RawSemaphore`], in the order of arrival.
///
/// Cancel safety: dropping it gives up its place; permits that it already has go to the next.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub(crate) struct Acquire<'a> {
    semaphore: &'a RawSemaphore,
    phase: Cell<Phase>,
    node: Node<Waiter>,
}

// SAFETY: the node's cells are touched under the semaphore's lock, or by the one who polls or drops
// the future while the node is in no list; the waker is Send.
unsafe impl Send for Acquire<'_> {}
// SAFETY: there is no method on `&Acquire`.
unsafe impl Sync for Acquire<'_> {}

impl<'a> Acquire<'a> {
    #[inline]
    pub(super) fn new(semaphore: &'a RawSemaphore, asked: usize) -> Self {
        Acquire {
            semaphore,
            phase: Cell::new(Phase::Start),
            node: Node::new(Waiter {
                asked,
                needed: AtomicUsize::new(asked),
                waker: NodeWaker::new(),
            }),
        }
    }

    /// First poll: takes the permits or queues (SEM1, SEM2).
    fn start(&self, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        match self.semaphore.try_acquire(self.node.value.asked) {
            Ok(()) => return Poll::Ready(Ok(())),
            Err(TryAcquireError::Closed) => return Poll::Ready(Err(AcquireError::closed())),
            Err(TryAcquireError::NoPermits) => {}
        }
        // Before the lock: cloning a waker is the executor's code.
        let waker = cx.waker().clone();
        // SAFETY: the node is not linked (Start): the cell is ours.
        unsafe { self.node.value.waker.replace(waker) };
        // SAFETY: the node is pinned with the future, in no list (Start), and `drop` calls `leave`.
        let outcome = unsafe { self.semaphore.acquire_or_queue(NonNull::from(&self.node)) };
        match outcome {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => {
                self.phase.set(Phase::Queued);
                Poll::Pending
            }
            Err(closed) => Poll::Ready(Err(closed)),
        }
    }

    /// What was decided about a queued waiter (SEM6).
    fn outcome(&self) -> Option<Result<(), AcquireError>> {
        // ordering: SEM6. Acquire, to see what those who gave the permits did before (Release, SEM4),
        // and that the node is ours alone again (P5).
        match self.node.value.needed.load(Ordering::Acquire) {
            0 => Some(Ok(())),
            REFUSED => Some(Err(AcquireError::closed())),
            _ => None,
        }
    }

    /// A later poll: the outcome, or the waker of this poll in place of the last one's.
    fn wait(&self, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        let lock = self.semaphore.lock();
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        // SAFETY: under the lock.
        if unsafe { self.node.value.waker.will_wake(cx.waker()) } {
            return Poll::Pending;
        }
        drop(lock);
        // Outside of the lock: cloning and dropping wakers is the executor's code.
        let new = cx.waker().clone();
        let lock = self.semaphore.lock();
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        // SAFETY: under the lock.
        let old = unsafe { self.node.value.waker.replace(new) };
        drop(lock);
        drop(old);
        Poll::Pending
    }
}

impl Future for Acquire<'_> {
    type Output = Result<(), AcquireError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(coop::poll_proceed(cx));
        let this = self.as_ref().get_ref();
        let outcome = match this.phase.get() {
            Phase::Start => ready!(this.start(cx)),
            Phase::Queued => ready!(this.wait(cx)),
            Phase::Done => panic!("polled after it had completed"),
        };
        this.phase.set(Phase::Done);
        coop.made_progress();
        Poll::Ready(outcome)
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        if self.phase.get() == Phase::Queued && self.outcome() != Some(Err(AcquireError::closed()))
        {
            // SAFETY: Queued means that `acquire_or_queue` returned `Ok(false)` for this node.
            unsafe { self.semaphore.leave(NonNull::from(&self.node)) };
        }
    }
}
