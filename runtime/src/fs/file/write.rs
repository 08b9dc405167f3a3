//! Writing a file: behind the caller's back, in order, and in few trips.
//!
//! Callers: `poll_write` accepts; the trip that it begins writes until nothing is left. Data: a buffer that is
//! filled while another is written, under one lock that is held for a copy at most.
//!
//! Invariants
//! W1  While `working`, a trip is queued or runs, and takes everything that is in `bytes` before it ends.
//! W2  After an error nothing is accepted until it has been reported, and nothing is in `bytes`.

use std::future::Future;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use filch_primitives::coop;
use filch_primitives::lock::Mutex;

use super::state::{Inner, State};
use super::{File, Shared};
use crate::context;
use crate::io::AsyncWrite;

/// What was accepted, and what became of it.
#[derive(Default)]
pub(super) struct WriteBehind(Mutex<Books>);

#[derive(Default)]
struct Books {
    /// Accepted, and not begun.
    bytes: Vec<u8>,
    /// An empty buffer, whose memory is used again.
    spare: Vec<u8>,
    /// W1.
    working: bool,
    /// W2.
    error: Option<io::Error>,
}

/// What `accept` did.
enum Accepted {
    /// So many bytes were taken, and the trip that is under way will write them.
    Taken(usize),
    /// So many were taken, and a trip has to be begun.
    Begin(usize),
    /// There is no room until the trip is over.
    Full,
    /// None was taken: an earlier write failed. This is the report (W2).
    Failed(io::Error),
}

impl WriteBehind {
    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.0.lock().error.take()
    }

    /// The trip is gone and has not written: the error is the next call's.
    pub(super) fn fail(&self, error: io::Error) {
        self.refuse();
        self.0.lock().error.get_or_insert(error);
    }

    /// The trip was not even begun: what was accepted was not.
    fn refuse(&self) {
        let mut books = self.0.lock();
        books.working = false;
        books.bytes = Vec::new();
    }

    /// Takes up to `max` bytes, counting those that wait.
    fn accept(&self, bufs: &[IoSlice<'_>], max: usize) -> Accepted {
        let mut books = self.0.lock();
        if let Some(error) = books.error.take() {
            return Accepted::Failed(error);
        }
        let mut room = max.saturating_sub(books.bytes.len());
        if room == 0 {
            return Accepted::Full;
        }
        let before = books.bytes.len();
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Accepted::Taken(0);
        }
        for buf in bufs {
            let n = buf.len().min(room);
            books.bytes.extend_from_slice(&buf[..n]);
            room -= n;
        }
        let taken = books.bytes.len() - before;
        if std::mem::replace(&mut books.working, true) {
            Accepted::Taken(taken)
        } else {
            Accepted::Begin(taken)
        }
    }

    /// The trip: writes until nothing is left (W1). Runs on the pool.
    fn write_all(&self, shared: &Shared, ahead: i64) {
        let mut result = Ok(());
        if ahead > 0 {
            result = (&shared.std).seek(SeekFrom::Current(-ahead)).map(drop);
        }
        let mut done = Vec::new();
        loop {
            let mut books = self.0.lock();
            done.clear();
            if done.capacity() > books.spare.capacity() {
                books.spare = done;
            }
            if let Err(error) = result {
                // W2. `working` ends under the lock under which `accept` looks.
                books.bytes.clear();
                books.error = Some(error);
                books.working = false;
                return;
            }
            if books.bytes.is_empty() {
                books.working = false;
                return;
            }
            let spare = std::mem::take(&mut books.spare);
            let bytes = std::mem::replace(&mut books.bytes, spare);
            drop(books);
            result = (&shared.std).write_all(&bytes);
            done = bytes;
        }
    }
}

impl AsyncWrite for File {
    /// F3. Accepts the bytes, and has a trip write them.
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        src: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(src)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let File { shared, inner, max_buf_size, .. } = self.get_mut();
        inner.get_mut().poll_accept(cx, shared, bufs, *max_buf_size)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// F4. Waits until everything accepted is with the system.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().inner.get_mut().poll_written(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl Inner {
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Arc<Shared>,
        bufs: &[IoSlice<'_>],
        max: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.state {
                State::Idle | State::Writing(_) => {}
                // Bytes that a dropped read got stay unread: the position goes back.
                State::Reading(_) | State::Moving(_) => {
                    let _ = ready!(self.poll_idle(cx));
                }
            }
            let progress = ready!(coop::poll_proceed(cx));
            match self.behind.accept(bufs, max) {
                Accepted::Taken(n) => {
                    progress.made_progress();
                    return Poll::Ready(Ok(n));
                }
                Accepted::Begin(n) => {
                    progress.made_progress();
                    return Poll::Ready(self.begin_write(shared, cx).map(|()| n));
                }
                Accepted::Failed(error) => return Poll::Ready(Err(error)),
                Accepted::Full => {
                    // Spends its own unit.
                    drop(progress);
                    let _ = ready!(self.poll_idle(cx));
                }
            }
        }
    }

    /// Begins a trip that writes what was accepted. An earlier one has written all it had, if it has not
    /// ended yet. A shutdown of the runtime runs it.
    ///
    /// # Errors
    /// If the runtime is gone.
    fn begin_write(&mut self, shared: &Arc<Shared>, cx: &mut Context<'_>) -> io::Result<()> {
        let (shared, behind, ahead) = (shared.clone(), self.behind.clone(), self.ahead());
        self.forget_unread();
        let mut trip = context::current().spawn_mandatory(move || {
            shared.learn();
            behind.write_all(&shared, ahead as i64);
        });
        // Ended at once: it was refused, or the disk was quick. What became of that is for the next call.
        if trip.is_finished() {
            if let Poll::Ready(Err(error)) = Pin::new(&mut trip).poll(cx) {
                self.behind.refuse();
                return Err(error.into());
            }
            return Ok(());
        }
        self.state = State::Writing(trip);
        Ok(())
    }
}
