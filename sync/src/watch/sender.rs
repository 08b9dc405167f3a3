//! The sending half.

use std::fmt;
use std::mem;

use filch_primitives::Arc;

use super::error::SendError;
use super::shared::Shared;
use super::{Receiver, Ref};
use crate::budget;

/// Changes the value of a watch channel. Clones change the same value.
///
/// # Examples
/// A configuration that is read again, and handed to all who use it:
/// ```
/// use filch_sync::watch;
///
/// async fn reload(config: watch::Sender<String>) {
///     // Ends when nobody is interested any more.
///     while !config.is_closed() {
///         let text = String::from("verbose = true"); // from a file
///         config.send_if_modified(|current| {
///             let changes = *current != text;
///             *current = text;
///             changes
///         });
///         # break;
///     }
/// }
/// # let (tx, rx) = watch::channel(String::new());
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(std::pin::pin!(reload(tx)).poll(&mut cx).is_ready());
/// # assert_eq!(*rx.borrow(), "verbose = true");
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A channel with a first value and no receiver yet: [`subscribe`](Self::subscribe) makes them.
    pub fn new(init: T) -> Self {
        Sender { shared: Arc::new(Shared::new(init)) }
    }

    /// Replaces the value and wakes the receivers.
    ///
    /// # Errors
    /// [`SendError`] with the value, if there is no receiver: then nothing is stored.
    /// ([`send_replace`](Self::send_replace) stores it anyway.)
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.receiver_count() == 0 {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Changes the value in place and wakes the receivers, whether there are any or not.
    ///
    /// # Panics
    /// If `modify` does. The value stays as it left it, nobody is woken, and the channel stays usable.
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// As [`send_modify`](Self::send_modify), but wakes the receivers only if `modify` returns true.
    /// Returns what it returned.
    ///
    /// # Panics
    /// If `modify` does. The value stays as it left it, nobody is woken, and the channel stays usable.
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        {
            let mut value = self.shared.value.write();
            if !modify(&mut value) {
                return false;
            }
            self.shared.publish();
        }
        self.shared.changed.notify_waiters();
        true
    }

    /// Replaces the value, whether there are receivers or not, and returns the old one.
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|current| mem::swap(current, &mut value));
        value
    }

    /// The current value.
    ///
    /// It is locked for reading while the [`Ref`] lives: a `send` on the same thread would deadlock.
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref::new(self.shared.value.read(), false)
    }

    /// Whether there is no receiver.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn closed(&self) {
        budget::counted(async {
            loop {
                // Made before the look: the last one's leaving in between completes it.
                let notified = self.shared.receivers_gone.notified();
                if self.receiver_count() == 0 {
                    break;
                }
                notified.await;
            }
        })
        .await;
    }

    /// A receiver that has seen the current value.
    pub fn subscribe(&self) -> Receiver<T> {
        let version = self.shared.snapshot().version();
        Receiver::new(self.shared.clone(), version)
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.senders()
    }

    /// Whether both change the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.add_sender();
        Sender { shared: self.shared.clone() }
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Sender::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("shared", &*self.shared).finish()
    }
}
