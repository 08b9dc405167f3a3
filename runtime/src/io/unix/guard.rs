//! The guards: readiness that was seen, and what its holder decides about it.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;

use filch_io_driver::ReadyEvent;

use super::{AsyncFd, TryIoError};
use crate::io::Ready;

/// An [`AsyncFd`] that is ready, as of a moment.
///
/// Readiness is remembered until somebody says that it is over. Whoever holds a guard says so: by
/// [`clear_ready`](AsyncFdReadyGuard::clear_ready) when an operation would block, by
/// [`retain_ready`](AsyncFdReadyGuard::retain_ready) when more may be there, or by
/// [`try_io`](AsyncFdReadyGuard::try_io), which does the right one of the two. Dropping it retains.
///
/// Clearing takes away only what this guard has seen: an event that came since stays.
#[must_use = "the readiness stays until it is cleared: call `try_io`, `clear_ready` or `retain_ready`"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    async_fd: &'a AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// As [`AsyncFdReadyGuard`], with the [`AsyncFd`] to be changed.
#[must_use = "the readiness stays until it is cleared: call `try_io`, `clear_ready` or `retain_ready`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    async_fd: &'a mut AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// What both guards do with the readiness.
macro_rules! readiness_methods {
    () => {
        /// Says that the descriptor is not ready any more, for whatever this guard has seen. To be called
        /// when an operation has said that it would block, and only then: the next wait ends at the next
        /// event.
        pub fn clear_ready(&mut self) {
            if let Some(event) = self.event.take() {
                self.async_fd.registration().clear_readiness(event);
            }
        }

        /// As `clear_ready`, for the states in `ready` only. For a descriptor that was waited for with
        /// several interests, of which one has come to an end.
        pub fn clear_ready_matching(&mut self, ready: Ready) {
            if let Some(event) = self.event.take() {
                self.async_fd.registration().clear_readiness(event.with_ready(ready));
                let left = event.ready - ready;
                self.event = (!left.is_empty()).then_some(event.with_ready(left));
            }
        }

        /// Says that the descriptor may be ready still: the next wait ends at once. As dropping the guard
        /// does; for those who want it said.
        pub fn retain_ready(&mut self) {}

        /// What was ready, of what was waited for, less what was cleared by this guard.
        pub fn ready(&self) -> Ready {
            self.event.map_or(Ready::EMPTY, |event| event.ready)
        }

        /// Clears, and says so, if the operation would block.
        fn sort<R>(&mut self, result: io::Result<R>) -> Result<io::Result<R>, TryIoError> {
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.clear_ready();
                    Err(TryIoError(()))
                }
                result => Ok(result),
            }
        }
    };
}

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    pub(super) fn new(async_fd: &'a AsyncFd<T>, event: ReadyEvent) -> Self {
        AsyncFdReadyGuard { async_fd, event: Some(event) }
    }

    readiness_methods!();

    /// Does `f`; clears the readiness if that would block.
    ///
    /// `f` should do the one operation that the wait was for, and pass its error on.
    ///
    /// # Errors
    /// [`TryIoError`] if `f` would block: wait again. Any other error of `f` is the inner result.
    /// # Examples
    /// ```
    /// use std::io::Read;
    /// use std::os::unix::net::UnixStream;
    /// use filch::io::unix::AsyncFd;
    ///
    /// async fn read(stream: &AsyncFd<UnixStream>, buf: &mut [u8]) -> std::io::Result<usize> {
    ///     loop {
    ///         let mut guard = stream.readable().await?;
    ///         match guard.try_io(|stream| stream.get_ref().read(buf)) {
    ///             Ok(result) => return result,
    ///             Err(_would_block) => continue,
    ///         }
    ///     }
    /// }
    /// ```
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        let result = f(self.async_fd);
        self.sort(result)
    }

    /// The `AsyncFd`.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.async_fd
    }

    /// The object in it.
    pub fn get_inner(&self) -> &'a T {
        self.async_fd.get_ref()
    }
}

impl<'a, T: AsRawFd> AsyncFdReadyMutGuard<'a, T> {
    pub(super) fn new(async_fd: &'a mut AsyncFd<T>, event: ReadyEvent) -> Self {
        AsyncFdReadyMutGuard { async_fd, event: Some(event) }
    }

    readiness_methods!();

    /// Does `f`; clears the readiness if that would block.
    ///
    /// # Errors
    /// As [`AsyncFdReadyGuard::try_io`].
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        let result = f(self.async_fd);
        self.sort(result)
    }

    /// The `AsyncFd`.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.async_fd
    }

    /// The `AsyncFd`, to be changed.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.async_fd
    }

    /// The object in it.
    pub fn get_inner(&self) -> &T {
        self.async_fd.get_ref()
    }

    /// The object in it, to be changed.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.async_fd.get_mut()
    }
}

impl<T: fmt::Debug + AsRawFd> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyGuard")
            .field("async_fd", self.async_fd)
            .field("ready", &self.ready())
            .finish()
    }
}

impl<T: fmt::Debug + AsRawFd> fmt::Debug for AsyncFdReadyMutGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyMutGuard")
            .field("async_fd", self.async_fd)
            .field("ready", &self.ready())
            .finish()
    }
}
