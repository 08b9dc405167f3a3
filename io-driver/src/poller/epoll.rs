//! Linux: `polling` owns the epoll instance; adding, waiting, waking and the alarm are ours.
//!
//! Why not `polling`'s own wait: it costs five system calls, for a timer of its own and an eventfd
//! that it re-arms each time. `epoll_pwait2` on the same descriptor is one, and has nanoseconds.
//!
//! Why not `polling`'s own add: it cannot ask for `EPOLLRDHUP`. Without it, data and the end of a
//! stream that arrive in one edge look like data. The read that takes the data is short, the short
//! read clears readiness (that is what saves the second `read` of each round trip), and the end of
//! the stream, whose edge is over, would never be reported.
//!
//! Why several threads may wait: edge-triggered events wake one thread each, the kernel's waiters
//! stand last in first out, and nobody holds a lock of ours meanwhile.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use filch_primitives::atomic::{AtomicBool, Ordering};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::Event;
use super::alarm::Alarm;
use super::legacy;
use super::notifier::Notifier;
use crate::key::Key;
use crate::{Interest, Limits, Ready};

/// The buffer of one waiting thread.
pub(crate) struct Events {
    buffer: Box<[MaybeUninit<epoll::Event>]>,
    len: usize,
    /// How much of the buffer a call that does not wait may fill.
    look: usize,
}

// SAFETY: the buffer holds numbers only. The kernel's record has a pointer among its readings, which is
// never stored: `data` is our key.
unsafe impl Send for Events {}

// SAFETY: as for Send; and `&Events` only reads.
unsafe impl Sync for Events {}

impl Events {
    pub(crate) fn new(limits: Limits) -> Self {
        Events {
            buffer: vec![MaybeUninit::uninit(); limits.wait].into_boxed_slice(),
            len: 0,
            look: limits.look.min(limits.wait),
        }
    }

    /// What the last wait brought.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.buffer[..self.len].iter().map(|event| {
            // SAFETY: the last wait initialised the first `len`.
            let event = unsafe { event.assume_init() };
            match Key::from_bits(event.data.u64()) {
                Key::NOTIFY => Event::Notified,
                Key::ALARM => Event::Alarm,
                key => Event::Source(key, ready(event.flags, key.is_write_only())),
            }
        })
    }
}

/// The epoll instance and what belongs to it.
#[derive(Debug)]
pub(crate) struct Poller {
    poller: polling::Poller,
    notifier: Notifier,
    /// Made when it is first set: a runtime that waits with time-outs never needs it.
    alarm: OnceLock<Alarm>,
    /// The kernel has no `epoll_pwait2`.
    is_legacy: AtomicBool,
}

impl Poller {
    /// Any number of threads may wait at once.
    pub(crate) const MAX_WAITERS: usize = usize::MAX;

    /// Whether `set_alarm` works.
    pub(crate) const SUPPORTS_ALARM: bool = true;

    /// Whether the end of a stream is reported together with the data before it.
    pub(crate) const REPORTS_HALF_CLOSE: bool = true;

    pub(crate) fn new() -> io::Result<Self> {
        let poller = polling::Poller::new()?;
        let notifier = Notifier::new()?;
        add(&poller, notifier.as_fd(), Key::NOTIFY, epoll::EventFlags::IN)?;
        Ok(Poller { poller, notifier, alarm: OnceLock::new(), is_legacy: AtomicBool::new(false) })
    }

    /// Adds a source, edge-triggered, once for its whole life.
    pub(crate) fn add(
        &self,
        source: BorrowedFd<'_>,
        key: Key,
        interest: Interest,
    ) -> io::Result<()> {
        let mut flags = epoll::EventFlags::empty();
        if interest.is_readable() {
            flags |= epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        }
        if interest.is_writable() {
            flags |= epoll::EventFlags::OUT;
        }
        if interest.is_priority() {
            flags |= epoll::EventFlags::PRI | epoll::EventFlags::RDHUP;
        }
        add(&self.poller, source, key, flags)
    }

    /// Edge-triggered: nothing to do after an event.
    #[inline(always)]
    pub(crate) fn rearm(&self, _key: Key, _current: impl FnOnce() -> Ready) {}

    /// Removes a source.
    pub(crate) fn delete(&self, source: BorrowedFd<'_>, _key: Key) -> io::Result<()> {
        Ok(epoll::delete(&self.poller, source)?)
    }

    /// Nothing is remembered per source.
    #[inline(always)]
    pub(crate) fn forget(&self, _key: Key) {}

