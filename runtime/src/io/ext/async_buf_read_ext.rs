//! `AsyncBufReadExt`: the methods that every buffered reader has.

use std::pin::Pin;

use super::fill_buf::FillBuf;
use super::read_line::ReadLine;
use super::read_until::ReadUntil;
use crate::io::{AsyncBufRead, Lines, Split};

/// Methods for every [`AsyncBufRead`].
///
/// # Examples
///
/// ```
/// use filch::io::AsyncBufReadExt;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut lines = b"one\ntwo\r\nthree".lines();
/// let mut count = 0;
/// while let Some(line) = lines.next_line().await? {
///     assert!(["one", "two", "three"].contains(&line.as_str()));
///     count += 1;
/// }
/// assert_eq!(count, 3);
/// # Ok(())
/// # }
/// ```
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Appends everything up to and including the next `byte`, or up to the end, to `buf`.
    ///
    /// Returns how many bytes that was; `Ok(0)` means that the reader is at its end. There is no limit:
    /// for a peer that is not trusted, [`take`](crate::io::AsyncReadExt::take) sets one.
    ///
    /// # Errors
    ///
    /// The reader's own; interruptions are retried. What has come before is in `buf`.
    ///
    /// # Cancel safety
    ///
    /// What has come before the future is dropped is in `buf`, and another call goes on from there; it
    /// counts from zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncBufReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"key=value"[..];
    /// let mut buf = Vec::new();
    /// assert_eq!(reader.read_until(b'=', &mut buf).await?, 4);
    /// assert_eq!(buf, b"key=");
    /// # Ok(())
    /// # }
    /// ```
    fn read_until<'a>(&'a mut self, byte: u8, buf: &'a mut Vec<u8>) -> ReadUntil<'a, Self>
    where
        Self: Unpin,
    {
        ReadUntil::new(self, byte, buf)
    }

    /// Appends the next line, with the newline that ends it, to `buf`.
    ///
    /// Returns how many bytes that was; `Ok(0)` means that the reader is at its end. The last line may
    /// lack a newline.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](std::io::ErrorKind::InvalidData) if the line is not UTF-8, with the
    /// [`Utf8Error`](std::str::Utf8Error) in it: `buf` is then what it was, and the next call reads the
    /// next line. The reader's own: what has come of the line is then in `buf` if it is UTF-8, and lost
    /// otherwise; interruptions are retried.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped before it completes, what has come of the line is in
    /// `buf` if it is UTF-8, but lost if it ends in the middle of a character.
    /// [`Lines::next_line`] and [`read_until`](AsyncBufReadExt::read_until) lose nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncBufReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"one\ntwo"[..];
    /// let mut line = String::new();
    /// assert_eq!(reader.read_line(&mut line).await?, 4);
    /// assert_eq!(line, "one\n");
    /// # Ok(())
    /// # }
    /// ```
    fn read_line<'a>(&'a mut self, buf: &'a mut String) -> ReadLine<'a, Self>
    where
        Self: Unpin,
    {
        ReadLine::new(self, buf)
    }

    /// The pieces between one `byte` and the next, without it.
    ///
    /// See [`Split::next_segment`].
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncBufReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut segments = AsyncBufReadExt::split(&b"a,b"[..], b',');
    /// assert_eq!(segments.next_segment().await?.as_deref(), Some(&b"a"[..]));
    /// assert_eq!(segments.next_segment().await?.as_deref(), Some(&b"b"[..]));
    /// assert_eq!(segments.next_segment().await?, None);
    /// # Ok(())
    /// # }
    /// ```
    fn split(self, byte: u8) -> Split<Self>
    where
        Self: Sized + Unpin,
    {
        Split::new(self, byte)
    }

    /// Lends out the reader's buffer, filled first if it is empty.
    ///
    /// The bytes stay there until [`consume`](AsyncBufReadExt::consume). An empty slice means that the
    /// reader is at its end.
    ///
    /// # Errors
    ///
    /// The reader's own, interruptions included.
    ///
    /// # Panics
    ///
    /// If the future is polled again after it has completed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, nothing was consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::{AsyncBufReadExt, BufReader};
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = BufReader::new(&b"  hello"[..]);
    /// let blanks = reader.fill_buf().await?.iter().take_while(|b| **b == b' ').count();
    /// reader.consume(blanks);
    /// assert_eq!(reader.fill_buf().await?, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    fn fill_buf(&mut self) -> FillBuf<'_, Self>
    where
        Self: Unpin,
    {
        FillBuf::new(self)
    }

    /// Takes `amt` bytes out of the buffer, which no later read returns again.
    ///
    /// `amt` must not be larger than what [`fill_buf`](AsyncBufReadExt::fill_buf) lent out last.
    fn consume(&mut self, amt: usize)
    where
        Self: Unpin,
    {
        Pin::new(self).consume(amt)
    }

    /// The lines, without the `\n` or `\r\n` that ends them.
    ///
    /// See [`Lines::next_line`].
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncBufReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut lines = AsyncBufReadExt::lines(&b"one\r\ntwo"[..]);
    /// assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
    /// assert_eq!(lines.next_line().await?.as_deref(), Some("two"));
    /// assert_eq!(lines.next_line().await?, None);
    /// # Ok(())
    /// # }
    /// ```
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines::new(self)
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}
