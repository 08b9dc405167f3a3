//! `AsyncSeek`: a stream whose position can be moved.

use std::io::{self, SeekFrom};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Moves the position of a stream, in two steps: submit, then wait.
///
/// The counterpart of [`std::io::Seek`]. Programs use the methods of
/// [`AsyncSeekExt`](super::AsyncSeekExt); libraries implement this.
pub trait AsyncSeek {
    /// Submits a seek. [`poll_complete`](AsyncSeek::poll_complete) says when it is done, and where.
    ///
    /// A position past the end is allowed; what it means is up to the implementation.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Other`](io::ErrorKind::Other) if another operation is under way, which a call of
    /// `poll_complete` before this one avoids. Some implementations refuse an impossible position here.
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()>;

    /// Waits until no seek is under way, and says how far from the start the position is now.
    ///
    /// The position is meaningful right after a seek only: once bytes have been read or written, or if
    /// no seek was ever submitted, any number may be returned.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](io::ErrorKind::InvalidInput) for a position before the start, and the
    /// stream's own.
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>>;
}

/// The seek under way that a caller asked for by futures-io's trait, which has one function for asking
/// and waiting: how a second call is told from a new seek. There without that feature too, so that a
/// type's size does not depend on what another crate of the build turns on.
pub(crate) type AskedSeek = Option<SeekFrom>;

macro_rules! deref_async_seek {
    () => {
        fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
            Pin::new(&mut **self).start_seek(position)
        }

        fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
            Pin::new(&mut **self).poll_complete(cx)
        }
    };
}

impl<T: ?Sized + AsyncSeek + Unpin> AsyncSeek for Box<T> {
    deref_async_seek!();
}

impl<T: ?Sized + AsyncSeek + Unpin> AsyncSeek for &mut T {
    deref_async_seek!();
}

impl<P> AsyncSeek for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncSeek,
{
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.as_deref_mut().start_seek(position)
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.as_deref_mut().poll_complete(cx)
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncSeek for io::Cursor<T> {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        io::Seek::seek(&mut *self, position).map(drop)
    }

    fn poll_complete(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.position()))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::mock::poll_with;
    use std::io::{Cursor, ErrorKind};

    fn seek(stream: &mut (impl AsyncSeek + Unpin), to: SeekFrom) -> io::Result<u64> {
        Pin::new(&mut *stream).start_seek(to)?;
        match poll_with(|cx| Pin::new(&mut *stream).poll_complete(cx)) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("a cursor never waits"),
        }
    }

    #[test]
    fn cursor_seeks_from_everywhere() {
        let mut cursor = Cursor::new("hello");
        assert_eq!(seek(&mut cursor, SeekFrom::Start(9)).unwrap(), 9);
        assert_eq!(seek(&mut &mut cursor, SeekFrom::End(-1)).unwrap(), 4);
        assert_eq!(seek(&mut Box::new(&mut cursor), SeekFrom::Current(-2)).unwrap(), 2);
        assert_eq!(seek(&mut Pin::new(&mut cursor), SeekFrom::Current(1)).unwrap(), 3);
    }

    #[test]
    fn cursor_refuses_a_position_before_the_start() {
        let mut cursor = Cursor::new("hello");
        cursor.set_position(2);
        let error = seek(&mut cursor, SeekFrom::Current(-3)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(cursor.position(), 2);
    }
}
