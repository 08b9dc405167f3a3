//! Errors of the oneshot channel.

use std::fmt;

/// The sender was dropped without sending.
#[derive(Debug, Eq, PartialEq, Clone)]
pub struct RecvError(pub(super) ());

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl std::error::Error for RecvError {}

/// Why a `try_recv` returned nothing.
#[derive(Debug, Eq, PartialEq, Clone)]
pub enum TryRecvError {
    /// No value yet: the sender may still send one.
    Empty,
    /// There will be no value: the sender is gone, the channel is closed, or the value was taken.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "channel empty",
            TryRecvError::Closed => "channel closed",
        })
    }
}

impl std::error::Error for TryRecvError {}
