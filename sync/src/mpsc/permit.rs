//! Reserved room in a bounded channel. A permit that is dropped gives the room back.

use std::fmt;
use std::iter::FusedIterator;
use std::mem;

use super::Sender;

/// Room for one message. From [`Sender::reserve`] and [`Sender::try_reserve`].
///
/// # Examples
/// Waiting for room first, and making the message only then:
/// ```
/// use filch_sync::mpsc;
///
/// async fn send_newest(tx: mpsc::Sender<u64>, newest: impl Fn() -> u64) {
///     while let Ok(permit) = tx.reserve().await {
///         permit.send(newest());
///         # break;
///     }
/// }
/// # let (tx, mut rx) = mpsc::channel(1);
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(std::pin::pin!(send_newest(tx, || 7)).poll(&mut cx).is_ready());
/// # assert_eq!(rx.try_recv(), Ok(7));
/// ```
#[must_use = "dropping it gives the room back at once"]
pub struct Permit<'a, T> {
    sender: &'a Sender<T>,
}

/// Room for several messages: an iterator of [`Permit`]s. From [`Sender::reserve_many`] and
/// [`Sender::try_reserve_many`].
///
/// # Examples
/// Several messages that no other sender comes between:
/// ```
/// use filch_sync::mpsc;
///
/// let (tx, mut rx) = mpsc::channel(3);
/// for (permit, part) in tx.try_reserve_many(3).unwrap().zip(["head", "body", "tail"]) {
///     permit.send(part);
/// }
/// assert_eq!(rx.try_recv(), Ok("head"));
/// ```
#[must_use = "dropping it gives the room back at once"]
pub struct PermitIterator<'a, T> {
    sender: &'a Sender<T>,
    left: usize,
}

/// Room for one message, with the sender. From [`Sender::reserve_owned`] and
/// [`Sender::try_reserve_owned`].
///
/// # Examples
/// ```
/// use filch_sync::mpsc;
///
/// let (tx, mut rx) = mpsc::channel(1);
/// let permit = tx.try_reserve_owned().unwrap();
/// // The answer has its room, whatever the thread takes to find it.
/// let answering = std::thread::spawn(move || drop(permit.send(42)));
/// assert_eq!(rx.blocking_recv(), Some(42));
/// # answering.join().unwrap();
/// ```
#[must_use = "dropping it gives the room back at once"]
pub struct OwnedPermit<T> {
    /// `None` once it was used or released.
    sender: Option<Sender<T>>,
}

/// Sends by a permit, which the caller gives up: the room is the message's now.
#[inline]
fn send<T>(sender: &Sender<T>, value: T) {
    if sender.chan().push(value).is_err() {
        unreachable!("a bounded channel's queue ends after its senders");
    }
}

/// Gives room for `n` messages back.
fn release<T>(sender: &Sender<T>, n: usize) {
    let chan = sender.chan();
    chan.limit.semaphore.release(n);
    chan.wake_if_drained();
}

impl<'a, T> Permit<'a, T> {
    #[inline]
    pub(super) fn new(sender: &'a Sender<T>) -> Self {
        Permit { sender }
    }

    /// Sends the message. Never waits and never fails; if the receiver is gone the message is dropped with
    /// the channel.
    #[inline]
    pub fn send(self, value: T) {
        let sender = self.sender;
        mem::forget(self);
        send(sender, value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        release(self.sender, 1);
    }
}

impl<'a, T> PermitIterator<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>, left: usize) -> Self {
        PermitIterator { sender, left }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.left = self.left.checked_sub(1)?;
        Some(Permit::new(self.sender))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.left > 0 {
            release(self.sender, self.left);
        }
    }
}

impl<T> OwnedPermit<T> {
    pub(super) fn new(sender: Sender<T>) -> Self {
        OwnedPermit { sender: Some(sender) }
    }

    /// The sender; the permit is the caller's to use or give back.
    fn take(&mut self) -> Sender<T> {
        self.sender.take().expect("a permit is used once")
    }

    /// Sends the message, and gives the sender back. Never waits and never fails.
    pub fn send(mut self, value: T) -> Sender<T> {
        let sender = self.take();
        send(&sender, value);
        sender
    }

    /// Gives the room and the sender back.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.take();
        release(&sender, 1);
        sender
    }

    /// Whether both are for the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        match (&self.sender, &other.sender) {
            (Some(a), Some(b)) => a.same_channel(b),
            _ => false,
        }
    }

    /// Whether this is for the channel that `sender` sends into.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.sender.as_ref().is_some_and(|own| own.same_channel(sender))
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            release(&sender, 1);
        }
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("sender", self.sender).finish()
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator")
            .field("sender", self.sender)
            .field("left", &self.left)
            .finish()
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("sender", &self.sender).finish()
    }
}
