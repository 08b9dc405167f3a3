//! The shared part of both channels, and its two ends.
//!
//! Protocol: docs/sync.md, steps CH1 to CH10. Model: loom-tests/tests/mpsc.rs.
//!
//! Invariants
//! C1  There is one `Rx`. What is the receiver's in the queue is touched through `&mut Rx` only, or read
//!     through `&Rx`.
//! C2  `senders` counts the `Tx`s. Who brings it to zero ends the queue, and nobody can bring it up again.
//! C3  A receiver that returned `Pending` is woken when the next slot is filled or the queue ends, and,
//!     once it has closed the channel, when the last permit comes back.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll, ready};

use filch_primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use filch_primitives::atomic::{AtomicUsize, FirstGuess};
use filch_primitives::{Arc, CachePadded, coop};

use super::error::TryRecvError;
use super::limit::Limit;
use super::queue::{Pop, Queue};
use super::waker_cell::WakerCell;
use crate::Notify;

/// See the module.
pub(super) struct Chan<T, L> {
    queue: Queue<T>,
    pub(super) limit: CachePadded<L>,
    rx_waker: WakerCell,
    /// Wakes those who wait in `Sender::closed`.
    closed: Notify,
    senders: AtomicUsize,
    weak_senders: AtomicUsize,
}

// A panic of user code (a waker, a message's `Drop`) leaves the invariants above as they are.
impl<T, L> UnwindSafe for Chan<T, L> {}
impl<T, L> RefUnwindSafe for Chan<T, L> {}

/// A sending end: counted in `senders`.
pub(super) struct Tx<T, L: Limit>(Arc<Chan<T, L>>);

/// The receiving end.
pub(super) struct Rx<T, L: Limit>(Arc<Chan<T, L>>);

/// A sending end that keeps the memory, not the channel: counted in `weak_senders`.
pub(super) struct WeakTx<T, L: Limit>(Arc<Chan<T, L>>);

/// Makes a channel with one sender.
pub(super) fn channel<T, L: Limit>(limit: L) -> (Tx<T, L>, Rx<T, L>) {
    let chan = Arc::new(Chan {
        queue: Queue::new(),
        limit: CachePadded::new(limit),
        rx_waker: WakerCell::new(),
        closed: Notify::new(),
        senders: AtomicUsize::new(1),
        weak_senders: AtomicUsize::new(0),
    });
    (Tx(chan.clone()), Rx(chan))
}

impl<T, L: Limit> Chan<T, L> {
    /// How many strong senders there are.
    pub(super) fn strong_count(&self) -> usize {
        // ordering: Acquire. Who sees that a sender is gone sees what it did before (AcqRel, CH8).
        self.senders.load(Acquire)
    }

    /// How many weak senders there are.
    pub(super) fn weak_count(&self) -> usize {
        // ordering: Relaxed. A statistic.
        self.weak_senders.load(Relaxed)
    }

    /// Sends; a bounded channel's caller has a permit. Wakes the receiver if it waits.
    ///
    /// # Errors
    /// The message, if the queue is closed.
    #[inline]
    pub(super) fn push(&self, value: T) -> Result<(), T> {
        if self.queue.push(value)? {
            self.rx_waker.wake();
        }
        Ok(())
    }

    /// Whether the receiver is gone or has closed the channel.
    pub(super) fn is_closed(&self) -> bool {
        self.limit.is_closed(&self.queue)
    }

    /// Waits until the receiver is gone or has closed the channel.
    pub(super) async fn closed(&self) {
        // Made before the look: a closing in between completes it (N3 of `Notify`).
        let notified = self.closed.notified();
        if !self.is_closed() {
            notified.await;
        }
    }

    /// After a permit came back unused: the receiver may wait for just that (C3, CH9).
    pub(super) fn wake_if_drained(&self) {
        if self.limit.is_drained() {
            self.rx_waker.wake();
        }
    }
}

impl<T, L: Limit> Tx<T, L> {
    pub(super) fn chan(&self) -> &Chan<T, L> {
        &self.0
    }

    pub(super) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn downgrade(&self) -> WeakTx<T, L> {
        WeakTx::new(self.0.clone())
    }
}

impl<T, L: Limit> Clone for Tx<T, L> {
    fn clone(&self) -> Self {
        // ordering: Relaxed. We are counted ourselves, so it is not zero, and the clone publishes nothing.
        self.0.senders.fetch_add(1, Relaxed);
        Tx(self.0.clone())
    }
}

impl<T, L: Limit> Drop for Tx<T, L> {
    fn drop(&mut self) {
        // ordering: CH8. Release, so that our sends come before the end that the last one sets; Acquire, so that
        // the last one sees those of all others.
        if self.0.senders.fetch_sub(1, AcqRel) == 1 && self.0.queue.end() {
            self.0.rx_waker.wake();
        }
    }
}

impl<T, L: Limit> WeakTx<T, L> {
    fn new(chan: Arc<Chan<T, L>>) -> Self {
        // ordering: Relaxed. A statistic.
        chan.weak_senders.fetch_add(1, Relaxed);
        WeakTx(chan)
    }

    pub(super) fn chan(&self) -> &Chan<T, L> {
        &self.0
    }

