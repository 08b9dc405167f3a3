//! The streams of filch that have other crates' traits, as they are and without a wrapper: one table for
//! all of those crates.
//!
//! Callers: `io::futures_io`, `io::tokio_io`, `hyper::io`, each of which has a macro that writes the
//! implementations of one row, by our own trait of the same name.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use super::{AsyncRead, ReadBuf};

/// Calls `$implement` with the table: generics, type, and which of our traits it has. A type's traits that
/// ask for different bounds stand in different rows.
macro_rules! streams {
    ($implement:ident) => {
        $implement! {
            [] crate::net::TcpStream: read write;
            ['a] crate::net::tcp::ReadHalf<'a>: read;
            ['a] crate::net::tcp::WriteHalf<'a>: write;
            [] crate::net::tcp::OwnedReadHalf: read;
            [] crate::net::tcp::OwnedWriteHalf: write;
            [] crate::net::UnixStream: read write;
            ['a] crate::net::unix::ReadHalf<'a>: read;
            ['a] crate::net::unix::WriteHalf<'a>: write;
            [] crate::net::unix::OwnedReadHalf: read;
            [] crate::net::unix::OwnedWriteHalf: write;
            [] crate::net::unix::pipe::Receiver: read;
            [] crate::net::unix::pipe::Sender: write;

            [] crate::process::ChildStdin: write;
            [] crate::process::ChildStdout: read;
            [] crate::process::ChildStderr: read;

            [] crate::fs::File: read write seek;

            [] crate::io::DuplexStream: read write;
            [] crate::io::SimplexStream: read write;
            [] crate::io::Empty: read buf_read write seek;
            [] crate::io::Repeat: read;
            [] crate::io::Sink: write;
            [] crate::io::Stdin: read;
            [] crate::io::Stdout: write;
            [] crate::io::Stderr: write;

            [T: crate::io::AsyncRead] crate::io::ReadHalf<T>: read;
            [T: crate::io::AsyncWrite] crate::io::WriteHalf<T>: write;
            [R: crate::io::AsyncRead] crate::io::BufReader<R>: read buf_read;
            [R: crate::io::AsyncRead + crate::io::AsyncWrite] crate::io::BufReader<R>: write;
            [R: crate::io::AsyncRead + crate::io::AsyncSeek] crate::io::BufReader<R>: seek;
            [W: crate::io::AsyncWrite] crate::io::BufWriter<W>: write;
            [W: crate::io::AsyncWrite + crate::io::AsyncRead] crate::io::BufWriter<W>: read;
            [W: crate::io::AsyncWrite + crate::io::AsyncBufRead] crate::io::BufWriter<W>: buf_read;
            [W: crate::io::AsyncWrite + crate::io::AsyncSeek] crate::io::BufWriter<W>: seek;
            [S: crate::io::AsyncRead + crate::io::AsyncWrite] crate::io::BufStream<S>: read buf_read write;
            [S: crate::io::AsyncRead + crate::io::AsyncWrite + crate::io::AsyncSeek]
                crate::io::BufStream<S>: seek;
            [T: crate::io::AsyncRead, U: crate::io::AsyncRead] crate::io::Chain<T, U>: read;
            [T: crate::io::AsyncBufRead, U: crate::io::AsyncBufRead] crate::io::Chain<T, U>: buf_read;
            [R: crate::io::AsyncRead] crate::io::Take<R>: read;
            [R: crate::io::AsyncBufRead] crate::io::Take<R>: buf_read;
            [R: crate::io::AsyncRead, W: crate::io::AsyncWrite] crate::io::Join<R, W>: read write;
            [R: crate::io::AsyncBufRead, W: crate::io::AsyncWrite] crate::io::Join<R, W>: buf_read;
            [R: crate::io::AsyncRead, F: FnMut(&[u8])] crate::io::InspectReader<R, F>: read;
            [R: crate::io::AsyncWrite, F] crate::io::InspectReader<R, F>: write;
            [W: crate::io::AsyncWrite, F: FnMut(&[u8])] crate::io::InspectWriter<W, F>: write;
            [W: crate::io::AsyncRead, F] crate::io::InspectWriter<W, F>: read;
        }
    };
}

pub(crate) use streams;

/// Reads into another crate's memory, over which `buf` was put; how much.
///
/// # Panics
/// If the stream replaced the `ReadBuf` (io's I4): what is filled is not that memory then.
pub(crate) fn poll_read_into<T: AsyncRead + ?Sized>(
    stream: Pin<&mut T>,
    cx: &mut Context<'_>,
    mut buf: ReadBuf<'_>,
) -> Poll<io::Result<usize>> {
    let start = buf.filled().as_ptr();
    ready!(stream.poll_read(cx, &mut buf))?;
    assert_eq!(buf.filled().as_ptr(), start, "poll_read replaced the ReadBuf");
    Poll::Ready(Ok(buf.filled().len()))
}
