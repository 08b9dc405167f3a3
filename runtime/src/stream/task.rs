//! The outputs of a set of tasks as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::task::{JoinError, JoinSet};

impl<T: 'static> Stream for JoinSet<T> {
    /// As [`join_next`](JoinSet::join_next).
    type Item = Result<T, JoinError>;

    /// Ends when the set is empty; tasks that are added later are yielded by later polls.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_join_next(cx)
    }

    /// At least those that are in the set. More may be added.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), None)
    }
}
