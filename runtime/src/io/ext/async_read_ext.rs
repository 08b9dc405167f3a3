//! `AsyncReadExt`: the methods that every reader has.

use bytes::BufMut;

use super::read::Read;
use super::read_buf::ReadInto;
use super::read_exact::ReadExact;
use super::read_number::ReadNumber;
use super::read_to_end::ReadToEnd;
use super::read_to_string::ReadToString;
use crate::io::{AsyncRead, Chain, Take};

/// Declares `read_u16` and the like: trait methods with a default.
macro_rules! number_readers {
    ($($name:ident, $ty:ident, $size:literal, $order:literal, $decode:ident, $encode:ident;)+) => {$(
        #[doc = concat!("Reads a `", stringify!($ty), "`: ", $size, " bytes, ", $order, " first.")]
        ///
        /// # Errors
        ///
        /// [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) if the reader ends before the last
        /// byte, and the reader's own; interruptions are retried.
        ///
        /// # Cancel safety
        ///
        /// Not cancel safe: the bytes that have come before the future is dropped are lost.
        ///
        /// # Examples
        ///
        /// ```
        /// use filch::io::AsyncReadExt;
        ///
        /// # #[filch::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        #[doc = concat!("let bytes = (7 as ", stringify!($ty), ").", stringify!($encode), "();")]
        /// let mut reader = &bytes[..];
        #[doc = concat!("assert_eq!(reader.", stringify!($name), "().await?, 7 as ", stringify!($ty), ");")]
        /// # Ok(())
        /// # }
        /// ```
        #[inline]
        fn $name(&mut self) -> ReadNumber<'_, Self, $ty, $size>
        where
            Self: Unpin,
        {
            ReadNumber::new(self, $ty::$decode)
        }
    )+};
}

/// Methods for every [`AsyncRead`].
///
/// # Examples
///
/// ```
/// use filch::io::AsyncReadExt;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut reader = &b"\x00\x05hello, world"[..];
/// let length = reader.read_u16().await?;
/// let mut word = String::new();
/// reader.take(length.into()).read_to_string(&mut word).await?;
/// assert_eq!(word, "hello");
/// # Ok(())
/// # }
/// ```
pub trait AsyncReadExt: AsyncRead {
    /// A reader that goes on with `next` where this one ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut text = String::new();
    /// b"head, ".chain(&b"body"[..]).read_to_string(&mut text).await?;
    /// assert_eq!(text, "head, body");
    /// # Ok(())
    /// # }
    /// ```
    fn chain<R>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
        R: AsyncRead,
    {
        Chain::new(self, next)
    }

