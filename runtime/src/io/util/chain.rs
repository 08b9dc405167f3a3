//! `Chain`: one reader after the other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::io::{AsyncBufRead, AsyncRead, ReadBuf};

pin_project! {
    /// A reader that goes on with a second reader where the first one ends.
    ///
    /// Made by [`AsyncReadExt::chain`](crate::io::AsyncReadExt::chain).
    #[derive(Debug)]
    #[must_use = "a reader does nothing unless it is read from"]
    pub struct Chain<T, U> {
        #[pin]
        first: T,
        #[pin]
        second: U,
        first_ended: bool,
    }
}

impl<T, U> Chain<T, U>
where
    T: AsyncRead,
    U: AsyncRead,
{
    pub(in crate::io) fn new(first: T, second: U) -> Self {
        Chain { first, second, first_ended: false }
    }

    /// Both readers.
    pub fn get_ref(&self) -> (&T, &U) {
        (&self.first, &self.second)
    }

    /// Both readers. What is read from them directly is missing here.
    pub fn get_mut(&mut self) -> (&mut T, &mut U) {
        (&mut self.first, &mut self.second)
    }

    /// Both readers, pinned. What is read from them directly is missing here.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> (Pin<&mut T>, Pin<&mut U>) {
        let me = self.project();
        (me.first, me.second)
    }

    /// Unwraps both readers.
    pub fn into_inner(self) -> (T, U) {
        (self.first, self.second)
    }
}

impl<T, U> AsyncRead for Chain<T, U>
where
    T: AsyncRead,
    U: AsyncRead,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.project();
        if !*me.first_ended {
            let room = buf.remaining();
            ready!(me.first.poll_read(cx, buf))?;
            // Without room a read of nothing does not mean the end.
            if buf.remaining() != room || room == 0 {
                return Poll::Ready(Ok(()));
            }
            *me.first_ended = true;
        }
        me.second.poll_read(cx, buf)
    }
}

impl<T, U> AsyncBufRead for Chain<T, U>
where
    T: AsyncBufRead,
    U: AsyncBufRead,
{
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if !*me.first_ended {
            let buf = ready!(me.first.poll_fill_buf(cx))?;
            if !buf.is_empty() {
                return Poll::Ready(Ok(buf));
            }
            *me.first_ended = true;
        }
        me.second.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        if *me.first_ended { me.second.consume(amt) } else { me.first.consume(amt) }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::mock::{Mock, run};
    use crate::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
    use std::io::ErrorKind;

    #[test]
    fn chain_goes_on_with_the_second_for_good() {
        let first = Mock::new().data(b"ab").read_pending().data(b"c").read_eof().data(b"!");
        let mut chain = first.chain(Mock::new().data(b"de"));
        let mut text = String::new();
        assert_eq!(run(chain.read_to_string(&mut text)).unwrap(), 5);
        assert_eq!(text, "abcde");
        let (first, second) = chain.get_ref();
        assert_eq!((first.read_polls, second.read_polls), (4, 2));
        assert_eq!(run(chain.get_mut().0.read_u8()).unwrap(), b'!');
        assert_eq!(chain.into_inner().0.read_polls, 5);
    }

    #[test]
    fn a_read_without_room_does_not_end_the_first() {
        let mut chain = (&b"ab"[..]).chain(&b"c"[..]);
        assert_eq!(run(chain.read(&mut [])).unwrap(), 0);
        let mut text = String::new();
        run(chain.read_to_string(&mut text)).unwrap();
        assert_eq!(text, "abc");
    }

    #[test]
    fn an_error_of_the_first_does_not_end_it() {
        let mut chain = Mock::new().read_error(ErrorKind::TimedOut).data(b"a").chain(&b"b"[..]);
        assert_eq!(run(chain.read_u8()).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(run(chain.read_u8()).unwrap(), b'a');
        assert_eq!(run(chain.read_u8()).unwrap(), b'b');
    }

    #[test]
    fn buffered_chain_reads_a_line_across_the_seam() {
        let mut chain = BufReader::new(&b"one\ntw"[..]).chain(&b"o\n"[..]);
        let mut line = String::new();
        for expected in ["one\n", "two\n", ""] {
            line.clear();
            run(chain.read_line(&mut line)).unwrap();
            assert_eq!(line, expected);
        }
    }
}
