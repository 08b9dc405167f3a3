//! The token.

use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::run::RunUntilCancelled;
use super::tree::Node;
use super::{DropGuard, DropGuardRef, WaitForCancellationFuture, WaitForCancellationFutureOwned};

/// Says to one or many tasks that they should stop.
///
/// Clones are the same token. A [`child_token`](Self::child_token) is cancelled with its parent, and can be
/// cancelled alone. Asking is one atomic load; waiting allocates nothing.
///
/// # Examples
/// ```
/// use filch_sync::CancellationToken;
///
/// let server = CancellationToken::new();
/// let (one, other) = (server.child_token(), server.child_token());
/// one.cancel();
/// assert!(one.is_cancelled() && !server.is_cancelled() && !other.is_cancelled());
/// server.cancel();
/// assert!(other.is_cancelled());
/// ```
pub struct CancellationToken {
    node: Arc<Node>,
}

// A panicking waker leaves the tree as it is.
impl UnwindSafe for CancellationToken {}
impl RefUnwindSafe for CancellationToken {}

impl CancellationToken {
    /// A token that is not cancelled and has no parent.
    pub fn new() -> CancellationToken {
        CancellationToken { node: Node::root() }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// A token that is cancelled when this one is; cancelled already if this one is.
    ///
    /// It stays connected to the tokens above when this one is dropped.
    pub fn child_token(&self) -> CancellationToken {
        CancellationToken { node: self.node.child() }
    }

    /// Cancels this token and its children, and wakes who waits for them. The second time does nothing.
    pub fn cancel(&self) {
        self.node.cancel();
    }

    /// Whether it is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }

    /// Waits until it is cancelled. Ready at once if it is.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellationFuture::new(self)
    }

    /// As [`cancelled`](Self::cancelled), for a future that owns the token.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellationFutureOwned::new(self)
    }

    /// A guard that cancels this token when it is dropped.
    ///
    /// # Examples
    /// ```
    /// # use filch_sync::CancellationToken;
    /// let token = CancellationToken::new();
    /// let child = token.child_token();
    /// {
    ///     let _guard = token.drop_guard();
    /// }
    /// assert!(child.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard::new(self)
    }

    /// As [`drop_guard`](Self::drop_guard), for a guard that borrows the token.
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef::new(self)
    }

    /// Runs a future until it completes, or until this token is cancelled: then `None`.
    ///
    /// A token that is cancelled already gives `None` without polling. After that, where both happen at
    /// once, the future's output counts.
    ///
    /// # Cancel safety
    /// That of `future`.
    pub fn run_until_cancelled<F>(&self, future: F) -> impl Future<Output = Option<F::Output>>
    where
        F: Future,
    {
        RunUntilCancelled::new(self.cancelled(), future)
    }

    /// As [`run_until_cancelled`](Self::run_until_cancelled), for a future that owns the token.
    ///
    /// # Cancel safety
    /// That of `future`.
    pub fn run_until_cancelled_owned<F>(self, future: F) -> impl Future<Output = Option<F::Output>>
    where
        F: Future,
    {
        RunUntilCancelled::new(self.cancelled_owned(), future)
    }
}

impl Default for CancellationToken {
    fn default() -> CancellationToken {
        CancellationToken::new()
    }
}

impl Clone for CancellationToken {
    fn clone(&self) -> Self {
        CancellationToken { node: self.node.clone() }
    }
}

/// Two tokens are equal if they are clones of one another.
impl PartialEq for CancellationToken {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }
}

impl Eq for CancellationToken {}

impl Hash for CancellationToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.node).hash(state);
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}
