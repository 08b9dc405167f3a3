//! `Split`: the pieces of a buffered reader between two delimiters.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::io::AsyncBufRead;
use crate::io::ext::poll_read_until;

pin_project! {
    /// The pieces of a buffered reader between one delimiter and the next.
    ///
    /// Made by [`AsyncBufReadExt::split`](crate::io::AsyncBufReadExt::split). What has come of a piece is
    /// kept here until the rest comes, so that nothing is lost if a future is dropped or a read fails.
    #[derive(Debug)]
    #[must_use = "segments are not read unless they are asked for"]
    pub struct Split<R> {
        #[pin]
        reader: R,
        delimiter: u8,
        // What has come of the current piece.
        segment: Vec<u8>,
        read: usize,
    }
}

impl<R> Split<R> {
    pub(in crate::io) fn new(reader: R, delimiter: u8) -> Self {
        Split { reader, delimiter, segment: Vec::new(), read: 0 }
    }
}

impl<R: AsyncBufRead + Unpin> Split<R> {
    /// The next piece, without the delimiter that ends it; `None` at the end.
    ///
    /// The last piece may lack the delimiter; there is no empty piece after a delimiter at the very end.
    /// There is no limit to a piece's length: for a peer that is not trusted,
    /// [`take`](crate::io::AsyncReadExt::take) sets one for all pieces together.
    ///
    /// # Errors
    ///
    /// The reader's own; the next call goes on in the same piece.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, what has come of the piece is kept for
    /// the next call.
    pub async fn next_segment(&mut self) -> io::Result<Option<Vec<u8>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_segment(cx)).await
    }
}

impl<R: AsyncBufRead> Split<R> {
    /// As [`next_segment`](Split::next_segment): the next piece; `None` at the end; `Pending` with a
    /// wake-up for the last task that polled.
    ///
    /// # Errors
    ///
    /// As [`next_segment`](Split::next_segment).
    pub fn poll_next_segment(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        let me = self.project();
        let n = ready!(poll_read_until(me.reader, cx, *me.delimiter, me.segment, me.read))?;
        // `n` counts what came before an error, too: half a piece at the end is not lost.
        if n == 0 {
            return Poll::Ready(Ok(None));
        }
        if me.segment.last() == Some(me.delimiter) {
            me.segment.pop();
        }
        Poll::Ready(Ok(Some(std::mem::take(me.segment))))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::mock::{Mock, poll_once, run};
    use crate::io::{AsyncBufReadExt, BufReader};
    use std::io::ErrorKind;
    use std::pin::pin;

    #[test]
    fn segments_lose_their_delimiter_and_nothing_else() {
        let mut segments = BufReader::with_capacity(2, &b"one,,\xFF,"[..]).split(b',');
        for segment in [&b"one"[..], b"", b"\xFF"] {
            assert_eq!(run(segments.next_segment()).unwrap().as_deref(), Some(segment));
        }
        assert_eq!(run(segments.next_segment()).unwrap(), None);
    }

    #[test]
    fn a_segment_may_come_in_pieces_with_errors_and_drops_in_between() {
        let mock = Mock::new()
            .data(b"on")
            .read_error(ErrorKind::TimedOut)
            .data(b"e")
            .read_pending()
            .data(b",tw")
            .read_error(ErrorKind::ConnectionReset);
        let mut segments = BufReader::new(mock).split(b',');
        assert_eq!(run(segments.next_segment()).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(poll_once(pin!(segments.next_segment())).is_pending());
        assert_eq!(run(segments.next_segment()).unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(run(segments.next_segment()).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(run(segments.next_segment()).unwrap().as_deref(), Some(&b"tw"[..]));
        assert_eq!(run(segments.next_segment()).unwrap(), None);
    }
}
