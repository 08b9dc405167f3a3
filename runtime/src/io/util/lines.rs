//! `Lines`: the lines of a buffered reader.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::io::AsyncBufRead;
use crate::io::ext::poll_read_until;

pin_project! {
    /// The lines of a buffered reader.
    ///
    /// Made by [`AsyncBufReadExt::lines`](crate::io::AsyncBufReadExt::lines). What has come of a line is
    /// kept here until the rest comes, so that nothing is lost if a future is dropped or a read fails.
    #[derive(Debug)]
    #[must_use = "lines are not read unless they are asked for"]
    pub struct Lines<R> {
        #[pin]
        reader: R,
        // What has come of the current line. Bytes, because a character may come in pieces.
        line: Vec<u8>,
        read: usize,
    }
}

impl<R> Lines<R> {
    pub(in crate::io) fn new(reader: R) -> Self {
        Lines { reader, line: Vec::new(), read: 0 }
    }

    /// The reader. What is read from it directly is missing here.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Unwraps the reader. What has come of a line that was not returned is lost.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// The next line, without the `\n` or `\r\n` that ends it; `None` at the end.
    ///
    /// The last line may lack the newline. There is no limit to a line's length: for a peer that is not
    /// trusted, [`take`](crate::io::AsyncReadExt::take) sets one for all lines together.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](ErrorKind::InvalidData) if the line is not UTF-8; the line is in the error, as
    /// a [`FromUtf8Error`](std::string::FromUtf8Error), and the next call reads the next line. The
    /// reader's own; the next call goes on in the same line.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, what has come of the line is kept for
    /// the next call.
    pub async fn next_line(&mut self) -> io::Result<Option<String>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_line(cx)).await
    }
}

impl<R: AsyncBufRead> Lines<R> {
    /// As [`next_line`](Lines::next_line): the next line; `None` at the end; `Pending` with a wake-up
    /// for the last task that polled.
    ///
    /// # Errors
    ///
    /// As [`next_line`](Lines::next_line).
    pub fn poll_next_line(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<String>>> {
        let me = self.project();
        let n = ready!(poll_read_until(me.reader, cx, b'\n', me.line, me.read))?;
        // `n` counts what came before an error, too: half a line at the end is not lost.
        if n == 0 {
            return Poll::Ready(Ok(None));
        }
        let mut line = std::mem::take(me.line);
        if line.ends_with(b"\n") {
            line.pop();
            if line.ends_with(b"\r") {
                line.pop();
            }
        }
        let line = String::from_utf8(line).map_err(|e| io::Error::new(ErrorKind::InvalidData, e));
        Poll::Ready(line.map(Some))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::mock::{Mock, poll_once, run};
    use crate::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
    use std::io::ErrorKind;
    use std::pin::pin;
    use std::string::FromUtf8Error;

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        let mut lines = BufReader::new(&b"one\r\n\ntw\ro\n\r\n\xC3\xA9"[..]).lines();
        for line in ["one", "", "tw\ro", "", "é"] {
            assert_eq!(run(lines.next_line()).unwrap().as_deref(), Some(line));
        }
        assert_eq!(run(lines.next_line()).unwrap(), None);
        assert_eq!(run(lines.next_line()).unwrap(), None);
        let mut lines = BufReader::new(&b"no newline\r"[..]).lines();
        assert_eq!(run(lines.next_line()).unwrap().as_deref(), Some("no newline\r"));
    }

    #[test]
    fn a_line_may_come_in_pieces_with_errors_and_drops_in_between() {
        let mock = Mock::new()
            .data(b"on")
            .read_error(ErrorKind::TimedOut)
            .data(b"e \xC3")
            .read_pending()
            .data(b"\xA9")
            .read_error(ErrorKind::Interrupted)
            .data(b"\ntw")
            .read_error(ErrorKind::ConnectionReset);
        let mut lines = BufReader::new(mock).lines();
        assert_eq!(run(lines.next_line()).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(poll_once(pin!(lines.next_line())).is_pending());
        assert_eq!(run(lines.next_line()).unwrap().as_deref(), Some("one é"));
        assert_eq!(run(lines.next_line()).unwrap_err().kind(), ErrorKind::ConnectionReset);
        // The reader ends after its error; the half line is not lost.
        assert_eq!(run(lines.next_line()).unwrap().as_deref(), Some("tw"));
        assert_eq!(run(lines.next_line()).unwrap(), None);
    }

    #[test]
    fn a_line_that_is_not_utf8_is_in_the_error() {
        let mut lines = (&b"a\xFF\nb\n"[..]).lines();
        let error = run(lines.next_line()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let inner = error.into_inner().unwrap().downcast::<FromUtf8Error>().unwrap();
        assert_eq!(inner.as_bytes(), b"a\xFF");
        assert_eq!(run(lines.next_line()).unwrap().as_deref(), Some("b"));
    }

    #[test]
    fn the_reader_can_be_reached_and_taken_back() {
        let mut lines = BufReader::new(&b"head\nbody"[..]).lines();
        run(lines.next_line()).unwrap();
        assert_eq!(lines.get_ref().buffer(), b"body");
        assert_eq!(run(lines.get_mut().read_u8()).unwrap(), b'b');
        let mut rest = String::new();
        run(lines.into_inner().read_to_string(&mut rest)).unwrap();
        assert_eq!(rest, "ody");
    }
}
