//! `AsyncFd`: a foreign descriptor and its registration.
//!
//! Invariants
//! D1  `inner` is registered until `into_inner` or drop, and deregistered before either lets go of it.
//! D2  Nothing is done with the descriptor but `epoll_ctl`: its flags are the owner's.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use filch_io_driver::{Direction, Driver, Registration};
use rustix::io::Errno;

use super::{AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError};
use crate::io::Interest;

/// What is waited for unless told otherwise.
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// Waits for any descriptor that the system can poll; the reading and writing is up to the caller.
///
/// It owns the object that has the descriptor and closes it, by dropping the object, after it has taken
/// it out of the driver. The object must keep to the same open descriptor meanwhile. Where it does not,
/// no memory is in danger, but events are missed, or are those of whoever got the number next.
///
/// **The descriptor should be non-blocking**, which is the caller's to set: readiness is a hint, another
/// process may be faster, and an operation that blocks then blocks the thread.
///
/// Events are edge-triggered and readiness is remembered, so that a wait ends again and again until
/// somebody says that an operation would block: [`async_io`](AsyncFd::async_io) and the guards'
/// [`try_io`](AsyncFdReadyGuard::try_io) do. A wait that is not followed by such a saying spins.
///
/// The `poll_` methods keep one waker for reading and one for writing, the last one given. The `async`
/// methods may be used by any number of tasks at once.
///
/// # Examples
/// An `eventfd`-like use of a socket pair:
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use filch::io::Interest;
/// use filch::io::unix::AsyncFd;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (ours, mut theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let ours = AsyncFd::new(ours)?;
/// theirs.write_all(b"hello")?;
///
/// let mut buf = [0; 16];
/// let n = ours.async_io(Interest::READABLE, |mut stream| stream.read(&mut buf)).await?;
/// assert_eq!(&buf[..n], b"hello");
/// # Ok(())
/// # }
/// ```
pub struct AsyncFd<T: AsRawFd> {
    registration: Registration,
    /// Empty only while it is dropped.
    inner: Option<T>,
}

