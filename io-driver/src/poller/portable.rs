//! Other systems: `polling` as it is. Compiled and tested on Linux too.
//!
//! One thread waits at a time. Sources are edge-triggered where the system can do that (kqueue).
//! Else each event disarms its source, all of it, and [`Poller::rearm`] arms what is not ready: after
//! an event, and after a clear. So at any time a source is armed for its interest without what its
//! readiness word says already.

use std::collections::HashMap;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use filch_primitives::atomic::{AtomicBool, Ordering};
use filch_primitives::lock::Mutex;
use polling::PollMode;

use super::Event;
use crate::key::Key;
use crate::{Interest, Limits, Ready};

// `polling`'s keys are `usize`, and ours need all of 64 bits.
const _: () = assert!(usize::BITS == 64);

/// The buffer of the waiting thread.
pub(crate) struct Events {
    buffer: polling::Events,
    notified: bool,
}

impl Events {
    pub(crate) fn new(limits: Limits) -> Self {
        let capacity = NonZeroUsize::new(limits.wait).unwrap_or(NonZeroUsize::MIN);
        Events { buffer: polling::Events::with_capacity(capacity), notified: false }
    }

    /// What the last wait brought.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        let notified = self.notified.then_some(Event::Notified);
        notified.into_iter().chain(self.buffer.iter().map(|event| {
            let key = Key::from_bits(event.key as u64);
            Event::Source(key, ready(&event, key.is_write_only()))
        }))
    }
}

/// The system's poller.
#[derive(Debug)]
pub(crate) struct Poller {
    poller: polling::Poller,
    mode: PollMode,
    waiting: Mutex<()>,
    notified: AtomicBool,
    /// What `rearm` needs to know, by key. Empty where sources are edge-triggered.
    sources: Mutex<HashMap<u64, (RawFd, Interest)>>,
}

// Unused by the driver where this is compiled for its tests only.
#[cfg_attr(target_os = "linux", allow(dead_code))]
impl Poller {
    /// One thread at a time.
    pub(crate) const MAX_WAITERS: usize = 1;

    /// Whether `set_alarm` works.
    pub(crate) const SUPPORTS_ALARM: bool = false;

    /// Whether the end of a stream is reported together with the data before it.
    pub(crate) const REPORTS_HALF_CLOSE: bool = false;

    pub(crate) fn new() -> io::Result<Self> {
        let poller = polling::Poller::new()?;
        let mode = if poller.supports_edge() { PollMode::Edge } else { PollMode::Oneshot };
        Ok(Poller {
            poller,
            mode,
            waiting: Mutex::new(()),
            notified: AtomicBool::new(false),
            sources: Mutex::new(HashMap::new()),
        })
    }

    /// Adds a source.
    pub(crate) fn add(
        &self,
        source: BorrowedFd<'_>,
        key: Key,
        interest: Interest,
    ) -> io::Result<()> {
        let fd = source.as_raw_fd();
        // Before it is added, since its first event may come at once.
        if self.mode == PollMode::Oneshot {
            self.sources.lock().insert(key.bits(), (fd, interest));
        }
        // SAFETY: the registration removes the source before its owner closes it; where it does not
        // (dropped without `deregister`), the system forgets a descriptor when it is closed, and the
        // generation in the key makes late events harmless.
        let added = unsafe { self.poller.add_with_mode(fd, event(key, interest), self.mode) };
        if added.is_err() {
            self.forget(key);
        }
        added
    }

    /// Arms a source for what it is not ready for, where an event disarms it.
    ///
    /// `current` reads the readiness word. It does so under the lock, so that of two threads the one
    /// with the older answer cannot come last.
    pub(crate) fn rearm(&self, key: Key, current: impl FnOnce() -> Ready) {
        if self.mode != PollMode::Oneshot {
            return;
        }
        let sources = self.sources.lock();
        let Some(&(fd, interest)) = sources.get(&key.bits()) else { return };
        if let Some(missing) = missing(interest, current()) {
            // SAFETY: a source is removed from the map by `delete` and `forget`, before its owner
            // may close it; borrowed for this call only, under the lock.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            // A source that its owner closed early is not armed: nothing will be heard of it.
            let _ = self.poller.modify_with_mode(fd, event(key, missing), self.mode);
        }
    }

