//! `copy_bidirectional`: what a proxy does.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::DEFAULT_CAPACITY;
use super::copy_buffer::CopyBuffer;
use crate::io::{AsyncRead, AsyncWrite};

/// Copies from `a` to `b` and from `b` to `a` until both have ended.
///
/// Where one side ends, the other side is shut down for writing; the opposite direction goes on. Returns
/// how many bytes went from `a` to `b`, and from `b` to `a`. Two allocations, buffers of 8 KiB:
/// [`copy_bidirectional_with_sizes`] takes other sizes. Each direction copies as
/// [`copy`](crate::io::copy) does; neither can starve the other.
///
/// # Errors
///
/// The first error of either side ends both directions; a reader's error comes after what was read
/// before it has been written. [`WriteZero`](io::ErrorKind::WriteZero) if a writer takes nothing any
/// more. Interrupted reads and writes are retried. What has been read and not been written is lost.
///
/// # Cancel safety
///
/// Not cancel safe: what has been read and not been written is lost with the future.
///
/// # Examples
///
/// ```
/// use filch::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut client, mut near) = duplex(64);
/// let (mut far, mut server) = duplex(64);
/// client.write_all(b"ping").await?;
/// client.shutdown().await?;
/// server.write_all(b"pong!").await?;
/// server.shutdown().await?;
/// assert_eq!(copy_bidirectional(&mut near, &mut far).await?, (4, 5));
/// let mut text = String::new();
/// server.read_to_string(&mut text).await?;
/// client.read_to_string(&mut text).await?;
/// assert_eq!(text, "pingpong!");
/// # Ok(())
/// # }
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_both(a, b, DEFAULT_CAPACITY, DEFAULT_CAPACITY).await
}

/// As [`copy_bidirectional`], with buffers of `a_to_b_buf_size` and `b_to_a_buf_size` bytes.
///
/// # Errors
///
/// As [`copy_bidirectional`].
///
/// # Panics
///
/// If a size is zero, when the future is first polled.
///
/// # Cancel safety
///
/// Not cancel safe: what has been read and not been written is lost with the future.
pub async fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(a_to_b_buf_size > 0, "`a_to_b_buf_size` must be greater than 0");
    assert!(b_to_a_buf_size > 0, "`b_to_a_buf_size` must be greater than 0");
    copy_both(a, b, a_to_b_buf_size, b_to_a_buf_size).await
}

async fn copy_both<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    let mut a_to_b = Direction::Copying(CopyBuffer::new(a_to_b_buf_size));
    let mut b_to_a = Direction::Copying(CopyBuffer::new(b_to_a_buf_size));
    let mut b_first = true;
    poll_fn(|cx| {
        // Whoever goes first may spend the whole budget of the task: take turns.
        b_first = !b_first;
        let (sent, received);
        if b_first {
            received = b_to_a.poll(cx, b, a)?;
            sent = a_to_b.poll(cx, a, b)?;
        } else {
            sent = a_to_b.poll(cx, a, b)?;
            received = b_to_a.poll(cx, b, a)?;
        }
        Poll::Ready(Ok((ready!(sent), ready!(received))))
    })
    .await
}

/// One direction of a bidirectional copy.
#[derive(Debug)]
enum Direction {
    Copying(CopyBuffer),
    /// The reader has ended after so many bytes.
    ShuttingDown(u64),
    Done(u64),
}

impl Direction {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        loop {
            *self = match self {
                Direction::Copying(buffer) => {
                    let (reader, writer) = (Pin::new(&mut *reader), Pin::new(&mut *writer));
                    Direction::ShuttingDown(ready!(buffer.poll_copy(cx, reader, writer))?)
                }
                Direction::ShuttingDown(copied) => {
                    ready!(Pin::new(&mut *writer).poll_shutdown(cx))?;
                    Direction::Done(*copied)
                }
                Direction::Done(copied) => return Poll::Ready(Ok(*copied)),
            };
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, completions_per_budget, poll_once, run};
    use crate::io::{AsyncReadExt, AsyncWriteExt, duplex, join, repeat};
    use std::io::ErrorKind;
    use std::pin::pin;

    #[test]
    fn both_directions_are_copied_counted_and_shut_down() {
        let mut a = Mock::new().data(b"ab").read_pending().data(b"c").write_pending();
        let mut b = Mock::new().data(b"xy").write_pending().shutdown_pending();
        assert_eq!(run(copy_bidirectional(&mut a, &mut b)).unwrap(), (3, 2));
        assert_eq!((b.written.as_slice(), b.shutdowns), (&b"abc"[..], 1));
        assert_eq!((a.written.as_slice(), a.shutdowns), (&b"xy"[..], 1));
    }

