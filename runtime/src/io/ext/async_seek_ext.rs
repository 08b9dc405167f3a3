//! `AsyncSeekExt`: the methods that every stream with a position has.

use std::io::SeekFrom;

use super::seek::Seek;
use crate::io::AsyncSeek;

/// Methods for every [`AsyncSeek`].
///
/// # Examples
///
/// ```
/// use filch::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut cursor = std::io::Cursor::new("0123456789");
/// assert_eq!(cursor.seek(SeekFrom::End(-2)).await?, 8);
/// assert_eq!(cursor.read_u8().await?, b'8');
/// assert_eq!(cursor.stream_position().await?, 9);
/// cursor.rewind().await?;
/// assert_eq!(cursor.read_u8().await?, b'0');
/// # Ok(())
/// # }
/// ```
pub trait AsyncSeekExt: AsyncSeek {
    /// Moves the position, and returns how far from the start it is then.
    ///
    /// A seek that is still under way is waited for first.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](std::io::ErrorKind::InvalidInput) for a position before the start, and the
    /// stream's own.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the position may or may not have moved.
    fn seek(&mut self, pos: SeekFrom) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        Seek::new(self, pos)
    }

    /// Moves the position to the start: `seek(SeekFrom::Start(0))`.
    ///
    /// # Errors
    ///
    /// The stream's own.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the position may or may not have moved.
    fn rewind(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Start(0))
    }

    /// How far from the start the position is: `seek(SeekFrom::Current(0))`.
    ///
    /// On a [`BufReader`](crate::io::BufReader) this discards the buffer, as every seek does.
    ///
    /// # Errors
    ///
    /// The stream's own.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the position does not move.
    fn stream_position(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Current(0))
    }
}

impl<S: AsyncSeek + ?Sized> AsyncSeekExt for S {}