    /// Waits for events. A signal ends it with none.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.len = 0;
        let buffer = match timeout {
            Some(Duration::ZERO) => &mut events.buffer[..events.look],
            _ => &mut events.buffer[..],
        };
        match self.fill(buffer, timeout) {
            Ok(filled) => events.len = filled,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The system call, by what the kernel has; the number of entries filled.
    fn fill(
        &self,
        buffer: &mut [MaybeUninit<epoll::Event>],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        // ordering: Relaxed, here and below: a note about the kernel; a thread that misses it finds
        // out for itself.
        if !self.is_legacy.load(Ordering::Relaxed) {
            // A time too long for the kernel's type is as good as none.
            let time = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
            match epoll::wait(&self.poller, &mut *buffer, time.as_ref()) {
                Ok((filled, _)) => return Ok(filled.len()),
                Err(error) if legacy::is_missing(error) => {
                    self.is_legacy.store(true, Ordering::Relaxed);
                }
                Err(error) => return Err(error),
            }
        }
        legacy::wait(self.poller.as_fd(), buffer, timeout)
    }

    /// Wakes one waiting thread, or the next to wait.
    pub(crate) fn notify(&self) {
        self.notifier.notify();
    }

    /// Sets or disarms the alarm.
    pub(crate) fn set_alarm(&self, at: Option<Instant>) -> io::Result<()> {
        if let Some(alarm) = self.alarm.get() {
            return alarm.set(at);
        }
        if at.is_none() {
            return Ok(());
        }
        let alarm = Alarm::new()?;
        add(&self.poller, alarm.as_fd(), Key::ALARM, epoll::EventFlags::IN)?;
        // If another thread was faster, its alarm is used, and ours leaves epoll by being closed.
        self.alarm.get_or_init(|| alarm).set(at)
    }
}

fn add(
    poller: &polling::Poller,
    source: BorrowedFd<'_>,
    key: Key,
    flags: epoll::EventFlags,
) -> io::Result<()> {
    let data = epoll::EventData::new_u64(key.bits());
    Ok(epoll::add(poller, source, data, flags | epoll::EventFlags::ET)?)
}

/// What the kernel's flags mean for us.
///
/// `EPOLLERR` makes reading and writing possible: either would report the error at once. On a source
/// that is only written to (the write end of a pipe) it means that the reader is gone; on a socket it
/// need not (an ICMP answer to a datagram), and a write end that is wrongly called closed would stay
/// so.
fn ready(flags: epoll::EventFlags, write_only: bool) -> Ready {
    use epoll::EventFlags as Flags;

    let mut ready = Ready::EMPTY;
    if flags.contains(Flags::IN) {
        ready |= Ready::READABLE;
    }
    if flags.contains(Flags::OUT) {
        ready |= Ready::WRITABLE;
    }
    if flags.contains(Flags::PRI) {
        ready |= Ready::PRIORITY | Ready::READABLE;
    }
    if flags.contains(Flags::RDHUP) {
        ready |= Ready::READABLE | Ready::READ_CLOSED;
    }
    if flags.contains(Flags::HUP) {
        ready |= Ready::READABLE | Ready::READ_CLOSED | Ready::WRITABLE | Ready::WRITE_CLOSED;
    }
    if flags.contains(Flags::ERR) {
        ready |= Ready::READABLE | Ready::WRITABLE | Ready::ERROR;
        if write_only {
            ready |= Ready::WRITE_CLOSED;
        }
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::epoll::EventFlags as Flags;

    #[test]
    fn old_kernels_wait_waits_and_wakes() {
        let poller = Poller::new().unwrap();
        poller.is_legacy.store(true, Ordering::Relaxed);
        let mut events = Events::new(Limits::default());
        let timeout = Duration::from_micros(100);
        let start = Instant::now();
        poller.wait(&mut events, Some(timeout)).unwrap();
        assert!(start.elapsed() >= timeout);
        assert_eq!(events.iter().count(), 0);
        poller.notify();
        poller.wait(&mut events, None).unwrap();
        assert_eq!(events.iter().collect::<Vec<_>>(), [Event::Notified]);
    }

    #[test]
    fn flags_and_their_meaning() {
        let both = Ready::READABLE | Ready::WRITABLE;
        for (flags, expected) in [
            (Flags::IN, Ready::READABLE),
            (Flags::OUT, Ready::WRITABLE),
            (Flags::PRI, Ready::PRIORITY | Ready::READABLE),
            (Flags::IN | Flags::RDHUP, Ready::READABLE | Ready::READ_CLOSED),
            (Flags::HUP, both | Ready::READ_CLOSED | Ready::WRITE_CLOSED),
            (Flags::ERR, both | Ready::ERROR),
        ] {
            assert_eq!(ready(flags, false), expected, "{flags:?}");
        }
        assert_eq!(ready(Flags::ERR, true), both | Ready::ERROR | Ready::WRITE_CLOSED);
    }
}
