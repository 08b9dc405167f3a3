//! A scripted stream, and an executor that polls by hand: what the unit tests of `io` run on.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, SeekFrom};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

/// What one poll of a [`Mock`] does. The default for a script that is over: end of file, accept all.
#[derive(Debug)]
enum Step {
    /// Reading: these bytes, as far as they fit; the rest stays.
    Data(Vec<u8>),
    /// Reading: end of file, this once.
    Eof,
    /// Writing: at most so many bytes.
    Accept(usize),
    /// Flushing, shutting down, seeking: done.
    Done,
    Fail(ErrorKind),
    /// `Pending`, once; the task is woken at once.
    Pending,
    /// `Pending`, and for ever.
    Stall,
}

/// A stream that does what it is told, step by step, and writes down what it was given.
#[derive(Debug, Default)]
pub(crate) struct Mock {
    reads: VecDeque<Step>,
    writes: VecDeque<Step>,
    flush_script: VecDeque<Step>,
    shutdown_script: VecDeque<Step>,
    seek_script: VecDeque<Step>,
    vectored: bool,
    /// Everything written.
    pub(crate) written: Vec<u8>,
    /// Completed flushes.
    pub(crate) flushes: usize,
    /// Completed shutdowns.
    pub(crate) shutdowns: usize,
    /// Calls of `poll_read`.
    pub(crate) read_polls: usize,
    /// Calls of `poll_write` and `poll_write_vectored`.
    pub(crate) write_polls: usize,
    /// Submitted seeks, in order.
    pub(crate) seeks: Vec<SeekFrom>,
}

impl Mock {
    pub(crate) fn new() -> Self {
        Mock::default()
    }

    pub(crate) fn data(mut self, data: &[u8]) -> Self {
        self.reads.push_back(Step::Data(data.to_vec()));
        self
    }

    pub(crate) fn read_eof(mut self) -> Self {
        self.reads.push_back(Step::Eof);
        self
    }

    pub(crate) fn read_error(mut self, kind: ErrorKind) -> Self {
        self.reads.push_back(Step::Fail(kind));
        self
    }

    pub(crate) fn read_pending(mut self) -> Self {
        self.reads.push_back(Step::Pending);
        self
    }

    pub(crate) fn read_stall(mut self) -> Self {
        self.reads.push_back(Step::Stall);
        self
    }

    pub(crate) fn accept(mut self, n: usize) -> Self {
        self.writes.push_back(Step::Accept(n));
        self
    }

    pub(crate) fn write_error(mut self, kind: ErrorKind) -> Self {
        self.writes.push_back(Step::Fail(kind));
        self
    }

    pub(crate) fn write_pending(mut self) -> Self {
        self.writes.push_back(Step::Pending);
        self
    }

    pub(crate) fn write_stall(mut self) -> Self {
        self.writes.push_back(Step::Stall);
        self
    }

    pub(crate) fn flush_error(mut self, kind: ErrorKind) -> Self {
        self.flush_script.push_back(Step::Fail(kind));
        self
    }

    pub(crate) fn flush_pending(mut self) -> Self {
        self.flush_script.push_back(Step::Pending);
        self
    }

    pub(crate) fn shutdown_error(mut self, kind: ErrorKind) -> Self {
        self.shutdown_script.push_back(Step::Fail(kind));
        self
    }

    pub(crate) fn shutdown_pending(mut self) -> Self {
        self.shutdown_script.push_back(Step::Pending);
        self
    }

    pub(crate) fn seek_ready(mut self) -> Self {
        self.seek_script.push_back(Step::Done);
        self
    }

    pub(crate) fn seek_error(mut self, kind: ErrorKind) -> Self {
        self.seek_script.push_back(Step::Fail(kind));
        self
    }

    pub(crate) fn seek_pending(mut self) -> Self {
        self.seek_script.push_back(Step::Pending);
        self
    }

    pub(crate) fn vectored(mut self) -> Self {
        self.vectored = true;
        self
    }