    /// Reads some bytes into `buf`, and returns how many.
    ///
    /// As many as are there, which may be fewer than fit. `Ok(0)`: the reader is at its end, or `buf` is
    /// empty.
    ///
    /// # Errors
    ///
    /// The reader's own, interruptions included. With an error nothing was read.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, nothing was read.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"hello"[..];
    /// let mut buf = [0; 3];
    /// assert_eq!(reader.read(&mut buf).await?, 3);
    /// assert_eq!(reader.read(&mut buf).await?, 2);
    /// assert_eq!(reader.read(&mut buf).await?, 0);
    /// # Ok(())
    /// # }
    /// ```
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read::new(self, buf)
    }

    /// Reads some bytes into the spare capacity of `buf`, and returns how many.
    ///
    /// The memory need not be initialised first. `Ok(0)`: the reader is at its end, or `buf` has no room;
    /// a `Vec` or `BytesMut` always has, since it grows.
    ///
    /// # Errors
    ///
    /// The reader's own, interruptions included. With an error nothing was read.
    ///
    /// # Panics
    ///
    /// If the reader puts another `ReadBuf` in the place of the one it was given.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, nothing was read.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"hello"[..];
    /// let mut buf = Vec::with_capacity(1024);
    /// while reader.read_buf(&mut buf).await? != 0 {}
    /// assert_eq!(buf, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    fn read_buf<'a, B>(&'a mut self, buf: &'a mut B) -> ReadInto<'a, Self, B>
    where
        Self: Unpin,
        B: BufMut + ?Sized,
    {
        ReadInto::new(self, buf)
    }

    /// Fills `buf`, and returns its length.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) if the reader ends first, and the reader's
    /// own; interruptions are retried. With an error, how much of `buf` has been filled is unknown.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: what has come before the future is dropped is in `buf`, but nobody knows how
    /// much it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &b"hello"[..];
    /// let mut buf = [0; 4];
    /// reader.read_exact(&mut buf).await?;
    /// assert_eq!(&buf, b"hell");
    /// assert!(reader.read_exact(&mut buf).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact::new(self, buf)
    }

    /// Reads a byte.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) if the reader is at its end, and the reader's
    /// own; interruptions are retried.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, nothing was read.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &[200, 7][..];
    /// assert_eq!(reader.read_u8().await?, 200);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn read_u8(&mut self) -> ReadNumber<'_, Self, u8, 1>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, u8::from_be_bytes)
    }

    /// Reads a byte with a sign.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) if the reader is at its end, and the reader's
    /// own; interruptions are retried.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completes, nothing was read.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut reader = &[0xFF, 7][..];
    /// assert_eq!(reader.read_i8().await?, -1);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    fn read_i8(&mut self) -> ReadNumber<'_, Self, i8, 1>
    where
        Self: Unpin,
    {
        ReadNumber::new(self, i8::from_be_bytes)
    }

    number_readers! {
        read_u16, u16, 2, "most significant", from_be_bytes, to_be_bytes;
        read_i16, i16, 2, "most significant", from_be_bytes, to_be_bytes;
        read_u32, u32, 4, "most significant", from_be_bytes, to_be_bytes;
        read_i32, i32, 4, "most significant", from_be_bytes, to_be_bytes;
        read_u64, u64, 8, "most significant", from_be_bytes, to_be_bytes;
        read_i64, i64, 8, "most significant", from_be_bytes, to_be_bytes;
        read_u128, u128, 16, "most significant", from_be_bytes, to_be_bytes;
        read_i128, i128, 16, "most significant", from_be_bytes, to_be_bytes;
        read_f32, f32, 4, "most significant", from_be_bytes, to_be_bytes;
        read_f64, f64, 8, "most significant", from_be_bytes, to_be_bytes;
        read_u16_le, u16, 2, "least significant", from_le_bytes, to_le_bytes;
        read_i16_le, i16, 2, "least significant", from_le_bytes, to_le_bytes;
        read_u32_le, u32, 4, "least significant", from_le_bytes, to_le_bytes;
        read_i32_le, i32, 4, "least significant", from_le_bytes, to_le_bytes;
        read_u64_le, u64, 8, "least significant", from_le_bytes, to_le_bytes;
        read_i64_le, i64, 8, "least significant", from_le_bytes, to_le_bytes;
        read_u128_le, u128, 16, "least significant", from_le_bytes, to_le_bytes;
        read_i128_le, i128, 16, "least significant", from_le_bytes, to_le_bytes;
        read_f32_le, f32, 4, "least significant", from_le_bytes, to_le_bytes;
        read_f64_le, f64, 8, "least significant", from_le_bytes, to_le_bytes;
    }

    /// Appends everything up to the end of the reader to `buf`, and returns how much that was.
    ///
    /// `buf` grows by doubling; one that comes with exactly enough capacity does not grow. There is no
    /// other limit: for a peer that is not trusted, [`take`](AsyncReadExt::take) sets one.
    ///
    /// # Errors
    ///
    /// The reader's own; interruptions are retried. What has come before is in `buf`.
    ///
    /// # Panics
    ///
    /// If the reader puts another `ReadBuf` in the place of the one it was given.
    ///
    /// # Cancel safety
    ///
    /// What has come before the future is dropped is in `buf`, and another call goes on from there; it
    /// counts from zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut buf = b"> ".to_vec();
    /// assert_eq!((&b"hello"[..]).read_to_end(&mut buf).await?, 5);
    /// assert_eq!(buf, b"> hello");
    /// # Ok(())
    /// # }
    /// ```
    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd::new(self, buf)
    }

    /// Appends everything up to the end of the reader to `dst`, and returns how many bytes that was.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](std::io::ErrorKind::InvalidData) if it is not UTF-8, with the
    /// [`Utf8Error`](std::str::Utf8Error) in it, and the reader's own; interruptions are retried. With an
    /// error `dst` is what it was, and what has been read is lost.
    ///
    /// # Panics
    ///
    /// If the reader puts another `ReadBuf` in the place of the one it was given.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped before it completes, `dst` is what it was, and what has
    /// been read is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut text = String::new();
    /// assert_eq!((&b"hello"[..]).read_to_string(&mut text).await?, 5);
    /// assert!((&b"\xFF"[..]).read_to_string(&mut text).await.is_err());
    /// assert_eq!(text, "hello");
    /// # Ok(())
    /// # }
    /// ```
    fn read_to_string<'a>(&'a mut self, dst: &'a mut String) -> ReadToString<'a, Self>
    where
        Self: Unpin,
    {
        ReadToString::new(self, dst)
    }

    /// A reader that ends after `limit` bytes, if this one does not end before.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::AsyncReadExt;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut text = String::new();
    /// (&b"hello"[..]).take(4).read_to_string(&mut text).await?;
    /// assert_eq!(text, "hell");
    /// # Ok(())
    /// # }
    /// ```
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}
