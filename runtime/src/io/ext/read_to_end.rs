//! The future of `AsyncReadExt::read_to_end`, and the loop that `read_to_string` shares with it.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::is_interrupted;
use crate::io::{AsyncRead, ReadBuf};

/// The least room worth a read, and the size of the probe on the stack.
///
/// A vector that came with exactly the right capacity is not doubled only to find the end: the last,
/// empty read goes to the stack.
const PROBE: usize = 32;

/// Reads to the end. See [`AsyncReadExt::read_to_end`](crate::io::AsyncReadExt::read_to_end).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReadToEnd<'a, R: ?Sized> {
    reader: &'a mut R,
    bytes: &'a mut Vec<u8>,
    progress: Progress,
}

impl<'a, R: ?Sized> ReadToEnd<'a, R> {
    pub(super) fn new(reader: &'a mut R, bytes: &'a mut Vec<u8>) -> Self {
        let progress = Progress::new(bytes);
        ReadToEnd { reader, bytes, progress }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToEnd<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        poll_read_to_end(Pin::new(&mut *me.reader), cx, me.bytes, &mut me.progress)
    }
}

/// What is to be known across polls about the vector that is being filled.
///
/// Only the loop below touches the vector in between.
#[derive(Debug)]
pub(super) struct Progress {
    initial_capacity: usize,
    /// How much of the spare capacity is known to be initialised, counted from the vector's length.
    initialized: usize,
    read: usize,
}

impl Progress {
    pub(super) fn new(bytes: &Vec<u8>) -> Self {
        Progress { initial_capacity: bytes.capacity(), initialized: 0, read: 0 }
    }
}

/// Appends everything up to the end of `reader`, and returns how much that was.
pub(super) fn poll_read_to_end<R: AsyncRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    bytes: &mut Vec<u8>,
    progress: &mut Progress,
) -> Poll<io::Result<usize>> {
    loop {
        let n = match ready!(poll_append(reader.as_mut(), cx, bytes, progress)) {
            Ok(n) => n,
            Err(error) if is_interrupted(&error) => continue,
            Err(error) => return Poll::Ready(Err(error)),
        };
        if n == 0 {
            return Poll::Ready(Ok(progress.read));
        }
        progress.read += n;
    }
}

/// One read, appended to `bytes`.
fn poll_append<R: AsyncRead + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    bytes: &mut Vec<u8>,
    progress: &mut Progress,
) -> Poll<io::Result<usize>> {
    if bytes.capacity() - bytes.len() < PROBE {
        if bytes.capacity() == progress.initial_capacity {
            return poll_probe(reader, cx, bytes, progress);
        }
        // Grows by doubling: linear in total. The memory is new, so nothing is known about it.
        bytes.reserve(PROBE);
        progress.initialized = 0;
    }
    let spare = bytes.spare_capacity_mut();
    let start = spare.as_ptr();
    let mut buf = ReadBuf::uninit(spare);
    // SAFETY: counted in an earlier poll on the same memory, and bytes do not become uninitialised.
    unsafe { buf.assume_init(progress.initialized) };
    let result = reader.poll_read(cx, &mut buf);
    // io's I4: what is filled must be the spare capacity.
    assert_eq!(buf.filled().as_ptr(), start.cast(), "poll_read replaced the ReadBuf");
    let n = buf.filled().len();
    progress.initialized = buf.initialized().len();
    if !matches!(result, Poll::Ready(Ok(()))) {
        return result.map_ok(|()| 0);
    }
    progress.initialized -= n;
    // SAFETY: the first `n` bytes of the spare capacity are filled, hence initialised.
    unsafe { bytes.set_len(bytes.len() + n) };
    Poll::Ready(Ok(n))
}

/// One read by way of the stack, for a vector that may be full already.
fn poll_probe<R: AsyncRead + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    bytes: &mut Vec<u8>,
    progress: &mut Progress,
) -> Poll<io::Result<usize>> {
    let mut probe = [MaybeUninit::uninit(); PROBE];
    let mut buf = ReadBuf::uninit(&mut probe);
    ready!(reader.poll_read(cx, &mut buf))?;
    bytes.extend_from_slice(buf.filled());
    // Whether it has moved or not: the length has, and what comes after it is unknown.
    progress.initialized = 0;
    Poll::Ready(Ok(buf.filled().len()))
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::{Mock, poll_once, run};
    use crate::io::{AsyncReadExt, repeat};
    use std::io::ErrorKind;
    use std::pin::pin;

    #[test]
    fn read_to_end_appends_across_pieces_and_interruptions() {
        let mut mock = Mock::new()
            .data(b"ab")
            .read_pending()
            .read_error(ErrorKind::Interrupted)
            .data(&[b'c'; 100]);
        let mut bytes = b">".to_vec();
        assert_eq!(run(mock.read_to_end(&mut bytes)).unwrap(), 102);
        assert_eq!(bytes, [&b">ab"[..], &[b'c'; 100]].concat());
    }

    #[test]
    fn read_to_end_keeps_what_it_read_before_an_error() {
        let mut bytes = Vec::new();
        let mut mock = Mock::new().data(b"ab").read_error(ErrorKind::ConnectionReset);
        let error = run(mock.read_to_end(&mut bytes)).unwrap_err();
        assert_eq!((error.kind(), bytes.as_slice()), (ErrorKind::ConnectionReset, &b"ab"[..]));
    }

    #[test]
    fn read_to_end_keeps_what_it_read_before_it_is_dropped() {
        let mut bytes = Vec::new();
        let mut mock = Mock::new().data(b"ab").read_stall();
        assert!(poll_once(pin!(mock.read_to_end(&mut bytes))).is_pending());
        assert_eq!(bytes, b"ab");
    }

    #[test]
    fn an_exact_capacity_is_not_grown_to_find_the_end() {
        for len in [0, 1, 31, 32, 33, 4096] {
            let mut bytes = Vec::with_capacity(len);
            let capacity = bytes.capacity();
            assert_eq!(run(Mock::new().data(&vec![7; len]).read_to_end(&mut bytes)).unwrap(), len);
            assert_eq!((bytes.len(), bytes.capacity()), (len, capacity));
        }
    }

    #[test]
    fn long_input_grows_by_doubling() {
        let mut bytes = Vec::new();
        assert_eq!(run(repeat(7).take(100_000).read_to_end(&mut bytes)).unwrap(), 100_000);
        assert!(bytes.iter().all(|&b| b == 7));
        assert!(bytes.capacity() <= 2 * 100_032, "{}", bytes.capacity());
    }

    /// Initialises all of its room, fills one byte, and counts how many bytes came uninitialised.
    struct Initializer {
        left: usize,
        uninitialized: usize,
    }

    impl AsyncRead for Initializer {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.uninitialized += buf.capacity() - buf.initialized().len();
            buf.initialize_unfilled()[0] = 7;
            match self.left % 3 {
                0 => {
                    self.left -= 1;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                1 if self.left == 1 => Poll::Ready(Ok(())),
                _ => {
                    self.left -= 1;
                    buf.advance(1);
                    Poll::Ready(Ok(()))
                }
            }
        }
    }

    #[test]
    fn memory_is_initialised_once() {
        let mut bytes = Vec::with_capacity(1_000);
        let mut reader = Initializer { left: 300, uninitialized: 0 };
        assert_eq!(run(reader.read_to_end(&mut bytes)).unwrap(), 199);
        assert_eq!(reader.uninitialized, 1_000);
        assert!(bytes.iter().all(|&b| b == 7));
    }
}
