//! The sender of the bounded channel.

use std::fmt;
use std::mem;
use std::time::Duration;

use super::chan::{Chan, Tx, channel as chan_channel};
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::limit::Bounded;
use super::{OwnedPermit, Permit, PermitIterator, Receiver, WeakSender};
use crate::semaphore::{RawSemaphore, TryAcquireError};
use crate::{blocking, hooks};

/// Makes a channel that holds up to `buffer` messages.
///
/// # Panics
/// If `buffer` is zero, or more than [`Semaphore::MAX_PERMITS`](crate::Semaphore::MAX_PERMITS).
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    let (tx, rx) = chan_channel(Bounded { semaphore: RawSemaphore::new(buffer), capacity: buffer });
    (Sender { tx }, Receiver::new(rx))
}

/// Sends messages to the [`Receiver`] of a bounded channel.
///
/// Senders that find it full wait in the order of arrival. Clones send into the same channel; it ends
/// when the last one is dropped.
///
/// # Examples
/// ```
/// use filch_sync::mpsc;
///
/// async fn number_lines(text: &str, out: mpsc::Sender<String>) {
///     for (n, line) in text.lines().enumerate() {
///         // Waits while the other side is behind; ends where it has gone.
///         if out.send(format!("{n}: {line}")).await.is_err() {
///             return;
///         }
///     }
/// }
/// # let (tx, mut rx) = mpsc::channel(2);
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(std::pin::pin!(number_lines("a\nb", tx)).poll(&mut cx).is_ready());
/// # assert_eq!((rx.try_recv().unwrap(), rx.try_recv().unwrap()), ("0: a".into(), "1: b".into()));
/// ```
pub struct Sender<T> {
    pub(super) tx: Tx<T, Bounded>,
}

/// Wakes the receiver, if it has closed the channel and waits for the permits still out: a wait for a
/// permit that is dropped may have brought back the last one.
struct WakeIfDrained<'a, T>(&'a Chan<T, Bounded>);

impl<T> Drop for WakeIfDrained<'_, T> {
    fn drop(&mut self) {
        self.0.wake_if_drained();
    }
}

impl<T> Sender<T> {
    pub(super) fn chan(&self) -> &Chan<T, Bounded> {
        self.tx.chan()
    }

    fn semaphore(&self) -> &RawSemaphore {
        &self.chan().limit.semaphore
    }

    /// Takes permits, after those who asked before.
    async fn acquire(&self, n: usize) -> Result<(), SendError<()>> {
        // Dropped after the future below, and only where that did not complete.
        let cancelled = WakeIfDrained(self.chan());
        let outcome = self.semaphore().acquire(n).await;
        mem::forget(cancelled);
        outcome.map_err(|_| SendError(()))
    }

    /// Takes permits if they are free and nobody waits.
    fn try_acquire(&self, n: usize) -> Result<(), TrySendError<()>> {
        self.semaphore().try_acquire(n).map_err(|error| match error {
            TryAcquireError::Closed => TrySendError::Closed(()),
            TryAcquireError::NoPermits => TrySendError::Full(()),
        })
    }

