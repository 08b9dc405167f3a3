//! The future of `AsyncBufReadExt::read_until`, and the loop that lines and segments share with it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::is_interrupted;
use crate::io::AsyncBufRead;

/// Reads up to a delimiter. See [`AsyncBufReadExt::read_until`](crate::io::AsyncBufReadExt::read_until).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReadUntil<'a, R: ?Sized> {
    reader: &'a mut R,
    delimiter: u8,
    bytes: &'a mut Vec<u8>,
    read: usize,
}

impl<'a, R: ?Sized> ReadUntil<'a, R> {
    pub(super) fn new(reader: &'a mut R, delimiter: u8, bytes: &'a mut Vec<u8>) -> Self {
        ReadUntil { reader, delimiter, bytes, read: 0 }
    }
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadUntil<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        poll_read_until(Pin::new(&mut *me.reader), cx, me.delimiter, me.bytes, &mut me.read)
    }
}

/// Appends everything up to and including `delimiter`, or up to the end.
///
/// Returns how many bytes that were, over all polls, of which `read` keeps count; then `read` is zero
/// again. Each byte is consumed in the moment in which it is appended.
pub(in crate::io) fn poll_read_until<R: AsyncBufRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    delimiter: u8,
    bytes: &mut Vec<u8>,
    read: &mut usize,
) -> Poll<io::Result<usize>> {
    loop {
        let chunk = match ready!(reader.as_mut().poll_fill_buf(cx)) {
            Ok(chunk) => chunk,
            Err(error) if is_interrupted(&error) => continue,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let found = find_byte(delimiter, chunk);
        let n = found.map_or(chunk.len(), |at| at + 1);
        bytes.extend_from_slice(&chunk[..n]);
        reader.as_mut().consume(n);
        *read += n;
        if found.is_some() || n == 0 {
            return Poll::Ready(Ok(std::mem::take(read)));
        }
    }
}

/// Where `byte` is first found.
///
/// Goes through whole blocks without a branch in them, which compiles to vector instructions; only the
/// block that holds the byte is searched byte by byte.
fn find_byte(byte: u8, bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let position = |bytes: &[u8]| bytes.iter().position(|&b| b == byte);
    let blocks = bytes.chunks_exact(BLOCK);
    let rest_at = bytes.len() - blocks.remainder().len();
    for (i, block) in blocks.enumerate() {
        if block.iter().fold(false, |found, &b| found | (b == byte)) {
            return position(block).map(|at| i * BLOCK + at);
        }
    }
    position(&bytes[rest_at..]).map(|at| rest_at + at)
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, poll_once, run};
    use crate::io::{AsyncBufReadExt, BufReader};
    use std::io::ErrorKind;
    use std::pin::pin;

    #[test]
    fn find_byte_finds_the_first_in_every_block() {
        for len in 0..100 {
            let mut bytes = vec![b'a'; len];
            assert_eq!(find_byte(b'x', &bytes), None);
            for at in (0..len).rev() {
                bytes[at] = b'x';
                assert_eq!(find_byte(b'x', &bytes), Some(at), "of {len}");
            }
        }
    }

    #[test]
    fn read_until_goes_on_over_chunk_boundaries() {
        let mock = Mock::new()
            .data(b"on")
            .read_pending()
            .data(b"e;tw")
            .read_error(ErrorKind::Interrupted)
            .data(b"o;")
            .data(b"three");
        for capacity in [1, 2, 3, 64] {
            // The same script for each capacity: small buffers cut it up further.
            let mut reader = BufReader::with_capacity(capacity, &b"one;two;three"[..]);
            let mut bytes = Vec::new();
            for piece in [&b"one;"[..], b"two;", b"three", b""] {
                bytes.clear();
                assert_eq!(run(reader.read_until(b';', &mut bytes)).unwrap(), piece.len());
                assert_eq!(bytes, piece);
            }
        }
        let mut reader = BufReader::new(mock);
        let mut bytes = b">".to_vec();
        for piece in [&b">one;"[..], b">one;two;", b">one;two;three"] {
            let before = bytes.len();
            assert_eq!(run(reader.read_until(b';', &mut bytes)).unwrap(), piece.len() - before);
            assert_eq!(bytes, piece);
        }
    }

    #[test]
    fn an_error_or_a_drop_keeps_what_was_read_and_the_next_call_goes_on() {
        let mock = Mock::new().data(b"on").read_error(ErrorKind::TimedOut).data(b"e").read_stall();
        let mut reader = BufReader::new(mock);
        let mut bytes = Vec::new();
        let error = run(reader.read_until(b';', &mut bytes)).unwrap_err();
        assert_eq!((error.kind(), bytes.as_slice()), (ErrorKind::TimedOut, &b"on"[..]));
        assert!(poll_once(pin!(reader.read_until(b';', &mut bytes))).is_pending());
        assert_eq!(bytes, b"one");
    }
}
