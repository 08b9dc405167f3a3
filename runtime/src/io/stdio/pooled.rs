//! Standard input that the system cannot poll: a file, `/dev/null`. It is read on the blocking pool.
//!
//! Invariants
//! B1  At most one read is under way.
//! B2  What a read brings is kept here until somebody takes it: a caller that goes away loses nothing.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;

use crate::io::ReadBuf;
use crate::task::{JoinHandle, spawn_blocking};

/// How much a read asks for at the most. Eight times the usual buffer: a trip to the pool costs several
/// system calls.
const MOST: usize = 64 * 1024;

pub(super) struct Pooled {
    fd: Arc<OwnedFd>,
    /// What was read and not taken.
    data: Vec<u8>,
    taken: usize,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl Pooled {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Pooled { fd: Arc::new(fd), data: Vec::new(), taken: 0, reading: None }
    }

    #[track_caller]
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.taken == self.data.len() && buf.remaining() > 0 {
            let reading = match &mut self.reading {
                Some(reading) => reading,
                none => none.insert(read(self.fd.clone(), buf.remaining().min(MOST))),
            };
            let read = ready!(Pin::new(reading).poll(cx));
            self.reading = None;
            self.data = read??;
            self.taken = 0;
        }
        let left = &self.data[self.taken..];
        let n = left.len().min(buf.remaining());
        buf.put_slice(&left[..n]);
        self.taken += n;
        Poll::Ready(Ok(()))
    }
}

#[track_caller]
fn read(fd: Arc<OwnedFd>, most: usize) -> JoinHandle<io::Result<Vec<u8>>> {
    spawn_blocking(move || {
        let mut data = vec![0; most];
        loop {
            match rustix::io::read(&*fd, &mut data) {
                Ok(n) => {
                    data.truncate(n);
                    return Ok(data);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    })
}
