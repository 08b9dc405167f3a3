//! The future of a scope: runs its body, waits for its tasks.
//!
//! Callers: users, through [`scope`] and [`ScopeBuilder`].
//!
//! The order of the end: the body has ended or is dropped; the last task has left, and nobody joins any
//! more; clean-up has ended; the value, the failure or the panic is given out. Dropped earlier, the scope
//! stops its tasks and leaves the rest of this to a task of its own.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use filch_primitives::coop;
use filch_sync::CancellationToken;
use pin_project_lite::pin_project;

use super::error::{CancelCause, ScopeError};
use super::node::{Failure, Node, Stop};
use super::spawner::Scope;
use super::{ambient, cleanup};
use crate::time::{Sleep, sleep};

/// Runs `body`, which may spawn tasks into the scope, and waits until all of them have ended.
///
/// The body gets the [`Scope`], which is how tasks are spawned: from the body, and from tasks, which may
/// take clones of it along. Body and tasks return `Result`s of one error type. The first error or panic
/// cancels everything else in the scope, and is what the scope returns; so is a cancellation from outside.
/// In every case the futures of all tasks have been dropped by then. A `value` is returned if the body
/// returned it and no task failed.
///
/// A scope that runs in a task, or in the body, of another scope is nested in it: the outer one does not
/// end before the inner one's tasks, and cancelling the outer one reaches them.
///
/// Tasks own what they use: nothing can be borrowed from around the scope, since a future that is forgotten
/// would let the borrow end before the task. Shared data goes into an `Arc`.
///
/// With limits and a name: [`ScopeBuilder`]. Without a body: [`TaskGroup`](super::TaskGroup). Reasons and
/// comparisons: docs/structured-concurrency.md.
///
/// # Errors
/// [`ScopeError`]: the first thing that went wrong.
/// # Panics
/// A panic of the body goes on in whoever awaits the scope, when the tasks have ended.
/// # Cancel safety
/// Dropping the future cannot wait: it asks all tasks to end at once. Their futures are dropped as soon as
/// the workers that poll them let go; started blocking work goes on. A scope around this one still waits
/// for them. Clean-up that was [deferred](Scope::defer) runs after them, in a task of the runtime. To wait
/// as well as cancel use [`ScopeBuilder::cancelled_by`], [`ScopeBuilder::timeout`] or [`Scope::cancel`].
/// # Cost
/// A scope: a few allocations. A task of it: one allocation more than `spawn`'s, and three short locks of the
/// scope's, which its workers share.
///
/// # Examples
/// ```
/// use filch::task::{ScopeError, scope};
///
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// async fn length(text: &'static str) -> Result<usize, String> {
///     if text.is_empty() { Err("empty".to_owned()) } else { Ok(text.len()) }
/// }
///
/// let total = scope(|s| async move {
///     let (a, b) = (s.spawn(length("filch")), s.spawn(length("scope")));
///     Ok(a.await.map_err(|e| e.to_string())? + b.await.map_err(|e| e.to_string())?)
/// });
/// assert_eq!(total.await.unwrap(), 10);
///
/// let failed = scope(|s| async move {
///     s.spawn(std::future::pending::<Result<(), _>>()); // cancelled by its sibling's error
///     s.spawn(async { length("").await.map(drop) });
///     Ok(())
/// });
/// assert!(matches!(failed.await, Err(ScopeError::Failed(error)) if error == "empty"));
/// # });
/// ```
#[track_caller]
pub fn scope<F, B, T, E>(body: F) -> impl Future<Output = Result<T, ScopeError<E>>>
where
    F: FnOnce(Scope<E>) -> B,
    B: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    ScopeBuilder::new().run(body)
}

