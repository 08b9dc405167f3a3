//! The buffer between a reader and a writer: what `copy` and `copy_bidirectional` are made of.
//!
//! Invariants
//! C1  `buf[start..end]` has been read and not been written.
//! C2  While the writer waits, reading goes on behind what is waiting, until the buffer is full.
//! C3  While the reader waits and nothing is left to write, the writer has been flushed: the far side
//!     sees all that has come so far.
//! C4  The reader's error comes out after all that was read before it has been written.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use filch_primitives::coop;

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A buffer, and how far the copying has come.
#[derive(Debug)]
pub(super) struct CopyBuffer {
    buf: Box<[u8]>,
    start: usize,
    end: usize,
    source: Source,
    unflushed: bool,
    /// How much has been written.
    copied: u64,
}

/// What reading may still bring.
#[derive(Debug)]
enum Source {
    Open,
    Ended,
    /// Until what was read before is written (C4).
    Failed(io::Error),
}

impl CopyBuffer {
    /// A buffer of `capacity` bytes.
    pub(super) fn new(capacity: usize) -> Self {
        CopyBuffer {
            buf: vec![0; capacity].into_boxed_slice(),
            start: 0,
            end: 0,
            source: Source::Open,
            unflushed: false,
            copied: 0,
        }
    }

    /// Copies until the reader ends, then flushes. Returns how many bytes were copied.
    ///
    /// Must not be polled again after it has completed.
    pub(super) fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            // io's I3: one unit a round. A round that ends in waiting gives it back.
            let budget = ready!(coop::poll_proceed(cx));
            let mut reader_waits = false;
            if self.has_room() {
                match self.poll_fill(cx, reader.as_mut()) {
                    Poll::Ready(()) => budget.made_progress(),
                    Poll::Pending => reader_waits = true,
                }
            }
            if self.start == self.end {
                match std::mem::replace(&mut self.source, Source::Open) {
                    Source::Failed(error) => return Poll::Ready(Err(error)),
                    Source::Ended => {
                        self.source = Source::Ended;
                        ready!(writer.poll_flush(cx))?;
                        return Poll::Ready(Ok(self.copied));
                    }
                    Source::Open => {
                        if self.unflushed {
                            ready!(writer.as_mut().poll_flush(cx))?; // C3
                            self.unflushed = false;
                        }
                        return Poll::Pending;
                    }
                }
            }
            match self.poll_drain(cx, writer.as_mut())? {
                Poll::Ready(()) => budget.made_progress(),
                // C2: the next round reads, unless there is nothing to read or no room for it.
                Poll::Pending if reader_waits || !self.has_room() => return Poll::Pending,
                Poll::Pending => {}
            }
        }
    }

    fn has_room(&self) -> bool {
        matches!(self.source, Source::Open) && self.end < self.buf.len()
    }

    /// Reads once, behind what is in the buffer. `Ready` if there is more now, or never will be.
    fn poll_fill<R>(&mut self, cx: &mut Context<'_>, mut reader: Pin<&mut R>) -> Poll<()>
    where
        R: AsyncRead + ?Sized,
    {
        let mut buf = ReadBuf::new(&mut self.buf[self.end..]);
        let start = buf.filled().as_ptr();
        let result = loop {
            match ready!(reader.as_mut().poll_read(cx, &mut buf)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        // io's I4.
        assert_eq!(buf.filled().as_ptr(), start, "poll_read replaced the ReadBuf");
        let n = buf.filled().len();
        match result {
            Ok(()) if n == 0 => self.source = Source::Ended,
            Ok(()) => self.end += n,
            Err(error) => self.source = Source::Failed(error),
        }
        Poll::Ready(())
    }

    /// Writes until the buffer is empty.
    fn poll_drain<W>(
        &mut self,
        cx: &mut Context<'_>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + ?Sized,
    {
        while self.start < self.end {
            match ready!(writer.as_mut().poll_write(cx, &self.buf[self.start..self.end])) {
                Ok(0) => return Poll::Ready(Err(takes_nothing())),
                Ok(n) => {
                    self.start += n;
                    self.copied += n as u64;
                    self.unflushed = true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.start = 0;
        self.end = 0;
        Poll::Ready(Ok(()))
    }
}

/// The error of a copy whose writer takes no bytes.
pub(super) fn takes_nothing() -> io::Error {
    io::Error::new(ErrorKind::WriteZero, "the writer takes none of the copied bytes")
}
