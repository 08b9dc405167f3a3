//! `BufReader`: fewer, larger reads.
//!
//! Invariants
//! R1  `buf[start..end]` has been read and not consumed.
//! R2  Bytes that are read past the buffer, straight into the caller's memory, are read while the
//!     buffer is empty only.
//! R3  A seek counts from the position that the reader of the buffer sees, not from the inner one,
//!     and leaves the buffer empty.

use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{DEFAULT_CAPACITY, seek_under_way};
use crate::io::async_seek::AskedSeek;
use crate::io::async_write::forward_async_write;
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

pin_project! {
    /// Adds a buffer to a reader.
    ///
    /// Small reads from a socket or file are many system calls: this reads as much as fits into its
    /// buffer at once, and serves small reads from there. A read at least as long as the buffer goes
    /// past it when it is empty. For large reads, and for readers in memory, it gains nothing.
    ///
    /// Writing and flushing pass through to the inner stream.
    ///
    /// What is in the buffer is lost when the `BufReader` is dropped or unwrapped.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::{AsyncBufReadExt, BufReader};
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = BufReader::new(&b"one\ntwo\n"[..]);
    /// let mut line = String::new();
    /// reader.read_line(&mut line).await?;
    /// assert_eq!(line, "one\n");
    /// assert_eq!(reader.buffer(), b"two\n");
    /// # Ok(())
    /// # }
    /// ```
    pub struct BufReader<R> {
        #[pin]
        inner: R,
        buf: Box<[u8]>,
        start: usize,
        end: usize,
        seek: SeekState,
        asked: AskedSeek,
    }
}

#[derive(Debug, Clone, Copy)]
enum SeekState {
    Idle,
    /// Asked for, not submitted to the inner stream.
    Asked(SeekFrom),
    /// The first of two is submitted: to where the buffer's reader is. The second one's offset.
    First(i64),
    /// The last one is submitted.
    Last,
}

impl<R: AsyncRead> BufReader<R> {
    /// A reader with a buffer of 8 KiB.
    pub fn new(inner: R) -> Self {
        BufReader::with_capacity(DEFAULT_CAPACITY, inner)
    }

    /// A reader with a buffer of `capacity` bytes.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero.
    #[track_caller]
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        assert!(capacity > 0, "BufReader capacity must be greater than zero");
        let buf = vec![0; capacity].into_boxed_slice();
        BufReader {
            inner,
            buf,
            start: 0,
            end: 0,
            seek: SeekState::Idle,
            asked: AskedSeek::default(),
        }
    }

    /// The inner reader.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The inner reader. What is read from it directly is missing here.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The inner reader, pinned. What is read from it directly is missing here.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// Unwraps the inner reader. What is in the buffer is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// What is in the buffer. Unlike `fill_buf` this reads nothing.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }
}

impl<R> BufReader<R> {
    /// Wraps the inner stream in something else, and keeps the buffer.
    pub(super) fn map<S>(self, wrap: impl FnOnce(R) -> S) -> BufReader<S> {
        let BufReader { inner, buf, start, end, seek, asked } = self;
        BufReader { inner: wrap(inner), buf, start, end, seek, asked }
    }

