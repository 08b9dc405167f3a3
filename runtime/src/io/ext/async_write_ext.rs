//! `AsyncWriteExt`: the methods that every writer has.

use std::io::IoSlice;

use bytes::Buf;

use super::flush::Flush;
use super::shutdown::Shutdown;
use super::write::Write;
use super::write_all::WriteAll;
use super::write_all_buf::WriteAllBuf;
use super::write_buf::WriteBuf;
use super::write_number::WriteNumber;
use super::write_vectored::WriteVectored;
use crate::io::AsyncWrite;

/// Declares `write_u16` and the like: trait methods with a default.
macro_rules! number_writers {
    ($($name:ident, $ty:ident, $size:literal, $order:literal, $encode:ident;)+) => {$(
        #[doc = concat!("Writes a `", stringify!($ty), "`: ", $size, " bytes, ", $order, " first.")]
        ///
        /// # Errors
        ///
        /// [`WriteZero`](std::io::ErrorKind::WriteZero) if the writer takes nothing any more, and the
        /// writer's own; interruptions are retried.
        ///
        /// # Cancel safety
        ///
        /// Not cancel safe: some of the bytes may have been written, and nobody knows how many.
        ///
        /// # Examples
        ///
        /// ```
        /// use filch::io::AsyncWriteExt;
        ///
        /// # #[filch::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// let mut writer = Vec::new();
        #[doc = concat!("writer.", stringify!($name), "(7 as ", stringify!($ty), ").await?;")]
        #[doc = concat!("assert_eq!(writer, (7 as ", stringify!($ty), ").", stringify!($encode), "());")]
        /// # Ok(())
        /// # }
        /// ```
        #[inline]
        fn $name(&mut self, n: $ty) -> WriteNumber<'_, Self, $size>
        where
            Self: Unpin,
        {
            WriteNumber::new(self, n.$encode())
        }
    )+};
}

