//! Reading a file: from memory if it can be, else through the pool.

use std::io::{self, ErrorKind, Read as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use filch_primitives::coop;

use super::state::{Inner, State};
use super::{File, Shared};
use crate::fs::quick::{self, Read};
use crate::io::{AsyncRead, ReadBuf};
use crate::task::spawn_blocking;

impl AsyncRead for File {
    /// F2. A read that is under way when its future is dropped is the next one's, whatever its buffer.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        dst: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let File { shared, inner, max_buf_size, .. } = self.get_mut();
        let inner = inner.get_mut();
        if dst.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            match inner.state {
                State::Idle => {}
                State::Reading(_) => {
                    ready!(inner.poll_idle(cx))?;
                    if inner.ahead() == 0 {
                        return Poll::Ready(Ok(())); // The end of the file.
                    }
                }
                // The error of a seek was its caller's, who went away; that of a write is kept.
                State::Moving(_) | State::Writing(_) => {
                    let _ = ready!(inner.poll_idle(cx));
                }
            }
            if inner.ahead() > 0 {
                inner.hand_out(dst);
                return Poll::Ready(Ok(()));
            }
            let size = dst.remaining().min(*max_buf_size);
            if size <= quick::MAX_BYTES && shared.is_quick() {
                let progress = ready!(coop::poll_proceed(cx));
                if read_cached(shared, dst, size) {
                    progress.made_progress();
                    return Poll::Ready(Ok(()));
                }
            }
            inner.begin_read(shared, size);
        }
    }
}

/// Reads what is in memory into `dst`. False: the pool has to.
fn read_cached(shared: &Shared, dst: &mut ReadBuf<'_>, size: usize) -> bool {
    // SAFETY: only the system writes to it, and what it writes is initialised.
    let into = unsafe { &mut dst.unfilled_mut()[..size] };
    match quick::read_file(&shared.std, into) {
        Read::Done(n) => {
            // SAFETY: the system has written so many bytes from the start of the unfilled part.
            unsafe { dst.assume_init(n) };
            dst.advance(n);
            true
        }
        Read::NotCached => false,
        Read::Never => {
            shared.set_slow();
            false
        }
    }
}

impl Inner {
    /// Copies what was read to the caller.
    fn hand_out(&mut self, dst: &mut ReadBuf<'_>) {
        let n = self.ahead().min(dst.remaining());
        dst.put_slice(&self.unread[self.taken..][..n]);
        self.taken += n;
        if self.ahead() == 0 {
            self.forget_unread();
        }
    }

    /// Begins a trip that reads up to `size` bytes.
    fn begin_read(&mut self, shared: &Arc<Shared>, size: usize) {
        let mut buf = std::mem::take(&mut self.unread);
        let shared = shared.clone();
        self.state = State::Reading(spawn_blocking(move || {
            shared.learn();
            let result = read_into(&shared.std, &mut buf, size);
            (result, buf)
        }));
    }
}

/// One read into an empty buffer.
fn read_into(mut std: &std::fs::File, buf: &mut Vec<u8>, size: usize) -> io::Result<usize> {
    buf.clear();
    // As much as is asked for, and no error where there is not so much memory.
    buf.try_reserve_exact(size).map_err(|_| ErrorKind::OutOfMemory)?;
    buf.resize(size, 0);
    let result = loop {
        match std.read(buf) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    buf.truncate(*result.as_ref().unwrap_or(&0));
    result
}
