//! The sending half.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::task::{Context, Poll, ready};

use filch_primitives::coop;

use super::inner::{Inner, RX_CLOSED, RX_GONE, RX_WAKER, TX_DONE, TX_GONE, TX_WAKER, VALUE};
use crate::wake_list::wake_one;

/// Sends one value to a [`Receiver`](super::Receiver).
///
/// Dropping it without sending gives the receiver an error.
///
/// # Examples
/// The answer to one of many requests:
/// ```
/// use filch_sync::{mpsc, oneshot};
///
/// struct Square {
///     of: u32,
///     answer: oneshot::Sender<u32>,
/// }
///
/// let (requests, mut queue) = mpsc::channel::<Square>(8);
/// let server = std::thread::spawn(move || {
///     while let Some(request) = queue.blocking_recv() {
///         // It is no error if nobody waits any more.
///         let _ = request.answer.send(request.of * request.of);
///     }
/// });
/// let (answer, answered) = oneshot::channel();
/// requests.blocking_send(Square { of: 7, answer }).unwrap();
/// assert_eq!(answered.blocking_recv(), Ok(49));
/// # drop(requests);
/// # server.join().unwrap();
/// ```
pub struct Sender<T> {
    inner: NonNull<Inner<T>>,
}

// SAFETY: the halves move values of T between threads, and never share one: so T must be Send. What
// `&Sender` offers (`is_closed`, Debug) reads the atomic state only.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Sender<T> {}
// A panic between two calls leaves the state word as it was.
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}
impl<T> Unpin for Sender<T> {}

impl<T> Sender<T> {
    pub(super) fn new(inner: NonNull<Inner<T>>) -> Self {
        Sender { inner }
    }

    #[inline]
    fn inner(&self) -> &Inner<T> {
        // SAFETY: the allocation lives until both halves are done with it (O3), and this one is not.
        unsafe { self.inner.as_ref() }
    }

    /// Sends the value. Never waits.
    ///
    /// `Ok` means that the receiver existed when the value was handed over; it may still be dropped
    /// before it looks.
    ///
    /// # Errors
    /// The value itself, if the receiver is gone or was closed.
    ///
    /// # Examples
    /// ```
    /// # use filch_sync::oneshot;
    /// let (tx, rx) = oneshot::channel();
    /// drop(rx);
    /// assert_eq!(tx.send("nobody"), Err("nobody"));
    /// ```
    pub fn send(self, value: T) -> Result<(), T> {
        let inner = self.inner();
        let mut seen = inner.load();
        while seen & (RX_CLOSED | TX_WAKER) == TX_WAKER {
            seen = self.clear_waker(seen);
        }
        if seen & RX_CLOSED != 0 {
            return Err(value);
        }
        // SAFETY: the sender's, and TX_DONE is clear as long as there is a sender.
        unsafe { inner.put(value) };
        loop {
            if seen & RX_CLOSED != 0 {
                // SAFETY: `put` stored it, and VALUE is not set, so the receiver will not take it.
                return Err(unsafe { inner.take() });
            }
            // ONE2: hands the value over, unless RX_CLOSED came first (O1).
            match inner.exchange(seen, seen | TX_DONE | VALUE) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        self.leave(seen);
        Ok(())
    }

    /// Takes our own waker out, so that the receiver finds none. Returns the state after.
    fn clear_waker(&self, seen: usize) -> usize {
        let inner = self.inner();
        match inner.exchange(seen, seen & !TX_WAKER) {
            Ok(_) => {
                // SAFETY: we are the owner and have cleared the bit before RX_CLOSED was set.
                drop(unsafe { inner.tx_waker.take() });
                seen & !TX_WAKER
            }
            Err(now) => now,
        }
    }

    /// After TX_DONE was set over `seen`: wakes the receiver and, if it is gone, frees.
    fn leave(self, seen: usize) {
        let inner = self.inner;
        mem::forget(self);
        if seen & RX_GONE != 0 {
            // SAFETY: the receiver is gone, and we are done: O3. Both wakers are moved out: the receiver
            // takes its own before RX_GONE, and ours at RX_CLOSED.
            unsafe { Inner::free(inner) };
        } else if seen & RX_WAKER != 0 {
            // SAFETY: by O2 the allocation lives until we set TX_GONE, and by TX_DONE over RX_WAKER the
            // waker is ours.
            let waker = unsafe { inner.as_ref().rx_waker.take() };
            // ONE6: after this the receiver may free.
            // SAFETY: alive until this sets the bit; not used after, unless we free.
            let before = unsafe { inner.as_ref() }.set(TX_GONE);
            if before & RX_GONE != 0 {
                // SAFETY: the receiver left before us: O3.
                unsafe { Inner::free(inner) };
            }
            // Last, since a waker is the executor's code and may panic.
            wake_one(waker);
        }
        // Else TX_DONE was our last access: by O2 the allocation may be gone by now.
    }

    /// Waits until the receiver is dropped or closed.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the sender can still send.
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Whether the receiver is gone or was closed: a send would fail.
    pub fn is_closed(&self) -> bool {
        self.inner().load() & RX_CLOSED != 0
    }

    /// Polls for what [`closed`](Self::closed) waits for.
    ///
    /// `Pending` means that the task of the last call is woken when it happens.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        let inner = self.inner();
        let mut seen = inner.load();
        if seen & (RX_CLOSED | TX_WAKER) == TX_WAKER {
            // SAFETY: ours, and the bit was set when we looked.
            if unsafe { inner.tx_waker.will_wake(cx.waker()) } {
                return Poll::Pending;
            }
            while seen & (RX_CLOSED | TX_WAKER) == TX_WAKER {
                seen = self.clear_waker(seen);
            }
        }
        if seen & RX_CLOSED == 0 {
            let waker = cx.waker().clone();
            // SAFETY: ours, and the bit is clear.
            unsafe { inner.tx_waker.put(waker) };
            loop {
                // ONE7: publishes the waker, unless RX_CLOSED came first.
                match inner.exchange(seen, seen | TX_WAKER) {
                    Ok(_) => return Poll::Pending,
                    Err(now) => seen = now,
                }
                if seen & RX_CLOSED != 0 {
                    // SAFETY: ours, the bit was never set, and `put` stored it just now.
                    drop(unsafe { inner.tx_waker.take() });
                    break;
                }
            }
        }
        coop.made_progress();
        Poll::Ready(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let inner = self.inner();
        let mut seen = inner.load();
        while seen & RX_GONE == 0 {
            if seen & (RX_CLOSED | TX_WAKER) == TX_WAKER {
                seen = self.clear_waker(seen);
                continue;
            }
            // ONE5: gives up without a value.
            match inner.exchange(seen, seen | TX_DONE) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        Sender { inner: self.inner }.leave(seen);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("inner", self.inner()).finish()
    }
}
