//! The future of `AsyncReadExt::read_to_string`, and the loan of a string's bytes.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::read_to_end::{Progress, poll_read_to_end};
use crate::io::AsyncRead;

/// A string lent out as bytes, to be appended to, and given back as a string whatever happens.
///
/// Between [`new`](Loan::new) and drop the string is empty and `bytes` holds its contents, of which
/// the first `valid` bytes are what it held before. On drop the string gets these bytes back, and what
/// was appended if [`keep`](Loan::keep) found it valid.
#[derive(Debug)]
pub(super) struct Loan<'a> {
    string: &'a mut String,
    pub(super) bytes: Vec<u8>,
    valid: usize,
}

impl<'a> Loan<'a> {
    pub(super) fn new(string: &'a mut String) -> Self {
        let bytes = std::mem::take(string).into_bytes();
        let valid = bytes.len();
        Loan { string, bytes, valid }
    }

    /// Accepts what has been appended.
    ///
    /// # Errors
    /// `InvalidData` if it is not UTF-8, with a `Utf8Error` in it. The string will then be what it was.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        if std::str::from_utf8(&self.bytes[self.valid..]).is_ok() {
            self.valid = self.bytes.len();
            return Ok(());
        }
        // Once more from the start, for an error that counts from there.
        let whole = std::str::from_utf8(&self.bytes);
        whole.map(drop).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(self.valid);
        // SAFETY: the first bytes were the string's; further ones count as valid only after `keep` has
        // checked them; and whole strings one after the other are a string.
        *self.string = unsafe { String::from_utf8_unchecked(bytes) };
    }
}

/// Reads to the end. See [`AsyncReadExt::read_to_string`](crate::io::AsyncReadExt::read_to_string).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReadToString<'a, R: ?Sized> {
    reader: &'a mut R,
    loan: Loan<'a>,
    progress: Progress,
}

impl<'a, R: ?Sized> ReadToString<'a, R> {
    pub(super) fn new(reader: &'a mut R, string: &'a mut String) -> Self {
        let loan = Loan::new(string);
        let progress = Progress::new(&loan.bytes);
        ReadToString { reader, loan, progress }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToString<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let reader = Pin::new(&mut *me.reader);
        let n = ready!(poll_read_to_end(reader, cx, &mut me.loan.bytes, &mut me.progress))?;
        me.loan.keep()?;
        Poll::Ready(Ok(n))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::AsyncReadExt;
    use crate::io::mock::{Mock, poll_once, run};
    use std::io::ErrorKind;
    use std::pin::pin;
    use std::str::Utf8Error;

    #[test]
    fn read_to_string_joins_a_character_that_came_in_halves() {
        let mut mock = Mock::new().data(b"na\xC3").read_pending().data(b"\xAFve");
        let mut string = String::from("> ");
        assert_eq!(run(mock.read_to_string(&mut string)).unwrap(), 6);
        assert_eq!(string, "> naïve");
    }

    #[test]
    fn bad_bytes_an_error_and_a_drop_leave_the_string_as_it_was() {
        for bad in [&b"ok\xFF"[..], b"\xC3", b"\xAF"] {
            let mut string = String::from("held");
            let error = run(Mock::new().data(bad).read_to_string(&mut string)).unwrap_err();
            assert_eq!((error.kind(), string.as_str()), (ErrorKind::InvalidData, "held"));
            let inner = error.into_inner().unwrap().downcast::<Utf8Error>().unwrap();
            assert_eq!(inner.valid_up_to(), "held".len() + bad.len() - 1);
        }
        let mut string = String::from("held");
        let mut mock = Mock::new().data(b"ok").read_error(ErrorKind::ConnectionReset);
        let error = run(mock.read_to_string(&mut string)).unwrap_err();
        assert_eq!((error.kind(), string.as_str()), (ErrorKind::ConnectionReset, "held"));
        let mut mock = Mock::new().data(b"ok").read_stall();
        assert!(poll_once(pin!(mock.read_to_string(&mut string))).is_pending());
        assert_eq!(string, "held");
    }
}