/// Methods for every [`AsyncWrite`].
///
/// Many small writes to a socket or file are many system calls: [`BufWriter`](crate::io::BufWriter)
/// collects them.
///
/// # Examples
///
/// ```
/// use filch::io::AsyncWriteExt;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut writer = Vec::new();
/// writer.write_u16(5).await?;
/// writer.write_all(b"hello").await?;
/// writer.flush().await?;
/// assert_eq!(writer, b"\x00\x05hello");
/// # Ok(())
/// # }
/// ```
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes some of `src`, and returns how many bytes.
    ///
    /// `Ok(0)`: the writer takes nothing any more, or `src` is empty.
    ///
    /// # Errors
    ///
    /// The writer's own, interruptions included. With an error nothing was written.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncWriteExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut memory = [0; 3];
    /// let mut writer = std::io::Cursor::new(&mut memory[..]);
    /// assert_eq!(writer.write(b"hello").await?, 3);
    /// # Ok(())
    /// # }
    /// ```
    fn write<'a>(&'a mut self, src: &'a [u8]) -> Write<'a, Self>
    where
        Self: Unpin,
    {
        Write::new(self, src)
    }

    /// As [`write`](AsyncWriteExt::write), from several buffers as if they were one.
    ///
    /// One system call where the writer can do that
    /// ([`is_write_vectored`](AsyncWrite::is_write_vectored)); otherwise the first buffer that is not
    /// empty is written.
    ///
    /// # Errors
    ///
    /// The writer's own, interruptions included. With an error nothing was written.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncWriteExt;
    /// use std::io::IoSlice;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = Vec::new();
    /// writer.write_vectored(&[IoSlice::new(b"head, "), IoSlice::new(b"body")]).await?;
    /// assert_eq!(writer, b"head, body");
    /// # Ok(())
    /// # }
    /// ```
    fn write_vectored<'a, 'b>(&'a mut self, bufs: &'a [IoSlice<'b>]) -> WriteVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        WriteVectored::new(self, bufs)
    }

    /// Writes some of `src`, takes that much out of it, and returns how much.
    ///
    /// All chunks of `src` at once, up to 64, where the writer can do that; otherwise the first one.
    /// `Ok(0)`: the writer takes nothing any more, or `src` is empty.
    ///
    /// # Errors
    ///
    /// The writer's own, interruptions included. With an error nothing was written.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncWriteExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut memory = [0; 3];
    /// let mut writer = std::io::Cursor::new(&mut memory[..]);
    /// let mut src = &b"hello"[..];
    /// assert_eq!(writer.write_buf(&mut src).await?, 3);
    /// assert_eq!(src, b"lo");
    /// # Ok(())
    /// # }
    /// ```
    fn write_buf<'a, B>(&'a mut self, src: &'a mut B) -> WriteBuf<'a, Self, B>
    where
        Self: Unpin,
        B: Buf,
    {
        WriteBuf::new(self, src)
    }

    /// Writes all of `src`, and takes out of it what is written.
    ///
    /// All chunks of `src` at once, up to 64, where the writer can do that.
    ///
    /// # Errors
    ///
    /// [`WriteZero`](std::io::ErrorKind::WriteZero) if the writer takes nothing any more, and the
    /// writer's own; interruptions are retried. What is left in `src` was not written.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe in this sense: if the future is dropped before it completes, what is left in `src` is
    /// what was not written, and another call goes on from there.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Buf;
    /// use filch::io::AsyncWriteExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = Vec::new();
    /// writer.write_all_buf(&mut b"head, ".chain(&b"body"[..])).await?;
    /// assert_eq!(writer, b"head, body");
    /// # Ok(())
    /// # }
    /// ```
    fn write_all_buf<'a, B>(&'a mut self, src: &'a mut B) -> WriteAllBuf<'a, Self, B>
    where
        Self: Unpin,
        B: Buf,
    {
        WriteAllBuf::new(self, src)
    }

    /// Writes all of `src`.
    ///
    /// # Errors
    ///
    /// [`WriteZero`](std::io::ErrorKind::WriteZero) if the writer takes nothing any more, and the
    /// writer's own; interruptions are retried. With an error some of `src` may have been written.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some of `src` may have been written, and nobody knows how much.
    /// [`write_all_buf`](AsyncWriteExt::write_all_buf) knows.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncWriteExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = Vec::new();
    /// writer.write_all(b"hello").await?;
    /// assert_eq!(writer, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    fn write_all<'a>(&'a mut self, src: &'a [u8]) -> WriteAll<'a, Self>
    where
        Self: Unpin,
    {
        WriteAll::new(self, src)
    }

    /// Writes a byte.
    ///
    /// # Errors
    ///
    /// [`WriteZero`](std::io::ErrorKind::WriteZero) if the writer takes nothing any more, and the
    /// writer's own; interruptions are retried.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncWriteExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = Vec::new();
    /// writer.write_u8(200).await?;
    /// assert_eq!(writer, [200]);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn write_u8(&mut self, n: u8) -> WriteNumber<'_, Self, 1>
    where
        Self: Unpin,
    {
        WriteNumber::new(self, n.to_be_bytes())
    }

    /// Writes a byte with a sign.
    ///
    /// # Errors
    ///
    /// [`WriteZero`](std::io::ErrorKind::WriteZero) if the writer takes nothing any more, and the
    /// writer's own; interruptions are retried.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncWriteExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = Vec::new();
    /// writer.write_i8(-1).await?;
    /// assert_eq!(writer, [0xFF]);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn write_i8(&mut self, n: i8) -> WriteNumber<'_, Self, 1>
    where
        Self: Unpin,
    {
        WriteNumber::new(self, n.to_be_bytes())
    }

    number_writers! {
        write_u16, u16, 2, "most significant", to_be_bytes;
        write_i16, i16, 2, "most significant", to_be_bytes;
        write_u32, u32, 4, "most significant", to_be_bytes;
        write_i32, i32, 4, "most significant", to_be_bytes;
        write_u64, u64, 8, "most significant", to_be_bytes;
        write_i64, i64, 8, "most significant", to_be_bytes;
        write_u128, u128, 16, "most significant", to_be_bytes;
        write_i128, i128, 16, "most significant", to_be_bytes;
        write_f32, f32, 4, "most significant", to_be_bytes;
        write_f64, f64, 8, "most significant", to_be_bytes;
        write_u16_le, u16, 2, "least significant", to_le_bytes;
        write_i16_le, i16, 2, "least significant", to_le_bytes;
        write_u32_le, u32, 4, "least significant", to_le_bytes;
        write_i32_le, i32, 4, "least significant", to_le_bytes;
        write_u64_le, u64, 8, "least significant", to_le_bytes;
        write_i64_le, i64, 8, "least significant", to_le_bytes;
        write_u128_le, u128, 16, "least significant", to_le_bytes;
        write_i128_le, i128, 16, "least significant", to_le_bytes;
        write_f32_le, f32, 4, "least significant", to_le_bytes;
        write_f64_le, f64, 8, "least significant", to_le_bytes;
    }

    /// Moves whatever is buffered on its way to its destination.
    ///
    /// # Errors
    ///
    /// The writer's own.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, some may have been flushed, and
    /// another call goes on from there.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::{AsyncWriteExt, BufWriter};
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut writer = BufWriter::new(Vec::new());
    /// writer.write_all(b"hello").await?;
    /// assert_eq!(writer.get_ref(), b"");
    /// writer.flush().await?;
    /// assert_eq!(writer.get_ref(), b"hello");
    /// # Ok(())
    /// # }
    /// ```
    fn flush(&mut self) -> Flush<'_, Self>
    where
        Self: Unpin,
    {
        Flush::new(self)
    }

    /// Ends writing: flushes, says goodbye where a protocol wants it, closes that direction.
    ///
    /// Nothing should be written afterwards. A peer reads to its end and then sees the end; a socket can
    /// still be read from.
    ///
    /// # Errors
    ///
    /// The writer's own.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the shutdown may be under way; another call goes
    /// on from there.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::{AsyncReadExt, AsyncWriteExt, duplex};
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let (mut client, mut server) = duplex(64);
    /// client.write_all(b"question").await?;
    /// client.shutdown().await?;
    /// let mut text = String::new();
    /// server.read_to_string(&mut text).await?;
    /// assert_eq!(text, "question");
    /// server.write_all(b"answer").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn shutdown(&mut self) -> Shutdown<'_, Self>
    where
        Self: Unpin,
    {
        Shutdown::new(self)
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}
