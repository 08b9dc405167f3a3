//! The future of `AsyncBufReadExt::read_line`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::poll_read_until;
use super::read_to_string::Loan;
use crate::io::AsyncBufRead;

/// Reads a line. See [`AsyncBufReadExt::read_line`](crate::io::AsyncBufReadExt::read_line).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReadLine<'a, R: ?Sized> {
    reader: &'a mut R,
    loan: Loan<'a>,
    read: usize,
}

impl<'a, R: ?Sized> ReadLine<'a, R> {
    pub(super) fn new(reader: &'a mut R, string: &'a mut String) -> Self {
        ReadLine { reader, loan: Loan::new(string), read: 0 }
    }
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadLine<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let reader = Pin::new(&mut *me.reader);
        let result = ready!(poll_read_until(reader, cx, b'\n', &mut me.loan.bytes, &mut me.read));
        let kept = me.loan.keep();
        // The reader's error says more than that half a line is not UTF-8.
        let n = result?;
        kept?;
        Poll::Ready(Ok(n))
    }
}

impl<R: ?Sized> Drop for ReadLine<'_, R> {
    fn drop(&mut self) {
        // Dropped before the end of the line: what has come of it stays, if it is whole characters.
        let _ = self.loan.keep();
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::mock::{Mock, poll_once, run};
    use crate::io::{AsyncBufReadExt, BufReader};
    use std::io::ErrorKind;
    use std::pin::pin;

    #[test]
    fn read_line_keeps_the_newline_and_ends_without_one() {
        let mut reader =
            BufReader::new(Mock::new().data(b"na\xC3").read_pending().data(b"\xAFve\r\nx"));
        let mut line = String::from("> ");
        assert_eq!(run(reader.read_line(&mut line)).unwrap(), 8);
        assert_eq!(line, "> naïve\r\n");
        assert_eq!(run(reader.read_line(&mut line)).unwrap(), 1);
        assert_eq!(line, "> naïve\r\nx");
        assert_eq!(run(reader.read_line(&mut line)).unwrap(), 0);
    }

    #[test]
    fn a_line_that_is_not_utf8_is_skipped_and_the_string_left_alone() {
        let mut reader = BufReader::new(&b"ok\xFF\nnext\n"[..]);
        let mut line = String::from("held");
        let error = run(reader.read_line(&mut line)).unwrap_err();
        assert_eq!((error.kind(), line.as_str()), (ErrorKind::InvalidData, "held"));
        assert_eq!(run(reader.read_line(&mut line)).unwrap(), 5);
        assert_eq!(line, "heldnext\n");
    }

    #[test]
    fn an_error_keeps_whole_characters() {
        for (came, kept) in [(&b"ok"[..], "heldok"), (b"ok\xC3", "held")] {
            let mock = Mock::new().data(came).read_error(ErrorKind::ConnectionReset);
            let mut line = String::from("held");
            let error = run(BufReader::new(mock).read_line(&mut line)).unwrap_err();
            assert_eq!((error.kind(), line.as_str()), (ErrorKind::ConnectionReset, kept));
        }
    }

    #[test]
    fn a_drop_keeps_whole_characters() {
        for (came, kept) in [(&b"ok"[..], "heldok"), (b"ok\xC3", "held")] {
            let mut reader = BufReader::new(Mock::new().data(came).read_stall());
            let mut line = String::from("held");
            assert!(poll_once(pin!(reader.read_line(&mut line))).is_pending());
            assert_eq!(line, kept);
        }
    }
}
