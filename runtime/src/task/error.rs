//! Why a task gave no output.

use std::any::Any;
use std::sync::Mutex;
use std::{fmt, io};

use super::id::Id;

/// A task ended without its output: it was cancelled, or it panicked.
pub struct JoinError {
    repr: Repr,
    id: Id,
}

enum Repr {
    Cancelled,
    /// The lock is never contended: it only makes the payload `Sync`.
    Panic(Mutex<Box<dyn Any + Send + 'static>>),
}

impl JoinError {
    pub(crate) fn cancelled(id: Id) -> Self {
        JoinError { repr: Repr::Cancelled, id }
    }

    pub(crate) fn panic(id: Id, payload: Box<dyn Any + Send + 'static>) -> Self {
        JoinError { repr: Repr::Panic(Mutex::new(payload)), id }
    }

    /// Whether the task was cancelled: by `abort`, or because its runtime shut down.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.repr, Repr::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.repr, Repr::Panic(_))
    }

    /// The panic's payload, for `std::panic::resume_unwind`.
    ///
    /// # Panics
    /// If the task did not panic; [`try_into_panic`](Self::try_into_panic) does not.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("into_panic on a JoinError that is no panic: {error}"),
        }
    }

    /// The panic's payload, or the error itself if the task did not panic.
    ///
    /// # Errors
    /// The error itself, unchanged.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.repr {
            Repr::Panic(payload) => {
                Ok(payload.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
            }
            Repr::Cancelled => Err(self),
        }
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The panic's message, where the payload is text.
    pub(crate) fn message(&self) -> Option<String> {
        match &self.repr {
            Repr::Cancelled => None,
            Repr::Panic(payload) => {
                let payload = payload.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                Some(payload_text(&**payload).to_owned())
            }
        }
    }
}

/// The text of a panic's payload.
pub(crate) fn payload_text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(a payload that is no text)"
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            None => write!(f, "task {} was cancelled", self.id),
            Some(text) => write!(f, "task {} panicked with message {text:?}", self.id),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            None => write!(f, "JoinError::Cancelled({:?})", self.id),
            Some(text) => write!(f, "JoinError::Panic({:?}, {text:?}, ...)", self.id),
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        let text = if error.is_panic() { "task panicked" } else { "task was cancelled" };
        io::Error::other(text)
    }
}
