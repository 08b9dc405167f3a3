//! The first of two futures.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Which of two futures ended, and its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First<A, B> {
    /// The first argument ended.
    Left(A),
    /// The second argument ended, and the first had not.
    Right(B),
}

/// Runs two futures in one task until one of them ends, and drops the other.
///
/// If both are ready at once, `left` wins: put first what must not be lost.
///
/// # Cancel safety
/// Dropping it drops both futures; it is as cancel safe as the less safe of the two.
///
/// # Examples
/// ```
/// use std::future::{pending, ready};
/// use filch_examples::race::{First, race};
///
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(race(ready(1), ready(2)).await, First::Left(1));
/// assert_eq!(race(pending::<u8>(), ready(2)).await, First::Right(2));
/// # });
/// ```
pub async fn race<A: Future, B: Future>(left: A, right: B) -> First<A::Output, B::Output> {
    let mut left = pin!(left);
    let mut right = pin!(right);
    poll_fn(|cx| {
        if let Poll::Ready(output) = left.as_mut().poll(cx) {
            return Poll::Ready(First::Left(output));
        }
        right.as_mut().poll(cx).map(First::Right)
    })
    .await
}
