//! `Driver`: the reactor itself.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use filch_primitives::atomic::{AtomicBool, Ordering};

use crate::Interest;
use crate::poller::{self, Event, Poller};
use crate::registration::Registration;
use crate::slab::Slab;

/// How many events a call of [`Driver::wait`] takes at the most. More stay with the system until the next call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// A call that may wait.
    pub wait: usize,
    /// A call that only looks, with a time-out of zero. At most as many as `wait`; Linux only.
    pub look: usize,
}

/// Few, for the caches: the kernel touches each socket when it reports the event, and its task does again when
/// it runs. What lies between the two is one such batch. At 1,000 busy connections 32 took 3 % less system time
/// and 7 % less user time a request than 256 (docs/performance.md).
const BATCH: usize = 32;

impl Default for Limits {
    fn default() -> Self {
        Limits { wait: BATCH, look: BATCH }
    }
}

/// The buffer that a waiting thread brings to [`Driver::wait`]. On Linux 32 events and 384 bytes, unless made
/// with other limits.
pub struct Events(poller::Events);

impl Events {
    /// An empty buffer.
    pub fn new() -> Self {
        Events::with_limits(Limits::default())
    }

    /// An empty buffer for so many events.
    ///
    /// # Panics
    /// If a limit is 0.
    pub fn with_limits(limits: Limits) -> Self {
        assert!(limits.wait > 0 && limits.look > 0, "a wait for no events");
        Events(poller::Events::new(limits))
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter()).finish()
    }
}

/// Why a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Waited {
    /// Events of sources that were dispatched. Events for sources that are gone are not counted.
    pub events: usize,
    /// Somebody called [`Driver::notify`].
    pub notified: bool,
    /// The alarm's time has come.
    pub alarm: bool,
}

/// The reactor: registers sources, waits for their events, wakes who waits for them.
///
/// Shared by [`Arc`]; every method may be called from any thread. It knows wakers, not tasks, and
/// has no thread of its own: somebody must call [`wait`](Driver::wait) again and again.
///
/// All descriptors are close-on-exec. A process made by `fork` shares the parent's epoll instance
/// through a driver that it inherits: it must leave that one alone, and make its own.
///
/// # Examples
/// ```
/// use std::future::Future;
/// use std::io::{Read, Write};
/// use std::os::fd::AsFd;
/// use std::os::unix::net::UnixStream;
/// use std::pin::pin;
/// use std::sync::Arc;
/// use std::task::{Context, Poll, Waker};
/// use filch_io_driver::{Driver, Events, Interest};
///
/// # fn main() -> std::io::Result<()> {
/// let driver = Arc::new(Driver::new()?);
/// let (ours, mut theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let registration = driver.register(ours.as_fd(), Interest::READABLE)?;
///
/// let mut reading = pin!(registration.async_io(Interest::READABLE, || {
///     let mut buffer = [0; 16];
///     let n = (&ours).read(&mut buffer)?;
///     Ok(buffer[..n].to_vec())
/// }));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(reading.as_mut().poll(&mut cx).is_pending());
///
/// theirs.write_all(b"hello")?;
/// driver.wait(&mut Events::new(), None)?;
/// let Poll::Ready(read) = reading.as_mut().poll(&mut cx) else { panic!("not ready") };
/// assert_eq!(read?, b"hello");
/// # Ok(())
/// # }
/// ```
pub struct Driver {
    pub(crate) poller: Poller,
    pub(crate) slab: Slab,
    is_shutdown: AtomicBool,
}

impl Driver {
    /// A driver without sources. Opens four descriptors on Linux.
    ///
    /// # Errors
    /// What the operating system says: too many open files, no memory.
    pub fn new() -> io::Result<Driver> {
        Ok(Driver {
            poller: Poller::new()?,
            slab: Slab::new(),
            is_shutdown: AtomicBool::new(false),
        })
    }

    /// How many threads may be in [`wait`](Driver::wait) at once: `usize::MAX` on Linux, 1 elsewhere.
    pub fn max_waiters(&self) -> usize {
        Poller::MAX_WAITERS
    }