/// A scope with a name, a limit in time, or a token that cancels it.
///
/// Unlike a `timeout` around the scope's future, which drops it, these wait until the tasks have ended.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use filch::task::{CancelCause, ScopeBuilder, ScopeError};
///
/// # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
/// #     .block_on(async {
/// let crawl = ScopeBuilder::new().name("crawl").timeout(Duration::from_secs(5)).run(|s| async move {
///     s.spawn(std::future::pending::<Result<(), std::io::Error>>());
///     Ok(())
/// });
/// assert!(matches!(crawl.await, Err(ScopeError::Cancelled(CancelCause::Timeout))));
/// # });
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "nothing runs until `run` is called and awaited"]
pub struct ScopeBuilder {
    name: Option<Box<str>>,
    limit: Option<Duration>,
    token: Option<CancellationToken>,
}

impl ScopeBuilder {
    /// A scope without name and limits.
    pub fn new() -> Self {
        ScopeBuilder::default()
    }

    /// Names the scope, for reports of its clean-up.
    pub fn name(self, name: &str) -> Self {
        ScopeBuilder { name: Some(name.into()), ..self }
    }

    /// Cancels the scope when it has run so long, from `run` on.
    pub fn timeout(self, limit: Duration) -> Self {
        ScopeBuilder { limit: Some(limit), ..self }
    }

    /// Cancels the scope when the token is cancelled.
    pub fn cancelled_by(self, token: &CancellationToken) -> Self {
        ScopeBuilder { token: Some(token.clone()), ..self }
    }

    /// Runs `body` in the scope; see [`scope`].
    ///
    /// # Errors
    /// [`ScopeError`]: the first thing that went wrong.
    /// # Panics
    /// With a limit: in this call outside of a runtime with timers. Else as [`scope`].
    /// # Cancel safety
    /// As [`scope`].
    #[track_caller]
    pub fn run<F, B, T, E>(self, body: F) -> impl Future<Output = Result<T, ScopeError<E>>>
    where
        F: FnOnce(Scope<E>) -> B,
        B: Future<Output = Result<T, E>>,
        E: Send + 'static,
    {
        #[expect(clippy::manual_map, reason = "`map(sleep)` would lose the caller's line")]
        let limit = match self.limit {
            Some(limit) => Some(sleep(limit)),
            None => None,
        };
        drive(self.name, self.token, limit, Location::caller(), body)
    }
}

async fn drive<F, B, T, E>(
    name: Option<Box<str>>,
    token: Option<CancellationToken>,
    limit: Option<Sleep>,
    location: &'static Location<'static>,
    body: F,
) -> Result<T, ScopeError<E>>
where
    F: FnOnce(Scope<E>) -> B,
    B: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    // At the first poll: what counts is where the scope runs, not where it was made.
    let node = Node::new(ambient::current(), name.as_deref(), location);
    let leaving = Leaving(node.clone());
    let mut stops = pin!(Stops {
        outer: wait(node.stopped().clone()),
        token: token.map(wait),
        limit,
        node: node.clone(),
    });

    let value = {
        let mut body = pin!(call(&node, body));
        let value = poll_fn(|cx| poll_body(&node, stops.as_mut(), body.as_mut(), cx)).await;
        // Its destructor is user code as its polls are.
        let dropped = catch_unwind(AssertUnwindSafe(|| body.set(None)));
        if let Err(payload) = dropped {
            node.fail(Failure::Body(payload));
        }
        value
    };

    let mut ended = pin!(node.until_ended());
    poll_fn(|cx| {
        stops.as_mut().poll(cx);
        ended.as_mut().poll(cx)
    })
    .await;
    cleanup::clean_up(&node);
    node.until_clean().await;
    drop(leaving);
    outcome(&node, value)
}

/// Makes the body's future. `None` if that panicked, which stops the scope.
fn call<F, B, E>(node: &Arc<Node>, body: F) -> Option<B>
where
    F: FnOnce(Scope<E>) -> B,
{
    let scope = Scope::new(node.clone());
    match catch_unwind(AssertUnwindSafe(|| body(scope))) {
        Ok(future) => Some(future),
        Err(payload) => {
            node.fail(Failure::Body(payload));
            None
        }
    }
}

