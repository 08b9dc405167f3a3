//! `simplex`: a pipe in memory.
//!
//! Callers: tasks, through `simplex`'s halves or through [`SimplexStream`] itself; `duplex`, which makes a
//! connection of two pipes and keeps each behind a lock. For its sake the steps come in two parts: the
//! change of state, and the wakers to call or drop afterwards, when no lock is held any more.
//!
//! Invariants
//! P1  At most `capacity` bytes are in the pipe.
//! P2  A waiting reader is woken by the first byte and by the end; a waiting writer by the first room
//!     and when the reader is gone.
//! P3  No waker runs, and none is dropped, before the change is complete.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use filch_primitives::coop;

use super::{ReadHalf, WriteHalf, split};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A pipe in memory: what is written to it can be read from it.
///
/// Made by [`new_unsplit`](SimplexStream::new_unsplit), or by [`simplex`] as two halves. Writing waits
/// while the pipe is full, reading while it is empty. After `shutdown` what is left can be read, then comes
/// the end; writing fails with [`BrokenPipe`](ErrorKind::BrokenPipe).
///
/// # Examples
///
/// ```
/// use filch::io::{AsyncReadExt, AsyncWriteExt, SimplexStream};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut pipe = SimplexStream::new_unsplit(64);
/// pipe.write_all(b"ping").await?;
/// pipe.shutdown().await?;
/// let mut text = String::new();
/// pipe.read_to_string(&mut text).await?;
/// assert_eq!(text, "ping");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SimplexStream {
    /// Grows as it is used, up to `capacity` (P1).
    bytes: VecDeque<u8>,
    capacity: usize,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// A pipe in memory, as a half to read from and a half to write to.
///
/// At most `max_buf_size` bytes are in it at a time; memory is allocated as it is used. Dropping the
/// writing half does not end the pipe: [`shutdown`](crate::io::AsyncWriteExt::shutdown) does.
/// [`ReadHalf::unsplit`] makes one [`SimplexStream`] of the halves.
///
/// # Panics
///
/// If `max_buf_size` is zero.
///
/// # Examples
///
/// ```
/// use filch::io::{AsyncReadExt, AsyncWriteExt, simplex};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut reader, mut writer) = simplex(64);
/// writer.write_all(b"ping").await?;
/// let mut buf = [0; 4];
/// reader.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"ping");
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

/// Wakers that a step leaves behind, for after the lock (P3).
#[derive(Debug, Default)]
#[must_use = "`finish` wakes the other side"]
pub(super) struct Wakers {
    wake: Option<Waker>,
    replaced: Option<Waker>,
}

impl Wakers {
    /// Wakes the other side.
    pub(super) fn finish(self) {
        drop(self.replaced);
        if let Some(waker) = self.wake {
            waker.wake();
        }
    }
}

/// Leaves `cx`'s waker in `slot`; one for another task goes to `wakers`.
fn register(slot: &mut Option<Waker>, cx: &Context<'_>, wakers: &mut Wakers) {
    if !slot.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        wakers.replaced = slot.replace(cx.waker().clone());
    }
}

impl SimplexStream {
    /// A pipe as one stream, which at most `max_buf_size` bytes are in at a time.
    ///
    /// # Panics
    ///
    /// If `max_buf_size` is zero.
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> SimplexStream {
        assert!(max_buf_size > 0, "max_buf_size must be greater than zero");
        SimplexStream {
            bytes: VecDeque::new(),
            capacity: max_buf_size,
            closed: false,
            reader: None,
            writer: None,
        }
    }

    /// Ends the pipe. The reader is to be woken: it will come to the end.
    #[must_use]
    pub(super) fn close_write(&mut self) -> Option<Waker> {
        self.closed = true;
        self.reader.take()
    }

    /// Ends the pipe because nobody reads any more. The writer is to be woken: it will fail.
    #[must_use]
    pub(super) fn close_read(&mut self) -> Option<Waker> {
        self.closed = true;
        self.bytes = VecDeque::new();
        self.writer.take()
    }

    pub(super) fn poll_read_step(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        wakers: &mut Wakers,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if !self.bytes.is_empty() {
            let n = self.bytes.len().min(buf.remaining());
            let (front, back) = self.bytes.as_slices();
            let from_front = front.len().min(n);
            buf.put_slice(&front[..from_front]);
            buf.put_slice(&back[..n - from_front]);
            self.bytes.drain(..n);
            wakers.wake = self.writer.take();
            return Poll::Ready(Ok(()));
        }
        if self.closed {
            return Poll::Ready(Ok(()));
        }
        register(&mut self.reader, cx, wakers);
        Poll::Pending
    }

    pub(super) fn poll_write_step(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
        wakers: &mut Wakers,
    ) -> Poll<io::Result<usize>> {
        if self.closed {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        // Nothing to write needs no room.
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let room = self.capacity - self.bytes.len();
        if room == 0 {
            register(&mut self.writer, cx, wakers);
            return Poll::Pending;
        }
        let mut left = room;
        for buf in bufs {
            let n = buf.len().min(left);
            self.bytes.extend(&buf[..n]);
            left -= n;
        }
        wakers.wake = self.reader.take();
        Poll::Ready(Ok(room - left))
    }
}

/// Runs one step of a pipe within the budget (io's I3).
pub(super) fn poll_step<T>(
    cx: &mut Context<'_>,
    step: impl FnOnce(&mut Context<'_>, &mut Wakers) -> Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    let budget = ready!(coop::poll_proceed(cx));
    let mut wakers = Wakers::default();
    let result = step(cx, &mut wakers);
    if result.is_ready() {
        budget.made_progress();
    }
    wakers.finish();
    result
}

impl AsyncRead for SimplexStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_step(cx, |cx, wakers| self.poll_read_step(cx, buf, wakers))
    }
}

