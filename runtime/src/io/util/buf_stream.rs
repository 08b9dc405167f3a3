//! `BufStream`: a `BufReader` around a `BufWriter`.

use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{BufReader, BufWriter};
use crate::io::async_write::forward_async_write;
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

pin_project! {
    /// Adds a buffer in each direction to a stream.
    ///
    /// See [`BufReader`] and [`BufWriter`]. What is in the buffers is lost when the `BufStream` is dropped
    /// or unwrapped: `flush` first.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::{AsyncBufReadExt, AsyncWriteExt, BufStream, duplex};
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let (client, server) = duplex(64);
    /// let (mut client, mut server) = (BufStream::new(client), BufStream::new(server));
    /// client.write_all(b"hello\n").await?;
    /// client.flush().await?;
    /// let mut line = String::new();
    /// server.read_line(&mut line).await?;
    /// assert_eq!(line, "hello\n");
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct BufStream<RW> {
        #[pin]
        inner: BufReader<BufWriter<RW>>,
    }
}

impl<RW: AsyncRead + AsyncWrite> BufStream<RW> {
    /// A stream with two buffers of 8 KiB.
    pub fn new(stream: RW) -> BufStream<RW> {
        BufReader::new(BufWriter::new(stream)).into()
    }

    /// A stream with buffers of `reader_capacity` and `writer_capacity` bytes.
    ///
    /// # Panics
    ///
    /// If `reader_capacity` is zero.
    #[track_caller]
    pub fn with_capacity(
        reader_capacity: usize,
        writer_capacity: usize,
        stream: RW,
    ) -> BufStream<RW> {
        let writer = BufWriter::with_capacity(writer_capacity, stream);
        BufReader::with_capacity(reader_capacity, writer).into()
    }

    /// The inner stream.
    pub fn get_ref(&self) -> &RW {
        self.inner.get_ref().get_ref()
    }

    /// The inner stream. What is read and written there directly goes past the buffers.
    pub fn get_mut(&mut self) -> &mut RW {
        self.inner.get_mut().get_mut()
    }

    /// The inner stream, pinned. What is read and written there directly goes past the buffers.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut RW> {
        self.project().inner.get_pin_mut().get_pin_mut()
    }

    /// Unwraps the inner stream. What is in the buffers is lost.
    pub fn into_inner(self) -> RW {
        self.inner.into_inner().into_inner()
    }
}

impl<RW> From<BufReader<BufWriter<RW>>> for BufStream<RW> {
    fn from(inner: BufReader<BufWriter<RW>>) -> Self {
        BufStream { inner }
    }
}

/// Both buffers keep what is in them.
impl<RW> From<BufWriter<BufReader<RW>>> for BufStream<RW> {
    fn from(writer: BufWriter<BufReader<RW>>) -> Self {
        let (reader, writer) = writer.into_parts();
        BufStream { inner: reader.map(|stream| writer.map(|()| stream)) }
    }
}

#[cfg(feature = "futures-io")]
impl<RW> crate::io::futures_io::Asked for BufStream<RW> {
    fn asked(self: Pin<&mut Self>) -> Option<&mut crate::io::async_seek::AskedSeek> {
        crate::io::futures_io::Asked::asked(self.project().inner)
    }
}

impl<RW: AsyncRead + AsyncWrite> AsyncRead for BufStream<RW> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.project().inner.poll_read(cx, buf)
    }
}

impl<RW: AsyncRead + AsyncWrite> AsyncBufRead for BufStream<RW> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.project().inner.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.project().inner.consume(amt)
    }
}

impl<RW: AsyncRead + AsyncWrite> AsyncWrite for BufStream<RW> {
    forward_async_write!(this => this.project().inner, this.inner);
}

/// A seek passes on what is to be written, then counts from the position that the reader of the buffer
/// sees, and empties that buffer. See [`BufReader`] for an offset that takes two seeks.
impl<RW: AsyncRead + AsyncWrite + AsyncSeek> AsyncSeek for BufStream<RW> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.project().inner.start_seek(position)
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.project().inner.poll_complete(cx)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, run};
    use crate::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
    use std::io::Cursor;

    #[test]
    fn both_directions_are_buffered() {
        let mut stream = BufStream::with_capacity(4, 4, Mock::new().data(b"ab\ncd"));
        let mut line = String::new();
        run(stream.read_line(&mut line)).unwrap();
        run(stream.write_all(b"xyz")).unwrap();
        assert!(stream.is_write_vectored());
        assert_eq!(run(stream.write_vectored(&[IoSlice::new(b"!")])).unwrap(), 1);
        assert_eq!((line.as_str(), stream.get_ref().write_polls), ("ab\n", 0));
        run(stream.flush()).unwrap();
        assert_eq!(run(stream.read_u8()).unwrap(), b'c');
        run(stream.shutdown()).unwrap();
        let mock = stream.into_inner();
        assert_eq!(
            (mock.written.as_slice(), mock.read_polls, mock.shutdowns),
            (&b"xyz!"[..], 1, 1)
        );
    }

    #[test]
    fn turning_writer_of_reader_inside_out_keeps_both_buffers() {
        let mut writer = BufWriter::new(BufReader::new(Mock::new().data(b"ab")));
        assert_eq!(run(writer.read_u8()).unwrap(), b'a');
        run(writer.write_all(b"x")).unwrap();
        let mut stream = BufStream::from(writer);
        assert_eq!(run(stream.fill_buf()).unwrap(), b"b");
        stream.consume(1);
        run(stream.flush()).unwrap();
        assert_eq!((stream.get_mut().read_polls, &stream.get_ref().written[..]), (1, &b"x"[..]));
    }

    #[test]
    fn a_seek_empties_both_buffers() {
        let mut stream = BufStream::new(Cursor::new(b"0123456789".to_vec()));
        assert_eq!(run(stream.read_u8()).unwrap(), b'0');
        assert_eq!(run(stream.seek(SeekFrom::Current(1))).unwrap(), 2);
        run(stream.write_all(b"ab")).unwrap();
        assert_eq!(run(stream.seek(SeekFrom::Start(1))).unwrap(), 1);
        let mut text = String::new();
        run(stream.read_to_string(&mut text)).unwrap();
        assert_eq!(text, "1ab456789");
    }

    #[test]
    #[should_panic(expected = "capacity must be greater than zero")]
    fn zero_reader_capacity_panics() {
        BufStream::with_capacity(0, 4, Mock::new());
    }
}
