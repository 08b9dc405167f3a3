//! The values that a receiver sees, as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use filch_primitives::coop;
use futures_core::Stream;

use super::Receiver;
use super::shared::Shared;
use crate::Notify;
use crate::notify::{Listener, Source};

// SAFETY: a field of the shared part.
unsafe impl<T> Source for Shared<T> {
    fn notify(&self) -> &Notify {
        &self.changed
    }
}

/// The values of a [`watch::Receiver`](Receiver), as a stream: always the latest.
///
/// Values that come in quick succession may be skipped; the last one never is. Ends when all senders are
/// gone and the last value was seen.
///
/// Costs one allocation when it is made, none for an item. It can be moved while it is polled: no pinning
/// is needed. A value is cloned with the channel locked for reading.
///
/// # Cancel safety
/// A value is marked as seen only by the poll that returns it.
///
/// # Examples
/// ```
/// use std::future::poll_fn;
/// use std::pin::Pin;
/// use filch_sync::stream::{Stream, WatchStream};
/// use filch_sync::watch;
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// #     let mut future = std::pin::pin!(future);
/// #     loop {
/// #         if let std::task::Poll::Ready(out) = future.as_mut().poll(&mut cx) { return out }
/// #     }
/// # }
///
/// let (tx, rx) = watch::channel("starting");
/// let mut states = WatchStream::new(rx);
/// # block_on(async {
/// // `states.next().await`, with futures-util's or tokio-stream's StreamExt.
/// assert_eq!(poll_fn(|cx| Pin::new(&mut states).poll_next(cx)).await, Some("starting"));
/// tx.send("running").unwrap();
/// tx.send("stopping").unwrap();
/// drop(tx);
/// assert_eq!(poll_fn(|cx| Pin::new(&mut states).poll_next(cx)).await, Some("stopping"));
/// assert_eq!(poll_fn(|cx| Pin::new(&mut states).poll_next(cx)).await, None);
/// # });
/// ```
#[must_use = "streams do nothing unless they are polled"]
pub struct WatchStream<T> {
    receiver: Receiver<T>,
    changed: Listener<Shared<T>>,
}

impl<T> WatchStream<T> {
    /// The current value first, seen before or not, and then each change.
    pub fn new(mut receiver: Receiver<T>) -> Self {
        receiver.mark_changed();
        WatchStream::from_changes(receiver)
    }

    /// Only what `receiver` has not seen.
    pub fn from_changes(receiver: Receiver<T>) -> Self {
        let changed = Listener::new(receiver.shared.clone());
        WatchStream { receiver, changed }
    }

    /// The receiver.
    pub fn get_ref(&self) -> &Receiver<T> {
        &self.receiver
    }

    /// The receiver. What is marked as seen there is missing here.
    pub fn get_mut(&mut self) -> &mut Receiver<T> {
        &mut self.receiver
    }

    /// The receiver, which has seen what was taken from the stream.
    pub fn into_inner(self) -> Receiver<T> {
        self.receiver
    }
}

impl<T: Clone> Stream for WatchStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let coop = ready!(coop::poll_proceed(cx));
        let item = loop {
            match self.receiver.has_changed() {
                Ok(false) => ready!(self.changed.poll(cx)),
                Ok(true) => break Some(self.receiver.borrow_and_update().clone()),
                // The end, after the last value.
                Err(_) => {
                    let last = self.receiver.borrow_and_update();
                    break last.has_changed().then(|| last.clone());
                }
            }
        };
        coop.made_progress();
        Poll::Ready(item)
    }
}

impl<T> From<Receiver<T>> for WatchStream<T> {
    fn from(receiver: Receiver<T>) -> Self {
        WatchStream::new(receiver)
    }
}

impl<T> fmt::Debug for WatchStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}
