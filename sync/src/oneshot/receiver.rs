//! The receiving half.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use filch_primitives::coop;

use super::error::{RecvError, TryRecvError};
use super::inner::{Inner, RX_CLOSED, RX_GONE, RX_WAKER, TX_DONE, TX_WAKER, VALUE, sender_is_done};
use crate::blocking;
use crate::wake_list::wake_one;

/// Receives one value from a [`Sender`](super::Sender): a future of it.
///
/// # Cancel safety
/// It can be polled through `&mut`, dropped and polled again: a value that was sent stays in the
/// channel until a poll returns it. Dropping the receiver itself drops the value.
///
/// # Panics
/// A poll after it has returned `Ready` panics.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Receiver<T> {
    /// `None` once the value or the error was returned.
    inner: Option<NonNull<Inner<T>>>,
}

// SAFETY: the halves move values of T between threads, and never share one: so T must be Send. What
// `&Receiver` offers reads the atomic state only.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Receiver<T> {}
// A panic between two calls leaves the state word as it was.
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}
impl<T> Unpin for Receiver<T> {}

impl<T> Receiver<T> {
    pub(super) fn new(inner: NonNull<Inner<T>>) -> Self {
        Receiver { inner: Some(inner) }
    }

    #[inline]
    fn inner(&self) -> Option<&Inner<T>> {
        // SAFETY: the allocation lives until both halves are done with it (O3), and this one is not
        // while the pointer is there.
        self.inner.as_ref().map(|inner| unsafe { inner.as_ref() })
    }

    /// Closes the channel: nothing can be sent any more.
    ///
    /// A value that was sent before can still be received. A sender in [`closed`](super::Sender::closed)
    /// is woken.
    ///
    /// # Examples
    /// ```
    /// # use filch_sync::oneshot;
    /// let (tx, mut rx) = oneshot::channel();
    /// rx.close();
    /// assert!(tx.is_closed());
    /// assert_eq!(tx.send(1), Err(1));
    /// assert!(rx.try_recv().is_err());
    /// ```
    pub fn close(&mut self) {
        let Some(inner) = self.inner() else { return };
        let mut seen = inner.load();
        while seen & (TX_DONE | RX_CLOSED) == 0 {
            // ONE7: forbids the sending (O1), and takes the sender's waker over.
            match inner.exchange(seen, seen | RX_CLOSED) {
                Ok(_) => {
                    if seen & TX_WAKER != 0 {
                        // SAFETY: RX_CLOSED over TX_WAKER makes the waker ours.
                        wake_one(unsafe { inner.tx_waker.take() });
                    }
                    return;
                }
                Err(now) => seen = now,
            }
        }
    }

    /// Whether the value or the error was returned: another poll would panic.
    pub fn is_terminated(&self) -> bool {
        self.inner.is_none()
    }

    /// Whether there is no value to take now.
    pub fn is_empty(&self) -> bool {
        self.inner().is_none_or(|inner| inner.load() & VALUE == 0)
    }

