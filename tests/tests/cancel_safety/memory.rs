//! In-memory streams for the trials of `io`: what has come out of them, without waiting.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use filch::io::{
    AsyncRead, AsyncReadExt, AsyncSeek, AsyncWrite, AsyncWriteExt, DuplexStream, duplex,
};
use filch_tests::cancel_safety::Env;

/// The outcome of one poll.
pub fn now<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Writes all of `bytes`, for which there must be room.
pub fn put(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    now(stream.write_all(bytes)).expect("room").expect("an open stream");
}

/// All that can be read now.
pub fn take(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut taken = Vec::new();
    while let Some(Ok(1..)) = now(stream.read_buf(&mut taken)) {}
    taken
}

/// A stream with nothing in it yet, and the end that is written to.
pub fn empty() -> (DuplexStream, Option<DuplexStream>) {
    let (reader, writer) = duplex(64);
    (reader, Some(writer))
}

/// Writes to it.
pub fn feed(stream: &mut Option<DuplexStream>, bytes: &[u8]) {
    put(stream.as_mut().expect("an open stream"), bytes);
}

/// The end of a stream that is read from, and what has come.
pub struct Drain {
    reader: DuplexStream,
    received: Vec<u8>,
    /// So many bytes were there before.
    before: usize,
}

/// A stream that is full, and its other end.
pub fn full(capacity: usize) -> (DuplexStream, Drain) {
    let (mut writer, reader) = duplex(capacity);
    put(&mut writer, &vec![b'-'; capacity]);
    (writer, Drain { reader, received: Vec::new(), before: capacity })
}

impl Drain {
    /// Makes room for one byte.
    pub fn receive_one(&mut self, _: &Env) {
        if let Some(Ok(byte)) = now(self.reader.read_u8()) {
            self.received.push(byte);
        }
    }

    /// Makes as much room as there is.
    pub fn receive(&mut self, _: &Env) {
        self.received.append(&mut take(&mut self.reader));
    }

    /// What was written into the full stream in the end.
    pub fn written(mut self) -> Vec<u8> {
        self.received.append(&mut take(&mut self.reader));
        self.received.split_off(self.before)
    }

    /// The reading end itself.
    pub fn reader(&mut self) -> &mut DuplexStream {
        &mut self.reader
    }
}

/// Something that takes its time to seek, until it is told to get on.
#[derive(Default)]
pub struct SlowSeek {
    pub position: u64,
    target: Option<u64>,
    gate: std::rc::Rc<Gate>,
}

/// What lets the seek get on.
#[derive(Default)]
pub struct Gate {
    is_open: std::cell::Cell<bool>,
    waker: std::cell::Cell<Option<Waker>>,
}

impl Gate {
    pub fn open(&self) {
        self.is_open.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// At position 5.
pub fn slow_seek() -> (SlowSeek, std::rc::Rc<Gate>) {
    let seek = SlowSeek { position: 5, ..SlowSeek::default() };
    let gate = seek.gate.clone();
    (seek, gate)
}

impl AsyncSeek for SlowSeek {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.target = Some(match position {
            SeekFrom::Start(position) => position,
            SeekFrom::Current(distance) => self.position.wrapping_add_signed(distance),
            SeekFrom::End(_) => return Err(io::ErrorKind::Unsupported.into()),
        });
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if self.target.is_some() && !self.gate.is_open.get() {
            self.gate.waker.set(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        self.position = self.target.take().unwrap_or(self.position);
        Poll::Ready(Ok(self.position))
    }
}
