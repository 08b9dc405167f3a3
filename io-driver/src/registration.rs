//! `Registration`: one source's place in the driver, and the operations on it.
//!
//! Invariants
//! G1  The slot belongs to this registration until `drop`, and its memory outlives it: the slab
//!     belongs to the driver, which the registration keeps alive.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use filch_primitives::coop;

use crate::key::Key;
use crate::poller::Poller;
use crate::readiness::{Direction, Readiness};
use crate::slab::Slot;
use crate::{Driver, Interest, Ready, ReadyEvent};

/// A source's registration with a [`Driver`].
///
/// It does not own the source. Whoever does calls [`deregister`](Registration::deregister) before
/// closing it; dropping the registration gives its slot back in any case.
///
/// Polls keep one waker for reading and one for writing, the last one given; the futures
/// ([`readiness`](Registration::readiness), [`async_io`](Registration::async_io)) may be as many as
/// there are tasks. Everything may be called from any thread.
pub struct Registration {
    driver: Arc<Driver>,
    slot: NonNull<Slot>,
    key: Key,
}

// SAFETY: the slot is Sync (an atomic, and waiters behind a lock) and stays alive (G1); the other
// fields are Send and Sync by themselves.
unsafe impl Send for Registration {}

// SAFETY: as for Send: all access through `&self` is to the Sync slot.
unsafe impl Sync for Registration {}

const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Driver>();
    send_and_sync::<Slot>();
    send_and_sync::<crate::Events>();
};

impl Registration {
    pub(crate) fn new(
        driver: Arc<Driver>,
        source: BorrowedFd<'_>,
        interest: Interest,
    ) -> io::Result<Self> {
        let (index, generation, slot) = driver.slab.allocate()?;
        let write_only = interest.is_writable() && !interest.is_readable();
        let key = Key::new(index, generation, write_only);
        if let Err(error) = driver.poller.add(source, key, interest) {
            driver.slab.free(index);
            return Err(error);
        }
        Ok(Registration { driver, slot, key })
    }

    fn state(&self) -> &Readiness {
        // SAFETY: the slot is alive and ours (G1).
        unsafe { &self.slot.as_ref().readiness }
    }

    /// The driver that it is registered with.
    pub fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    /// Polls for readiness to read. Ready also where reading would give the end or an error.
    ///
    /// Only the last waker is woken. Spends one unit of the cooperative budget when ready.
    ///
    /// # Errors
    /// [`shutdown_error`](crate::shutdown_error) once the driver is shut down; an error of kind
    /// `Other` after [`deregister`](Registration::deregister).
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReadyEvent>> {
        self.poll_ready(cx, Direction::Read)
    }

    /// Polls for readiness to write. Ready also where writing would give an error.
    ///
    /// As [`poll_read_ready`](Registration::poll_read_ready) otherwise.
    ///
    /// # Errors
    /// As [`poll_read_ready`](Registration::poll_read_ready).
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReadyEvent>> {
        self.poll_ready(cx, Direction::Write)
    }

