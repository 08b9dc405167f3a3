//! The receiving half.

use std::fmt;

use filch_primitives::Arc;

use super::Ref;
use super::error::RecvError;
use super::shared::{Shared, Version};
use crate::budget;

/// Sees the value of a watch channel, and waits for its changes.
///
/// A clone has seen what this one has seen.
///
/// # Examples
/// ```
/// use filch_sync::watch;
///
/// async fn follow(mut level: watch::Receiver<u32>) {
///     while level.changed().await.is_ok() {
///         println!("the level is {} now", *level.borrow_and_update());
///     }
///     println!("nobody changes it any more");
/// }
/// # let (tx, rx) = watch::channel(1);
/// # drop(tx);
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(std::pin::pin!(follow(rx)).poll(&mut cx).is_ready());
/// ```
pub struct Receiver<T> {
    pub(super) shared: Arc<Shared<T>>,
    /// The last version that was marked as seen.
    seen: Version,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, seen: Version) -> Self {
        shared.add_receiver();
        Receiver { shared, seen }
    }

    /// The current value. Does not mark it as seen.
    ///
    /// It is locked for reading while the [`Ref`] lives: senders wait.
    pub fn borrow(&self) -> Ref<'_, T> {
        let value = self.shared.value.read();
        // Under the lock: V1.
        let has_changed = self.seen != self.shared.snapshot().version();
        Ref::new(value, has_changed)
    }

    /// The current value, marked as seen.
    ///
    /// It is locked for reading while the [`Ref`] lives: senders wait.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.value.read();
        // Under the lock: V1.
        let version = self.shared.snapshot().version();
        let has_changed = self.seen != version;
        self.seen = version;
        Ref::new(value, has_changed)
    }

    /// Whether there is a value that was not marked as seen.
    ///
    /// # Errors
    /// [`RecvError`] if all senders are gone, also where their last value was not seen.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let snapshot = self.shared.snapshot();
        if snapshot.is_closed() {
            return Err(RecvError(()));
        }
        Ok(self.seen != snapshot.version())
    }

    /// Whether all senders are gone.
    pub fn is_closed(&self) -> bool {
        self.shared.snapshot().is_closed()
    }

    /// Makes the current value count as not seen.
    pub fn mark_changed(&mut self) {
        self.seen = self.shared.snapshot().version().before();
    }

    /// Marks the current value as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.snapshot().version();
    }

    /// Waits for a value that was not marked as seen, and marks it.
    ///
    /// # Errors
    /// [`RecvError`] if all senders are gone, and their last value was seen.
    ///
    /// # Cancel safety
    /// Nothing is marked unless the future completes.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        self.seen = budget::counted(wait_for_change(&self.shared, self.seen)).await?;
        Ok(())
    }

    /// Waits for a value for which `f` returns true, the current one first; marks it as seen and borrows it.
    ///
    /// `f` sees the newest value each time; values that come in quick succession may be skipped. It runs
    /// with the value locked for reading.
    ///
    /// # Errors
    /// [`RecvError`] if all senders are gone, and `f` returned false for their last value.
    ///
    /// # Panics
    /// If `f` does. The channel stays usable.
    ///
    /// # Cancel safety
    /// Values that were marked as seen are those for which `f` has returned false.
    pub async fn wait_for(
        &mut self,
        mut f: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        let Receiver { shared, seen } = self;
        budget::counted(async move {
            let mut is_closed = false;
            loop {
                {
                    let value = shared.value.read();
                    // Under the lock: V1.
                    let version = shared.snapshot().version();
                    let has_changed = *seen != version;
                    *seen = version;
                    // The last value is looked at once.
                    if (!is_closed || has_changed) && f(&value) {
                        return Ok(Ref::new(value, has_changed));
                    }
                }
                if is_closed {
                    return Err(RecvError(()));
                }
                is_closed = wait_for_change(shared, *seen).await.is_err();
            }
        })
        .await
    }

    /// Whether both see the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

/// WAT2: waits until the version is not `seen`, and returns it.
async fn wait_for_change<T>(shared: &Shared<T>, seen: Version) -> Result<Version, RecvError> {
    loop {
        // Made before the look: V2.
        let notified = shared.changed.notified();
        let snapshot = shared.snapshot();
        if seen != snapshot.version() {
            return Ok(snapshot.version());
        }
        if snapshot.is_closed() {
            return Err(RecvError(()));
        }
        notified.await;
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver::new(self.shared.clone(), self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.remove_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("shared", &*self.shared).field("seen", &self.seen).finish()
    }
}
