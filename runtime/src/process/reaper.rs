//! The reaper: a thread that looks after children whom no driver tells about.
//!
//! Those are orphans (a [`Child`](super::Child) was dropped, or outlives its runtime), and all children
//! where there are no pidfds. One thread for the process and not a task of a runtime: an orphan is to be
//! reaped although its runtime is gone, or does not run. It exists only while it has somebody to look after.
//!
//! Callers: `running.rs`.
//! Data: the list of wards and who attends to them, behind a lock. The thread waits in poll(2), for pidfds,
//! for the socket by which `SIGCHLD` is told, and for the one by which it is poked.
//! Page: docs/process.md.
//!
//! Invariants
//! R1  While there are wards or reservations there is a thread, or none could be started: then the next
//!     spawn and the next orphan try again.
//! R2  A ward known by its number that has ended is reaped: whoever puts it on the list asks once after
//!     that, and the thread, told by `SIGCHLD`, first takes the news away and then reads the list.
//! R3  What belongs to another process, inherited by `fork`, is left alone.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, LazyLock};

use filch_primitives::lock::{Mutex, MutexGuard};
use filch_primitives::thread;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;

use super::ward::Ward;
use crate::signal::unix::{SignalKind, SignalPipe};

/// The process's own.
pub(super) static REAPER: Reaper = Reaper::new(start_thread);

/// It calls little, and nothing of the user's but wakers.
const STACK_BYTES: usize = 256 * 1024;

/// How often the thread looks while it cannot be poked, for a lack of descriptors.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

pub(super) struct Reaper {
    /// Made at its first use: in a model a lock cannot be a constant.
    state: LazyLock<Mutex<State>>,
    /// Starts the thread. A field, so that tests can have it fail.
    start: fn(&'static Reaper, Eyes) -> io::Result<()>,
}

struct State {
    /// Whose wards these are.
    process: u32,
    wards: Vec<Arc<Ward>>,
    /// Children that are about to be started and will be known by their numbers.
    reserved: usize,
    has_thread: bool,
    /// Written to when the thread should read this state again.
    poke: Option<UnixStream>,
}

/// What the thread waits for besides pidfds.
struct Eyes {
    poked: Option<UnixStream>,
    signals: Option<SignalPipe>,
}

/// Whom to ask, after a wait.
enum Told {
    /// The owners of these pidfds.
    These(Vec<usize>),
    Everyone,
}

impl Reaper {
    const fn new(start: fn(&'static Reaper, Eyes) -> io::Result<()>) -> Reaper {
        Reaper { state: LazyLock::new(|| Mutex::new(State::of(0))), start }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        let process = std::process::id();
        if state.process != process {
            // Keeps R3: neither closed, nor woken, nor poked.
            std::mem::forget(std::mem::replace(&mut *state, State::of(process)));
        }
        state
    }

    /// Takes a child over that has a pidfd.
    #[cfg(target_os = "linux")]
    pub(super) fn adopt(&'static self, pid: Pid, pidfd: std::os::fd::OwnedFd) -> Arc<Ward> {
        let ward = Arc::new(Ward::by_pidfd(pid, pidfd));
        if ward.reap().is_none() {
            self.lock().wards.push(ward.clone());
            self.attend();
        }
        ward
    }

    /// Keeps R1, for wards with pidfds.
    #[cfg(target_os = "linux")]
    pub(super) fn attend(&'static self) {
        let mut state = self.lock();
        if state.has_thread || state.wards.is_empty() {
            return state.poke();
        }
        let (poke, poked) = pair().ok().unzip();
        if (self.start)(self, Eyes { poked, signals: None }).is_ok() {
            state.has_thread = true;
            state.poke = poke;
            return;
        }
        let wards = state.wards.clone();
        drop(state);
        for ward in wards {
            ward.reap();
        }
        self.lock().wards.retain(|ward| !ward.has_ended());
    }

    /// Has the thread listen for `SIGCHLD` from now on, before a child is started that is known by its
    /// number only.
    ///
    /// # Errors
    /// A lack of descriptors or threads.
    pub(super) fn reserve(&'static self) -> io::Result<Reservation> {
        let mut state = self.lock();
        if !state.has_thread {
            let signals = Some(SignalPipe::open(SignalKind::child())?);
            let (poke, poked) = pair()?;
            (self.start)(self, Eyes { poked: Some(poked), signals })?;
            state.has_thread = true;
            state.poke = Some(poke);
        }
        state.reserved += 1;
        Ok(Reservation(self))
    }

    /// A ward was reaped elsewhere: the thread may be without one now.
    pub(super) fn reaped_elsewhere(&self) {
        self.lock().poke();
    }

    /// The thread's body.
    fn run(&'static self, eyes: &Eyes) {
        while let Some(wards) = self.wards_or_retire() {
            match eyes.wait(&wards) {
                Told::These(indices) => {
                    for index in indices {
                        wards[index].reap();
                    }
                }
                // Read again: R2.
                Told::Everyone => {
                    let wards = self.lock().wards.clone();
                    for ward in wards {
                        ward.reap();
                    }
                }
            }
        }
    }

    /// Who is there; `None` if nobody is, and then the thread no longer counts.
    fn wards_or_retire(&self) -> Option<Vec<Arc<Ward>>> {
        let mut state = self.lock();
        state.wards.retain(|ward| !ward.has_ended());
        if state.wards.is_empty() && state.reserved == 0 {
            state.has_thread = false;
            state.poke = None;
            return None;
        }
        Some(state.wards.clone())
    }
}

impl State {
    const fn of(process: u32) -> State {
        State { process, wards: Vec::new(), reserved: 0, has_thread: false, poke: None }
    }