    /// Whether [`set_alarm`](Driver::set_alarm) works: on Linux.
    pub fn supports_alarm(&self) -> bool {
        Poller::SUPPORTS_ALARM
    }

    /// Waits for events, marks their sources ready and wakes who waits for them.
    ///
    /// `None` waits for ever, zero does not wait. The time-out has nanoseconds on Linux; it is never
    /// early. One system call on Linux, plus one compare-exchange, one short lock and the wakes for
    /// each event. A waker that panics is dropped after the panic hook ran; the other events are
    /// dispatched all the same.
    ///
    /// A signal ends the wait early, with nothing.
    ///
    /// # Errors
    /// `ResourceBusy` if more than [`max_waiters`](Driver::max_waiters) threads wait; else what the
    /// operating system says.
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<Waited> {
        self.poller.wait(&mut events.0, timeout)?;
        let mut waited = Waited::default();
        for event in events.0.iter() {
            match event {
                Event::Notified => waited.notified = true,
                Event::Alarm => waited.alarm = true,
                Event::Source(key, ready) => {
                    // R3. A key that leads to no slot, or to another generation, is of the past.
                    let Some(slot) = self.slab.get(key.index()) else { continue };
                    if slot.readiness.set_ready(key.generation(), ready) {
                        waited.events += 1;
                        self.poller.rearm(key, || slot.readiness.current());
                    }
                }
            }
        }
        Ok(waited)
    }

    /// Ends the wait of one thread; if none waits, the next one to do so returns at once.
    ///
    /// Notifications that come before anybody waits are one. One system call on Linux.
    pub fn notify(&self) {
        self.poller.notify();
    }

    /// Sets the time at which one waiting thread is told [`Waited::alarm`]; `None` for never.
    ///
    /// Never early; late by what the kernel takes. Each setting replaces the one before, together
    /// with an expiry that nobody has been told of yet: a caller that sets a later time looks itself
    /// after what is due until then. Calls by several threads at once must be ordered by the caller.
    /// One system call; the timer is made when it is first set.
    ///
    /// # Errors
    /// `Unsupported` where [`supports_alarm`](Driver::supports_alarm) is false; what the operating
    /// system says about making the timer.
    pub fn set_alarm(&self, at: Option<Instant>) -> io::Result<()> {
        self.poller.set_alarm(at)
    }

    /// How many sources are registered.
    pub fn registered(&self) -> usize {
        self.slab.live()
    }

    /// Registers a source, which must be non-blocking, for as long as the registration lives.
    ///
    /// The source must stay open until [`Registration::deregister`]; one that is closed earlier is
    /// merely not heard of again. One system call (`epoll_ctl`), another one at the end, none between
    /// them; about 100 bytes.
    ///
    /// # Errors
    /// The operating system's: `EPERM` for a regular file, `EBADF` for a closed descriptor, `EEXIST`
    /// for a source that this driver has already, `ENOSPC` and `ENOMEM`. After
    /// [`shutdown`](Driver::shutdown), [`shutdown_error`](crate::shutdown_error).
    pub fn register(
        self: &Arc<Driver>,
        source: BorrowedFd<'_>,
        interest: Interest,
    ) -> io::Result<Registration> {
        Registration::new(self.clone(), source, interest)
    }

    /// Whether [`shutdown`](Driver::shutdown) was called.
    pub fn is_shutdown(&self) -> bool {
        // ordering: Relaxed. An answer for callers who look; what must not slip through is decided
        // in the words and under the slab's lock.
        self.is_shutdown.load(Ordering::Relaxed)
    }

    /// Ends all I/O: whoever waits for a source is woken, every later poll and
    /// [`register`](Driver::register) gives [`shutdown_error`](crate::shutdown_error).
    ///
    /// Threads in [`wait`](Driver::wait) stay there: [`notify`](Driver::notify) them.
    pub fn shutdown(&self) {
        // ordering: Relaxed, as in `is_shutdown`.
        self.is_shutdown.store(true, Ordering::Relaxed);
        self.slab.shut_down();
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("registered", &self.registered())
            .field("is_shutdown", &self.is_shutdown())
            .finish_non_exhaustive()
    }
}
