//! Why a scope gave no value, and why a task of it gave none.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::Location;

use crate::context;
use crate::task::header::Meta;
use crate::task::{Id, JoinError};

/// Why a scope or group did not end well: the first thing that went wrong in it.
///
/// What came later is not in it: errors of other tasks are dropped, and their panics are reported, as for
/// any task that nobody awaits.
#[derive(Debug)]
#[non_exhaustive]
pub enum ScopeError<E> {
    /// A task, or the body, returned this error.
    Failed(E),
    /// A task panicked. (A panic of the body goes on as a panic.)
    Panicked(TaskPanic),
    /// It was cancelled.
    Cancelled(CancelCause),
}

/// Who cancelled a scope or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelCause {
    /// `cancel` of the scope or group itself.
    Handle,
    /// The token given to [`ScopeBuilder::cancelled_by`](super::ScopeBuilder::cancelled_by).
    Token,
    /// The limit given to [`ScopeBuilder::timeout`](super::ScopeBuilder::timeout).
    Timeout,
    /// The scope or group around it.
    Outer,
    /// The runtime shut down under it.
    RuntimeShutdown,
    /// A failure that somebody else was given: of two who wait for one group, the first gets the error.
    Failure,
}

impl<E> ScopeError<E> {
    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, ScopeError::Cancelled(_))
    }

    /// Whether a task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, ScopeError::Panicked(_))
    }

    /// The error that a task or the body returned.
    ///
    /// # Errors
    /// The scope's error itself, if it is another one.
    pub fn try_into_error(self) -> Result<E, ScopeError<E>> {
        match self {
            ScopeError::Failed(error) => Ok(error),
            other => Err(other),
        }
    }
}

impl<E: fmt::Display> fmt::Display for ScopeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScopeError::Failed(error) => error.fmt(f),
            ScopeError::Panicked(panic) => panic.fmt(f),
            ScopeError::Cancelled(cause) => cause.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for ScopeError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Its text is ours already.
            ScopeError::Failed(error) => error.source(),
            ScopeError::Panicked(_) | ScopeError::Cancelled(_) => None,
        }
    }
}

impl fmt::Display for CancelCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CancelCause::Handle => "the scope was cancelled",
            CancelCause::Token => "the scope was cancelled by its token",
            CancelCause::Timeout => "the scope's time was over",
            CancelCause::Outer => "the scope around it was cancelled",
            CancelCause::RuntimeShutdown => "the scope's runtime shut down",
            CancelCause::Failure => "the scope failed, and its error was taken",
        })
    }
}

/// A panic of a task in a scope.
pub struct TaskPanic {
    error: JoinError,
    name: Option<Box<str>>,
    location: &'static Location<'static>,
}

impl TaskPanic {
    /// Of the task that runs now.
    pub(super) fn here(
        location: &'static Location<'static>,
        name: Option<Box<str>>,
        payload: Box<dyn Any + Send>,
    ) -> TaskPanic {
        let id = context::current_task_id().unwrap_or_else(Id::next);
        TaskPanic { error: JoinError::panic(id, payload), name, location }
    }

    /// To whoever hears of panics that nobody awaits.
    pub(super) fn report(&self) {
        let message = self.message();
        match context::try_current() {
            Some(runtime) => {
                let meta = Meta::new(self.location, self.name());
                runtime.common().hooks().unhandled_panic(self.id(), &meta, &message);
            }
            None => eprintln!("filch: {self}, and nobody awaits it"),
        }
    }

    /// A task of ours panicked, and we caught what its cell would have: a runtime that ends at the first
    /// panic hears of it.
    pub(super) fn tell_runtime() {
        if let Some(owner) = context::try_current().and_then(|handle| handle.owners().pop()) {
            owner.task_panicked();
        }
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.error.id()
    }

    /// The task's name, if it was spawned with one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the task was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The panic's message, where the payload is text.
    pub fn message(&self) -> String {
        self.error.message().unwrap_or_default()
    }

    /// The panic's payload, for `std::panic::resume_unwind`.
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.error.into_panic()
    }
}

impl fmt::Display for TaskPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id())?;
        if let Some(name) = self.name() {
            write!(f, " {name:?}")?;
        }
        write!(f, ", spawned at {}, panicked with message {:?}", self.location, self.message())
    }
}

impl fmt::Debug for TaskPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskPanic")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("location", &self.location)
            .field("message", &self.message())
            .finish()
    }
}

/// A task in a scope gave its handle no value.
///
/// The reason itself is the scope's: see [`ScopeError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedJoinError(pub(super) NoValue);

/// What became of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoValue {
    Failed,
    Panicked,
    Cancelled,
}

impl ScopedJoinError {
    /// Whether the task returned an error, which is the scope's now.
    pub fn is_failure(&self) -> bool {
        self.0 == NoValue::Failed
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.0 == NoValue::Panicked
    }

    /// Whether the task was cancelled: with its scope, by its handle, by its runtime's end, or because it
    /// was spawned too late.
    pub fn is_cancelled(&self) -> bool {
        self.0 == NoValue::Cancelled
    }
}

impl fmt::Display for ScopedJoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            NoValue::Failed => "the task failed, and its scope has the error",
            NoValue::Panicked => "the task panicked",
            NoValue::Cancelled => "the task was cancelled",
        })
    }
}

impl std::error::Error for ScopedJoinError {}

impl From<ScopedJoinError> for io::Error {
    fn from(error: ScopedJoinError) -> Self {
        io::Error::other(error)
    }
}
