//! The receiving half.

use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, ready};

use filch_primitives::{Arc, coop};

use super::error::{RecvError, TryRecvError};
use super::ring::Ring;
use crate::{blocking, budget};

/// Receives each message that is sent while it exists. From [`channel`](super::channel),
/// [`Sender::subscribe`](super::Sender::subscribe) and [`resubscribe`](Self::resubscribe).
///
/// # Examples
/// ```
/// use filch_sync::broadcast::{self, error::RecvError};
///
/// async fn print(mut events: broadcast::Receiver<String>) {
///     loop {
///         match events.recv().await {
///             Ok(event) => println!("{event}"),
///             Err(RecvError::Lagged(missed)) => println!("({missed} events were missed)"),
///             Err(RecvError::Closed) => return,
///         }
///     }
/// }
/// # let (tx, rx) = broadcast::channel(2);
/// # (0..3).for_each(|n| drop(tx.send(n.to_string())));
/// # drop(tx);
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(std::pin::pin!(print(rx)).poll(&mut cx).is_ready());
/// ```
pub struct Receiver<T> {
    pub(super) ring: Arc<Ring<T>>,
    /// The position of the next message.
    next: u64,
}

impl<T> Receiver<T> {
    pub(super) fn new(ring: Arc<Ring<T>>) -> Self {
        let next = ring.add_receiver();
        Receiver { ring, next }
    }

    /// How many messages wait for this receiver. More than the capacity means that it has lagged.
    pub fn len(&self) -> usize {
        self.ring.len_from(self.next)
    }

    /// Whether no message waits for this receiver.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both receive from the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ring, &other.ring)
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.ring.strong_count()
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.ring.weak_count()
    }

    /// Whether all senders are gone. There may be messages still.
    pub fn is_closed(&self) -> bool {
        self.ring.strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// A receiver of what is sent from now on; it does not get what this one has not received.
    pub fn resubscribe(&self) -> Self {
        Receiver::new(self.ring.clone())
    }

    /// Receives the next message; waits while there is none.
    ///
    /// The message is cloned; the last of the receivers gets the original.
    ///
    /// # Errors
    /// [`RecvError::Closed`] at the end of the channel. [`RecvError::Lagged`] if messages were overwritten
    /// before this receiver came to them: it goes on with the oldest that is there.
    ///
    /// # Cancel safety
    /// Nothing is lost: a message is taken only by the poll that returns it.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        let Receiver { ring, next } = self;
        // Most receivers find a message: a first look without a place among those who wait.
        let first = poll_fn(|cx| {
            let coop = ready!(coop::poll_proceed(cx));
            let found = look(ring, next);
            if found.is_some() {
                coop.made_progress();
            }
            Poll::Ready(found)
        });
        if let Some(found) = first.await {
            return found;
        }
        budget::counted(async move {
            loop {
                // Made before the look: a message that is sent in between completes it.
                let notified = ring.sent.notified();
                if let Some(found) = look(ring, next) {
                    return found;
                }
                notified.await;
            }
        })
        .await
    }

    /// Receives a message if one is there.
    ///
    /// # Errors
    /// [`TryRecvError`]: `Empty`, or as for [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.ring.receive(&mut self.next)
    }

    /// As [`recv`](Self::recv), blocking the thread.
    ///
    /// # Errors
    /// As for [`recv`](Self::recv).
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        blocking::block_on(self.recv())
    }
}

/// BC2: the message at `next`, or why there will be none. `None` if there is none yet.
#[inline]
fn look<T: Clone>(ring: &Ring<T>, next: &mut u64) -> Option<Result<T, RecvError>> {
    match ring.receive(next) {
        Ok(message) => Some(Ok(message)),
        Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
        Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
        Err(TryRecvError::Empty) => None,
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.ring.remove_receiver(self.next);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("broadcast::Receiver").finish_non_exhaustive()
    }
}
