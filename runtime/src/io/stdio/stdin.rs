//! `Stdin`: standard input.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use filch_io_driver::Driver;
use rustix::io::Errno;

use super::polled::Polled;
use super::pooled::Pooled;
use crate::io::{AsyncRead, ReadBuf};

/// The process's standard input. Made by [`stdin`].
pub struct Stdin {
    input: Input,
}

enum Input {
    /// Not read from yet, or its runtime is gone.
    New,
    Polled(Polled),
    Pooled(Pooled),
    /// Descriptor 0 is not open: there is nothing to read.
    Closed,
}

// A panic leaves it as it was: what the poller and the pool know of it is changed in single steps.
impl UnwindSafe for Stdin {}
impl RefUnwindSafe for Stdin {}

/// The process's standard input.
///
/// A pipe, a socket or a terminal is waited for by the runtime's poller, so that a read that nothing
/// answers keeps no thread, and neither the end of the runtime nor that of the process waits for it. What
/// cannot be polled, such as a file, is read on the blocking pool. The flags of the descriptor stay as they
/// are: `O_NONBLOCK` would be seen by the other processes that have the same terminal or pipe.
///
/// It has no buffer: put it into a [`BufReader`](crate::io::BufReader) for lines. It knows nothing of the
/// buffer of [`std::io::stdin`], and what that one has read ahead is missing here; use one of the two. Of
/// several `Stdin`s each byte goes to one.
///
/// # Panics
/// The first read does, outside of a runtime.
///
/// # Cancel safety
/// A read that is dropped takes nothing.
///
/// # Examples
/// ```no_run
/// use filch::io::{AsyncBufReadExt, BufReader, stdin};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut lines = BufReader::new(stdin()).lines();
/// while let Some(line) = lines.next_line().await? {
///     println!("{line}");
/// }
/// # Ok(())
/// # }
/// ```
pub fn stdin() -> Stdin {
    Stdin { input: Input::New }
}

impl Input {
    /// Looks at what descriptor 0 is.
    fn open(driver: &Arc<Driver>) -> io::Result<Input> {
        // A duplicate: one epoll instance takes each descriptor once, and there may be several `Stdin`s.
        let fd = match rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) {
            Ok(fd) => fd,
            Err(Errno::BADF) => return Ok(Input::Closed),
            Err(error) => return Err(error.into()),
        };
        match Polled::new(driver, fd) {
            Ok(polled) => Ok(Input::Polled(polled)),
            Err(error) => match error.into_parts() {
                (fd, error) if Errno::from_io_error(&error) == Some(Errno::PERM) => {
                    Ok(Input::Pooled(Pooled::new(fd)))
                }
                (_, error) => Err(error),
            },
        }
    }

    /// Whether it must be opened (anew).
    fn is_new(&self) -> bool {
        match self {
            Input::New => true,
            // Its runtime is gone. If this is another one's task, that one's poller will do.
            Input::Polled(polled) => {
                polled.driver().is_shutdown()
                    && crate::context::try_current()
                        .is_some_and(|handle| !handle.driver().reactor().is_shutdown())
            }
            Input::Pooled(_) | Input::Closed => false,
        }
    }
}

impl AsyncRead for Stdin {
    #[track_caller]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let input = &mut self.get_mut().input;
        if input.is_new() {
            // Sockets need `enable_io`. The poller is there without it, and this one source may use it.
            *input = Input::open(crate::context::current().driver().reactor())?;
        }
        match input {
            Input::Polled(polled) => polled.poll_read(cx, buf),
            Input::Pooled(pooled) => pooled.poll_read(cx, buf),
            Input::Closed | Input::New => Poll::Ready(Ok(())),
        }
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stdin()
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}
