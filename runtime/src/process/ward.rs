//! `Ward`: a child in the care of the reaper.
//!
//! Callers: the reaper's thread reaps; a [`Running`](super::running::Running) that has no driver to tell it
//! polls, reaps and sends signals.
//!
//! Invariants
//! W1  The status is taken from the kernel once, under the lock, and kept. A signal is sent under the same
//!     lock and only before that: the number cannot be another process's by then.
//! W2  Who polled last is woken when the child has ended, once, and not before. Wakers are woken and
//!     dropped outside of the lock.

use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;
use std::task::{Context, Poll, Waker, ready};

use filch_primitives::coop;
use filch_primitives::lock::Mutex;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, kill_process};

use super::reap::reap;

#[derive(Debug)]
pub(super) struct Ward {
    pid: Pid,
    #[cfg(target_os = "linux")]
    pidfd: Option<OwnedFd>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Running(Option<Waker>),
    Ended(Result<ExitStatus, Errno>),
}

impl Ward {
    /// A child that is known by its number only.
    pub(super) fn by_number(pid: Pid) -> Ward {
        Ward {
            pid,
            #[cfg(target_os = "linux")]
            pidfd: None,
            state: Mutex::new(State::Running(None)),
        }
    }

    /// A child that has a pidfd.
    #[cfg(target_os = "linux")]
    pub(super) fn by_pidfd(pid: Pid, pidfd: OwnedFd) -> Ward {
        Ward { pid, pidfd: Some(pidfd), state: Mutex::new(State::Running(None)) }
    }

    /// What tells its end, if that is not `SIGCHLD`.
    #[cfg(target_os = "linux")]
    pub(super) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    fn id(&self) -> WaitId<'_> {
        #[cfg(target_os = "linux")]
        if let Some(pidfd) = self.pidfd() {
            return WaitId::PidFd(pidfd);
        }
        WaitId::Pid(self.pid)
    }

    /// Asks the kernel whether the child has ended, if that is not known. Gives the result, if it has.
    pub(super) fn reap(&self) -> Option<Result<ExitStatus, Errno>> {
        let mut state = self.state.lock();
        let waker = match &mut *state {
            State::Ended(result) => return Some(*result),
            State::Running(waker) => waker,
        };
        let result = reap(self.id()).transpose()?;
        let waker = waker.take();
        *state = State::Ended(result);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(result)
    }

    /// What is known, without asking.
    pub(super) fn has_ended(&self) -> bool {
        matches!(*self.state.lock(), State::Ended(_))
    }

    /// Waits for the end. Of several tasks only the last one that polled is woken.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let coop = ready!(coop::poll_proceed(cx));
        let mut waker = Some(cx.waker().clone());
        let mut state = self.state.lock();
        let ended = match &mut *state {
            State::Ended(result) => Some(*result),
            State::Running(waiting) => {
                std::mem::swap(waiting, &mut waker);
                None
            }
        };
        drop(state);
        drop(waker);
        match ended {
            Some(result) => {
                coop.made_progress();
                Poll::Ready(Ok(result?))
            }
            None => Poll::Pending,
        }
    }

    /// Nobody polls any more.
    pub(super) fn forget_waker(&self) {
        let waker = match &mut *self.state.lock() {
            State::Running(waker) => waker.take(),
            State::Ended(_) => None,
        };
        drop(waker);
    }

    /// Sends a signal; to a child that has ended, none.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        let state = self.state.lock();
        if matches!(*state, State::Ended(_)) {
            return Ok(());
        }
        #[cfg(target_os = "linux")]
        if let Some(pidfd) = self.pidfd() {
            return Ok(rustix::process::pidfd_send_signal(pidfd, signal)?);
        }
        Ok(kill_process(self.pid, signal)?)
    }
}
