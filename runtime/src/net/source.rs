//! `Source`: a socket and its registration, from the first system call to the last.
//!
//! Invariants
//! N1  The socket is non-blocking and registered, for reading and writing (the end of a pipe for its
//!     direction), until `into_inner` or drop.
//! N2  It is deregistered before it is closed or given away.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BufMut;
use filch_io_driver::{Direction, Driver, Interest, ReadyEvent, Registration};
use socket2::SockRef;

use crate::io::{ReadBuf, Ready};

/// How many buffers one vectored system call takes (`IOV_MAX`). What is beyond them is not short when it
/// is left over.
const MAX_BUFFERS: usize = 1024;

/// A socket waits for either direction.
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// A non-blocking socket of the current runtime. Dereferences to the socket.
pub(crate) struct Source<S: AsFd> {
    /// Before `socket` in the order of dropping, though `drop` has deregistered it by then (N2).
    registration: Registration,
    /// Empty only while it is dropped.
    socket: Option<S>,
}

// A panic of a waker or of a closure of `try_io` leaves a socket as it was: its state is the kernel's,
// and the registration's word is changed in single steps.
impl<S: AsFd> UnwindSafe for Source<S> {}
impl<S: AsFd> RefUnwindSafe for Source<S> {}

impl<S: AsFd> Source<S> {
    /// Registers a socket, which must be non-blocking, with the current runtime.
    ///
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub(crate) fn new(socket: S) -> io::Result<Self> {
        Source::with_interest(socket, BOTH)
    }

    /// As [`new`](Source::new), for the end of a pipe.
    ///
    /// # Panics
    /// As [`new`](Source::new).
    #[track_caller]
    pub(crate) fn with_interest(socket: S, interest: Interest) -> io::Result<Self> {
        Source::with_driver(&crate::context::io_driver(), socket, interest)
    }

    /// As [`new`](Source::new), for a socket that `parent` brought forth: where there is no current
    /// runtime with I/O, it joins its parent's.
    pub(crate) fn child_of<P: AsFd>(parent: &Source<P>, socket: S) -> io::Result<Self> {
        match crate::context::try_current().as_ref().and_then(|handle| handle.driver().io()) {
            Some(driver) => Source::with_driver(driver, socket, BOTH),
            None => Source::with_driver(parent.registration.driver(), socket, BOTH),
        }
    }

    fn with_driver(driver: &Arc<Driver>, socket: S, interest: Interest) -> io::Result<Self> {
        let registration = driver.register(socket.as_fd(), interest)?;
        Ok(Source { registration, socket: Some(socket) })
    }

    /// As [`new`](Source::new), for a socket that comes from outside and may be blocking.
    ///
    /// # Panics
    /// As [`new`](Source::new).
    #[track_caller]
    pub(crate) fn from_foreign(socket: S) -> io::Result<Self> {
        SockRef::from(&socket).set_nonblocking(true)?;
        Source::new(socket)
    }

    /// The socket, no longer registered and still non-blocking.
    pub(crate) fn into_inner(mut self) -> io::Result<S> {
        let socket = self.socket.take().expect("taken once");
        self.registration.deregister(socket.as_fd())?;
        Ok(socket)
    }

