//! Connecting a stream, which on Linux may have to wait for room in the listener's queue.
//!
//! A Unix socket connects at once or not at all. Where the listener's queue is full Linux says that it
//! would block, but has no event that tells when it would not: a socket that is not connected counts as
//! writable. So a thread of the blocking pool waits, in slices, so that an attempt that was given up holds
//! it no longer than one of them.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{SockAddr, Socket};

use super::UnixStream;
use crate::net::source::Source;
use crate::task::spawn_blocking;

/// How long the thread waits before it looks whether anybody still does.
const SLICE: Duration = Duration::from_millis(50);

/// Connects a non-blocking socket.
pub(super) async fn connect(mut socket: Socket, addr: SockAddr) -> io::Result<UnixStream> {
    let mut result = socket.connect(&addr);
    while let Err(error) = result {
        match Errno::from_io_error(&error) {
            // Not on Linux.
            Some(Errno::INPROGRESS) => return finish(socket).await,
            Some(Errno::WOULDBLOCK) => {}
            _ => return Err(error),
        }
        let addr = addr.clone();
        (socket, result) = spawn_blocking(move || connect_in_a_slice(socket, &addr)).await??;
    }
    Ok(UnixStream::from_source(Source::new(socket.into())?))
}

/// Tries for [`SLICE`]; the result is then that it would block. The outer error is one of an option.
fn connect_in_a_slice(socket: Socket, addr: &SockAddr) -> io::Result<(Socket, io::Result<()>)> {
    socket.set_nonblocking(false)?;
    // It is the time limit of connecting, too.
    socket.set_write_timeout(Some(SLICE))?;
    let result = loop {
        match socket.connect(addr) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    socket.set_write_timeout(None)?;
    socket.set_nonblocking(true)?;
    Ok((socket, result))
}

/// Waits for the end of a connecting that has begun.
async fn finish(socket: Socket) -> io::Result<UnixStream> {
    let stream = UnixStream::from_source(Source::new(socket.into())?);
    // Writable means decided, for better or worse.
    stream.writable().await?;
    match stream.take_error()? {
        Some(error) => Err(error),
        None => Ok(stream),
    }
}
