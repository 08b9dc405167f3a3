//! Unix signals.
//!
//! Each [`Signal`] is a listener with descriptors of its own: a pair of connected sockets, of which the
//! reading one is registered with the I/O driver of the runtime that made it, and the writing one is
//! written to in the signal handler. Nothing is shared between listeners, so several runtimes listen
//! side by side, and a full socket is what coalesces signals.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `kind.rs` | [`SignalKind`] |
//! | `pipe.rs` | the descriptors, and the action in the signal handler |
//! | `disposition.rs` | the system's default reaction, when nobody listens |

mod disposition;
mod kind;
mod pipe;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use filch_io_driver::{Direction, Interest, Registration};

pub use kind::SignalKind;
pub(crate) use pipe::SignalPipe;

/// Listens for a signal, from this call on.
///
/// Any number of listeners may listen for the same signal: each hears it. One listener costs two
/// descriptors and one registration with the runtime's I/O driver.
///
/// # Errors
/// * Kind `Other` for signals that must not be caught: `SIGKILL`, `SIGSTOP`, and those that report a
///   fault in the running code (`SIGSEGV`, `SIGILL`, `SIGFPE`).
/// * The operating system's: `InvalidInput` for a number that is no signal, or a lack of descriptors.
///
/// # Panics
/// Outside of a runtime, or if the runtime has no I/O
/// ([`enable_io`](crate::runtime::Builder::enable_io)).
///
/// # Examples
/// ```no_run
/// use filch::signal::unix::{SignalKind, signal};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut hangups = signal(SignalKind::hangup())?;
/// loop {
///     hangups.recv().await;
///     println!("reading the configuration again");
/// }
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    let driver = crate::context::io_driver();
    let pipe = SignalPipe::open(kind)?;
    let registration = driver.register(pipe.as_fd(), Interest::READABLE)?;
    Ok(Signal { registration, pipe })
}

/// A listener for one kind of signal. Made by [`signal`].
///
/// # What it hears
/// Signals coalesce, in the kernel and here: what [`recv`](Signal::recv) returns stands for at least
/// one signal since the last one that it returned, possibly for many. None is missed altogether, from
/// [`signal`] to the drop. That holds for real-time signals, too
/// (`SignalKind::from_raw(libc::SIGRTMIN() + n)`): the kernel queues them, but how many there were is not told
/// here.
///
/// # The default reaction
/// While a listener lives, the operating system's default reaction (for most signals: the end of the
/// process) does not happen. When the last listener of the process for that signal is dropped, it is
/// back: the next `SIGTERM` ends the process. Precisely:
///
/// * The handler stays installed. When it is called and no listener is left, it does what the default
///   would: it ends the process by the same signal (its parent sees the right status), stops it, or
///   does nothing, as the signal has it.
/// * That is done only if the reaction was the default one when the first listener was made. A signal
///   that was ignored then (as under `nohup`) is ignored again; a handler that had been installed before
///   by other code is called in any case, before our listeners.
/// * Other users of the same registry of handlers (the crate `signal-hook-registry`: signal-hook, tokio)
///   cannot be seen from here. If they came first, their handlers count as installed before. If they
///   came later, and all of our listeners are gone, the signal still ends the process after their
///   handlers were called: keep a [`Signal`] alive in a program that does this.
/// * In a child made by `fork` (without `exec`) the parent's listeners hear nothing and do not count:
///   the child has the default reaction, until it makes listeners of its own.
///
/// tokio never gives the default reaction back.
///
/// # After the runtime has been shut down
/// A listener that outlives its runtime moves to the runtime in which it is polled next. Polled outside
/// of any it stays pending, and is not woken.
#[must_use = "dropping it stops listening"]
pub struct Signal {
    // Before the pipe: it must be gone from the driver before its descriptor is closed.
    registration: Registration,
    pipe: SignalPipe,
}

impl Signal {
    /// Waits for the signal. Always `Some`: signals do not end.
    ///
    /// (`None` is part of the signature because tokio's has it.)
    ///
    /// # Cancel safety
    /// Dropping it loses no signal: the next call gets it.
    ///
    /// # Examples
    /// ```no_run
    /// use filch::signal::unix::{SignalKind, signal};
    ///
    /// # filch::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    /// #     .block_on(async {
    /// let mut terminations = signal(SignalKind::terminate())?;
    /// terminations.recv().await;
    /// println!("stopping");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for the signal. Never `Ready(None)`; see [`recv`](Signal::recv).
    ///
    /// `Pending` has the current task woken by the next signal; only the last task that polled is.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        loop {
            let heard = self.registration.poll_io(cx, Direction::Read, || self.pipe.drain());
            match ready!(heard) {
                Ok(()) => return Poll::Ready(Some(())),
                // Nothing but a shutdown of the driver fails here.
                Err(_) if self.moved_to_current_runtime() => {}
                Err(_) => return Poll::Pending,
            }
        }
    }

    /// Registers with the driver of the runtime that polls, if it is a living one.
    fn moved_to_current_runtime(&mut self) -> bool {
        let driver = crate::context::try_current()
            .and_then(|handle| handle.driver().io().cloned())
            .filter(|driver| !driver.is_shutdown());
        let Some(driver) = driver else { return false };
        let _ = self.registration.deregister(self.pipe.as_fd());
        match driver.register(self.pipe.as_fd(), Interest::READABLE) {
            Ok(registration) => {
                self.registration = registration;
                true
            }
            Err(_) => false,
        }
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        // Fails only where the driver is gone already, and then there is nothing to take back.
        let _ = self.registration.deregister(self.pipe.as_fd());
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("kind", &self.pipe.kind()).finish_non_exhaustive()
    }
}
