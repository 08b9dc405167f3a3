//! Errors of the broadcast channel.

use std::error::Error;
use std::fmt;

/// There is no receiver. Carries the message.
#[derive(Debug)]
pub struct SendError<T>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T: fmt::Debug> Error for SendError<T> {}

/// Why a `recv` returned no message.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum RecvError {
    /// All senders are gone, and all messages were received.
    Closed,
    /// The receiver was too slow: so many messages were overwritten before it came to them. The next one
    /// that it gets is the oldest that is still there.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => f.write_str("channel closed"),
            RecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl Error for RecvError {}

/// Why a `try_recv` returned no message.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum TryRecvError {
    /// No message is there now.
    Empty,
    /// All senders are gone, and all messages were received.
    Closed,
    /// The receiver was too slow: so many messages were overwritten before it came to them. The next one
    /// that it gets is the oldest that is still there.
    Lagged(u64),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("channel empty"),
            TryRecvError::Closed => f.write_str("channel closed"),
            TryRecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl Error for TryRecvError {}
