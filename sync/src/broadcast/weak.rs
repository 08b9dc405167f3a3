//! The sender that does not keep its channel open.

use std::fmt;

use filch_primitives::Arc;

use super::Sender;
use super::ring::Ring;

/// A sender that does not keep its channel open. From [`Sender::downgrade`].
pub struct WeakSender<T> {
    ring: Arc<Ring<T>>,
}

impl<T> WeakSender<T> {
    pub(super) fn new(ring: Arc<Ring<T>>) -> Self {
        ring.add_weak_sender();
        WeakSender { ring }
    }

    /// A sender, unless all senders are gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.ring.try_add_sender().then(|| Sender::from_ring(self.ring.clone()))
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

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender::new(self.ring.clone())
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.ring.remove_weak_sender();
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("broadcast::WeakSender").finish_non_exhaustive()
    }
}
