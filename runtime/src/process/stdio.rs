//! A child's pipes: our ends of its standard input, output and error.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use rustix::io::ioctl_fionbio;

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::net::unix::pipe;

/// A pipe to a child's standard input.
///
/// Dropping it closes the pipe: the child then finds the end of its input. `shutdown` does not close it,
/// as tokio's does not.
///
/// Writing to a child that is gone, or has closed its input, gives `BrokenPipe`.
#[derive(Debug)]
pub struct ChildStdin {
    end: pipe::Sender,
}

/// A pipe from a child's standard output.
#[derive(Debug)]
pub struct ChildStdout {
    end: pipe::Receiver,
}

/// A pipe from a child's standard error.
#[derive(Debug)]
pub struct ChildStderr {
    end: pipe::Receiver,
}

/// What all three have.
macro_rules! child_pipe {
    ($ty:ident, $end:ident) => {
        impl $ty {
            /// Takes over a pipe of std's. It is made non-blocking.
            ///
            /// # Errors
            /// The system's, if it cannot be registered.
            /// # Panics
            /// Outside of a runtime, or if I/O is not enabled there.
            #[track_caller]
            pub fn from_std(inner: std::process::$ty) -> io::Result<Self> {
                let fd = OwnedFd::from(inner);
                ioctl_fionbio(&fd, true)?;
                Ok($ty { end: pipe::$end::from_owned_fd_unchecked(fd)? })
            }

            /// The descriptor, no longer registered, and blocking again.
            ///
            /// # Errors
            /// The system's. Then the pipe is closed.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                self.end.into_blocking_fd()
            }
        }

        impl AsFd for $ty {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.end.as_fd()
            }
        }

        impl AsRawFd for $ty {
            fn as_raw_fd(&self) -> RawFd {
                self.end.as_raw_fd()
            }
        }

        impl TryFrom<$ty> for Stdio {
            type Error = io::Error;

            /// To be the standard stream of another child; blocking again, as programs expect it.
            fn try_from(pipe: $ty) -> io::Result<Stdio> {
                Ok(pipe.into_owned_fd()?.into())
            }
        }
    };
}

/// What the reading ends have.
macro_rules! child_output {
    ($ty:ident) => {
        child_pipe!($ty, Receiver);

        impl AsyncRead for $ty {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.end).poll_read(cx, buf)
            }
        }
    };
}

child_pipe!(ChildStdin, Sender);
child_output!(ChildStdout);
child_output!(ChildStderr);

impl AsyncWrite for ChildStdin {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.end).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.end).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.end.is_write_vectored()
    }

    /// Nothing is buffered here.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_flush(cx)
    }

    /// Does nothing: a pipe is closed by the drop.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_shutdown(cx)
    }
}
