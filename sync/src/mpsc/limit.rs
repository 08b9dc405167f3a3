//! What the bounded and the unbounded channel do differently.

use filch_primitives::atomic::Ordering::SeqCst;
use filch_primitives::atomic::fence;

use super::queue::Queue;
use crate::semaphore::RawSemaphore;

/// How a channel limits what is in it, and how it is closed.
pub(super) trait Limit {
    /// The receiver has taken `n` messages.
    fn received(&self, n: usize);

    /// The receiver closes the channel.
    ///
    /// # Safety
    /// By the receiver.
    unsafe fn close<T>(&self, queue: &Queue<T>);

    /// Whether the receiver has closed the channel: a sender's question.
    fn is_closed<T>(&self, queue: &Queue<T>) -> bool;

    /// Whether the channel is closed, and nobody holds the right to send into it still.
    fn is_drained(&self) -> bool;
}

/// A channel of some capacity: a message needs a permit, held from the reservation until it is received.
pub(super) struct Bounded {
    pub(super) semaphore: RawSemaphore,
    pub(super) capacity: usize,
}

impl Limit for Bounded {
    #[inline]
    fn received(&self, n: usize) {
        self.semaphore.release(n);
    }

    /// Reserves no more. Who has a permit can still send: the queue stays open.
    unsafe fn close<T>(&self, _queue: &Queue<T>) {
        self.semaphore.close();
    }

    fn is_closed<T>(&self, _queue: &Queue<T>) -> bool {
        self.semaphore.is_closed()
    }

    fn is_drained(&self) -> bool {
        if !self.semaphore.is_closed() {
            return false;
        }
        // ordering: CH9. SeqCst. A sender has brought a permit back before this, and goes for the waker after it;
        // the receiver has left its waker before this, and looks for the permits after it. Whichever fence is
        // first, the sender sees the waker or the receiver sees the permit.
        fence(SeqCst);
        self.semaphore.available() == self.capacity
    }
}

/// A channel without a limit.
pub(super) struct Unbounded;

impl Limit for Unbounded {
    #[inline]
    fn received(&self, _n: usize) {}

    unsafe fn close<T>(&self, queue: &Queue<T>) {
        // SAFETY: the caller's promise is the same.
        unsafe { queue.close() };
    }

    fn is_closed<T>(&self, queue: &Queue<T>) -> bool {
        queue.is_closed()
    }

    /// The queue itself knows where it ends.
    fn is_drained(&self) -> bool {
        false
    }
}
