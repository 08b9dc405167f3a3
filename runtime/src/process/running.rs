//! A child from its start until its status is taken: who tells of its end, and what a drop does.
//!
//! Invariants
//! C1  The status is taken from the kernel at most once, and kept.
//! C2  A child that has been started and not reaped is in the care of a driver or of the reaper, or is
//!     killed and reaped on the spot.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::process::{Pid, Signal};

use super::reaper::{REAPER, Reservation};
use super::ward::Ward;

#[cfg(target_os = "linux")]
use {
    super::pidfd,
    super::reap::reap,
    crate::io::Interest,
    crate::net::source::Source,
    filch_io_driver::Direction,
    rustix::process::WaitId,
    std::os::fd::{AsFd, OwnedFd},
};

/// What is needed to watch a child, to be had before it is started.
pub(super) enum Ticket {
    #[cfg(target_os = "linux")]
    Pidfd(OwnedFd),
    Reaper(Reservation),
}

impl Ticket {
    /// # Errors
    /// A lack of descriptors, memory or threads.
    pub(super) fn get() -> io::Result<Ticket> {
        #[cfg(target_os = "linux")]
        if pidfd::is_supported()? {
            // Orphans for whom no thread could be started get another chance.
            REAPER.attend();
            return Ok(Ticket::Pidfd(pidfd::placeholder()?));
        }
        Ok(Ticket::Reaper(REAPER.reserve()?))
    }
}

pub(super) struct Running {
    pid: Pid,
    watch: Watch,
    pub(super) kill_on_drop: bool,
}

enum Watch {
    /// By its pidfd, in the runtime in which it was started.
    #[cfg(target_os = "linux")]
    Driver(Source<OwnedFd>),
    Reaper(Arc<Ward>),
    /// Not any more.
    Ended(ExitStatus),
    /// Only while it changes hands.
    #[cfg(target_os = "linux")]
    Nobody,
}

impl Running {
    /// Watches a child that has just been started.
    ///
    /// # Errors
    /// The system's, if it cannot be watched. Then the child is as it was, and the caller's.
    /// # Panics
    /// Outside of a runtime with I/O.
    #[track_caller]
    pub(super) fn begin(child: &std::process::Child, ticket: Ticket) -> io::Result<Running> {
        let pid = Pid::from_child(child);
        let watch = match ticket {
            #[cfg(target_os = "linux")]
            Ticket::Pidfd(placeholder) => {
                drop(placeholder);
                let pidfd = pidfd::open(pid)?;
                Watch::Driver(Source::with_interest(pidfd, Interest::READABLE)?)
            }
            Ticket::Reaper(reservation) => Watch::Reaper(reservation.redeem(pid)),
        };
        Ok(Running { pid, watch, kill_on_drop: false })
    }

    /// The number, until the status has been taken.
    pub(super) fn id(&self) -> Option<u32> {
        match self.watch {
            Watch::Ended(_) => None,
            _ => Some(self.pid.as_raw_nonzero().get().unsigned_abs()),
        }
    }

    pub(super) fn status(&self) -> Option<ExitStatus> {
        match self.watch {
            Watch::Ended(status) => Some(status),
            _ => None,
        }
    }

    /// The status, if the child has ended.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = match &self.watch {
            #[cfg(target_os = "linux")]
            Watch::Driver(source) => reap(WaitId::PidFd(source.as_fd()))?,
            Watch::Reaper(ward) => {
                let result = ward.reap();
                if result.is_some() {
                    REAPER.reaped_elsewhere();
                }
                result.transpose()?
            }
            Watch::Ended(status) => return Ok(Some(*status)),
            #[cfg(target_os = "linux")]
            Watch::Nobody => None,
        };
        if let Some(status) = status {
            self.watch = Watch::Ended(status);
        }
        Ok(status)
    }

    /// Waits for the end. Of several tasks only the last one that polled is woken.
    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        #[cfg(target_os = "linux")]
        if let Watch::Driver(source) = &self.watch {
            let polled = source.poll_io(cx, Direction::Read, |pidfd| {
                reap(WaitId::PidFd(pidfd.as_fd()))?.ok_or(io::ErrorKind::WouldBlock.into())
            });
            match ready!(polled) {
                Ok(status) => {
                    self.watch = Watch::Ended(status);
                    return Poll::Ready(Ok(status));
                }
                // The reaper tells instead: the status is not lost with the runtime.
                Err(_) if source.registration().driver().is_shutdown() => self.give_to_reaper(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        match &self.watch {
            Watch::Reaper(ward) => {
                let status = ready!(ward.poll(cx))?;
                self.watch = Watch::Ended(status);
                Poll::Ready(Ok(status))
            }
            Watch::Ended(status) => Poll::Ready(Ok(*status)),
            #[cfg(target_os = "linux")]
            Watch::Driver(_) | Watch::Nobody => Poll::Pending,
        }
    }

    #[cfg(target_os = "linux")]
    fn give_to_reaper(&mut self) {
        match std::mem::replace(&mut self.watch, Watch::Nobody) {
            Watch::Driver(source) => {
                self.watch = Watch::Reaper(REAPER.adopt(self.pid, source.release()));
            }
            other => self.watch = other,
        }
    }

    /// Ends the child by `SIGKILL`. Nothing, if its status has been taken.
    pub(super) fn kill(&self) -> io::Result<()> {
        match &self.watch {
            #[cfg(target_os = "linux")]
            Watch::Driver(source) => Ok(rustix::process::pidfd_send_signal(source, Signal::KILL)?),
            Watch::Reaper(ward) => ward.signal(Signal::KILL),
            Watch::Ended(_) => Ok(()),
            #[cfg(target_os = "linux")]
            Watch::Nobody => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.kill_on_drop {
            // It may be gone, if somebody else has reaped it.
            let _ = self.kill();
        }
        // Keeps C2.
        #[cfg(target_os = "linux")]
        self.give_to_reaper();
        if let Watch::Reaper(ward) = &self.watch {
            ward.forget_waker();
        }
    }
}

/// Ends a child that cannot be watched. Blocks for as long as the kernel takes to end it.
pub(super) fn abandon(mut child: std::process::Child) {
    let _ = child.kill();
    let _ = child.wait();
}
