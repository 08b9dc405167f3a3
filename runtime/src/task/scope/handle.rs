//! The right to the value of a task in a scope.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use filch_sync::oneshot;

use super::error::{NoValue, ScopedJoinError};
use super::members::Key;
use super::node::Node;
use crate::task::Id;

/// Waits for the value of a task in a scope.
///
/// The task returns `Result<T, E>`; the `T` comes here, the `E` goes to the scope, and so does a panic.
/// Dropping the handle changes nothing for the task, whose value is then dropped before the task ends.
///
/// # Errors
/// Awaiting gives a [`ScopedJoinError`] if there is no value: then the scope is being left, unless the task
/// was cancelled alone, by [`abort`](Self::abort). It converts to `io::Error`, so that `?` does in a body
/// with that error; whatever the body makes of it, what the scope returns is the first failure.
/// # Panics
/// If polled again after it gave its value.
/// # Cancel safety
/// Awaiting by `&mut handle` loses nothing when dropped.
///
/// # Examples
/// ```
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sum = filch::task::scope(|s| async move {
///     let (left, right) = (s.spawn(async { Ok(40) }), s.spawn(async { Ok(2) }));
///     std::io::Result::Ok(left.await? + right.await?)
/// });
/// assert_eq!(sum.await.unwrap(), 42);
/// # });
/// ```
pub struct ScopedJoinHandle<T> {
    value: oneshot::Receiver<Result<T, NoValue>>,
    node: Arc<Node>,
    /// `None` if the task was spawned too late.
    key: Option<Key>,
    id: Id,
}

impl<T> ScopedJoinHandle<T> {
    pub(super) fn new(
        value: oneshot::Receiver<Result<T, NoValue>>,
        node: Arc<Node>,
        key: Option<Key>,
        id: Id,
    ) -> Self {
        ScopedJoinHandle { value, node, key, id }
    }

    /// Asks this one task to end. The others go on: that is no failure. The scope still waits until its
    /// future has been dropped. Work on a blocking thread that has begun is not interrupted.
    pub fn abort(&self) {
        if let Some(key) = self.key {
            self.node.abort(key);
        }
    }

    /// Whether the task has ended: its future was dropped.
    pub fn is_finished(&self) -> bool {
        self.key.is_none_or(|key| !self.node.has(key))
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl<T> Future for ScopedJoinHandle<T> {
    type Output = Result<T, ScopedJoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.value).poll(cx).map(|received| match received {
            Ok(value) => value.map_err(ScopedJoinError),
            Err(_) => Err(ScopedJoinError(NoValue::Cancelled)),
        })
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").field("id", &self.id).finish_non_exhaustive()
    }
}
