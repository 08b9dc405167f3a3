//! The future of `AsyncSeekExt::seek`.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::io::AsyncSeek;

/// Moves the position. See [`AsyncSeekExt::seek`](crate::io::AsyncSeekExt::seek).
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Seek<'a, S: ?Sized> {
    stream: &'a mut S,
    /// Gone once it has been submitted.
    position: Option<SeekFrom>,
}

impl<'a, S: ?Sized> Seek<'a, S> {
    pub(super) fn new(stream: &'a mut S, position: SeekFrom) -> Self {
        Seek { stream, position: Some(position) }
    }
}

impl<S: AsyncSeek + Unpin + ?Sized> Future for Seek<'_, S> {
    type Output = io::Result<u64>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let me = self.get_mut();
        if let Some(position) = me.position {
            // An earlier seek may still be under way, left by a future that was dropped.
            ready!(Pin::new(&mut *me.stream).poll_complete(cx))?;
            Pin::new(&mut *me.stream).start_seek(position)?;
            me.position = None;
        }
        Pin::new(&mut *me.stream).poll_complete(cx)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::AsyncSeekExt;
    use crate::io::mock::{Mock, run};
    use std::io::{Cursor, ErrorKind, SeekFrom};

    #[test]
    fn seek_waits_for_the_last_one_then_submits_once() {
        let mut mock = Mock::new().seek_pending();
        assert_eq!(run(mock.seek(SeekFrom::Start(3))).unwrap(), 100);
        assert_eq!(run(mock.rewind()).unwrap(), 200);
        assert_eq!(run(mock.stream_position()).unwrap(), 300);
        assert_eq!(mock.seeks, [SeekFrom::Start(3), SeekFrom::Start(0), SeekFrom::Current(0)]);
    }

    #[test]
    fn seek_reports_each_steps_error() {
        let mut mock = Mock::new().seek_error(ErrorKind::TimedOut);
        assert_eq!(run(mock.seek(SeekFrom::Start(3))).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(mock.seeks, []);
        let mut cursor = Cursor::new("hello");
        let error = run(cursor.seek(SeekFrom::End(-6))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(run(cursor.stream_position()).unwrap(), 0);
    }
}