    fn discard_buffer(self: Pin<&mut Self>) {
        let me = self.project();
        *me.start = 0;
        *me.end = 0;
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.start == self.end && buf.remaining() >= self.buf.len() {
            return self.get_pin_mut().poll_read(cx, buf); // R2
        }
        let buffered = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = buffered.len().min(buf.remaining());
        buf.put_slice(&buffered[..n]);
        self.consume(n);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead> AsyncBufRead for BufReader<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if *me.start == *me.end {
            let mut buf = ReadBuf::new(me.buf);
            ready!(me.inner.poll_read(cx, &mut buf))?;
            *me.end = buf.filled().len();
            *me.start = 0;
        }
        Poll::Ready(Ok(&me.buf[*me.start..*me.end]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        *me.start = me.start.saturating_add(amt).min(*me.end);
    }
}

/// Seeks count from the position that the reader of the buffer sees.
///
/// Every seek empties the buffer, one to the current position too: afterwards the inner stream is at
/// the same position, and can be unwrapped. An offset from the current position that does not fit an
/// `i64` together with what is buffered is done in two seeks; if only the second one fails, the position
/// is what it was.
impl<R: AsyncRead + AsyncSeek> AsyncSeek for BufReader<R> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let me = self.project();
        match me.seek {
            SeekState::Idle | SeekState::Asked(_) => {
                *me.seek = SeekState::Asked(position);
                Ok(())
            }
            // The inner position has moved and the buffer has not been emptied yet.
            SeekState::First(_) | SeekState::Last => Err(seek_under_way()),
        }
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        loop {
            let mut me = self.as_mut().project();
            // Before a seek is submitted, waits for whatever the inner stream has under way.
            let completed = ready!(me.inner.as_mut().poll_complete(cx));
            // Whatever fails, the next seek starts afresh.
            let seek = std::mem::replace(me.seek, SeekState::Idle);
            let inner_position = completed?;
            match seek {
                SeekState::Idle => return Poll::Ready(Ok(inner_position)),
                SeekState::Asked(SeekFrom::Current(offset)) => {
                    // A slice has at most `isize::MAX` bytes.
                    let ahead = (*me.end - *me.start) as i64;
                    if let Some(offset) = offset.checked_sub(ahead) {
                        me.inner.start_seek(SeekFrom::Current(offset))?;
                        *me.seek = SeekState::Last;
                    } else {
                        me.inner.start_seek(SeekFrom::Current(-ahead))?;
                        *me.seek = SeekState::First(offset);
                    }
                }
                SeekState::Asked(position) => {
                    me.inner.start_seek(position)?;
                    *me.seek = SeekState::Last;
                }
                SeekState::First(offset) => {
                    self.as_mut().discard_buffer(); // R3
                    let me = self.as_mut().project();
                    me.inner.start_seek(SeekFrom::Current(offset))?;
                    *me.seek = SeekState::Last;
                }
                SeekState::Last => {
                    self.discard_buffer(); // R3
                    return Poll::Ready(Ok(inner_position));
                }
            }
        }
    }
}

impl<R: AsyncRead + AsyncWrite> AsyncWrite for BufReader<R> {
    forward_async_write!(this => this.get_pin_mut(), this.get_ref());
}

