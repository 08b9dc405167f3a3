//! `copy_buf`: everything from a buffered reader to a writer.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use filch_primitives::coop;

use super::copy_buffer::takes_nothing;
use crate::io::{AsyncBufRead, AsyncWrite};

/// Copies everything from `reader` to `writer`, flushes, and returns how many bytes that was.
///
/// As [`copy`](crate::io::copy), but straight out of the reader's own buffer: no allocation, and nothing
/// is read ahead. While the reader waits, the writer is flushed.
///
/// # Errors
///
/// The reader's own; the writer's own; and [`WriteZero`](ErrorKind::WriteZero) if the writer takes
/// nothing any more. Interrupted reads and writes are retried.
///
/// # Cancel safety
///
/// Cancel safe in this sense: if the future is dropped before it completes, what has not been written is
/// still in the reader, and another call goes on from there; it counts from zero.
///
/// # Examples
///
/// ```
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut reader = filch::io::BufReader::with_capacity(1 << 16, &b"hello"[..]);
/// let mut writer = Vec::new();
/// assert_eq!(filch::io::copy_buf(&mut reader, &mut writer).await?, 5);
/// assert_eq!(writer, b"hello");
/// # Ok(())
/// # }
/// ```
pub async fn copy_buf<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut copied = Copied::default();
    poll_fn(|cx| copied.poll(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}

/// How far the copying has come.
#[derive(Debug, Default)]
struct Copied {
    bytes: u64,
    unflushed: bool,
    ended: bool,
}

impl Copied {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncBufRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        while !self.ended {
            // io's I3: one unit a round. A round that ends in waiting gives it back.
            let budget = ready!(coop::poll_proceed(cx));
            let chunk = match reader.as_mut().poll_fill_buf(cx) {
                Poll::Ready(Ok(chunk)) => chunk,
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::Interrupted => continue,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    // The far side is to see all that has come so far.
                    if self.unflushed {
                        ready!(writer.as_mut().poll_flush(cx))?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            };
            if chunk.is_empty() {
                self.ended = true;
                break;
            }
            match ready!(writer.as_mut().poll_write(cx, chunk)) {
                Ok(0) => return Poll::Ready(Err(takes_nothing())),
                Ok(n) => {
                    self.bytes += n as u64;
                    self.unflushed = true;
                    reader.as_mut().consume(n);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            budget.made_progress();
        }
        ready!(writer.poll_flush(cx))?;
        Poll::Ready(Ok(self.bytes))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::BufReader;
    use crate::io::mock::{Mock, completions_per_budget, poll_once, run};
    use std::pin::pin;

    #[test]
    fn copy_buf_joins_pieces_short_writes_and_interruptions() {
        let reader =
            Mock::new().data(b"ab").read_pending().read_error(ErrorKind::Interrupted).data(b"cdef");
        let mut writer = Mock::new()
            .accept(1)
            .write_pending()
            .write_error(ErrorKind::Interrupted)
            .flush_pending();
        assert_eq!(run(copy_buf(&mut BufReader::new(reader), &mut writer)).unwrap(), 6);
        assert_eq!(writer.written, b"abcdef");
    }

    #[test]
    fn the_end_is_asked_for_once() {
        let mut reader = BufReader::new(Mock::new().data(b"ab").read_eof().read_stall());
        let mut writer = Mock::new().flush_pending();
        assert_eq!(run(copy_buf(&mut reader, &mut writer)).unwrap(), 2);
        assert_eq!((writer.flushes, reader.get_ref().read_polls), (1, 2));
    }

    #[test]
    fn errors_end_the_copy_and_what_is_not_written_stays_in_the_reader() {
        for (mut writer, kind) in [
            (Mock::new().accept(1).write_error(ErrorKind::BrokenPipe), ErrorKind::BrokenPipe),
            (Mock::new().accept(1).accept(0), ErrorKind::WriteZero),
        ] {
            let mut reader = &b"ab"[..];
            assert_eq!(run(copy_buf(&mut reader, &mut writer)).unwrap_err().kind(), kind);
            assert_eq!((reader, writer.written.as_slice()), (&b"b"[..], &b"a"[..]));
        }
        let mut writer = Mock::new().flush_error(ErrorKind::TimedOut);
        let error = run(copy_buf(&mut &b"ab"[..], &mut writer)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let mut reader = BufReader::new(Mock::new().data(b"ab").read_error(ErrorKind::TimedOut));
        let mut writer = Mock::new();
        let error = run(copy_buf(&mut reader, &mut writer)).unwrap_err();
        assert_eq!((error.kind(), writer.written.as_slice()), (ErrorKind::TimedOut, &b"ab"[..]));
    }

    #[test]
    fn a_waiting_reader_flushes_the_writer_once() {
        let mut reader = BufReader::new(Mock::new().data(b"ab").read_stall());
        let mut writer = Mock::new();
        {
            let mut copy = pin!(copy_buf(&mut reader, &mut writer));
            assert!(poll_once(copy.as_mut()).is_pending());
            assert!(poll_once(copy.as_mut()).is_pending());
        }
        assert_eq!((writer.written.as_slice(), writer.flushes), (&b"ab"[..], 1));
    }

    #[test]
    fn an_endless_copy_yields_when_its_budget_is_spent() {
        let data = vec![7; 1 << 20];
        let mut reader = BufReader::with_capacity(1, &data[..]);
        let mut writer = Mock::new();
        {
            let mut copy = pin!(copy_buf(&mut reader, &mut writer));
            assert_eq!(completions_per_budget(|cx| copy.as_mut().poll(cx).map(drop)), 0);
        }
        assert_eq!(writer.written.len(), usize::from(coop::BUDGET));
    }
}