    /// Polls for readiness in the given direction.
    ///
    /// # Errors
    /// As [`poll_read_ready`](Registration::poll_read_ready).
    #[inline]
    pub fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        let coop = ready!(coop::poll_proceed(cx));
        let event = ready!(self.state().poll_ready(cx, direction));
        coop.made_progress();
        Poll::Ready(event)
    }

    /// Takes readiness away after an operation has found out that it would block.
    ///
    /// Does nothing if an event came since `event` was seen. Closed ends stay closed.
    #[inline]
    pub fn clear_readiness(&self, event: ReadyEvent) {
        self.state().clear(event);
        self.driver.poller.rearm(self.key, || self.state().current());
    }

    /// To be called after a stream's read that did not fill its buffer, and was not the end: the next
    /// read would block, and is not tried.
    ///
    /// Readiness stays where the read end is closed or an error waits, since no further event would
    /// report what comes after the data; and on systems that do not report closed ends together with
    /// data. Not for datagrams, where a short receive says nothing.
    #[inline]
    pub fn clear_short_read(&self, event: ReadyEvent) {
        if Poller::REPORTS_HALF_CLOSE {
            self.state().clear_unless(event, Ready::READ_CLOSED | Ready::ERROR);
        }
    }

    /// To be called after a stream's write that took less than it was given, and more than nothing.
    ///
    /// As [`clear_short_read`](Registration::clear_short_read), for the other direction.
    #[inline]
    pub fn clear_short_write(&self, event: ReadyEvent) {
        if Poller::REPORTS_HALF_CLOSE {
            self.state().clear_unless(event, Ready::WRITE_CLOSED | Ready::ERROR);
        }
    }

    /// Calls `f` if the source is ready for something of `interest`; clears that if `f` says
    /// `WouldBlock`.
    ///
    /// # Errors
    /// `WouldBlock` if it is not ready; else the error of `f`; and as
    /// [`poll_read_ready`](Registration::poll_read_ready).
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.try_io_event(interest, |_| f())
    }

    /// As [`try_io`](Registration::try_io); `f` is also given what it may clear.
    ///
    /// # Errors
    /// As [`try_io`](Registration::try_io).
    #[inline]
    pub fn try_io_event<R>(
        &self,
        interest: Interest,
        f: impl FnOnce(ReadyEvent) -> io::Result<R>,
    ) -> io::Result<R> {
        match self.state().check(Ready::from_interest(interest)) {
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            Poll::Ready(event) => {
                let event = event?;
                let result = f(event);
                self.clear_if_would_block(event, &result);
                result
            }
        }
    }

    /// Calls `f` when the source is ready, again and again until it says something other than
    /// `WouldBlock`.
    ///
    /// Spends one unit of the cooperative budget for each call of `f`, so that a source whose
    /// readiness and operation contradict each other cannot hold the thread.
    ///
    /// # Errors
    /// The error of `f`, and as [`poll_read_ready`](Registration::poll_read_ready).
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_io_event(cx, direction, |_| f())
    }

    /// As [`poll_io`](Registration::poll_io); `f` is also given what it may clear.
    ///
    /// # Errors
    /// As [`poll_io`](Registration::poll_io).
    #[inline]
    pub fn poll_io_event<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut f: impl FnMut(ReadyEvent) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let event = ready!(self.poll_ready(cx, direction))?;
            let result = f(event);
            if !self.clear_if_would_block(event, &result) {
                return Poll::Ready(result);
            }
        }
    }

    /// Waits until the source is ready for something of `interest`.
    ///
    /// # Errors
    /// As [`poll_read_ready`](Registration::poll_read_ready).
    /// # Cancel safety
    /// Dropping the future takes no readiness away.
    pub async fn readiness(&self, interest: Interest) -> io::Result<ReadyEvent> {
        self.state().wait(Ready::from_interest(interest)).await
    }

    /// Calls `f` when the source is ready for something of `interest`, until it says something other
    /// than `WouldBlock`.
    ///
    /// # Errors
    /// The error of `f`, and as [`poll_read_ready`](Registration::poll_read_ready).
    /// # Cancel safety
    /// `f` runs to its end or not at all; when it has succeeded the future is ready.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            let event = self.readiness(interest).await?;
            let result = f();
            if !self.clear_if_would_block(event, &result) {
                return result;
            }
        }
    }

    /// Whether the result is `WouldBlock`; then the readiness is cleared.
    #[inline]
    fn clear_if_would_block<R>(&self, event: ReadyEvent, result: &io::Result<R>) -> bool {
        let would_block = matches!(result, Err(e) if e.kind() == io::ErrorKind::WouldBlock);
        if would_block {
            self.clear_readiness(event);
        }
        would_block
    }

    /// Takes the source out of the driver: no event of it counts any more, who waits for it is woken
    /// and gets an error.
    ///
    /// That holds whatever it returns. One system call (`epoll_ctl`).
    ///
    /// # Errors
    /// The operating system's, if the source is not there: `EBADF` or `ENOENT` where it was closed
    /// too early.
    pub fn deregister(&self, source: BorrowedFd<'_>) -> io::Result<()> {
        self.state().close();
        self.driver.poller.delete(source, self.key)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.driver.poller.forget(self.key);
        self.driver.slab.free(self.key.index());
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("index", &self.key.index())
            .field("state", self.state())
            .finish_non_exhaustive()
    }
}