#[cfg(feature = "futures-io")]
impl<R> crate::io::futures_io::Asked for BufReader<R> {
    fn asked(self: Pin<&mut Self>) -> Option<&mut AskedSeek> {
        Some(self.project().asked)
    }
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("reader", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.end - self.start, self.buf.len()))
            .finish()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, poll_once, poll_with, run};
    use crate::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
    use std::io::{Cursor, ErrorKind};
    use std::pin::pin;

    #[test]
    fn small_reads_are_served_from_one_large_one() {
        let mut reader = BufReader::with_capacity(4, Mock::new().data(b"abcdefgh"));
        for byte in b"abcd" {
            assert_eq!(run(reader.read_u8()).unwrap(), *byte);
        }
        assert_eq!(reader.get_ref().read_polls, 1);
        assert_eq!(run(reader.read_u8()).unwrap(), b'e');
        assert_eq!((reader.buffer(), reader.get_ref().read_polls), (&b"fgh"[..], 2));
    }

    #[test]
    fn a_large_read_goes_past_the_buffer_only_when_it_is_empty() {
        let mut reader = BufReader::with_capacity(4, Mock::new().data(b"abcdefghijkl"));
        let mut buf = [0; 6];
        assert_eq!(run(reader.read_u8()).unwrap(), b'a');
        assert_eq!(run(reader.read(&mut buf)).unwrap(), 3);
        assert_eq!(run(reader.read(&mut buf)).unwrap(), 6);
        assert_eq!((&buf, reader.buffer()), (b"efghij", &b""[..]));
    }

    #[test]
    fn an_error_leaves_the_buffer_empty_and_the_next_read_goes_on() {
        let mock = Mock::new().read_error(ErrorKind::TimedOut).data(b"a");
        let mut reader = BufReader::new(mock);
        assert_eq!(run(reader.read_u8()).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(reader.buffer(), b"");
        assert_eq!(run(reader.read_u8()).unwrap(), b'a');
    }

    #[test]
    fn consuming_too_much_stops_at_the_end_of_the_buffer() {
        let mut reader = BufReader::new(&b"abc"[..]);
        run(reader.fill_buf()).unwrap();
        reader.consume(usize::MAX);
        assert_eq!(reader.buffer(), b"");
    }

    #[test]
    #[should_panic(expected = "capacity must be greater than zero")]
    fn zero_capacity_panics() {
        BufReader::with_capacity(0, &b""[..]);
    }

    #[test]
    fn writing_passes_through() {
        let mut reader = BufReader::new(Mock::new().vectored().write_pending());
        run(reader.write_all(b"ab")).unwrap();
        assert!(reader.is_write_vectored());
        run(reader.write_vectored(&[IoSlice::new(b"c"), IoSlice::new(b"d")])).unwrap();
        run(reader.flush()).unwrap();
        run(reader.shutdown()).unwrap();
        let mock = reader.into_inner();
        assert_eq!((mock.written.as_slice(), mock.flushes, mock.shutdowns), (&b"abcd"[..], 1, 1));
    }

    #[test]
    fn seeks_count_from_what_has_been_consumed() {
        let mut reader = BufReader::with_capacity(4, Cursor::new("0123456789"));
        assert_eq!(run(reader.read_u8()).unwrap(), b'0');
        assert_eq!(run(reader.seek(SeekFrom::Current(2))).unwrap(), 3);
        assert_eq!(reader.buffer(), b"");
        assert_eq!(run(reader.read_u8()).unwrap(), b'3');
        assert_eq!(run(reader.stream_position()).unwrap(), 4);
        assert_eq!(run(reader.read_u8()).unwrap(), b'4');
        assert_eq!(run(reader.seek(SeekFrom::End(-1))).unwrap(), 9);
        assert_eq!(run(reader.read_u8()).unwrap(), b'9');
        run(reader.rewind()).unwrap();
        assert_eq!(run(reader.read_u8()).unwrap(), b'0');
    }

    #[test]
    fn an_offset_too_small_for_one_seek_takes_two() {
        let mut reader = BufReader::new(Mock::new().data(b"abc").seek_pending());
        assert_eq!(run(reader.read_u8()).unwrap(), b'a');
        assert_eq!(run(reader.seek(SeekFrom::Current(i64::MIN))).unwrap(), 200);
        assert_eq!(reader.get_ref().seeks, [SeekFrom::Current(-2), SeekFrom::Current(i64::MIN)]);
        assert_eq!(reader.buffer(), b"");
    }

    #[test]
    fn a_failed_seek_keeps_the_buffer_and_the_next_one_works() {
        let mut reader = BufReader::new(Cursor::new("0123456789"));
        assert_eq!(run(reader.read_u8()).unwrap(), b'0');
        let error = run(reader.seek(SeekFrom::Current(-2))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(run(reader.read_u8()).unwrap(), b'1');
        assert_eq!(run(reader.seek(SeekFrom::Current(1))).unwrap(), 3);
        let mut reader = BufReader::new(Mock::new().data(b"abc").seek_error(ErrorKind::TimedOut));
        assert_eq!(run(reader.read_u8()).unwrap(), b'a');
        assert_eq!(run(reader.rewind()).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(reader.buffer(), b"bc");
        assert_eq!(run(reader.rewind()).unwrap(), 100);
    }

    #[test]
    fn a_seek_left_half_way_is_finished_by_the_next() {
        let mock = Mock::new().data(b"abc").seek_ready().seek_pending().seek_pending();
        let mut reader = BufReader::new(mock);
        assert_eq!(run(reader.read_u8()).unwrap(), b'a');
        let mut pin = Pin::new(&mut reader);
        pin.as_mut().start_seek(SeekFrom::Start(4)).unwrap();
        // Not submitted yet: replaced.
        pin.as_mut().start_seek(SeekFrom::Start(5)).unwrap();
        assert!(poll_with(|cx| pin.as_mut().poll_complete(cx)).is_pending());
        // Submitted, not completed: refused.
        let error = pin.as_mut().start_seek(SeekFrom::Start(6)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(poll_once(pin!(reader.seek(SeekFrom::Start(7)))).is_pending());
        assert_eq!(run(reader.seek(SeekFrom::Current(0))).unwrap(), 200);
        assert_eq!(reader.get_ref().seeks, [SeekFrom::Start(5), SeekFrom::Current(0)]);
    }

    #[test]
    fn debug_shows_how_full_it_is() {
        let mut reader = BufReader::with_capacity(4, &b"abc"[..]);
        run(reader.read_u8()).unwrap();
        assert_eq!(format!("{reader:?}"), "BufReader { reader: [], buffer: 2/4 }");
    }
}
