//! What a file is doing: nothing, or a trip to the pool that moves its position.
//!
//! Callers: `read`, `write`, `seek`, and `File`'s own methods. Data: one `Inner` for each file, under its lock.
//!
//! ```text
//!        begin a read            the trip is over: unread, perhaps
//! Idle -------------> Reading  -----------------------------------> Idle
//! Idle -------------> Moving   -----------------------------------> Idle   seek, set_len
//! Idle -------------> Writing  -----------------------------------> Idle   perhaps an error, kept
//!                      |    ^
//!                      +----+ more was accepted: the trip takes it along, or another one begins
//! ```

use std::future::{Future, poll_fn};
use std::io::{self, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Shared;
use super::write::WriteBehind;
use crate::task::{JoinHandle, spawn_blocking};

/// A read of the pool: what it came to, and the buffer that it was given.
pub(super) type ReadTrip = JoinHandle<(io::Result<usize>, Vec<u8>)>;

/// The trip that is under way (L1).
#[derive(Default)]
pub(super) enum State {
    #[default]
    Idle,
    Reading(ReadTrip),
    /// A seek, or a change of length. Where the position is afterwards, if it was moved.
    Moving(JoinHandle<io::Result<Option<u64>>>),
    Writing(JoinHandle<()>),
}

/// Everything that operations share.
#[derive(Default)]
pub(super) struct Inner {
    pub(super) state: State,
    /// Read and not yet handed out: from `taken` on (L2). Empty while anything else is under way.
    pub(super) unread: Vec<u8>,
    pub(super) taken: usize,
    /// What was accepted for writing and has not begun, and the error of what has.
    pub(super) behind: Arc<WriteBehind>,
    /// Where the last seek went.
    pub(super) position: u64,
}

impl Inner {
    /// How many bytes the system's position is ahead of the caller's (L2).
    pub(super) fn ahead(&self) -> usize {
        self.unread.len() - self.taken
    }

    pub(super) fn forget_unread(&mut self) {
        self.unread.clear();
        self.taken = 0;
    }

    /// Waits until no trip is under way. What it came to is kept: bytes for the next read, an error
    /// for the next write.
    ///
    /// # Errors
    /// Those of a read or a seek.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = match &mut self.state {
            State::Idle => return Poll::Ready(Ok(())),
            State::Reading(trip) => match ready!(Pin::new(trip).poll(cx)) {
                Ok((result, buf)) => {
                    self.unread = buf;
                    self.taken = 0;
                    result.map(drop)
                }
                Err(error) => Err(error.into()),
            },
            State::Moving(trip) => match ready!(Pin::new(trip).poll(cx)) {
                Ok(moved) => moved.map(|position| {
                    self.position = position.unwrap_or(self.position);
                }),
                Err(error) => Err(error.into()),
            },
            State::Writing(trip) => {
                if let Err(error) = ready!(Pin::new(trip).poll(cx)) {
                    // It never ran: the runtime is shut down.
                    self.behind.fail(error.into());
                }
                Ok(())
            }
        };
        self.state = State::Idle;
        Poll::Ready(result)
    }

    /// Waits until everything accepted is written; the error of a write is taken.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.state, State::Writing(_)) {
            // Its error is kept where the next line finds it.
            let _ = ready!(self.poll_idle(cx));
        }
        Poll::Ready(self.behind.take_error().map_or(Ok(()), Err))
    }

    /// Waits until no trip is under way, and moves the position back to the caller's. Errors are dropped, but
    /// for those of writes, which are kept.
    pub(super) async fn settle(&mut self, shared: &Arc<Shared>) {
        let _ = poll_fn(|cx| self.poll_idle(cx)).await;
        if self.ahead() > 0 {
            let back = -(self.ahead() as i64);
            self.forget_unread();
            self.begin_move(shared, move |mut std| std.seek(SeekFrom::Current(back)).map(Some));
            let _ = poll_fn(|cx| self.poll_idle(cx)).await;
        }
    }

    /// As [`settle`](Self::settle), at once: false if a trip is under way. Does not wait for a disk: the file
    /// is nobody else's, and moving back is a sum.
    pub(super) fn try_settle(&mut self, shared: &Shared) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        if self.poll_idle(&mut cx).is_pending() {
            return false;
        }
        if self.ahead() > 0 {
            let _ = (&shared.std).seek(SeekFrom::Current(-(self.ahead() as i64)));
            self.forget_unread();
        }
        true
    }

    /// Changes the file's length, after what is under way. The trip belongs to the file, so that what comes
    /// after a dropped call waits for it.
    pub(super) async fn set_len(&mut self, shared: &Arc<Shared>, size: u64) -> io::Result<()> {
        let _ = poll_fn(|cx| self.poll_idle(cx)).await;
        let back = -(self.ahead() as i64);
        self.forget_unread();
        self.begin_move(shared, move |mut std| {
            let position = if back == 0 { None } else { Some(std.seek(SeekFrom::Current(back))?) };
            std.set_len(size).map(|()| position)
        });
        poll_fn(|cx| self.poll_idle(cx)).await
    }

    /// Begins a trip that may move the position. No other one is under way.
    pub(super) fn begin_move(
        &mut self,
        shared: &Arc<Shared>,
        f: impl FnOnce(&std::fs::File) -> io::Result<Option<u64>> + Send + 'static,
    ) {
        debug_assert!(matches!(self.state, State::Idle) && self.ahead() == 0);
        let shared = shared.clone();
        self.state = State::Moving(spawn_blocking(move || {
            shared.learn();
            f(&shared.std)
        }));
    }
}
