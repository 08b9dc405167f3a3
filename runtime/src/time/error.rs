//! What can go wrong with time.

use std::error;
use std::fmt;
use std::io;

/// A deadline has passed before the value was ready: the error of
/// [`timeout`](crate::time::timeout).
///
/// Converts into an [`io::Error`] of kind [`TimedOut`](io::ErrorKind::TimedOut).
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(crate) fn new() -> Self {
        Elapsed(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

/// An error of the timers themselves.
///
/// No function of this module returns it: a timer of a runtime that was shut down panics when it is
/// polled, the wheel has no capacity to run out of, and a deadline beyond it is clamped. The type is
/// there for code written against tokio, which has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shutdown,
    AtCapacity,
    Invalid,
}

impl Error {
    /// The runtime has been shut down.
    pub fn shutdown() -> Error {
        Error(Kind::Shutdown)
    }

    /// Whether the runtime has been shut down.
    pub fn is_shutdown(&self) -> bool {
        self.0 == Kind::Shutdown
    }

    /// There are too many timers.
    pub fn at_capacity() -> Error {
        Error(Kind::AtCapacity)
    }

    /// Whether there are too many timers.
    pub fn is_at_capacity(&self) -> bool {
        self.0 == Kind::AtCapacity
    }

    /// The deadline is out of range.
    pub fn invalid() -> Error {
        Error(Kind::Invalid)
    }

    /// Whether the deadline is out of range.
    pub fn is_invalid(&self) -> bool {
        self.0 == Kind::Invalid
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Shutdown => "the timer's runtime has been shut down",
            Kind::AtCapacity => "the timers are at capacity",
            Kind::Invalid => "the timer's deadline is out of range",
        })
    }
}

impl error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_becomes_an_io_error_that_says_so() {
        let error = io::Error::from(Elapsed::new());
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "deadline has elapsed");
    }

    #[test]
    fn each_error_answers_to_its_own_question_only() {
        for (error, answers) in [
            (Error::shutdown(), (true, false, false)),
            (Error::at_capacity(), (false, true, false)),
            (Error::invalid(), (false, false, true)),
        ] {
            let questions = (error.is_shutdown(), error.is_at_capacity(), error.is_invalid());
            assert_eq!(questions, answers, "{error}");
        }
    }
}
