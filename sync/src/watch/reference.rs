//! The borrowed value.

use std::fmt;
use std::ops::Deref;

use super::value_lock::ReadGuard;

/// The value of a watch channel, locked for reading while this lives.
///
/// Keep it short, and never across an `.await`: senders block their thread until it is dropped, and so
/// may a second borrow on the same thread while a sender waits.
///
/// # Examples
/// ```
/// use filch_sync::watch;
///
/// let (tx, rx) = watch::channel(vec![1, 2]);
/// let length = rx.borrow().len(); // the lock is free again at the end of the statement
/// tx.send_modify(|list| list.push(3));
/// assert_eq!((length, rx.borrow().len()), (2, 3));
/// ```
#[must_use = "it keeps the value locked"]
pub struct Ref<'a, T> {
    value: ReadGuard<'a, T>,
    has_changed: bool,
}

impl<'a, T> Ref<'a, T> {
    pub(super) fn new(value: ReadGuard<'a, T>, has_changed: bool) -> Self {
        Ref { value, has_changed }
    }

    /// Whether the receiver had not seen this value before it was borrowed.
    ///
    /// False for a value that a sender has borrowed. Works on a closed channel, too.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref")
            .field("value", &**self)
            .field("has_changed", &self.has_changed)
            .finish()
    }
}
