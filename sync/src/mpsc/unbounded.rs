//! The channel without a limit.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::WeakUnboundedSender;
use super::chan::{Rx, Tx, channel};
use super::error::{SendError, TryRecvError};
use super::limit::Unbounded;
use crate::blocking;

/// Makes a channel that holds any number of messages, while memory lasts.
///
/// Nothing slows the senders down: where they can be faster than the receiver, a bounded
/// [`channel`](super::channel) is the safer choice.
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (tx, rx) = channel(Unbounded);
    (UnboundedSender { tx }, UnboundedReceiver::new(rx))
}

/// Sends messages to the [`UnboundedReceiver`]. Never waits.
///
/// Clones send into the same channel; it ends when the last one is dropped.
///
/// # Examples
/// From code that can't wait, such as a callback:
/// ```
/// use filch_sync::mpsc;
///
/// let (tx, mut rx) = mpsc::unbounded_channel();
/// let on_key = move |key: char| tx.send(key).is_ok();
/// assert!(on_key('a') && on_key('b'));
/// assert_eq!((rx.try_recv(), rx.try_recv()), (Ok('a'), Ok('b')));
/// ```
pub struct UnboundedSender<T> {
    pub(super) tx: Tx<T, Unbounded>,
}

impl<T> UnboundedSender<T> {
    /// Sends a message. Never waits.
    ///
    /// `Ok` means that the message is in the channel; the receiver may still be dropped before it looks.
    ///
    /// # Errors
    /// [`SendError`] with the message, if the receiver is gone or has closed the channel.
    #[inline]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.tx.chan().push(message).map_err(SendError)
    }

    /// Waits until the receiver is gone or has closed the channel.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn closed(&self) {
        self.tx.chan().closed().await;
    }

    /// Whether the receiver is gone or has closed the channel.
    pub fn is_closed(&self) -> bool {
        self.tx.chan().is_closed()
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// A sender that does not keep the channel open.
    #[must_use = "a weak sender that is dropped at once does nothing: the sender itself stays"]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender::new(self.tx.downgrade())
    }

    /// How many senders the channel has.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().strong_count()
    }

    /// How many weak senders the channel has.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().weak_count()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender").field("is_closed", &self.is_closed()).finish()
    }
}

/// Receives the messages of an unbounded channel. From [`unbounded_channel`].
///
/// Dropping it closes the channel and drops what is in it.
///
/// # Examples
/// ```
/// use filch_sync::mpsc;
///
/// let (tx, mut rx) = mpsc::unbounded_channel();
/// let reader = std::thread::spawn(move || {
///     let mut batch = Vec::new();
///     while rx.blocking_recv_many(&mut batch, 100) > 0 {}
///     batch
/// });
/// (0..5).for_each(|n| tx.send(n).unwrap());
/// drop(tx);
/// assert_eq!(reader.join().unwrap(), [0, 1, 2, 3, 4]);
/// ```
pub struct UnboundedReceiver<T> {
    rx: Rx<T, Unbounded>,
}

impl<T> Unpin for UnboundedReceiver<T> {}

impl<T> UnboundedReceiver<T> {
    pub(super) fn new(rx: Rx<T, Unbounded>) -> Self {
        UnboundedReceiver { rx }
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

    /// Closes the channel: nothing can be sent any more. Messages that were sent can be received.
    pub fn close(&mut self) {
        self.rx.close();
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

impl<T> fmt::Debug for UnboundedReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedReceiver")
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}