    /// Sends a message; waits while the channel is full.
    ///
    /// `Ok` means that the message is in the channel; the receiver may still be dropped before it looks.
    ///
    /// # Errors
    /// [`SendError`] with the message, if the receiver is gone or has closed the channel.
    ///
    /// # Cancel safety
    /// If the future is dropped before it completes the message was not sent, and is dropped; the place
    /// in the queue is given up. To keep the message, [`reserve`](Self::reserve) first.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.reserve().await {
            Ok(permit) => {
                permit.send(value);
                Ok(())
            }
            Err(SendError(())) => Err(SendError(value)),
        }
    }

    /// Waits until the receiver is gone or has closed the channel.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn closed(&self) {
        self.chan().closed().await;
    }

    /// Sends a message if there is room and nobody waits for it.
    ///
    /// # Errors
    /// [`TrySendError`] with the message: `Full`, or `Closed` if the receiver is gone or has closed the
    /// channel.
    ///
    /// # Examples
    /// ```
    /// use filch_sync::mpsc::{self, error::TrySendError};
    ///
    /// let (tx, mut rx) = mpsc::channel(1);
    /// tx.try_send("first").unwrap();
    /// assert_eq!(tx.try_send("second"), Err(TrySendError::Full("second")));
    /// assert_eq!(rx.try_recv(), Ok("first"));
    /// ```
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.try_acquire(1) {
            Ok(()) => {
                Permit::new(self).send(message);
                Ok(())
            }
            Err(TrySendError::Full(())) => Err(TrySendError::Full(message)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(message)),
        }
    }

    /// Sends a message; waits for room no longer than `timeout`.
    ///
    /// # Errors
    /// [`SendTimeoutError`] with the message: `Timeout`, or `Closed` if the receiver is gone or has
    /// closed the channel.
    ///
    /// # Panics
    /// If it has to wait and no runtime has given this crate a timer: the timer is the runtime's.
    ///
    /// # Cancel safety
    /// As for [`send`](Self::send).
    pub async fn send_timeout(
        &self,
        value: T,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        let value = match self.try_send(value) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(value)) => return Err(SendTimeoutError::Closed(value)),
            Err(TrySendError::Full(value)) => value,
        };
        match hooks::timeout(timeout, self.reserve()).await {
            Some(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Some(Err(SendError(()))) => Err(SendTimeoutError::Closed(value)),
            None => Err(SendTimeoutError::Timeout(value)),
        }
    }

    /// As [`send`](Self::send), blocking the thread.
    ///
    /// # Errors
    /// [`SendError`] with the message, if the receiver is gone or has closed the channel.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        blocking::block_on(self.send(value))
    }

    /// Whether the receiver is gone or has closed the channel.
    pub fn is_closed(&self) -> bool {
        self.chan().is_closed()
    }

    /// Waits for room for one message, and reserves it.
    ///
    /// # Errors
    /// [`SendError`] if the receiver is gone or has closed the channel.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; nothing else is lost.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.acquire(1).await?;
        Ok(Permit::new(self))
    }

    /// Waits for room for `n` messages at once, and reserves it.
    ///
    /// # Errors
    /// [`SendError`] if the receiver is gone or has closed the channel, or if `n` is more than the
    /// channel's capacity.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; nothing else is lost.
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if n > self.max_capacity() {
            return Err(SendError(()));
        }
        self.acquire(n).await?;
        Ok(PermitIterator::new(self, n))
    }

    /// Waits for room for one message, and reserves it by a permit that owns this sender.
    ///
    /// # Errors
    /// [`SendError`] if the receiver is gone or has closed the channel. The sender is dropped.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue, and drops this sender.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.acquire(1).await?;
        Ok(OwnedPermit::new(self))
    }

    /// Reserves room for one message, if there is some and nobody waits for it.
    ///
    /// # Errors
    /// [`TrySendError`]: `Full`, or `Closed` if the receiver is gone or has closed the channel.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_acquire(1)?;
        Ok(Permit::new(self))
    }

    /// Reserves room for `n` messages, if there is so much and nobody waits for it.
    ///
    /// # Errors
    /// [`TrySendError`]: `Full`, also where `n` is more than the channel's capacity, or `Closed` if the
    /// receiver is gone or has closed the channel.
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        if n > self.max_capacity() {
            return Err(TrySendError::Full(()));
        }
        self.try_acquire(n)?;
        Ok(PermitIterator::new(self, n))
    }

    /// As [`try_reserve`](Self::try_reserve), by a permit that owns this sender.
    ///
    /// # Errors
    /// [`TrySendError`] with this sender: `Full`, or `Closed` if the receiver is gone or has closed the
    /// channel.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.try_acquire(1) {
            Ok(()) => Ok(OwnedPermit::new(self)),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// For how many more messages there is room now.
    ///
    /// Goes down when room is reserved, and up when a message is received or a permit dropped.
    pub fn capacity(&self) -> usize {
        self.semaphore().available()
    }

    /// A sender that does not keep the channel open.
    #[must_use = "a weak sender that is dropped at once does nothing: the sender itself stays"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(self.tx.downgrade())
    }

    /// For how many messages the channel was made.
    pub fn max_capacity(&self) -> usize {
        self.chan().limit.capacity
    }

    /// How many senders the channel has.
    pub fn strong_count(&self) -> usize {
        self.chan().strong_count()
    }

    /// How many weak senders the channel has.
    pub fn weak_count(&self) -> usize {
        self.chan().weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.capacity())
            .field("max_capacity", &self.max_capacity())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}
