//! Senders that do not keep their channel open.

use std::fmt;

use super::chan::WeakTx;
use super::limit::{Bounded, Unbounded};
use super::{Sender, UnboundedSender};

/// A bounded channel's sender that does not keep the channel open.
///
/// From [`Sender::downgrade`]. The channel ends when the last strong sender is dropped; until then
/// [`upgrade`](Self::upgrade) gives another one.
///
/// # Examples
/// A task that sends to itself now and then, and still ends when all others are done:
/// ```
/// use filch_sync::mpsc;
///
/// let (tx, mut rx) = mpsc::channel(1);
/// let own = tx.downgrade();
/// own.upgrade().unwrap().try_send("once more").unwrap();
/// drop(tx);
/// assert!(own.upgrade().is_none());
/// assert_eq!(rx.blocking_recv(), Some("once more"));
/// assert_eq!(rx.blocking_recv(), None);
/// ```
pub struct WeakSender<T> {
    tx: WeakTx<T, Bounded>,
}

impl<T> WeakSender<T> {
    pub(super) fn new(tx: WeakTx<T, Bounded>) -> Self {
        WeakSender { tx }
    }

    /// A sender, unless all senders are gone.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.tx.upgrade().map(|tx| Sender { tx })
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

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").field("strong_count", &self.strong_count()).finish()
    }
}

/// An unbounded channel's sender that does not keep the channel open.
///
/// From [`UnboundedSender::downgrade`]. The channel ends when the last strong sender is dropped; until then
/// [`upgrade`](Self::upgrade) gives another one.
///
/// # Examples
/// ```
/// use filch_sync::mpsc;
///
/// let (tx, mut rx) = mpsc::unbounded_channel();
/// let weak = tx.downgrade();
/// weak.upgrade().unwrap().send(1).unwrap();
/// drop(tx);
/// assert!(weak.upgrade().is_none());
/// assert_eq!((rx.blocking_recv(), rx.blocking_recv()), (Some(1), None));
/// ```
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T, Unbounded>,
}

impl<T> WeakUnboundedSender<T> {
    pub(super) fn new(tx: WeakTx<T, Unbounded>) -> Self {
        WeakUnboundedSender { tx }
    }

    /// A sender, unless all senders are gone.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.tx.upgrade().map(|tx| UnboundedSender { tx })
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

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        WeakUnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender").field("strong_count", &self.strong_count()).finish()
    }
}
