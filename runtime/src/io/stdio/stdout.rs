//! `Stdout` and `Stderr`: std's, on the blocking pool.
//!
//! Through std's handles, so that the order with `println!` is kept, and each write flushes, so that
//! nothing stays in std's buffer.
//!
//! Invariants
//! O1  At most one write is under way, so that the order of one handle's writes is kept.
//! O2  A write's error is reported once, by the next operation.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::io::AsyncWrite;
use crate::task::{JoinHandle, spawn_blocking};

/// How much one write takes at the most: what a pipe holds. A trip to the pool is then a small part of
/// the cost, and a handle keeps no more memory than that.
const MOST: usize = 64 * 1024;

/// A buffer, and the write that it is in.
struct Output {
    /// Writes and flushes.
    write: fn(&[u8]) -> io::Result<()>,
    /// Empty while it is written from.
    buffer: Vec<u8>,
    writing: Option<JoinHandle<(Vec<u8>, io::Result<()>)>>,
}

impl Output {
    fn new(write: fn(&[u8]) -> io::Result<()>) -> Self {
        Output { write, buffer: Vec::new(), writing: None }
    }

    /// Waits for the write under way (O1).
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(writing) = &mut self.writing else { return Poll::Ready(Ok(())) };
        let written = ready!(Pin::new(writing).poll(cx));
        self.writing = None;
        let (buffer, result) = written?;
        self.buffer = buffer;
        Poll::Ready(result)
    }

    #[track_caller]
    fn poll_write<'a>(
        &mut self,
        cx: &mut Context<'_>,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_idle(cx))?;
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        for piece in pieces {
            let room = MOST - buffer.len();
            buffer.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        let n = buffer.len();
        if n == 0 {
            self.buffer = buffer;
            return Poll::Ready(Ok(0));
        }
        let write = self.write;
        self.writing = Some(spawn_blocking(move || {
            let result = write(&buffer);
            (buffer, result)
        }));
        Poll::Ready(Ok(n))
    }
}

fn write_to_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

fn write_to_stderr(bytes: &[u8]) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(bytes)?;
    stderr.flush()
}

/// A handle's type and its traits.
macro_rules! handle {
    ($(#[$type_docs:meta])* $Handle:ident, $(#[$docs:meta])* $open:ident, $write:ident, $std:ident) => {
        $(#[$type_docs])*
        pub struct $Handle {
            output: Output,
        }

        $(#[$docs])*
        pub fn $open() -> $Handle {
            $Handle { output: Output::new($write) }
        }

        impl AsyncWrite for $Handle {
            #[track_caller]
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.get_mut().output.poll_write(cx, std::iter::once(buf))
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.get_mut().output.poll_idle(cx)
            }

            /// As flushing: the descriptor stays open.
            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.get_mut().output.poll_idle(cx)
            }

            #[track_caller]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.get_mut().output.poll_write(cx, bufs.iter().map(|buf| &**buf))
            }

            fn is_write_vectored(&self) -> bool {
                true
            }
        }

        impl AsFd for $Handle {
            fn as_fd(&self) -> BorrowedFd<'_> {
                rustix::stdio::$std()
            }
        }

        impl AsRawFd for $Handle {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        impl fmt::Debug for $Handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Handle)).finish_non_exhaustive()
            }
        }
    };
}

handle! {
    /// The process's standard output. Made by [`stdout`].
    Stdout,
    /// The process's standard output.
    ///
    /// A write copies up to 64 KiB, begins to write them on the blocking pool, and returns: a terminal or a
    /// pipe whose reader is slow blocks no worker. The next operation waits until they are written. One
    /// handle's writes keep their order, and their place among those of `println!`; of two handles either
    /// may be first.
    ///
    /// **Flush before the end**: [`flush`](crate::io::AsyncWriteExt::flush) returns when everything is
    /// written. A runtime that ends drops a write that has not begun, and waits for one that has.
    ///
    /// # Errors
    /// That of a write comes with the next operation: `BrokenPipe` if the reader is gone. As with std,
    /// writing succeeds, and goes nowhere, where the descriptor is not open.
    ///
    /// # Panics
    /// A write does, outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// use filch::io::{AsyncWriteExt, stdout};
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut out = stdout();
    /// out.write_all(b"hello\n").await?;
    /// out.flush().await?;
    /// # Ok(())
    /// # }
    /// ```
    stdout, write_to_stdout, stdout
}

handle! {
    /// The process's standard error. Made by [`stderr`].
    Stderr,
    /// The process's standard error.
    ///
    /// As [`stdout`] in every respect. Unlike std's it has a buffer, for the one write that is under way:
    /// flush it.
    ///
    /// # Errors
    /// As [`stdout`].
    ///
    /// # Panics
    /// As [`stdout`].
    stderr, write_to_stderr, stderr
}