    /// How much of the written data one write step takes of `offered` bytes.
    fn write_step(&mut self, cx: &mut Context<'_>, offered: usize) -> Poll<io::Result<usize>> {
        self.write_polls += 1;
        match self.writes.pop_front() {
            None => Poll::Ready(Ok(offered)),
            Some(Step::Accept(n)) => Poll::Ready(Ok(n.min(offered))),
            Some(other) => idle_step(&mut self.writes, other, cx).map_ok(|()| 0),
        }
    }
}

/// A step that moves no bytes.
fn idle_step(
    script: &mut VecDeque<Step>,
    step: Step,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    match step {
        Step::Done => Poll::Ready(Ok(())),
        Step::Fail(kind) => Poll::Ready(Err(kind.into())),
        Step::Pending => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Step::Stall => {
            script.push_front(Step::Stall);
            Poll::Pending
        }
        step => panic!("{step:?} in the wrong script"),
    }
}

fn scripted(script: &mut VecDeque<Step>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    match script.pop_front() {
        None => Poll::Ready(Ok(())),
        Some(step) => idle_step(script, step, cx),
    }
}

impl AsyncRead for Mock {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read_polls += 1;
        match self.reads.pop_front() {
            None | Some(Step::Eof) => Poll::Ready(Ok(())),
            Some(Step::Data(mut data)) => {
                let n = data.len().min(buf.remaining());
                buf.put_slice(&data[..n]);
                data.drain(..n);
                if !data.is_empty() {
                    self.reads.push_front(Step::Data(data));
                }
                Poll::Ready(Ok(()))
            }
            Some(step) => idle_step(&mut self.reads, step, cx),
        }
    }
}

impl AsyncWrite for Mock {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let step = self.write_step(cx, buf.len());
        if let Poll::Ready(Ok(n)) = step {
            self.written.extend_from_slice(&buf[..n]);
        }
        step
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let step = scripted(&mut self.flush_script, cx);
        self.flushes += usize::from(matches!(step, Poll::Ready(Ok(()))));
        step
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let step = scripted(&mut self.shutdown_script, cx);
        self.shutdowns += usize::from(matches!(step, Poll::Ready(Ok(()))));
        step
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.vectored {
            let first = bufs.iter().find(|buf| !buf.is_empty());
            return self.poll_write(cx, first.map_or(&[], |buf| &**buf));
        }
        let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        self.poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }
}

/// Positions are not computed: a completed seek reports how many were submitted, times 100.
impl AsyncSeek for Mock {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.seeks.push(position);
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let position = 100 * self.seeks.len() as u64;
        scripted(&mut self.seek_script, cx).map_ok(|()| position)
    }
}

/// A waker that counts.
#[derive(Debug, Default)]
pub(crate) struct CountingWaker(AtomicUsize);

impl CountingWaker {
    pub(crate) fn new() -> (Arc<CountingWaker>, Waker) {
        let count = Arc::new(CountingWaker::default());
        (count.clone(), Waker::from(count))
    }

    pub(crate) fn wakes(&self) -> usize {
        // ordering: Relaxed, a statistic of one thread.
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        // ordering: Relaxed, as above.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Calls `poll` once with a context that wakes nobody.
pub(crate) fn poll_with<T>(poll: impl FnOnce(&mut Context<'_>) -> T) -> T {
    poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls `future` once with a waker that wakes nobody.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_with(|cx| future.poll(cx))
}

/// Runs `future` to its end. Panics if it waits without having been woken.
#[track_caller]
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let (count, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    loop {
        let before = count.wakes();
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => assert!(count.wakes() > before, "pending, and nobody wakes it"),
        }
    }
}

/// How many operations of `poll` complete in one poll of a task before its budget is spent.
///
/// Up to 1,000: more means that the operation spends nothing.
pub(crate) fn completions_per_budget(mut poll: impl FnMut(&mut Context<'_>) -> Poll<()>) -> usize {
    let (count, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    let _budget = filch_primitives::coop::fresh();
    let done = (0..1_000).take_while(|_| poll(&mut cx).is_ready()).count();
    if done < 1_000 {
        assert!(count.wakes() > 0, "out of budget, and nobody wakes it");
    }
    done
}