    /// Takes the value if it is there. Never waits.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] while the sender may still send; [`TryRecvError::Closed`] when it can't
    /// any more or the value has been taken.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(inner) = self.inner() else { return Err(TryRecvError::Closed) };
        let seen = inner.load();
        if seen & (TX_DONE | RX_CLOSED) == 0 {
            return Err(TryRecvError::Empty);
        }
        self.finish(seen).ok_or(TryRecvError::Closed)
    }

    /// Receives the value, blocking the thread.
    ///
    /// # Errors
    /// [`RecvError`] if the sender was dropped without sending.
    ///
    /// # Panics
    /// Inside async code, where blocking would stop the other tasks of the thread.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        blocking::block_on(self)
    }

    /// Leaves the channel from state `seen`, with the value if one was sent. Once.
    fn finish(&mut self, seen: usize) -> Option<T> {
        let inner = self.inner.take()?;
        // SAFETY: the pointer has been taken out, so this is the last use.
        unsafe { leave(inner, seen) }
    }

    /// Leaves the task's waker (ONE4). `Err` with the state if the outcome came first.
    fn register(inner: &Inner<T>, mut seen: usize, waker: &Waker) -> Result<(), usize> {
        let outcome = TX_DONE | RX_CLOSED;
        if seen & RX_WAKER != 0 {
            // SAFETY: ours, and the bit was set when we looked.
            if unsafe { inner.rx_waker.will_wake(waker) } {
                return Ok(());
            }
            while seen & outcome == 0 {
                match inner.exchange(seen, seen & !RX_WAKER) {
                    Ok(_) => {
                        // SAFETY: the bit was cleared before TX_DONE: ours.
                        drop(unsafe { inner.rx_waker.take() });
                        seen &= !RX_WAKER;
                        break;
                    }
                    Err(now) => seen = now,
                }
            }
        }
        if seen & outcome != 0 {
            return Err(seen);
        }
        let waker = waker.clone();
        // SAFETY: ours, and the bit is clear.
        unsafe { inner.rx_waker.put(waker) };
        loop {
            // ONE4: publishes the waker, unless TX_DONE came first. So RX_WAKER never changes after
            // TX_DONE (O2).
            match inner.exchange(seen, seen | RX_WAKER) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
            if seen & outcome != 0 {
                // SAFETY: ours, the bit was never set, and `put` stored it just now.
                drop(unsafe { inner.rx_waker.take() });
                return Err(seen);
            }
        }
    }
}

/// Leaves the channel from state `seen`; returns the value, if one was sent before.
///
/// # Safety
/// The receiver's last use of the allocation.
unsafe fn leave<T>(inner: NonNull<Inner<T>>, mut seen: usize) -> Option<T> {
    // SAFETY: alive until `RX_GONE` is set below, or until we free.
    let shared = unsafe { inner.as_ref() };
    let mut rx_waker = None;
    let mut tx_waker = None;
    while seen & TX_DONE == 0 {
        let takes_tx = seen & (RX_CLOSED | TX_WAKER) == TX_WAKER;
        let takes_rx = seen & RX_WAKER != 0;
        let mut next = (seen | RX_CLOSED) & !RX_WAKER;
        if !takes_tx && !takes_rx {
            // ONE8: closes and leaves in one step: the sender frees.
            next |= RX_GONE;
        }
        match shared.exchange(seen, next) {
            Ok(_) if next & RX_GONE != 0 => return None,
            Ok(_) => {
                if takes_rx {
                    // SAFETY: the bit was cleared before TX_DONE: ours.
                    rx_waker = Some(unsafe { shared.rx_waker.take() });
                }
                if takes_tx {
                    // SAFETY: RX_CLOSED over TX_WAKER makes the waker ours.
                    tx_waker = Some(unsafe { shared.tx_waker.take() });
                }
                seen = next;
                break;
            }
            Err(now) => seen = now,
        }
    }
    // SAFETY: VALUE was seen with Acquire. It is taken once, here: this is the last use.
    let value = (seen & VALUE != 0).then(|| unsafe { shared.take() });
    // A plain look first: after a send it usually says all, and saves the exchange.
    // ONE6, ONE8: after RX_GONE the sender may free.
    if sender_is_done(seen) || sender_is_done(shared.set(RX_GONE)) {
        // SAFETY: the sender is done, and so are we: O3.
        unsafe { Inner::free(inner) };
    }
    // Last, since wakers are the executor's code and may panic.
    drop(rx_waker);
    if let Some(waker) = tx_waker {
        wake_one(waker);
    }
    value
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(coop::poll_proceed(cx));
        let inner = self.inner().expect("oneshot receiver polled after it had completed");
        let mut seen = inner.load();
        if seen & (TX_DONE | RX_CLOSED) == 0 {
            match Self::register(inner, seen, cx.waker()) {
                Ok(()) => return Poll::Pending,
                Err(now) => seen = now,
            }
        }
        coop.made_progress();
        Poll::Ready(self.finish(seen).ok_or(RecvError(())))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner() {
            // A value that was sent is dropped here; one that is sent from now on is refused.
            let seen = inner.load();
            drop(self.finish(seen));
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("inner", &self.inner()).finish()
    }
}
