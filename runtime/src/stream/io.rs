//! Lines and pieces as streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::io::{AsyncBufRead, Lines, Split};

impl<R: AsyncBufRead> Stream for Lines<R> {
    /// As [`next_line`](Lines::next_line): after an error the stream goes on.
    type Item = io::Result<String>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_line(cx).map(Result::transpose)
    }
}

impl<R: AsyncBufRead> Stream for Split<R> {
    /// As [`next_segment`](Split::next_segment): after an error the stream goes on.
    type Item = io::Result<Vec<u8>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_segment(cx).map(Result::transpose)
    }
}
