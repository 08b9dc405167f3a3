//! The receiver of the bounded channel.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::chan::Rx;
use super::error::TryRecvError;
use super::limit::Bounded;
use crate::blocking;

/// Receives the messages of a bounded channel. From [`channel`](super::channel).
///
/// Dropping it closes the channel and drops what is in it.
///
/// # Examples
/// ```
/// use filch_sync::mpsc;
///
/// async fn total(mut numbers: mpsc::Receiver<u64>) -> u64 {
///     let mut total = 0;
///     while let Some(number) = numbers.recv().await {
///         total += number;
///     }
///     total // all senders are gone
/// }
/// # let (tx, rx) = mpsc::channel(2);
/// # tx.try_send(1).unwrap();
/// # tx.try_send(2).unwrap();
/// # drop(tx);
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert_eq!(std::pin::pin!(total(rx)).poll(&mut cx), std::task::Poll::Ready(3));
/// ```
pub struct Receiver<T> {
    rx: Rx<T, Bounded>,
}

impl<T> Unpin for Receiver<T> {}

impl<T> Receiver<T> {
    pub(super) fn new(rx: Rx<T, Bounded>) -> Self {
        Receiver { rx }
    }

    /// Receives the next message; waits while there is none.
    ///
    /// `None` is the end: all senders are gone, or the channel was closed, and all messages were received.
    ///
    /// # Cancel safety
    /// Nothing is lost: a message is taken only by the poll that returns it.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.rx.poll_recv(cx)).await
    }

    /// Receives up to `limit` messages that are there, after what `buffer` holds; waits while there is
    /// none. Returns how many.
    ///
    /// Zero is the end, or `limit` was zero.
    ///
    /// # Cancel safety
    /// Nothing is lost: messages are taken only by the poll that returns.
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.rx.poll_recv_many(cx, buffer, limit)).await
    }

    /// Receives a message if one is there.
    ///
    /// A message whose sending has returned is found, also where another sender is in the middle of
    /// sending an earlier one: this waits for that one, a few instructions.
    ///
    /// # Errors
    /// [`TryRecvError`]: `Empty`, or `Disconnected` at the end of the channel.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// As [`recv`](Self::recv), blocking the thread.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        blocking::block_on(self.recv())
    }

    /// As [`recv_many`](Self::recv_many), blocking the thread.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        blocking::block_on(self.recv_many(buffer, limit))
    }

    /// Closes the channel: no more room can be reserved.
    ///
    /// Messages that were sent, and those of permits that are held, can still be received:
    /// [`recv`](Self::recv) returns `None` when all permits have been used or dropped.
    ///
    /// # Examples
    /// ```
    /// use filch_sync::mpsc;
    ///
    /// let (tx, mut rx) = mpsc::channel(2);
    /// let permit = tx.try_reserve().unwrap();
    /// rx.close();
    /// assert!(tx.try_send(1).is_err());
    /// permit.send(2);
    /// assert_eq!(rx.blocking_recv(), Some(2));
    /// assert_eq!(rx.blocking_recv(), None);
    /// ```
    pub fn close(&mut self) {
        self.rx.close();
    }

    /// For how many more messages there is room now.
    pub fn capacity(&self) -> usize {
        self.rx.chan().limit.semaphore.available()
    }

    /// For how many messages the channel was made.
    pub fn max_capacity(&self) -> usize {
        self.rx.chan().limit.capacity
    }

    /// Whether the channel was closed, or all senders are gone. There may be messages still.
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Whether no message is there or on its way.
    pub fn is_empty(&self) -> bool {
        self.rx.len() == 0
    }

    /// How many messages are there or on their way.
    pub fn len(&self) -> usize {
        self.rx.len()
    }

    /// Polls for the next message. `Pending` means that the task of the last call is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// Polls for up to `limit` messages. `Pending` means that the task of the last call is woken.
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.rx.poll_recv_many(cx, buffer, limit)
    }

    /// How many senders the channel has.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.chan().strong_count()
    }

    /// How many weak senders the channel has.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.chan().weak_count()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("max_capacity", &self.max_capacity())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}
