//! The cooperative budget: 128 operations per poll of a task, then it must yield.
//!
//! Every operation of filch's channels, locks, timers and sockets, and every join of a task, spends a unit
//! when it completes. With none left they return `Pending` and wake their task, so that a task that always
//! finds something ready does not starve the others. Signals that move nothing are free: `Notify`, `closed`
//! of a sender, a cancelled token, a cell that is set. Futures of other libraries are not counted:
//! [`poll_proceed`], [`cooperative`] and [`consume_budget`] let them take part.
//!
//! Each task has a budget of its own, also inside of a `LocalSet`, and so has the future of `block_on`.
//! Branches of one task (of a `join!`, say) share theirs.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use filch_primitives::coop as budget;
use pin_project_lite::pin_project;

pub use budget::RestoreOnPending;

/// Spends a unit, or returns `Pending` with the task woken if none is left.
///
/// Call it before an operation, keep what it returns, and say
/// [`made_progress`](RestoreOnPending::made_progress) if the operation completed: otherwise the unit is
/// given back.
///
/// # Examples
/// ```
/// use std::collections::VecDeque;
/// use std::task::{Context, Poll, ready};
/// use filch::task::coop;
///
/// /// Gives what is in a queue, without ever starving other tasks.
/// fn poll_pop(queue: &mut VecDeque<u32>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
///     let unit = ready!(coop::poll_proceed(cx));
///     let value = queue.pop_front();
///     unit.made_progress();
///     Poll::Ready(value)
/// }
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut queue = VecDeque::from([1, 2]);
/// let first = std::future::poll_fn(|cx| poll_pop(&mut queue, cx)).await;
/// assert_eq!(first, Some(1));
/// # }
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    budget::poll_proceed(cx)
}

/// Whether the running task has a unit left. True outside of a task and when nothing is counted.
#[inline]
pub fn has_budget_remaining() -> bool {
    budget::has_budget_remaining()
}

/// Spends a unit; yields if none is left.
///
/// # Cancel safety
/// Dropping it loses nothing.
/// # Examples
/// ```
/// use filch::task::coop::consume_budget;
///
/// /// A long computation that lets other tasks run every 128 rows.
/// async fn sum(rows: &[u64]) -> u64 {
///     let mut sum = 0;
///     for row in rows {
///         sum += row;
///         consume_budget().await;
///     }
///     sum
/// }
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(sum(&[1; 1_000]).await, 1_000);
/// # }
/// ```
pub async fn consume_budget() {
    let mut spent = false;
    poll_fn(move |cx| {
        if spent {
            return Poll::Ready(());
        }
        ready!(poll_proceed(cx)).made_progress();
        spent = true;
        Poll::Ready(())
    })
    .await;
}

pin_project! {
    /// A future that is polled without a budget. Made by [`unconstrained`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Unconstrained<F> {
        #[pin]
        inner: F,
    }
}

/// Polls `inner` without counting: it may starve other tasks, which is then its author's choice.
///
/// # Cancel safety
/// That of `inner`.
pub fn unconstrained<F>(inner: F) -> Unconstrained<F> {
    Unconstrained { inner }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _free = budget::unconstrained();
        self.project().inner.poll(cx)
    }
}

pin_project! {
    /// A future that spends a unit when it completes, and yields with none left. Made by [`cooperative`].
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Coop<F> {
        #[pin]
        inner: F,
    }
}

/// Makes a foreign future take part: a unit is spent when it completes, and it yields with none left.
///
/// # Cancel safety
/// That of `inner`.
pub fn cooperative<F: Future>(inner: F) -> Coop<F> {
    Coop { inner }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let coop = ready!(poll_proceed(cx));
        let polled = self.project().inner.poll(cx);
        if polled.is_ready() {
            coop.made_progress();
        }
        polled
    }
}