    /// As [`into_inner`](Source::into_inner), also where the driver does not know it any more.
    pub(crate) fn release(mut self) -> S {
        let socket = self.socket.take().expect("taken once");
        let _ = self.registration.deregister(socket.as_fd());
        socket
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The socket with socket2's methods.
    pub(crate) fn options(&self) -> SockRef<'_> {
        SockRef::from(&**self)
    }

    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.registration.readiness(interest).await?.ready)
    }

    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, direction).map_ok(drop)
    }

    /// Receives into the unfilled part of `buf`, when there is something.
    pub(crate) fn poll_receive<T>(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        mut receive: impl FnMut(&S, &mut [MaybeUninit<u8>]) -> io::Result<Received<T>>,
    ) -> Poll<io::Result<T>> {
        self.registration.poll_io_event(cx, Direction::Read, |event| {
            // SAFETY: a system call only writes to it.
            let room = unsafe { buf.unfilled_mut() };
            let received = receive(self, room)?;
            self.after_receiving(event, &received, room.len());
            // SAFETY: the system call has written so many bytes.
            unsafe { buf.assume_init(received.bytes) };
            buf.advance(received.bytes);
            Ok(received.with)
        })
    }

    /// Receives into the free part of `buf`, if there is something.
    pub(crate) fn try_receive<T>(
        &self,
        buf: &mut impl BufMut,
        receive: impl FnOnce(&S, &mut [MaybeUninit<u8>]) -> io::Result<Received<T>>,
    ) -> io::Result<(usize, T)> {
        self.registration.try_io_event(Interest::READABLE, |event| {
            // SAFETY: a system call only writes to it.
            let room = unsafe { buf.chunk_mut().as_uninit_slice_mut() };
            let received = receive(self, room)?;
            self.after_receiving(event, &received, room.len());
            // SAFETY: the system call has written so many bytes.
            unsafe { buf.advance_mut(received.bytes) };
            Ok((received.bytes, received.with))
        })
    }

    /// The short-read rule, where it applies.
    #[inline]
    fn after_receiving<T>(&self, event: ReadyEvent, received: &Received<T>, room: usize) {
        if received.empties && (1..room).contains(&received.bytes) {
            self.registration.clear_short_read(event);
        }
    }

    /// Writes to a stream, when there is room; by the short-write rule.
    pub(crate) fn poll_send_stream(
        &self,
        cx: &mut Context<'_>,
        len: usize,
        mut send: impl FnMut(&S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.registration.poll_io_event(cx, Direction::Write, |event| {
            let n = send(self)?;
            if (1..len).contains(&n) {
                self.registration.clear_short_write(event);
            }
            Ok(n)
        })
    }

    /// Calls `f` until it does not block, with the waker of that direction.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut f: impl FnMut(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.registration.poll_io(cx, direction, || f(self))
    }
}

/// What a receiving system call brought.
pub(crate) struct Received<T> {
    bytes: usize,
    /// A short result means that nothing is left: a stream's read, not a datagram's and not a peek.
    empties: bool,
    with: T,
}

impl Received<()> {
    /// Taken from a stream.
    pub(crate) fn from_stream(bytes: usize) -> Self {
        Received { bytes, empties: true, with: () }
    }
}

impl<T> Received<T> {
    /// A datagram, or what is left in the socket.
    pub(crate) fn other(bytes: usize, with: T) -> Self {
        Received { bytes, empties: false, with }
    }
}

/// Receives from a stream of TCP.
pub(crate) fn receive_stream<S: AsFd>(
    socket: &S,
    room: &mut [MaybeUninit<u8>],
) -> io::Result<Received<()>> {
    Ok(Received::from_stream(SockRef::from(socket).recv(room)?))
}

/// Receives a datagram.
pub(crate) fn receive_datagram<S: AsFd>(
    socket: &S,
    room: &mut [MaybeUninit<u8>],
) -> io::Result<Received<()>> {
    Ok(Received::other(SockRef::from(socket).recv(room)?, ()))
}

/// As many of the buffers as one system call takes.
pub(crate) fn at_most_max_buffers<B>(buffers: &[B]) -> &[B] {
    &buffers[..buffers.len().min(MAX_BUFFERS)]
}

/// How many bytes the buffers have together.
pub(crate) fn total_len<B: Deref<Target = [u8]>>(buffers: &[B]) -> usize {
    buffers.iter().fold(0, |sum, buffer| sum.saturating_add(buffer.len()))
}

impl<S: AsFd> Deref for Source<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        self.socket.as_ref().expect("empty only while it is dropped")
    }
}

impl<S: AsFd> Drop for Source<S> {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            // It is there, since we own it. If somebody closed it behind our back, there is nothing to
            // deregister; the slot is freed in any case.
            let _ = self.registration.deregister(socket.as_fd());
        }
    }
}

impl<S: AsFd> AsFd for Source<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (**self).as_fd()
    }
}

impl<S: AsFd> AsRawFd for Source<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for Source<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::IoSlice;

    #[test]
    fn vectored_calls_are_cut_at_the_systems_limit() {
        let bytes = [0; 3];
        let buffers: Vec<IoSlice<'_>> = (0..2_000).map(|_| IoSlice::new(&bytes)).collect();
        assert_eq!(at_most_max_buffers(&buffers).len(), MAX_BUFFERS);
        assert_eq!(total_len(at_most_max_buffers(&buffers)), 3 * MAX_BUFFERS);
        assert_eq!(at_most_max_buffers(&buffers[..5]).len(), 5);
    }
}
