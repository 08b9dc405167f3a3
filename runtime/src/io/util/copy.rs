//! `copy`: everything from a reader to a writer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use super::DEFAULT_CAPACITY;
use super::copy_buffer::CopyBuffer;
use crate::io::{AsyncRead, AsyncWrite};

/// Copies everything from `reader` to `writer`, flushes, and returns how many bytes that was.
///
/// One allocation, a buffer of 8 KiB. While the writer waits, reading goes on until the buffer is full;
/// while the reader waits, the writer is flushed. For a reader that has a buffer of its own,
/// [`copy_buf`](crate::io::copy_buf) does without.
///
/// # Errors
///
/// The reader's own, after what was read before it has been written; the writer's own; and
/// [`WriteZero`](io::ErrorKind::WriteZero) if the writer takes nothing any more. Interrupted reads and
/// writes are retried.
///
/// # Cancel safety
///
/// Not cancel safe: what has been read and not been written is lost with the future.
///
/// # Examples
///
/// ```
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut reader = &b"hello"[..];
/// let mut writer = Vec::new();
/// assert_eq!(filch::io::copy(&mut reader, &mut writer).await?, 5);
/// assert_eq!(writer, b"hello");
/// # Ok(())
/// # }
/// ```
pub async fn copy<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut buffer = CopyBuffer::new(DEFAULT_CAPACITY);
    poll_fn(|cx| buffer.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, completions_per_budget, poll_once, poll_with, run};
    use crate::io::{AsyncReadExt, repeat, sink};
    use std::io::ErrorKind;
    use std::pin::pin;

    #[test]
    fn copy_joins_pieces_short_writes_and_interruptions() {
        let mut reader =
            Mock::new().data(b"ab").read_pending().read_error(ErrorKind::Interrupted).data(b"cdef");
        let mut writer = Mock::new()
            .accept(1)
            .write_pending()
            .write_error(ErrorKind::Interrupted)
            .accept(2)
            .flush_pending();
        assert_eq!(run(copy(&mut reader, &mut writer)).unwrap(), 6);
        assert_eq!(writer.written, b"abcdef");
    }

    #[test]
    fn copy_of_nothing_still_flushes() {
        let mut writer = Mock::new();
        assert_eq!(run(copy(&mut Mock::new(), &mut writer)).unwrap(), 0);
        assert_eq!((writer.write_polls, writer.flushes), (0, 1));
    }

    #[test]
    fn copy_copies_more_than_its_buffer() {
        let mut writer = Vec::new();
        let data: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        assert_eq!(run(copy(&mut &data[..], &mut writer)).unwrap(), 100_000);
        assert_eq!(writer, data);
    }

    #[test]
    fn the_readers_error_comes_after_what_was_read_before_it() {
        let mut reader = Mock::new().data(b"ab").data(b"cd").read_error(ErrorKind::ConnectionReset);
        // The writer waits while the reader fails.
        let mut writer = Mock::new().write_pending().write_pending().accept(1).write_pending();
        let error = run(copy(&mut reader, &mut writer)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(writer.written, b"abcd");
    }

    #[test]
    fn the_writers_errors_end_the_copy() {
        for (mut writer, kind) in [
            (Mock::new().accept(1).write_error(ErrorKind::BrokenPipe), ErrorKind::BrokenPipe),
            (Mock::new().accept(1).accept(0), ErrorKind::WriteZero),
        ] {
            let mut reader = Mock::new().data(b"ab");
            let error = run(copy(&mut reader, &mut writer)).unwrap_err();
            assert_eq!((error.kind(), writer.written.as_slice()), (kind, &b"a"[..]));
        }
        let mut writer = Mock::new().flush_error(ErrorKind::TimedOut);
        let error = run(copy(&mut Mock::new().data(b"ab"), &mut writer)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_waiting_reader_flushes_the_writer_once() {
        let mut reader = Mock::new().data(b"ab").read_stall();
        let mut writer = Mock::new();
        {
            let mut copy = pin!(copy(&mut reader, &mut writer));
            assert!(poll_once(copy.as_mut()).is_pending());
            assert!(poll_once(copy.as_mut()).is_pending());
        }
        assert_eq!((writer.written.as_slice(), writer.flushes), (&b"ab"[..], 1));
    }

    #[test]
    fn a_waiting_writer_does_not_stop_the_reader() {
        let mut reader = Mock::new().data(b"ab").data(b"cd").data(b"ef").read_stall();
        let mut writer = Mock::new().write_stall();
        assert!(poll_once(pin!(copy(&mut reader, &mut writer))).is_pending());
        assert_eq!(reader.read_polls, 4);
    }

    #[test]
    fn a_waiting_writer_lets_the_buffer_fill_up_and_no_further() {
        let mut reader = repeat(7).take(1 << 20);
        assert!(poll_once(pin!(copy(&mut reader, &mut Mock::new().write_stall()))).is_pending());
        assert_eq!(reader.limit(), (1 << 20) - DEFAULT_CAPACITY as u64);
    }

    #[test]
    fn a_round_that_only_writes_spends_budget_and_one_that_only_waits_does_not() {
        let mut reader = Mock::new().read_stall();
        let mut buffer = CopyBuffer::new(4);
        let mut left_after = |reader: &mut Mock, writer: &mut Mock| {
            let _budget = filch_primitives::coop::fresh();
            let (reader, writer) = (Pin::new(reader), Pin::new(writer));
            assert!(poll_with(|cx| buffer.poll_copy(cx, reader, writer)).is_pending());
            let spend = |_: &usize| poll_with(crate::io::poll_spend).is_ready();
            (0..1_000).take_while(spend).count()
        };
        let budget = usize::from(filch_primitives::coop::BUDGET);
        assert_eq!(left_after(&mut reader, &mut Mock::new()), budget);
        let mut reader = Mock::new().data(b"ab").read_stall();
        assert_eq!(left_after(&mut reader, &mut Mock::new().write_stall()), budget - 1);
        let mut writer = Mock::new();
        assert_eq!(left_after(&mut reader, &mut writer), budget - 1);
        assert_eq!(writer.written, b"ab");
    }

    #[test]
    fn an_endless_copy_yields_when_its_budget_is_spent() {
        // A slice spends nothing itself.
        let data = vec![7; 10 << 20];
        let (mut reader, mut writer) = (&data[..], Mock::new());
        {
            let mut copy = pin!(copy(&mut reader, &mut writer));
            assert_eq!(completions_per_budget(|cx| copy.as_mut().poll(cx).map(drop)), 0);
        }
        let budget = usize::from(filch_primitives::coop::BUDGET);
        assert_eq!(writer.written.len(), budget * DEFAULT_CAPACITY);
        let copied = run(copy(&mut reader, &mut sink())).unwrap();
        assert_eq!(copied as usize, data.len() - budget * DEFAULT_CAPACITY);
    }
}
