//! Accepting connections through trouble: what to retry at once, what to wait out, what to give up.
//!
//! Callers: the accept loops of `echo` and `http_server`.
//!
//! Invariants
//! B1  A connection that died before it was accepted costs nothing but a retry.
//! B2  A process or system out of descriptors or memory makes the loop wait, longer each time up to
//!     a bound; it neither spins nor ends. The connections wait in the kernel's backlog meanwhile.
//! B3  One line is printed when such a shortage begins, and none until an accept has worked again.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use filch::net::{TcpListener, TcpStream};

/// The first wait; a descriptor is often free again by then.
const SHORTEST: Duration = Duration::from_millis(10);

/// The longest wait: a server that can work again does so within a second.
const LONGEST: Duration = Duration::from_secs(1);

/// An accept loop's memory of the current shortage.
#[derive(Debug, Default)]
pub struct Backoff {
    last: Option<Duration>,
}

/// What an error of `accept` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The connection is at fault, not the listener: accept the next one.
    Retry,
    /// Something has run out: accept again after a while.
    Wait,
    /// The listener is of no use any more.
    GiveUp,
}

impl Remedy {
    /// Tells the errors of `accept` apart.
    pub fn of(error: &io::Error) -> Remedy {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        match error.kind() {
            ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted => Remedy::Retry,
            _ if error.raw_os_error().is_some_and(is_shortage) => Remedy::Wait,
            _ => Remedy::GiveUp,
        }
    }
}

/// ENOMEM, ENFILE, EMFILE, and ENOBUFS as Linux and as the BSDs and macOS number it.
#[cfg(unix)]
fn is_shortage(code: i32) -> bool {
    matches!(code, 12 | 23 | 24) || code == if cfg!(target_os = "linux") { 105 } else { 55 }
}

/// WSAEMFILE and WSAENOBUFS.
#[cfg(windows)]
fn is_shortage(code: i32) -> bool {
    matches!(code, 10024 | 10055)
}

impl Backoff {
    /// Starts without a shortage.
    pub fn new() -> Backoff {
        Backoff::default()
    }

    /// Notes that an accept worked: the next shortage starts from the shortest wait.
    pub fn recovered(&mut self) {
        self.last = None;
    }

    /// How long to wait before the next try: 10 ms, then twice the last wait, at most 1 s.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.last.map_or(SHORTEST, |last| (last * 2).min(LONGEST));
        self.last = Some(wait);
        wait
    }

    /// Whether a shortage has been met since the last success.
    pub fn is_waiting(&self) -> bool {
        self.last.is_some()
    }
}

/// Accepts the next connection, waiting out shortages.
///
/// # Errors
/// What no waiting can mend, such as a listener that is closed.
///
/// # Cancel safety
/// Dropping the future loses no connection, and `backoff` stays as it is.
pub async fn accept(
    listener: &TcpListener,
    backoff: &mut Backoff,
) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        let error = match listener.accept().await {
            Ok(connection) => {
                backoff.recovered();
                return Ok(connection);
            }
            Err(error) => error,
        };
        match Remedy::of(&error) {
            Remedy::Retry => {}
            Remedy::Wait => {
                if !backoff.is_waiting() {
                    eprintln!("accept: {error}; waiting until it works again"); // keeps B3
                }
                filch::time::sleep(backoff.next_wait()).await;
            }
            Remedy::GiveUp => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_10_ms_to_1_s_and_start_anew_after_success() {
        let mut backoff = Backoff::new();
        assert!(!backoff.is_waiting());
        let waits: Vec<u128> = (0..9).map(|_| backoff.next_wait().as_millis()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert!(backoff.is_waiting());
        backoff.recovered();
        assert!(!backoff.is_waiting());
        assert_eq!(backoff.next_wait(), SHORTEST);
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
    }

    #[cfg(unix)]
    #[test]
    fn shortages_are_waited_out_and_the_rest_ends_the_loop() {
        for code in [12, 23, 24] {
            assert_eq!(Remedy::of(&io::Error::from_raw_os_error(code)), Remedy::Wait);
        }
        // EBADF, EINVAL.
        for code in [9, 22] {
            assert_eq!(Remedy::of(&io::Error::from_raw_os_error(code)), Remedy::GiveUp);
        }
        assert_eq!(Remedy::of(&io::Error::other("runtime gone")), Remedy::GiveUp);
    }
}
