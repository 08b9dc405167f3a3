//! The messages of a receiver as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use filch_primitives::coop;
use futures_core::Stream;

use super::Receiver;
use super::error::TryRecvError;
use super::ring::Ring;
use crate::Notify;
use crate::notify::{Listener, Source};
use crate::stream::Lagged;

// SAFETY: a field of the ring.
unsafe impl<T> Source for Ring<T> {
    fn notify(&self) -> &Notify {
        &self.sent
    }
}

/// The messages of a [`broadcast::Receiver`](Receiver), as a stream.
///
/// Ends when all senders are gone and their messages were received. Whoever is too slow gets an item
/// that says how many messages were overwritten, and goes on with the oldest that is there.
///
/// Costs one allocation when it is made, none for an item. It can be moved while it is polled: no pinning
/// is needed.
///
/// # Cancel safety
/// A message is taken only by the poll that returns it.
///
/// # Examples
/// ```
/// use std::future::poll_fn;
/// use std::pin::Pin;
/// use filch_sync::broadcast;
/// use filch_sync::stream::{BroadcastStream, Lagged, Stream};
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// #     let mut future = std::pin::pin!(future);
/// #     loop {
/// #         if let std::task::Poll::Ready(out) = future.as_mut().poll(&mut cx) { return out }
/// #     }
/// # }
///
/// let (tx, rx) = broadcast::channel(2);
/// let mut messages = BroadcastStream::new(rx);
/// for n in 1..=3 {
///     tx.send(n).unwrap();
/// }
/// drop(tx);
/// # block_on(async {
/// // `messages.next().await`, with futures-util's or tokio-stream's StreamExt.
/// let mut received = Vec::new();
/// while let Some(message) = poll_fn(|cx| Pin::new(&mut messages).poll_next(cx)).await {
///     received.push(message);
/// }
/// assert_eq!(received, [Err(Lagged(1)), Ok(2), Ok(3)]);
/// # });
/// ```
#[must_use = "streams do nothing unless they are polled"]
pub struct BroadcastStream<T> {
    receiver: Receiver<T>,
    sent: Listener<Ring<T>>,
}

impl<T> BroadcastStream<T> {
    /// The messages that `receiver` has not received yet.
    pub fn new(receiver: Receiver<T>) -> Self {
        let sent = Listener::new(receiver.ring.clone());
        BroadcastStream { receiver, sent }
    }

    /// The receiver.
    pub fn get_ref(&self) -> &Receiver<T> {
        &self.receiver
    }

    /// The receiver. What is received from it directly is missing here.
    pub fn get_mut(&mut self) -> &mut Receiver<T> {
        &mut self.receiver
    }

    /// The receiver, with the messages that were not taken from the stream.
    pub fn into_inner(self) -> Receiver<T> {
        self.receiver
    }
}

impl<T: Clone> Stream for BroadcastStream<T> {
    type Item = Result<T, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let coop = ready!(coop::poll_proceed(cx));
        let item = loop {
            match self.receiver.try_recv() {
                Ok(message) => break Some(Ok(message)),
                Err(TryRecvError::Lagged(missed)) => break Some(Err(Lagged(missed))),
                Err(TryRecvError::Closed) => break None,
                Err(TryRecvError::Empty) => ready!(self.sent.poll(cx)),
            }
        };
        coop.made_progress();
        Poll::Ready(item)
    }
}

impl<T> From<Receiver<T>> for BroadcastStream<T> {
    fn from(receiver: Receiver<T>) -> Self {
        BroadcastStream::new(receiver)
    }
}

impl<T> fmt::Debug for BroadcastStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastStream").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}
