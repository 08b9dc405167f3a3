//! Standard input that the system can poll: a pipe, a socket, a terminal.
//!
//! The descriptor stays blocking (see `stdio`), so that readiness alone is not enough to read from it:
//! another process may have the same pipe, and be faster. Each read is therefore one that does not wait,
//! whatever the descriptor's flags are; the first of these that works is used from then on:
//!
//! | way | for |
//! | --- | --- |
//! | `recv` with `MSG_DONTWAIT` | sockets |
//! | `preadv2` with `RWF_NOWAIT`, at the current position | pipes (Linux 6.4 and newer) |
//! | `poll` with no time-out, then `read` | terminals, older systems |
//!
//! The last one leaves a moment in which another process that reads the same terminal or pipe can take
//! what `poll` has seen. Then the read waits for the next input, and its worker with it.
//!
//! Opening the file again through `/proc/self/fd/0`, non-blocking, would avoid that. But a named pipe
//! that is opened again after its last writer has gone never reports its end, a terminal that belongs to
//! another user (`su`) cannot be opened, and a container need not have `/proc`.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll};

use filch_io_driver::{Direction, Driver};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::io::unix::{AsyncFd, AsyncFdRegisterError};
use crate::io::{Interest, ReadBuf};

/// How to read without waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Receive,
    NoWait,
    AskFirst,
}

/// The descriptor, a duplicate of our own, and how to read from it.
pub(super) struct Polled {
    source: AsyncFd<OwnedFd>,
    way: Way,
}

impl Polled {
    /// Gives the descriptor back if the system cannot poll it.
    pub(super) fn new(
        driver: &Arc<Driver>,
        fd: OwnedFd,
    ) -> Result<Self, AsyncFdRegisterError<OwnedFd>> {
        let source = AsyncFd::with_driver(driver, fd, Interest::READABLE)?;
        Ok(Polled { source, way: Way::Receive })
    }

    pub(super) fn driver(&self) -> &Arc<Driver> {
        self.source.registration().driver()
    }

    /// A short read says nothing: a terminal gives a line at a time. So readiness is cleared only when
    /// there is nothing.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Polled { source, way } = self;
        source.registration().poll_io(cx, Direction::Read, || {
            let n = read_now(source.get_ref().as_fd(), way, buf.initialize_unfilled())?;
            buf.advance(n);
            Ok(())
        })
    }
}

/// Reads what is there, or says that it would block.
fn read_now(fd: BorrowedFd<'_>, way: &mut Way, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        let read = match way {
            Way::Receive => recv(fd, &mut *buf, RecvFlags::DONTWAIT).map(|(n, _)| n),
            Way::NoWait => read_no_wait(fd, buf),
            Way::AskFirst => ask_and_read(fd, buf),
        };
        match read {
            Ok(n) => return Ok(n),
            Err(Errno::INTR) => {}
            Err(Errno::NOTSOCK) if *way == Way::Receive => *way = Way::NoWait,
            // What a kernel says that does not know the call, or the flag for such a file.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) if *way == Way::NoWait => {
                *way = Way::AskFirst;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(target_os = "linux")]
fn read_no_wait(fd: BorrowedFd<'_>, buf: &mut [u8]) -> Result<usize, Errno> {
    /// -1: the file's own position, which a pipe has not.
    const CURRENT: u64 = u64::MAX;
    rustix::io::preadv2(
        fd,
        &mut [IoSliceMut::new(buf)],
        CURRENT,
        rustix::io::ReadWriteFlags::NOWAIT,
    )
}

#[cfg(not(target_os = "linux"))]
fn read_no_wait(_fd: BorrowedFd<'_>, _buf: &mut [u8]) -> Result<usize, Errno> {
    Err(Errno::NOSYS)
}

fn ask_and_read(fd: BorrowedFd<'_>, buf: &mut [u8]) -> Result<usize, Errno> {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&now))? == 0 {
        return Err(Errno::AGAIN);
    }
    rustix::io::read(fd, buf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Write};
    use std::os::unix::net::UnixStream;

    /// Reads by the way `start`, with nothing there, with something, and at the end.
    fn reads(start: Way, reader: impl AsFd, mut writer: impl Write) -> Way {
        let mut way = start;
        let mut buf = [0; 8];
        let error = read_now(reader.as_fd(), &mut way, &mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        writer.write_all(b"abc").unwrap();
        assert_eq!(read_now(reader.as_fd(), &mut way, &mut buf[..2]).unwrap(), 2);
        assert_eq!(read_now(reader.as_fd(), &mut way, &mut buf[2..]).unwrap(), 1);
        assert_eq!(&buf[..3], b"abc");
        drop(writer);
        assert_eq!(read_now(reader.as_fd(), &mut way, &mut buf).unwrap(), 0);
        way
    }

    #[test]
    fn blocking_sockets_are_read_without_waiting() {
        let (reader, writer) = UnixStream::pair().unwrap();
        assert_eq!(reads(Way::Receive, reader, writer), Way::Receive);
    }

    #[test]
    fn blocking_pipes_are_read_without_waiting() {
        for way in [Way::Receive, Way::AskFirst] {
            let (reader, writer) = rustix::pipe::pipe().unwrap();
            let ended = reads(way, reader, std::fs::File::from(writer));
            assert!(ended == Way::AskFirst || ended == Way::NoWait && way == Way::Receive);
        }
    }
}
