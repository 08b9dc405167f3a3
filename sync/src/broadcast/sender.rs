//! The sending half.

use std::fmt;

use filch_primitives::Arc;

use super::error::SendError;
use super::ring::Ring;
use super::{Receiver, WeakSender};

/// Sends messages to all receivers of a broadcast channel. Clones send into the same channel.
///
/// # Examples
/// A chat room: who comes later does not get what was said before.
/// ```
/// use filch_sync::broadcast;
///
/// let room = broadcast::Sender::new(100);
/// let mut ada = room.subscribe();
/// room.send("hello?").unwrap();
/// let mut alan = room.subscribe();
/// assert_eq!(room.send("hello, two of you").unwrap(), 2);
/// # assert_eq!(ada.try_recv(), Ok("hello?"));
/// assert_eq!(alan.try_recv(), Ok("hello, two of you"));
/// ```
pub struct Sender<T> {
    ring: Arc<Ring<T>>,
}

impl<T> Sender<T> {
    /// A channel without receivers yet: [`subscribe`](Self::subscribe) makes them.
    ///
    /// # Panics
    /// If `capacity` is zero, or more than `usize::MAX / 2`.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Sender { ring: Arc::new(Ring::new(capacity)) }
    }

    /// For one that is counted already.
    pub(super) fn from_ring(ring: Arc<Ring<T>>) -> Self {
        Sender { ring }
    }

    /// Sends a message to the receivers that exist now, and returns how many there are. Never waits.
    ///
    /// # Errors
    /// [`SendError`] with the message, if there is no receiver. One that subscribes later makes sending
    /// possible again.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.ring.send(value).map_err(SendError)
    }

    /// A receiver of what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(self.ring.clone())
    }

    /// A sender that does not keep the channel open.
    #[must_use = "a weak sender that is dropped at once does nothing: the sender itself stays"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(self.ring.clone())
    }

    /// How many messages are kept for some receiver that has not received them.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether all receivers have received all messages.
    pub fn is_empty(&self) -> bool {
        self.ring.len() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.ring.receivers()
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ring, &other.ring)
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn closed(&self) {
        loop {
            // Made before the look: the last one's leaving in between completes it.
            let notified = self.ring.receivers_gone.notified();
            if self.ring.receivers() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.ring.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.ring.weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.ring.add_sender();
        Sender { ring: self.ring.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.ring.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("broadcast::Sender").finish_non_exhaustive()
    }
}