    #[test]
    fn one_side_that_ends_shuts_the_other_down_and_the_other_direction_goes_on() {
        for client_ends_first in [true, false] {
            let (client, mut near) = duplex(64);
            let (mut far, server) = duplex(64);
            let (mut ending, mut lasting) =
                if client_ends_first { (client, server) } else { (server, client) };
            let counts = {
                let mut copy = pin!(copy_bidirectional(&mut near, &mut far));
                run(ending.write_all(b"bye")).unwrap();
                run(ending.shutdown()).unwrap();
                assert!(poll_once(copy.as_mut()).is_pending());
                let mut text = String::new();
                run(lasting.read_to_string(&mut text)).unwrap();
                assert_eq!(text, "bye");
                for byte in 0..3 {
                    run(lasting.write_u8(byte)).unwrap();
                    assert!(poll_once(copy.as_mut()).is_pending());
                    assert_eq!(run(ending.read_u8()).unwrap(), byte);
                }
                run(lasting.write_all(b"later")).unwrap();
                drop(lasting);
                run(copy.as_mut()).unwrap()
            };
            assert_eq!(counts, if client_ends_first { (3, 8) } else { (8, 3) });
            let mut text = String::new();
            run(ending.read_to_string(&mut text)).unwrap();
            assert_eq!(text, "later");
        }
    }

    #[test]
    fn any_error_of_either_side_ends_both() {
        let reset = || Mock::new().read_error(ErrorKind::ConnectionReset);
        let quiet = || Mock::new().read_stall();
        let broken = || quiet().accept(1).write_error(ErrorKind::BrokenPipe);
        let stuck = || quiet().flush_error(ErrorKind::TimedOut);
        let undead = || quiet().shutdown_error(ErrorKind::NotConnected);
        let talker = || Mock::new().data(b"ab");
        for (mut a, mut b, kind) in [
            (reset(), quiet(), ErrorKind::ConnectionReset),
            (talker(), broken(), ErrorKind::BrokenPipe),
            (talker(), stuck(), ErrorKind::TimedOut),
            (talker(), undead(), ErrorKind::NotConnected),
        ] {
            let error = run(copy_bidirectional(&mut a, &mut b)).unwrap_err();
            assert_eq!(error.kind(), kind);
        }
        for (mut a, mut b, kind) in [
            (quiet(), reset(), ErrorKind::ConnectionReset),
            (broken(), talker(), ErrorKind::BrokenPipe),
            (stuck(), talker(), ErrorKind::TimedOut),
            (undead(), talker(), ErrorKind::NotConnected),
        ] {
            let error = run(copy_bidirectional(&mut a, &mut b)).unwrap_err();
            assert_eq!(error.kind(), kind);
        }
    }

    #[test]
    fn what_was_read_before_an_error_is_written() {
        let mut a = Mock::new().data(b"ab").read_error(ErrorKind::ConnectionReset);
        let mut b = Mock::new().read_stall().write_pending();
        let error = run(copy_bidirectional(&mut a, &mut b)).unwrap_err();
        assert_eq!((error.kind(), b.written.as_slice()), (ErrorKind::ConnectionReset, &b"ab"[..]));
    }

    #[test]
    fn neither_direction_starves_the_other() {
        let mut a = join(repeat(1), Mock::new());
        let mut b = join(repeat(2), Mock::new());
        {
            let mut copy = pin!(copy_bidirectional(&mut a, &mut b));
            for _ in 0..2 {
                assert_eq!(completions_per_budget(|cx| copy.as_mut().poll(cx).map(drop)), 0);
            }
        }
        assert!(!a.writer().written.is_empty() && !b.writer().written.is_empty());
        assert_eq!(a.writer().written.len(), b.writer().written.len());
    }

    #[test]
    fn sizes_are_used_each_for_its_direction() {
        let mut a = Mock::new().data(b"abcd");
        let mut b = Mock::new().data(b"wxyz");
        assert_eq!(run(copy_bidirectional_with_sizes(&mut a, &mut b, 1, 2)).unwrap(), (4, 4));
        assert_eq!((b.write_polls, a.write_polls), (4, 2));
    }

    #[test]
    #[should_panic(expected = "`a_to_b_buf_size` must be greater than 0")]
    fn zero_size_a_to_b_panics() {
        let _ = run(copy_bidirectional_with_sizes(&mut Mock::new(), &mut Mock::new(), 0, 1));
    }

    #[test]
    #[should_panic(expected = "`b_to_a_buf_size` must be greater than 0")]
    fn zero_size_b_to_a_panics() {
        let _ = run(copy_bidirectional_with_sizes(&mut Mock::new(), &mut Mock::new(), 1, 0));
    }
}
