//! The accept loop: what to retry at once, what to wait out, what to give up.
//!
//! Callers: `Serve`'s future polls it beside the signal to stop.
//!
//! Invariants
//! B1  A connection that died before it was accepted costs nothing but a retry.
//! B2  A process or system out of descriptors or memory makes the loop wait, longer each time up to a
//!     bound; it neither spins nor ends. The connections wait in the kernel's backlog meanwhile.
//! B3  With a reserve descriptor, whoever comes meanwhile is accepted and closed at once.
//! B4  Dropping the loop loses no connection: between accepting and spawning nothing is awaited.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use filch_sync::Semaphore;
use rustix::io::Errno;

use super::connection;
use super::counts::Shared;
use super::handler::Handler;
use super::listener::Listener;
use crate::time::sleep;

/// The first wait; a descriptor is often free again by then.
const SHORTEST: Duration = Duration::from_millis(10);

/// The longest wait: a server that can work again does so within a second.
const LONGEST: Duration = Duration::from_secs(1);

/// What is called when a shortage begins.
pub(super) type OnShortage = Box<dyn FnMut(&io::Error) + Send>;

/// How the loop does its work.
pub(super) struct Options {
    pub(super) name: String,
    /// Where `serve` was called.
    pub(super) location: &'static Location<'static>,
    pub(super) max_connections: Option<usize>,
    pub(super) has_reserve: bool,
    pub(super) on_shortage: Option<OnShortage>,
}

/// What an error of `accept` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// The connection is at fault, not the listener: accept the next one.
    Retry,
    /// Something has run out: accept again after a while.
    Wait,
    /// The listener is of no use any more.
    GiveUp,
}

impl Remedy {
    fn of(error: &io::Error) -> Remedy {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        match Errno::from_io_error(error) {
            // The last one: too many descriptors in epoll instances.
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::NOSPC) => {
                Remedy::Wait
            }
            // What accept(2) of Linux says of the connection that it would have returned: its network's
            // troubles, and a firewall's verdict.
            Some(
                Errno::PROTO
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::TIMEDOUT
                | Errno::PERM,
            ) => Remedy::Retry,
            _ => match error.kind() {
                ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted => {
                    Remedy::Retry
                }
                _ => Remedy::GiveUp,
            },
        }
    }
}

/// The memory of the current shortage.
#[derive(Debug, Default)]
struct Backoff {
    last: Option<Duration>,
}

impl Backoff {
    /// How long to wait before the next try: 10 ms, then twice the last wait, at most 1 s.
    fn next_wait(&mut self) -> Duration {
        let wait = self.last.map_or(SHORTEST, |last| (last * 2).min(LONGEST));
        self.last = Some(wait);
        wait
    }
}

/// A descriptor that is held for the time when there is no other.
struct Reserve(Option<File>);

impl Reserve {
    /// Takes a descriptor, if there is none yet and the system has one.
    fn refill(&mut self) {
        if self.0.is_none() {
            self.0 = File::open("/dev/null").ok();
        }
    }

    /// Accepts one connection in place of the descriptor, and closes it. Whether there was one.
    async fn turn_away<L: Listener>(&mut self, listener: &mut L) -> bool {
        if self.0.take().is_none() {
            return false;
        }
        // Another thread may have taken the descriptor in between: then this fails as before.
        let accepted = poll_fn(|cx| {
            let accepted = listener.poll_accept(cx);
            Poll::Ready(matches!(accepted, Poll::Ready(Ok(_))))
        })
        .await;
        self.refill();
        accepted
    }
}

/// Accepts connections for good. Returns what no waiting can mend.
///
/// # Cancel safety
/// No connection is lost (B4).
pub(super) async fn accept_loop<L, H>(
    listener: &mut L,
    handler: &Arc<H>,
    shared: &Arc<Shared>,
    mut options: Options,
) -> io::Error
where
    L: Listener,
    H: Handler<L::Io, L::Addr>,
{
    let limit = options.max_connections.map(|max| Arc::new(Semaphore::new(max)));
    let mut reserve = options.has_reserve.then(|| Reserve(None));
    let (mut backoff, mut is_short) = (Backoff::default(), false);
    let mut permit = None;
    loop {
        if let (Some(limit), None) = (&limit, &permit) {
            permit = Some(limit.clone().acquire_owned().await.expect("it is never closed"));
        }
        if let Some(reserve) = &mut reserve {
            reserve.refill();
        }
        let error = match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok(accepted) => {
                (backoff, is_short) = (Backoff::default(), false);
                let task = (options.name.as_str(), options.location);
                connection::spawn(shared, handler, accepted, permit.take(), task); // keeps B4
                continue;
            }
            Err(error) => error,
        };
        match Remedy::of(&error) {
            Remedy::Retry => shared.aborted(),
            Remedy::Wait => {
                if !is_short {
                    is_short = true;
                    shared.shortage();
                    if let Some(f) = &mut options.on_shortage {
                        f(&error);
                    }
                }
                let turned_away = match &mut reserve {
                    Some(reserve) => reserve.turn_away(listener).await, // keeps B3
                    None => false,
                };
                if turned_away {
                    shared.turned_away();
                } else {
                    sleep(backoff.next_wait()).await; // keeps B2
                }
            }
            Remedy::GiveUp => return error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_10_ms_to_1_s() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..9).map(|_| backoff.next_wait().as_millis()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }

    #[test]
    fn connections_that_died_early_are_retried() {
        for kind in [
            io::ErrorKind::ConnectionAborted,
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::Interrupted,
        ] {
            assert_eq!(Remedy::of(&kind.into()), Remedy::Retry);
        }
        for code in [Errno::PROTO, Errno::NETDOWN, Errno::HOSTUNREACH, Errno::PERM] {
            assert_eq!(Remedy::of(&code.into()), Remedy::Retry);
        }
    }

    #[test]
    fn shortages_are_waited_out_and_the_rest_ends_the_loop() {
        for code in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::NOSPC] {
            assert_eq!(Remedy::of(&code.into()), Remedy::Wait);
        }
        for code in [Errno::BADF, Errno::INVAL, Errno::OPNOTSUPP] {
            assert_eq!(Remedy::of(&code.into()), Remedy::GiveUp);
        }
        assert_eq!(Remedy::of(&io::Error::other("runtime gone")), Remedy::GiveUp);
    }
}
