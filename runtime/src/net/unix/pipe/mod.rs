//! Pipes: with a name in the file system (FIFOs) or without one.
//!
//! # Examples
//! ```
//! use filch::io::{AsyncReadExt, AsyncWriteExt};
//! use filch::net::unix::pipe;
//!
//! # #[filch::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let (mut sender, mut receiver) = pipe::pipe()?;
//! sender.write_all(b"hello").await?;
//! drop(sender);
//! let mut text = String::new();
//! receiver.read_to_string(&mut text).await?;
//! assert_eq!(text, "hello");
//! # Ok(())
//! # }
//! ```

mod open;
mod receiver;
mod sender;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;

pub use open::OpenOptions;
pub use receiver::Receiver;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
pub use sender::Sender;

/// A pipe without a name: what is written to the one end is read from the other.
///
/// Both ends are closed in programs that this process starts; to hand one over, see
/// [`into_blocking_fd`](Sender::into_blocking_fd).
///
/// # Errors
/// The system's: too many open files.
/// # Panics
/// Outside of a runtime, or if I/O is not enabled there.
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (receiver, sender) = new_pipe()?;
    Ok((Sender::from_owned_fd_unchecked(sender)?, Receiver::from_owned_fd_unchecked(receiver)?))
}

/// Both ends are non-blocking and closed on exec.
#[cfg(not(target_vendor = "apple"))]
fn new_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::pipe::{PipeFlags, pipe_with};

    Ok(pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?)
}

/// Both ends are non-blocking and closed on exec.
#[cfg(target_vendor = "apple")]
fn new_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let ends = rustix::pipe::pipe()?;
    for end in [&ends.0, &ends.1] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(end, true)?;
    }
    Ok(ends)
}

/// The end of a pipe that is open for the direction of `mode`, or for both: made non-blocking.
fn checked(file: File, mode: OFlags) -> io::Result<File> {
    if !file.metadata()?.file_type().is_fifo() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a pipe"));
    }
    let flags = fcntl_getfl(&file)?;
    let is = flags & OFlags::RWMODE;
    if is != mode && is != OFlags::RDWR {
        let direction = if mode == OFlags::RDONLY { "reading" } else { "writing" };
        let text = format!("the pipe is not open for {direction}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    if !flags.contains(OFlags::NONBLOCK) {
        fcntl_setfl(&file, flags | OFlags::NONBLOCK)?;
    }
    Ok(file)
}

/// Constructors, conversions and readiness that both ends have.
macro_rules! end_methods {
    ($ty:ident, $interest:expr, $mode:expr) => {
        impl $ty {
            /// Takes over the end of a pipe, which is made non-blocking.
            ///
            /// # Errors
            /// `InvalidInput` if it is not a pipe, or not open for this direction; the system's.
            /// # Panics
            /// Outside of a runtime, or if I/O is not enabled there.
            #[track_caller]
            pub fn from_file(file: std::fs::File) -> std::io::Result<Self> {
                Self::from_file_unchecked(super::checked(file, $mode)?)
            }

            /// As [`from_file`](Self::from_file), from a descriptor.
            ///
            /// # Errors
            /// As [`from_file`](Self::from_file).
            /// # Panics
            /// As [`from_file`](Self::from_file).
            #[track_caller]
            pub fn from_owned_fd(owned_fd: std::os::fd::OwnedFd) -> std::io::Result<Self> {
                Self::from_file(owned_fd.into())
            }

            /// As [`from_file`](Self::from_file), for what is known to be such an end, and to be
            /// non-blocking: nothing is checked or changed. If it is blocking, its operations hold up the
            /// thread.
            ///
            /// # Errors
            /// The system's, if it cannot be registered.
            /// # Panics
            /// Outside of a runtime, or if I/O is not enabled there.
            #[track_caller]
            pub fn from_file_unchecked(file: std::fs::File) -> std::io::Result<Self> {
                let source = crate::net::source::Source::with_interest(file, $interest)?;
                Ok(Self { source })
            }

            /// As [`from_file_unchecked`](Self::from_file_unchecked), from a descriptor.
            ///
            /// # Errors
            /// As [`from_file_unchecked`](Self::from_file_unchecked).
            /// # Panics
            /// As [`from_file_unchecked`](Self::from_file_unchecked).
            #[track_caller]
            pub fn from_owned_fd_unchecked(
                owned_fd: std::os::fd::OwnedFd,
            ) -> std::io::Result<Self> {
                Self::from_file_unchecked(owned_fd.into())
            }

            /// The descriptor, no longer registered, and blocking: as a program that is started expects
            /// it.
            ///
            /// # Errors
            /// The system's.
            pub fn into_blocking_fd(self) -> std::io::Result<std::os::fd::OwnedFd> {
                let fd = self.into_nonblocking_fd()?;
                rustix::io::ioctl_fionbio(&fd, false)?;
                Ok(fd)
            }

            /// The descriptor, no longer registered and still non-blocking.
            ///
            /// # Errors
            /// The system's, if it cannot be deregistered.
            pub fn into_nonblocking_fd(self) -> std::io::Result<std::os::fd::OwnedFd> {
                self.source.into_inner().map(std::os::fd::OwnedFd::from)
            }

            /// Calls `f`, which does something to the pipe, if it is ready.
            ///
            /// If `f` returns `WouldBlock` the readiness is taken away: `f` must return that only if the
            /// pipe said so.
            ///
            /// # Errors
            /// `WouldBlock` if the pipe is not ready; else that of `f`.
            pub fn try_io<R>(&self, f: impl FnOnce() -> std::io::Result<R>) -> std::io::Result<R> {
                self.source.registration().try_io($interest, f)
            }
        }

        crate::net::methods::ready_method!($ty);
        crate::net::methods::fd_traits!($ty);
    };
}

use end_methods;