    /// Removes a source.
    pub(crate) fn delete(&self, source: BorrowedFd<'_>, key: Key) -> io::Result<()> {
        self.forget(key);
        self.poller.delete(source)
    }

    /// Arms a source no more.
    pub(crate) fn forget(&self, key: Key) {
        if self.mode == PollMode::Oneshot {
            self.sources.lock().remove(&key.bits());
        }
    }

    /// Waits for events. A signal ends it with none.
    ///
    /// # Errors
    /// `ResourceBusy` if another thread waits.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let Some(_waiting) = self.waiting.try_lock() else {
            return Err(io::ErrorKind::ResourceBusy.into());
        };
        events.buffer.clear();
        let result = self.poller.wait(&mut events.buffer, timeout);
        // ordering: Relaxed. The flag only tells the runtime why the wait ended; `polling`'s own
        // descriptor carries the wake-up, and what the waker wrote is published by the runtime's lock.
        events.notified = self.notified.swap(false, Ordering::Relaxed);
        match result {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Wakes the waiting thread, or the next to wait.
    pub(crate) fn notify(&self) {
        // ordering: Relaxed, as in `wait`.
        self.notified.store(true, Ordering::Relaxed);
        // It can only fail on a broken descriptor of the poller's own.
        let _ = self.poller.notify();
    }

    /// There is no alarm: the runtime waits with a time-out.
    ///
    /// # Errors
    /// `Unsupported`, always.
    pub(crate) fn set_alarm(&self, _at: Option<Instant>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn event(key: Key, interest: Interest) -> polling::Event {
    let mut event =
        polling::Event::new(key.bits() as usize, interest.is_readable(), interest.is_writable())
            .with_interrupt();
    event.set_priority(interest.is_priority());
    event
}

/// What of `interest` is not ready.
fn missing(interest: Interest, ready: Ready) -> Option<Interest> {
    let mut rest = Some(interest);
    for (one, is_ready) in [
        (Interest::READABLE, ready.is_readable()),
        (Interest::WRITABLE, ready.is_writable()),
        (Interest::PRIORITY, ready.is_priority()),
    ] {
        if is_ready {
            rest = rest.and_then(|rest| rest.remove(one));
        }
    }
    rest
}

/// As for epoll, as far as `polling` tells.
fn ready(event: &polling::Event, write_only: bool) -> Ready {
    let mut ready = Ready::EMPTY;
    if event.readable {
        ready |= Ready::READABLE;
    }
    if event.writable {
        ready |= Ready::WRITABLE;
    }
    if event.is_priority() {
        ready |= Ready::PRIORITY | Ready::READABLE;
    }
    if event.is_interrupt() {
        ready |= Ready::READABLE | Ready::READ_CLOSED | Ready::WRITABLE | Ready::WRITE_CLOSED;
    }
    if event.is_err() == Some(true) {
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
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    const KEY: u32 = 7;

    fn wait_for(poller: &Poller, events: &mut Events) -> Vec<Event> {
        loop {
            poller.wait(events, None).unwrap();
            let seen: Vec<_> = events.iter().collect();
            if !seen.is_empty() {
                return seen;
            }
        }
    }

    #[test]
    fn readable_writable_and_hang_up() {
        let poller = Poller::new().unwrap();
        let mut events = Events::new(Limits::default());
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let key = Key::new(KEY, 3, false);
        poller.add(ours.as_fd(), key, Interest::READABLE | Interest::WRITABLE).unwrap();
        assert_eq!(wait_for(&poller, &mut events), [Event::Source(key, Ready::WRITABLE)]);
        theirs.write_all(b"x").unwrap();
        let both = Ready::READABLE | Ready::WRITABLE;
        assert_eq!(wait_for(&poller, &mut events), [Event::Source(key, both)]);
        drop(theirs);
        let closed = both | Ready::READ_CLOSED | Ready::WRITE_CLOSED;
        let [Event::Source(_, ready)] = wait_for(&poller, &mut events)[..] else { panic!() };
        assert_eq!(ready & closed, closed);
        poller.delete(ours.as_fd(), key).unwrap();
    }

    #[test]
    fn oneshot_source_is_silent_until_it_is_armed_again() {
        let mut poller = Poller::new().unwrap();
        poller.mode = PollMode::Oneshot;
        let mut events = Events::new(Limits::default());
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let key = Key::new(KEY, 0, false);
        poller.add(ours.as_fd(), key, Interest::READABLE).unwrap();
        theirs.write_all(b"x").unwrap();
        assert_eq!(wait_for(&poller, &mut events), [Event::Source(key, Ready::READABLE)]);
        ours.read_exact(&mut [0]).unwrap();
        theirs.write_all(b"y").unwrap();
        let silent = |events: &mut Events| {
            poller.wait(events, Some(Duration::ZERO)).unwrap();
            assert_eq!(events.iter().count(), 0);
        };
        silent(&mut events);
        // Ready still, says the word: not armed, or the wait would spin.
        poller.rearm(key, || Ready::READABLE);
        silent(&mut events);
        poller.rearm(key, || Ready::EMPTY);
        assert_eq!(wait_for(&poller, &mut events), [Event::Source(key, Ready::READABLE)]);
        poller.delete(ours.as_fd(), key).unwrap();
        assert!(poller.sources.lock().is_empty());
        poller.rearm(key, || panic!("asked for a source that is gone"));
    }

    #[test]
    fn refused_source_is_not_remembered() {
        let mut poller = Poller::new().unwrap();
        poller.mode = PollMode::Oneshot;
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let key = Key::new(KEY, 0, false);
        assert!(poller.add(file.as_fd(), key, Interest::READABLE).is_err());
        assert!(poller.sources.lock().is_empty());
    }

    #[test]
    fn armed_is_what_is_not_ready() {
        let both = Interest::READABLE | Interest::WRITABLE;
        assert_eq!(missing(both, Ready::EMPTY), Some(both));
        assert_eq!(missing(both, Ready::READ_CLOSED), Some(Interest::WRITABLE));
        assert_eq!(missing(both, Ready::ALL), None);
        assert_eq!(missing(Interest::PRIORITY, Ready::READABLE), Some(Interest::PRIORITY));
    }

    #[test]
    fn notify_ends_this_wait_or_the_next() {
        let poller = Poller::new().unwrap();
        let mut events = Events::new(Limits::default());
        poller.notify();
        assert_eq!(wait_for(&poller, &mut events), [Event::Notified]);
        std::thread::scope(|scope| {
            scope.spawn(|| poller.notify());
            assert_eq!(wait_for(&poller, &mut events), [Event::Notified]);
        });
    }

    #[test]
    fn second_waiter_is_refused() {
        let poller = Poller::new().unwrap();
        let _first = poller.waiting.lock();
        let error =
            poller.wait(&mut Events::new(Limits::default()), Some(Duration::ZERO)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
    }

    #[test]
    fn there_is_no_alarm() {
        let poller = Poller::new().unwrap();
        assert_eq!(poller.set_alarm(None).unwrap_err().kind(), io::ErrorKind::Unsupported);
    }

    #[test]
    fn error_on_a_pipe_closes_its_write_end() {
        let poller = Poller::new().unwrap();
        let mut events = Events::new(Limits::default());
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let key = Key::new(KEY, 0, true);
        poller.add(writer.as_fd(), key, Interest::WRITABLE).unwrap();
        drop(reader);
        let [Event::Source(_, ready)] = wait_for(&poller, &mut events)[..] else { panic!() };
        assert!(ready.is_error() && ready.is_write_closed(), "{ready:?}");
    }
}
