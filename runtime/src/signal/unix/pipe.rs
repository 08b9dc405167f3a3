//! One listener's descriptors, and what the signal handler does with them.
//!
//! A pair of sockets and not an eventfd: std makes it, non-blocking and close-on-exec, on every Unix.
//!
//! Invariants
//! P1  The action writes only while the listener lives, and only in the process that made it: the
//!     descriptors are open, and nobody else's.
//! P2  A byte is in the socket, or the socket is full, whenever a signal came after the last drain.

use std::ffi::c_int;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook_registry::SigId;

use super::{SignalKind, disposition};

pub(crate) struct SignalPipe {
    kind: SignalKind,
    reader: UnixStream,
    action: SigId,
    /// After the action, which must be gone before we stop counting as a listener.
    _heard: disposition::Heard,
}

impl SignalPipe {
    /// Opens the descriptors and begins to listen.
    pub(crate) fn open(kind: SignalKind) -> io::Result<Self> {
        let signum = kind.as_raw_value();
        if signum < 0 || signal_hook_registry::FORBIDDEN.contains(&signum) {
            return Err(io::Error::other(format!("refusing to listen for signal {signum}")));
        }
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        // Counted first: between the two a signal may go unheard, but it does not end the process.
        let heard = disposition::Heard::begin(signum)?;
        let action = Self::register(signum, writer)?;
        Ok(SignalPipe { kind, reader, action, _heard: heard })
    }

    fn register(signum: c_int, writer: UnixStream) -> io::Result<SigId> {
        let creator = std::process::id();
        let action = move || {
            // A child made by fork has this action too, and shares the socket with its parent.
            if std::process::id() == creator {
                // Full: a signal is pending already, and will be heard.
                let _ = (&writer).write(&[1]);
            }
        };
        // SAFETY: the action is async-signal-safe. It calls getpid(2) and write(2), which are; std adds
        // to them the construction and the drop of an `io::Error` from errno, which neither allocates
        // nor locks. It cannot panic. The registry keeps errno as it was.
        unsafe { signal_hook_registry::register(signum, action) }
    }

    pub(super) fn kind(&self) -> SignalKind {
        self.kind
    }

    /// Takes all that is pending, as one.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is.
    pub(crate) fn drain(&self) -> io::Result<()> {
        let mut buffer = [0; 64];
        let mut heard = false;
        loop {
            match (&self.reader).read(&mut buffer) {
                // Never the end: the registry's action holds the other socket as long as we live.
                Ok(n) if n == buffer.len() => heard = true,
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && heard => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for SignalPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for SignalPipe {
    fn drop(&mut self) {
        // Waits for handlers that are running, then drops the action with its socket. Keeps P1.
        signal_hook_registry::unregister(self.action);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_signals_are_drained_as_one() {
        // No other test of this binary listens for or raises it; its default is to be ignored.
        let pipe = SignalPipe::open(SignalKind::window_change()).unwrap();
        assert_eq!(pipe.drain().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        for raised in [1, 64, 128, 5_000] {
            for _ in 0..raised {
                // SAFETY: raise(3) has no preconditions; the signal has a handler.
                assert_eq!(unsafe { libc::raise(libc::SIGWINCH) }, 0);
            }
            pipe.drain().unwrap();
            assert_eq!(pipe.drain().unwrap_err().kind(), io::ErrorKind::WouldBlock, "{raised}");
        }
    }

    #[test]
    fn forbidden_and_absurd_numbers_are_errors() {
        for signum in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, -1]
        {
            let error = SignalPipe::open(SignalKind::from_raw(signum)).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::Other, "{signum}");
        }
        for signum in [0, 100, 4_000] {
            let error = SignalPipe::open(SignalKind::from_raw(signum)).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{signum}");
        }
    }

    #[test]
    fn forked_child_has_the_default_reaction_and_its_parent_hears_nothing() {
        // No other test of this binary listens for or raises it; its default is the process's end.
        let pipe = SignalPipe::open(SignalKind::alarm()).unwrap();
        // SAFETY: the child of a process with threads may only call what is async-signal-safe: raise(3)
        // and _exit(2) are, and so is our action.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: as above.
            unsafe {
                libc::raise(libc::SIGALRM);
                libc::_exit(0);
            }
        }
        assert!(child > 0, "{}", io::Error::last_os_error());
        let mut status = 0;
        // SAFETY: `status` lives through the call; the child is ours and not yet awaited.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFSIGNALED(status), "status {status}");
        assert_eq!(libc::WTERMSIG(status), libc::SIGALRM);
        assert_eq!(pipe.drain().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        // The parent's own are heard as before.
        // SAFETY: raise(3) has no preconditions; the signal has a handler.
        assert_eq!(unsafe { libc::raise(libc::SIGALRM) }, 0);
        pipe.drain().unwrap();
    }
}