impl AsyncWrite for SimplexStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_step(cx, |cx, wakers| self.poll_write_step(cx, bufs, wakers))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(reader) = self.close_write() {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{CountingWaker, completions_per_budget, poll_once, poll_with, run};
    use crate::io::{AsyncReadExt, AsyncWriteExt};
    use std::future::Future;
    use std::pin::pin;

    #[test]
    fn the_pipe_holds_its_capacity_and_no_more() {
        let mut pipe = SimplexStream::new_unsplit(4);
        assert!(pipe.is_write_vectored());
        assert_eq!(run(pipe.write(b"abc")).unwrap(), 3);
        let slices = [IoSlice::new(b""), IoSlice::new(b"de"), IoSlice::new(b"f")];
        assert_eq!(run(pipe.write_vectored(&slices)).unwrap(), 1);
        assert!(poll_once(pin!(pipe.write(b"e"))).is_pending());
        let mut buf = [0; 3];
        assert_eq!(run(pipe.read(&mut buf)).unwrap(), 3);
        assert_eq!(&buf, b"abc");
        // The ring wraps around here.
        assert_eq!(run(pipe.write_vectored(&slices)).unwrap(), 3);
        let mut buf = [0; 8];
        assert_eq!(run(pipe.read(&mut buf)).unwrap(), 4);
        assert_eq!(&buf[..4], b"ddef");
        assert!(poll_once(pin!(pipe.read(&mut buf))).is_pending());
    }

    #[test]
    fn a_waiting_reader_is_woken_by_bytes_and_by_the_end() {
        for end in [false, true] {
            let (mut reader, mut writer) = simplex(4);
            let (count, waker) = CountingWaker::new();
            let mut buf = [0; 4];
            let mut read = pin!(reader.read(&mut buf));
            assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            if end {
                run(writer.shutdown()).unwrap();
            } else {
                run(writer.write_u8(7)).unwrap();
            }
            assert_eq!(count.wakes(), 1);
            assert_eq!(run(read).unwrap(), usize::from(!end));
        }
    }

    #[test]
    fn a_waiting_writer_is_woken_by_room() {
        let (mut reader, mut writer) = simplex(1);
        run(writer.write_u8(1)).unwrap();
        let (count, waker) = CountingWaker::new();
        let mut write = pin!(writer.write_u8(2));
        assert!(write.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(run(reader.read_u8()).unwrap(), 1);
        assert_eq!(count.wakes(), 1);
        run(write).unwrap();
        assert_eq!(run(reader.read_u8()).unwrap(), 2);
    }

    #[test]
    fn the_last_task_that_polled_is_the_one_that_is_woken() {
        let (mut reader, mut writer) = simplex(4);
        let (first, second) = (CountingWaker::new(), CountingWaker::new());
        let mut buf = [0; 4];
        let mut read = pin!(reader.read(&mut buf));
        for (_, waker) in [&first, &second, &second] {
            assert!(read.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
        run(writer.write_u8(7)).unwrap();
        assert_eq!((first.0.wakes(), second.0.wakes()), (0, 1));
    }

    #[test]
    fn after_shutdown_the_rest_can_be_read_and_nothing_be_written() {
        let (mut reader, mut writer) = simplex(4);
        run(writer.write_all(b"ab")).unwrap();
        run(writer.flush()).unwrap();
        run(writer.shutdown()).unwrap();
        assert_eq!(run(writer.write(b"c")).unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut text = String::new();
        assert_eq!(run(reader.read_to_string(&mut text)).unwrap(), 2);
        assert_eq!(text, "ab");
    }

    #[test]
    fn reads_and_writes_of_nothing_complete_at_once() {
        let mut pipe = SimplexStream::new_unsplit(1);
        assert_eq!(run(pipe.read(&mut [])).unwrap(), 0);
        run(pipe.write_u8(1)).unwrap();
        assert_eq!(run(pipe.write(b"")).unwrap(), 0);
        assert_eq!(run(pipe.write_vectored(&[IoSlice::new(b"")])).unwrap(), 0);
        run(pipe.shutdown()).unwrap();
        assert_eq!(run(pipe.write(b"")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn reads_and_writes_that_complete_spend_budget_and_others_do_not() {
        let budget = usize::from(coop::BUDGET);
        let mut pipe = SimplexStream::new_unsplit(1_000);
        let write = |cx: &mut Context<'_>| Pin::new(&mut pipe).poll_write(cx, b"a").map(drop);
        assert_eq!(completions_per_budget(write), budget);
        let read = |cx: &mut Context<'_>| {
            Pin::new(&mut pipe).poll_read(cx, &mut ReadBuf::new(&mut [0])).map(drop)
        };
        assert_eq!(completions_per_budget(read), budget);
        let _budget = coop::fresh();
        for _ in 0..1_000 {
            let mut buf = [0];
            let mut buf = ReadBuf::new(&mut buf);
            assert!(poll_with(|cx| Pin::new(&mut pipe).poll_read(cx, &mut buf)).is_pending());
        }
        assert!(coop::has_budget_remaining());
    }

    #[test]
    #[should_panic(expected = "max_buf_size must be greater than zero")]
    fn zero_capacity_panics() {
        let _ = simplex(0);
    }
}