    /// A sender, unless all are gone.
    pub(super) fn upgrade(&self) -> Option<Tx<T, L>> {
        let mut seen = self.0.senders.first_guess();
        while seen != 0 {
            // ordering: Relaxed. It only keeps the count from zero: then the queue has not ended, and will not
            // while we are counted. What the sender does with the queue orders itself (CH1 to CH3).
            match self.0.senders.compare_exchange_weak(seen, seen + 1, Relaxed, Relaxed) {
                Ok(_) => return Some(Tx(self.0.clone())),
                Err(now) => seen = now,
            }
        }
        None
    }
}

impl<T, L: Limit> Clone for WeakTx<T, L> {
    fn clone(&self) -> Self {
        WeakTx::new(self.0.clone())
    }
}

impl<T, L: Limit> Drop for WeakTx<T, L> {
    fn drop(&mut self) {
        // ordering: Relaxed. A statistic.
        self.0.weak_senders.fetch_sub(1, Relaxed);
    }
}

impl<T, L: Limit> Rx<T, L> {
    pub(super) fn chan(&self) -> &Chan<T, L> {
        &self.0
    }

    /// Receives a message, or the end. CH4, CH5.
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let coop = ready!(coop::poll_proceed(cx));
        let message = match self.pop() {
            Poll::Ready(message) => message,
            Poll::Pending => ready!(self.wait(cx, Self::pop)),
        };
        coop.made_progress();
        Poll::Ready(message)
    }

    /// Receives up to `limit` messages that are there; waits for the first. Zero is the end.
    pub(super) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        let coop = ready!(coop::poll_proceed(cx));
        let received = match self.pop_many(buffer, limit) {
            Poll::Ready(n) => n,
            Poll::Pending => ready!(self.wait(cx, |rx| rx.pop_many(buffer, limit))),
        };
        coop.made_progress();
        Poll::Ready(received)
    }

    /// One attempt: a message, the end, or nothing yet.
    #[inline]
    fn pop(&mut self) -> Poll<Option<T>> {
        // SAFETY: `&mut Rx`: C1.
        match unsafe { self.0.queue.pop() } {
            Pop::Value(value) => {
                self.0.limit.received(1);
                Poll::Ready(Some(value))
            }
            Pop::Ended => Poll::Ready(None),
            Pop::Empty => Poll::Pending,
        }
    }

    /// As `pop`, for several: the permits go back together.
    fn pop_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        let mut received = 0;
        let ended = loop {
            if received == limit {
                break false;
            }
            // SAFETY: `&mut Rx`: C1.
            match unsafe { self.0.queue.pop() } {
                Pop::Value(value) => buffer.push(value),
                Pop::Ended => break true,
                Pop::Empty => break false,
            }
            received += 1;
        };
        if received > 0 {
            self.0.limit.received(received);
        }
        if received > 0 || ended { Poll::Ready(received) } else { Poll::Pending }
    }

    /// The queue was found empty: leaves the waker, marks the slot, and looks once more where that failed.
    fn wait<R: Default>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl FnOnce(&mut Self) -> Poll<R>,
    ) -> Poll<R> {
        // CH5: the waker before the mark.
        // SAFETY: `&mut Rx`: C1.
        unsafe { self.0.rx_waker.register(cx.waker()) };
        // SAFETY: `&mut Rx`: C1; the waker is in place.
        if !unsafe { self.0.queue.wait() } {
            // Filled or ended meanwhile.
            return attempt(self);
        }
        // CH9: after the waker is in place. A permit that comes back later wakes it.
        if self.0.limit.is_drained() {
            return Poll::Ready(R::default());
        }
        Poll::Pending
    }

    /// Receives a message if one is there.
    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        // SAFETY: `&mut Rx`: C1.
        match unsafe { self.0.queue.pop_claimed() } {
            Pop::Value(value) => {
                self.0.limit.received(1);
                Ok(value)
            }
            Pop::Ended => Err(TryRecvError::Disconnected),
            Pop::Empty if self.0.limit.is_drained() => Err(TryRecvError::Disconnected),
            Pop::Empty => Err(TryRecvError::Empty),
        }
    }

    /// Closes the channel. What was sent, or may still be sent by a permit, can be received.
    pub(super) fn close(&mut self) {
        // SAFETY: `&mut Rx`: C1.
        unsafe { self.0.limit.close(&self.0.queue) };
        self.0.closed.notify_waiters();
    }

    /// Whether the receiver closed the channel or all senders are gone.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed() || self.0.strong_count() == 0
    }

    /// How many messages are there.
    pub(super) fn len(&self) -> usize {
        // SAFETY: `&Rx`: C1, only read.
        unsafe { self.0.queue.len() }
    }
}

impl<T, L: Limit> Drop for Rx<T, L> {
    fn drop(&mut self) {
        /// Takes the messages out, also when one's `Drop` panics.
        struct Drain<'a, T, L: Limit>(&'a mut Rx<T, L>);
        impl<T, L: Limit> Drain<'_, T, L> {
            fn run(&mut self) {
                while let Poll::Ready(Some(value)) = self.0.pop() {
                    drop(value);
                }
            }
        }
        impl<T, L: Limit> Drop for Drain<'_, T, L> {
            fn drop(&mut self) {
                // A second panic aborts, as in any collection.
                self.run();
                self.0.0.rx_waker.clear();
            }
        }
        self.close();
        // Messages that are sent by permits still held, or are on their way, go with the queue.
        Drain(self).run();
    }
}
