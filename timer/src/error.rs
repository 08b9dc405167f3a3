//! What can go wrong with a timer.

use std::fmt;

/// Why a timer ended before its deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TimerError {
    /// The runtime that it belongs to was shut down.
    Shutdown,
}

impl fmt::Display for TimerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimerError::Shutdown => f.write_str("the runtime of this timer was shut down"),
        }
    }
}

impl std::error::Error for TimerError {}
