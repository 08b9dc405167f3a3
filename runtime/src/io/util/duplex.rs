//! `duplex`: a connection in memory, made of two pipes.
//!
//! Each pipe is behind a lock of its own, held for one step. Wakers run and are dropped after it has
//! been released (`pipe.rs`, P3): they may come back to the same stream.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use filch_primitives::Arc;
use filch_primitives::lock::Mutex;

use super::pipe::{SimplexStream, poll_step};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One end of a connection in memory. Made by [`duplex`].
///
/// When one end is dropped or shut down, the other end reads what is left, then comes the end. When one
/// end is dropped, writing to the other end fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe), also
/// a write that is already waiting.
#[derive(Debug)]
pub struct DuplexStream {
    read: Arc<Mutex<SimplexStream>>,
    write: Arc<Mutex<SimplexStream>>,
}

/// Two ends of a connection in memory: what is written to one can be read from the other.
///
/// In each direction at most `max_buf_size` bytes are under way; writing waits while that many are.
/// Memory is allocated as it is used.
///
/// # Panics
///
/// If `max_buf_size` is zero.
///
/// # Examples
///
/// ```
/// use filch::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut client, mut server) = duplex(64);
/// client.write_all(b"ping").await?;
/// drop(client);
/// let mut text = String::new();
/// server.read_to_string(&mut text).await?;
/// assert_eq!(text, "ping");
/// assert!(server.write_all(b"pong").await.is_err());
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    let one = Arc::new(Mutex::new(SimplexStream::new_unsplit(max_buf_size)));
    let two = Arc::new(Mutex::new(SimplexStream::new_unsplit(max_buf_size)));
    (DuplexStream { read: one.clone(), write: two.clone() }, DuplexStream { read: two, write: one })
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_step(cx, |cx, wakers| self.read.lock().poll_read_step(cx, buf, wakers))
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_step(cx, |cx, wakers| self.write.lock().poll_write_step(cx, bufs, wakers))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let reader = self.write.lock().close_write();
        if let Some(reader) = reader {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        // Both pipes are closed before anybody is woken.
        let reader = self.write.lock().close_write();
        let writer = self.read.lock().close_read();
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{CountingWaker, completions_per_budget, poll_once, run};
    use crate::io::{AsyncReadExt, AsyncWriteExt};
    use std::io::ErrorKind;
    use std::pin::pin;
    use std::task::{Wake, Waker};

    #[test]
    fn bytes_go_both_ways_and_each_way_has_its_own_room() {
        let (mut a, mut b) = duplex(4);
        run(a.write_all(b"ping")).unwrap();
        run(b.write_all(b"pong")).unwrap();
        assert!(poll_once(pin!(a.write(b"!"))).is_pending());
        assert!(poll_once(pin!(b.write(b"!"))).is_pending());
        let mut buf = [0; 8];
        assert_eq!(run(a.read(&mut buf)).unwrap(), 4);
        assert_eq!(&buf[..4], b"pong");
        assert!(a.is_write_vectored());
        assert_eq!(run(b.write_vectored(&[IoSlice::new(b"a"), IoSlice::new(b"b")])).unwrap(), 2);
        assert_eq!(run(b.read(&mut buf)).unwrap(), 4);
        run(a.flush()).unwrap();
    }

    #[test]
    fn shutdown_ends_one_direction_only() {
        let (mut a, mut b) = duplex(4);
        run(a.write_all(b"ab")).unwrap();
        run(a.shutdown()).unwrap();
        assert_eq!(run(a.write(b"c")).unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut text = String::new();
        run(b.read_to_string(&mut text)).unwrap();
        run(b.write_all(b"cd")).unwrap();
        assert_eq!(run(a.read(&mut [0; 4])).unwrap(), 2);
        assert_eq!(text, "ab");
    }

    #[test]
    fn a_drop_wakes_reader_and_writer_of_the_other_end() {
        let (a, mut b) = duplex(1);
        run(b.write_u8(1)).unwrap();
        let (count, waker) = CountingWaker::new();
        let mut cx = Context::from_waker(&waker);
        let mut pin = Pin::new(&mut b);
        let mut buf = [0; 1];
        assert!(pin.as_mut().poll_read(&mut cx, &mut ReadBuf::new(&mut buf)).is_pending());
        assert!(pin.as_mut().poll_write(&mut cx, b"x").is_pending());
        drop(a);
        assert_eq!(count.wakes(), 2);
        assert_eq!(run(b.read(&mut buf)).unwrap(), 0);
        assert_eq!(run(b.write(b"x")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_drop_leaves_what_was_written_to_be_read() {
        let (mut a, mut b) = duplex(4);
        run(a.write_all(b"ab")).unwrap();
        drop(a);
        let mut text = String::new();
        assert_eq!(run(b.read_to_string(&mut text)).unwrap(), 2);
        assert_eq!(text, "ab");
    }

    #[test]
    fn reads_and_writes_of_nothing_complete_at_once() {
        let (mut a, mut b) = duplex(1);
        assert_eq!(run(a.read(&mut [])).unwrap(), 0);
        run(a.write_u8(1)).unwrap();
        assert_eq!(run(a.write(b"")).unwrap(), 0);
        assert_eq!(run(b.read(&mut [])).unwrap(), 0);
    }

    #[test]
    fn reads_and_writes_spend_budget() {
        let (mut a, mut b) = duplex(1_000);
        let budget = usize::from(filch_primitives::coop::BUDGET);
        let write = |cx: &mut Context<'_>| Pin::new(&mut a).poll_write(cx, b"a").map(drop);
        assert_eq!(completions_per_budget(write), budget);
        let read = |cx: &mut Context<'_>| {
            Pin::new(&mut b).poll_read(cx, &mut ReadBuf::new(&mut [0])).map(drop)
        };
        assert_eq!(completions_per_budget(read), budget);
    }

    /// A waker that looks whether a pipe is locked, whenever it is woken or dropped.
    struct Intruder {
        pipe: Arc<Mutex<SimplexStream>>,
        unlocked: std::sync::atomic::AtomicUsize,
    }

    /// Owns the only reference to the intruder that is not a waker.
    struct Handle(std::sync::Arc<Intruder>);

    impl Intruder {
        fn look(&self) {
            assert!(self.pipe.try_lock().is_some(), "a waker under the lock");
            self.unlocked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    struct IntruderWaker(std::sync::Arc<Intruder>);

    impl Wake for IntruderWaker {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.look();
        }
    }

    impl Drop for IntruderWaker {
        fn drop(&mut self) {
            self.0.look();
        }
    }

    impl Handle {
        fn new(pipe: &Arc<Mutex<SimplexStream>>) -> Self {
            let intruder = Intruder { pipe: pipe.clone(), unlocked: Default::default() };
            Handle(std::sync::Arc::new(intruder))
        }

        fn waker(&self) -> Waker {
            Waker::from(std::sync::Arc::new(IntruderWaker(self.0.clone())))
        }

        fn looks(&self) -> usize {
            self.0.unlocked.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    #[test]
    fn wakers_run_and_drop_without_the_lock() {
        let (mut a, mut b) = duplex(1);
        let mut buf = [0; 1];
        let intruder = Handle::new(&a.read);
        let poll = |a: &mut DuplexStream, waker: &Waker, buf: &mut [u8; 1]| {
            let mut cx = Context::from_waker(waker);
            Pin::new(a).poll_read(&mut cx, &mut ReadBuf::new(buf)).is_pending()
        };
        // Replaced by another waker: dropped.
        assert!(poll(&mut a, &intruder.waker(), &mut buf));
        assert!(poll(&mut a, Waker::noop(), &mut buf));
        assert_eq!(intruder.looks(), 1);
        // Woken by a write, and dropped.
        assert!(poll(&mut a, &intruder.waker(), &mut buf));
        run(b.write_u8(7)).unwrap();
        assert_eq!(intruder.looks(), 3);
        assert_eq!(run(a.read_u8()).unwrap(), 7);
        // Woken by a shutdown, then, as a writer, by the drop of the other end.
        assert!(poll(&mut a, &intruder.waker(), &mut buf));
        run(b.shutdown()).unwrap();
        assert_eq!(intruder.looks(), 5);
        run(a.write_u8(7)).unwrap();
        let writer = Handle::new(&a.write);
        assert!(
            Pin::new(&mut a)
                .poll_write(&mut Context::from_waker(&writer.waker()), b"x")
                .is_pending()
        );
        drop(b);
        assert_eq!(writer.looks(), 2);
    }

    #[test]
    #[should_panic(expected = "max_buf_size must be greater than zero")]
    fn zero_capacity_panics() {
        let _ = duplex(0);
    }
}
