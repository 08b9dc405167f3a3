//! Why a task gave no output.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, without_provenance_mut};
use std::sync::{Mutex, PoisonError};
use std::{fmt, io};

use super::id::Id;

/// A task ended without its output: it was cancelled, or it panicked.
///
/// One word, since every task has room for it, whatever its own output: a cancelled task's number with
/// the lowest bit set, or else the address of a box.
pub struct JoinError(NonNull<()>);

/// What does not fit the word: a panic, or a number of more than 63 bits.
struct Boxed {
    id: Id,
    /// The lock is never contended: it only makes the payload `Sync`.
    payload: Option<Mutex<Box<dyn Any + Send + 'static>>>,
}

const CANCELLED: usize = 1;
const _: () = assert!(align_of::<Boxed>() > CANCELLED);

// SAFETY: the word is a number, or owns a box of what is `Send` and `Sync` itself.
unsafe impl Send for JoinError {}
// SAFETY: as above.
unsafe impl Sync for JoinError {}

/// The word, taken apart.
enum Repr<'a> {
    Cancelled(Id),
    Boxed(&'a Boxed),
}

impl JoinError {
    pub(crate) fn cancelled(id: Id) -> Self {
        let word = usize::try_from(id.as_u64()).ok().and_then(|id| id.checked_mul(2));
        match word.and_then(|word| NonNull::new(without_provenance_mut(word | CANCELLED))) {
            Some(word) => JoinError(word),
            None => JoinError::boxed(Boxed { id, payload: None }),
        }
    }

    pub(crate) fn panic(id: Id, payload: Box<dyn Any + Send + 'static>) -> Self {
        JoinError::boxed(Boxed { id, payload: Some(Mutex::new(payload)) })
    }

    fn boxed(boxed: Boxed) -> Self {
        JoinError(NonNull::from(Box::leak(Box::new(boxed))).cast())
    }

    fn repr(&self) -> Repr<'_> {
        let word = self.0.addr().get();
        if word & CANCELLED != 0 {
            if let Some(id) = Id::from_u64((word >> 1) as u64) {
                return Repr::Cancelled(id);
            }
        }
        // SAFETY: a word without the bit is the address of the box leaked in `boxed`, which is freed only
        // by `drop` and `try_into_panic`. (With the bit it is an id, which is never zero.)
        Repr::Boxed(unsafe { self.0.cast().as_ref() })
    }

    fn payload(&self) -> Option<&Mutex<Box<dyn Any + Send + 'static>>> {
        match self.repr() {
            Repr::Boxed(boxed) => boxed.payload.as_ref(),
            Repr::Cancelled(_) => None,
        }
    }

    /// Whether the task was cancelled: by `abort`, or because its runtime shut down.
    pub fn is_cancelled(&self) -> bool {
        !self.is_panic()
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.payload().is_some()
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
        if !self.is_panic() {
            return Err(self);
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: a panic is a box leaked in `boxed`; `this` is not dropped, so that it is freed once.
        let boxed = unsafe { Box::from_raw(this.0.cast::<Boxed>().as_ptr()) };
        match boxed.payload {
            Some(payload) => Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner)),
            None => unreachable!("is_panic looked at it"),
        }
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        match self.repr() {
            Repr::Cancelled(id) => id,
            Repr::Boxed(boxed) => boxed.id,
        }
    }

    /// The panic's message, where the payload is text.
    pub(crate) fn message(&self) -> Option<String> {
        let payload = self.payload()?.lock().unwrap_or_else(PoisonError::into_inner);
        Some(payload_text(&**payload).to_owned())
    }
}

impl Drop for JoinError {
    fn drop(&mut self) {
        if let Repr::Boxed(_) = self.repr() {
            // SAFETY: leaked in `boxed`; `try_into_panic`, which frees it too, forgets the error.
            drop(unsafe { Box::from_raw(self.0.cast::<Boxed>().as_ptr()) });
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
            None => write!(f, "task {} was cancelled", self.id()),
            Some(text) => write!(f, "task {} panicked with message {text:?}", self.id()),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            None => write!(f, "JoinError::Cancelled({:?})", self.id()),
            Some(text) => write!(f, "JoinError::Panic({:?}, {text:?}, ...)", self.id()),
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

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_word_holds_every_kind() {
        assert_eq!(size_of::<Result<(), JoinError>>(), size_of::<usize>());
        let id = Id::next();
        let cancelled = JoinError::cancelled(id);
        assert!(cancelled.is_cancelled() && !cancelled.is_panic() && cancelled.id() == id);
        assert!(cancelled.try_into_panic().is_err_and(|error| error.id() == id));
        let panic = JoinError::panic(id, Box::new("no"));
        assert!(panic.is_panic() && panic.id() == id);
        assert!(panic.to_string().contains("panicked with message \"no\""));
        assert_eq!(panic.into_panic().downcast_ref(), Some(&"no"));
        drop(JoinError::panic(id, Box::new(String::from("dropped"))));
    }

    #[test]
    fn an_id_that_fills_the_word_is_boxed() {
        let id = Id::from_u64(u64::MAX).unwrap();
        let error = JoinError::cancelled(id);
        assert!(error.is_cancelled() && error.id() == id);
        assert!(error.try_into_panic().is_err());
    }
}