    fn poke(&self) {
        if let Some(mut poke) = self.poke.as_ref() {
            // Full: it has been poked already.
            let _ = poke.write(&[1]);
        }
    }
}

/// The right to a place on the list. Dropping it gives it back.
pub(super) struct Reservation(&'static Reaper);

impl Reservation {
    /// Takes a child over that is known by its number.
    pub(super) fn redeem(self, pid: Pid) -> Arc<Ward> {
        let ward = Arc::new(Ward::by_number(pid));
        self.0.lock().wards.push(ward.clone());
        // Keeps R2.
        ward.reap();
        ward
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.reserved = state.reserved.saturating_sub(1);
        state.poke();
    }
}

impl Eyes {
    /// Waits until somebody may have ended, or the list has changed. What was told is taken away.
    fn wait(&self, wards: &[Arc<Ward>]) -> Told {
        let mut fds = Vec::with_capacity(wards.len() + 2);
        let mut owners = Vec::with_capacity(wards.len());
        #[cfg(target_os = "linux")]
        for (index, ward) in wards.iter().enumerate() {
            if let Some(pidfd) = ward.pidfd() {
                fds.push(PollFd::from_borrowed_fd(pidfd, PollFlags::IN));
                owners.push(index);
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = wards;
        if let Some(signals) = &self.signals {
            fds.push(PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN));
        }
        if let Some(poked) = &self.poked {
            fds.push(PollFd::from_borrowed_fd(poked.as_fd(), PollFlags::IN));
        }
        let timeout = self.poked.is_none().then_some(&TICK);
        if poll(&mut fds, timeout).is_err() {
            // EINTR; or more descriptors than the limit allows by now (EINVAL), or no memory. Nobody is
            // forgotten, and it does not spin.
            let _ = poll(&mut [], Some(&TICK));
            return Told::Everyone;
        }
        self.take_pokes();
        // What is taken away counts, not what was there at the end of the wait: a signal may have come since.
        if self.signals.as_ref().is_some_and(|signals| signals.drain().is_ok()) {
            return Told::Everyone;
        }
        let ended = fds.iter().zip(owners).filter(|(fd, _)| !fd.revents().is_empty());
        Told::These(ended.map(|(_, owner)| owner).collect())
    }

    fn take_pokes(&self) {
        let mut buffer = [0; 64];
        while let Some(mut poked) = self.poked.as_ref() {
            if !matches!(poked.read(&mut buffer), Ok(1..)) {
                return;
            }
        }
    }
}

fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (poke, poked) = UnixStream::pair()?;
    poke.set_nonblocking(true)?;
    poked.set_nonblocking(true)?;
    Ok((poke, poked))
}

fn start_thread(reaper: &'static Reaper, eyes: Eyes) -> io::Result<()> {
    let builder = thread::Builder::new().name("filch-reaper".to_owned()).stack_size(STACK_BYTES);
    builder.spawn(move || reaper.run(&eyes)).map(drop)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::process::pidfd;
    use filch_primitives::atomic::{AtomicBool, Ordering};
    use std::process::{Child, Command, Stdio};

    fn cat() -> (Child, Pid) {
        let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        (child, pid)
    }

    fn no_thread(_: &'static Reaper, _: Eyes) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    #[test]
    fn orphan_without_a_thread_is_reaped_by_a_later_look() {
        static WITHOUT: Reaper = Reaper::new(no_thread);
        let (mut child, pid) = cat();
        let ward = WITHOUT.adopt(pid, pidfd::open(pid).unwrap());
        WITHOUT.attend();
        assert_eq!(ward.reap(), None);
        assert_eq!(WITHOUT.lock().wards.len(), 1);
        drop(child.stdin.take());
        while !ward.has_ended() {
            WITHOUT.attend();
        }
        assert!(ward.reap().unwrap().unwrap().success());
        assert!(WITHOUT.lock().wards.is_empty());
    }

    #[test]
    fn thread_that_could_not_be_started_is_tried_again() {
        static REFUSED: AtomicBool = AtomicBool::new(false);
        static LATER: Reaper = Reaper::new(|reaper, eyes| {
            // ordering: Relaxed, under the reaper's lock.
            if REFUSED.swap(true, Ordering::Relaxed) {
                start_thread(reaper, eyes)
            } else {
                no_thread(reaper, eyes)
            }
        });
        let (mut child, pid) = cat();
        let ward = LATER.adopt(pid, pidfd::open(pid).unwrap());
        assert!(!LATER.lock().has_thread);
        LATER.attend();
        assert!(LATER.lock().has_thread);
        drop(child.stdin.take());
        // By the thread, which then goes.
        while LATER.lock().has_thread {
            thread::yield_now();
        }
        assert!(ward.has_ended());
    }

    #[test]
    fn child_without_pidfd_is_not_begun_without_a_thread() {
        static WITHOUT: Reaper = Reaper::new(no_thread);
        assert_eq!(WITHOUT.reserve().err().unwrap().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(WITHOUT.lock().reserved, 0);
        assert!(WITHOUT.lock().poke.is_none());
    }

    #[test]
    fn reservation_that_is_given_back_lets_the_thread_go() {
        static IDLE: Reaper = Reaper::new(start_thread);
        let reservations = [IDLE.reserve().unwrap(), IDLE.reserve().unwrap()];
        assert!(IDLE.lock().has_thread);
        drop(reservations);
        while IDLE.lock().has_thread {
            thread::yield_now();
        }
    }
}
