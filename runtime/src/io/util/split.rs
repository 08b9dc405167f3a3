//! `split`: one stream as two owned halves.
//!
//! Both halves share the stream behind a lock, which is held for one poll at a time. The sockets of
//! `net` have `split` and `into_split` of their own, which need no lock.
//!
//! Invariants
//! H1  The stream does not move between `split` and `unsplit`: it is inside the shared allocation, and
//!     leaves it through `unsplit` only, which demands `Unpin`.
//! H2  There is one `ReadHalf` and at most one `WriteHalf` to a stream.

use std::fmt;
use std::io::{self, IoSlice};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};

use filch_primitives::Arc;
use filch_primitives::lock::Mutex;

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The half of a stream that reads. Made by [`split`].
pub struct ReadHalf<T> {
    shared: Arc<Shared<T>>,
}

/// The half of a stream that writes. Made by [`split`].
///
/// Dropping it does not shut the stream down: [`shutdown`](crate::io::AsyncWriteExt::shutdown) does.
pub struct WriteHalf<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    stream: Mutex<T>,
    /// Asked once, so that the question needs no lock.
    is_write_vectored: bool,
}

// A panic under the lock leaves it unlocked and the stream as its own poll left it: a half adds nothing
// that could be half done.
impl<T> UnwindSafe for ReadHalf<T> {}
impl<T> RefUnwindSafe for ReadHalf<T> {}
impl<T> UnwindSafe for WriteHalf<T> {}
impl<T> RefUnwindSafe for WriteHalf<T> {}

impl<T> Shared<T> {
    /// Runs `poll` on the stream, under the lock.
    fn with<O>(&self, poll: impl FnOnce(Pin<&mut T>) -> O) -> O {
        let mut guard = self.stream.lock();
        // SAFETY: pinned, since nothing moves the stream out of the allocation (H1).
        poll(unsafe { Pin::new_unchecked(&mut *guard) })
    }
}

/// Splits a stream into two halves that two tasks can own.
///
/// One allocation, and an uncontended lock for each poll. [`ReadHalf::unsplit`] puts the halves together
/// again.
///
/// # Examples
///
/// ```
/// use filch::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (client, mut server) = duplex(64);
/// let (mut reader, mut writer) = split(client);
/// writer.write_all(b"ping").await?;
/// server.write_all(b"pong").await?;
/// let mut buf = [0; 4];
/// reader.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"pong");
/// # Ok(())
/// # }
/// ```
pub fn split<T>(stream: T) -> (ReadHalf<T>, WriteHalf<T>)
where
    T: AsyncRead + AsyncWrite,
{
    let is_write_vectored = stream.is_write_vectored();
    let shared = Arc::new(Shared { stream: Mutex::new(stream), is_write_vectored });
    (ReadHalf { shared: shared.clone() }, WriteHalf { shared })
}

impl<T> ReadHalf<T> {
    /// Whether the two are halves of the same stream.
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        other.is_pair_of(self)
    }

    /// Puts the two halves together again.
    ///
    /// # Panics
    ///
    /// If they are not halves of the same stream; [`is_pair_of`](ReadHalf::is_pair_of) tells.
    #[track_caller]
    pub fn unsplit(self, wr: WriteHalf<T>) -> T
    where
        T: Unpin,
    {
        assert!(self.is_pair_of(&wr), "unsplit of halves of two different streams");
        drop(wr);
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => shared.stream.into_inner(),
            Err(_) => unreachable!("H2: a third half"),
        }
    }
}

impl<T> WriteHalf<T> {
    /// Whether the two are halves of the same stream.
    pub fn is_pair_of(&self, other: &ReadHalf<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_read(cx, buf))
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.shared.with(|stream| stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.shared.with(|stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.shared.is_write_vectored
    }
}

impl<T: fmt::Debug> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, run};
    use crate::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use std::io::ErrorKind;

    #[test]
    fn each_half_reaches_its_side_and_errors_pass() {
        let mock = Mock::new().vectored().data(b"ab").read_error(ErrorKind::ConnectionReset);
        let (mut reader, mut writer) =
            split(mock.write_pending().flush_error(ErrorKind::BrokenPipe));
        assert_eq!(run(reader.read(&mut [0; 4])).unwrap(), 2);
        assert_eq!(run(reader.read_u8()).unwrap_err().kind(), ErrorKind::ConnectionReset);
        run(writer.write_all(b"x")).unwrap();
        assert!(writer.is_write_vectored());
        run(writer.write_vectored(&[IoSlice::new(b"y"), IoSlice::new(b"z")])).unwrap();
        assert_eq!(run(writer.flush()).unwrap_err().kind(), ErrorKind::BrokenPipe);
        run(writer.shutdown()).unwrap();
        assert_eq!(format!("{reader:?} {writer:?}"), "ReadHalf { .. } WriteHalf { .. }");
        let mock = reader.unsplit(writer);
        assert_eq!((mock.written.as_slice(), mock.shutdowns), (&b"xyz"[..], 1));
    }

    #[test]
    fn only_the_own_half_is_a_pair() {
        let ((r1, w1), (r2, w2)) = (split(Mock::new()), split(Mock::new()));
        assert!(r1.is_pair_of(&w1) && w2.is_pair_of(&r2));
        assert!(!r1.is_pair_of(&w2) && !w1.is_pair_of(&r2));
    }

    #[test]
    #[should_panic(expected = "two different streams")]
    fn unsplit_of_strangers_panics() {
        let ((r1, _w1), (_r2, w2)) = (split(Mock::new()), split(Mock::new()));
        r1.unsplit(w2);
    }

    #[test]
    fn the_stream_goes_with_the_last_half() {
        let (stream, mut peer) = duplex(8);
        let (reader, writer) = split(stream);
        drop(reader);
        run(peer.write_all(b"a")).unwrap();
        drop(writer);
        assert_eq!(run(peer.write(b"b")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn two_threads_use_the_halves_at_once() {
        let (stream, peer) = duplex(8);
        let (mut reader, mut writer) = split(stream);
        let (mut peer_reader, mut peer_writer) = split(peer);
        // Never waits for the other thread inside `run`: it polls again while the pipe is full.
        fn spin<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
            loop {
                if let Poll::Ready(output) = crate::io::mock::poll_with(&mut poll) {
                    return output;
                }
                std::thread::yield_now();
            }
        }
        let echo = std::thread::spawn(move || {
            let mut copy = std::pin::pin!(crate::io::copy(&mut peer_reader, &mut peer_writer));
            spin(|cx| copy.as_mut().poll(cx)).unwrap()
        });
        let sender = std::thread::spawn(move || {
            let data = [7; 1000];
            let mut sent = std::pin::pin!(async move {
                writer.write_all(&data).await?;
                writer.shutdown().await
            });
            spin(|cx| sent.as_mut().poll(cx)).unwrap();
        });
        let mut bytes = vec![0; 1000];
        let mut received = std::pin::pin!(reader.read_exact(&mut bytes));
        spin(|cx| received.as_mut().poll(cx)).unwrap();
        sender.join().unwrap();
        assert_eq!(echo.join().unwrap(), 1000);
        assert_eq!(bytes, [7; 1000]);
    }
}