/// Ready when the body has ended, or is to be dropped: then without a value.
fn poll_body<B, T, E>(
    node: &Arc<Node>,
    stops: Pin<&mut Stops>,
    body: Pin<&mut Option<B>>,
    cx: &mut Context<'_>,
) -> Poll<Option<T>>
where
    B: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    stops.poll(cx);
    let body = match body.as_pin_mut() {
        Some(body) if !node.stopped().is_cancelled() => body,
        _ => return Poll::Ready(None),
    };
    let polled = {
        let mut place = Some(node.clone());
        let _inside = ambient::enter(&mut place);
        catch_unwind(AssertUnwindSafe(|| body.poll(cx)))
    };
    match polled {
        Ok(Poll::Pending) if node.stopped().is_cancelled() => Poll::Ready(None),
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(value))) => Poll::Ready(Some(value)),
        Ok(Poll::Ready(Err(error))) => {
            node.fail(Failure::Error(Box::new(error)));
            Poll::Ready(None)
        }
        Err(payload) => {
            node.fail(Failure::Body(payload));
            Poll::Ready(None)
        }
    }
}

/// What a scope or group that has ended returns.
pub(super) fn outcome<T, E: 'static>(node: &Node, value: Option<T>) -> Result<T, ScopeError<E>> {
    let cause = match (node.take_stop(), value) {
        // A body that has its value may have cancelled what it needs no more.
        (None | Some(Stop::Cancel(CancelCause::Handle)), Some(value)) => return Ok(value),
        (Some(Stop::Failure(Some(Failure::Error(error)))), _) => match error.downcast() {
            Ok(error) => return Err(ScopeError::Failed(*error)),
            Err(_) => unreachable!("every task of the scope has its error type"),
        },
        (Some(Stop::Failure(Some(Failure::Panic(panic)))), _) => {
            return Err(ScopeError::Panicked(panic));
        }
        (Some(Stop::Failure(Some(Failure::Body(payload)))), _) => resume_unwind(payload),
        (Some(Stop::Failure(None)), _) => CancelCause::Failure,
        (Some(Stop::Cancel(cause)), _) => cause,
        (Some(Stop::Left), _) => CancelCause::Handle,
        // Only the token knows so far: the stop is on its way here.
        (None, None) => CancelCause::Outer,
    };
    Err(ScopeError::Cancelled(cause))
}

/// Stops the scope, unless it has ended, and starts its clean-up, unless that was done.
pub(super) struct Leaving(pub(super) Arc<Node>);

impl Drop for Leaving {
    fn drop(&mut self) {
        if !self.0.has_ended() {
            let _ = self.0.stop(Stop::Left);
        }
        cleanup::clean_up(&self.0);
    }
}

fn wait(token: CancellationToken) -> filch_sync::WaitForCancellationFutureOwned {
    token.cancelled_owned()
}

pin_project! {
    /// What stops a scope from outside.
    struct Stops {
        // Woken by every stop, also from inside.
        #[pin]
        outer: filch_sync::WaitForCancellationFutureOwned,
        #[pin]
        token: Option<filch_sync::WaitForCancellationFutureOwned>,
        #[pin]
        limit: Option<Sleep>,
        node: Arc<Node>,
    }
}

impl Stops {
    /// Stops the scope if that is due.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let this = self.project();
        // A body that spends its budget in each poll must not keep its own limit away.
        let _unconstrained = coop::unconstrained();
        let cause = if this.node.stopped().is_cancelled() || this.outer.poll(cx).is_ready() {
            // From outside; a stop of its own has a cause already, and this one comes too late.
            CancelCause::Outer
        } else if ready(this.token, cx) {
            CancelCause::Token
        } else if ready(this.limit, cx) {
            CancelCause::Timeout
        } else {
            return;
        };
        let _ = this.node.stop(Stop::Cancel(cause));
    }
}

/// Whether the future is there, and ready.
fn ready<F: Future>(future: Pin<&mut Option<F>>, cx: &mut Context<'_>) -> bool {
    future.as_pin_mut().is_some_and(|future| future.poll(cx).is_ready())
}