impl<T: AsRawFd> AsyncFd<T> {
    /// Registers a descriptor, for reading and writing, with the current runtime.
    ///
    /// # Errors
    /// The system's: `EPERM` for a regular file or a directory, which cannot be polled, `EBADF` for a
    /// descriptor that is not open, `EEXIST` for one that this runtime has already. The object is dropped;
    /// [`try_new`](AsyncFd::try_new) gives it back.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn new(inner: T) -> io::Result<Self> {
        Ok(AsyncFd::try_new(inner)?)
    }

    /// As [`new`](AsyncFd::new), for these states only.
    ///
    /// A descriptor that is never written to should not be registered for writing: it would be woken for
    /// nothing. [`Interest::PRIORITY`] is heard of only where it is asked for here.
    ///
    /// # Errors
    /// As [`new`](AsyncFd::new).
    /// # Panics
    /// As [`new`](AsyncFd::new).
    #[track_caller]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<Self> {
        Ok(AsyncFd::try_with_interest(inner, interest)?)
    }

    /// As [`new`](AsyncFd::new); an error has the object in it.
    ///
    /// # Errors
    /// As [`new`](AsyncFd::new).
    /// # Panics
    /// As [`new`](AsyncFd::new).
    #[track_caller]
    pub fn try_new(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::try_with_interest(inner, BOTH)
    }

    /// As [`with_interest`](AsyncFd::with_interest); an error has the object in it.
    ///
    /// # Errors
    /// As [`new`](AsyncFd::new).
    /// # Panics
    /// As [`new`](AsyncFd::new).
    #[track_caller]
    pub fn try_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::with_driver(&crate::context::io_driver(), inner, interest)
    }

    pub(in crate::io) fn with_driver(
        driver: &Arc<Driver>,
        inner: T,
        interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        let registered = match descriptor(&inner) {
            Ok(fd) => driver.register(fd, interest),
            Err(error) => Err(error),
        };
        match registered {
            Ok(registration) => Ok(AsyncFd { registration, inner: Some(inner) }),
            Err(cause) => Err(AsyncFdRegisterError { inner, cause }),
        }
    }

    /// As [`try_new`](AsyncFd::try_new), with the object's duty written as a promise.
    ///
    /// # Safety
    /// `inner.as_raw_fd()` is an open descriptor, and the same one of the same open file, at each call until
    /// the `AsyncFd` is dropped, unwrapped or forgotten.
    ///
    /// # Errors
    /// As [`new`](AsyncFd::new).
    /// # Panics
    /// As [`new`](AsyncFd::new).
    #[track_caller]
    pub unsafe fn register(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::try_new(inner)
    }

    /// As [`register`](AsyncFd::register), for these states only.
    ///
    /// # Safety
    /// As [`register`](AsyncFd::register).
    ///
    /// # Errors
    /// As [`new`](AsyncFd::new).
    /// # Panics
    /// As [`new`](AsyncFd::new).
    #[track_caller]
    pub unsafe fn register_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::try_with_interest(inner, interest)
    }

    /// The object.
    #[inline]
    pub fn get_ref(&self) -> &T {
        self.inner.as_ref().expect("empty only while it is dropped")
    }

    /// The object, to be changed. Its descriptor must stay the same.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("empty only while it is dropped")
    }

    /// The object, no longer registered.
    pub fn into_inner(mut self) -> T {
        self.deregister();
        self.inner.take().expect("taken once")
    }

    pub(in crate::io) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// D1. If the descriptor was closed behind our back there is nothing to take out of the driver; the
    /// registration ends in any case.
    fn deregister(&self) {
        if let Some(Ok(fd)) = self.inner.as_ref().map(descriptor) {
            let _ = self.registration.deregister(fd);
        }
    }

    /// Polls for readiness to read. Only the last waker is woken.
    ///
    /// # Errors
    /// Once the runtime is shut down.
    pub fn poll_read_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        self.poll_ready(cx, Direction::Read)
    }

    /// As [`poll_read_ready`](AsyncFd::poll_read_ready), with a guard that gives the object to be changed.
    ///
    /// # Errors
    /// As [`poll_read_ready`](AsyncFd::poll_read_ready).
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        self.poll_ready_mut(cx, Direction::Read)
    }

    /// Polls for readiness to write. Only the last waker is woken.
    ///
    /// # Errors
    /// As [`poll_read_ready`](AsyncFd::poll_read_ready).
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        self.poll_ready(cx, Direction::Write)
    }

    /// As [`poll_write_ready`](AsyncFd::poll_write_ready), with a guard that gives the object to be
    /// changed.
    ///
    /// # Errors
    /// As [`poll_read_ready`](AsyncFd::poll_read_ready).
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        self.poll_ready_mut(cx, Direction::Write)
    }

    fn poll_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.registration.poll_ready(cx, direction))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, event)))
    }

    fn poll_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.registration.poll_ready(cx, direction))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, event)))
    }

    /// Waits until the descriptor is ready for something of `interest`.
    ///
    /// What it was not registered for never comes.
    ///
    /// # Errors
    /// As [`poll_read_ready`](AsyncFd::poll_read_ready).
    /// # Cancel safety
    /// Dropping the future takes no readiness away.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let event = self.registration.readiness(interest).await?;
        Ok(AsyncFdReadyGuard::new(self, event))
    }

    /// As [`ready`](AsyncFd::ready), with a guard that gives the object to be changed.
    ///
    /// # Errors
    /// As [`poll_read_ready`](AsyncFd::poll_read_ready).
    /// # Cancel safety
    /// As [`ready`](AsyncFd::ready).
    pub async fn ready_mut(
        &mut self,
        interest: Interest,
    ) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let event = self.registration.readiness(interest).await?;
        Ok(AsyncFdReadyMutGuard::new(self, event))
    }

    /// Waits until the descriptor is ready to be read.
    ///
    /// # Errors
    /// As [`poll_read_ready`](AsyncFd::poll_read_ready).
    /// # Cancel safety
    /// As [`ready`](AsyncFd::ready).
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// As [`readable`](AsyncFd::readable), with a guard that gives the object to be changed.
    ///
    /// # Errors
    /// As [`poll_read_ready`](AsyncFd::poll_read_ready).
    /// # Cancel safety
    /// As [`ready`](AsyncFd::ready).
    pub async fn readable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits until the descriptor is ready to be written to.
    ///
    /// # Errors
    /// As [`poll_read_ready`](AsyncFd::poll_read_ready).
    /// # Cancel safety
    /// As [`ready`](AsyncFd::ready).
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// As [`writable`](AsyncFd::writable), with a guard that gives the object to be changed.
    ///
    /// # Errors
    /// As [`poll_read_ready`](AsyncFd::poll_read_ready).
    /// # Cancel safety
    /// As [`ready`](AsyncFd::ready).
    pub async fn writable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// Does `f` when the descriptor is ready, until it says something other than `WouldBlock`.
    ///
    /// # Errors
    /// The error of `f`, and as [`poll_read_ready`](AsyncFd::poll_read_ready).
    /// # Cancel safety
    /// `f` runs to its end or not at all; when it has succeeded the future is ready.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.async_io(interest, || f(self.get_ref())).await
    }

    /// As [`async_io`](AsyncFd::async_io), with the object to be changed.
    ///
    /// # Errors
    /// As [`async_io`](AsyncFd::async_io).
    /// # Cancel safety
    /// As [`async_io`](AsyncFd::async_io).
    pub async fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut f: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let inner = self.inner.as_mut().expect("empty only while it is dropped");
        self.registration.async_io(interest, || f(inner)).await
    }

    /// Does `f` if the descriptor is ready for something of `interest`; clears that if `f` would block.
    ///
    /// # Errors
    /// `WouldBlock` if it is not ready; else the error of `f`; and once the runtime is shut down.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.try_io(interest, || f(self.get_ref()))
    }

    /// As [`try_io`](AsyncFd::try_io), with the object to be changed.
    ///
    /// # Errors
    /// As [`try_io`](AsyncFd::try_io).
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        f: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let inner = self.inner.as_mut().expect("empty only while it is dropped");
        self.registration.try_io(interest, || f(inner))
    }
}

/// The object's descriptor, for one `epoll_ctl`.
fn descriptor<T: AsRawFd>(inner: &T) -> io::Result<BorrowedFd<'_>> {
    let fd = inner.as_raw_fd();
    if fd < 0 {
        return Err(Errno::BADF.into());
    }
    // SAFETY: not -1. That it is open is the duty of the object that lends it to us; the kernel checks
    // again, and all that is done with it is `epoll_ctl` (D2).
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

impl<T: AsRawFd> Drop for AsyncFd<T> {
    fn drop(&mut self) {
        self.deregister();
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl<T: AsRawFd> AsFd for AsyncFd<T> {
    /// # Panics
    /// If the object has no descriptor any more.
    #[track_caller]
    fn as_fd(&self) -> BorrowedFd<'_> {
        descriptor(self.get_ref()).expect("the object keeps its descriptor")
    }
}

impl<T: fmt::Debug + AsRawFd> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", &self.inner).finish()
    }
}
