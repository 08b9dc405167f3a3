//! The future of the number readers of `AsyncReadExt`: `read_u16`, `read_f64_le` and so on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::read_exact::poll_fill;
use crate::io::AsyncRead;

/// Reads the `N` bytes of a `T`.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReadNumber<'a, R: ?Sized, T, const N: usize> {
    reader: &'a mut R,
    /// `T::from_be_bytes` or `T::from_le_bytes`.
    decode: fn([u8; N]) -> T,
    bytes: [u8; N],
    filled: usize,
}

impl<'a, R: ?Sized, T, const N: usize> ReadNumber<'a, R, T, N> {
    #[inline]
    pub(super) fn new(reader: &'a mut R, decode: fn([u8; N]) -> T) -> Self {
        ReadNumber { reader, decode, bytes: [0; N], filled: 0 }
    }
}

impl<R: AsyncRead + Unpin + ?Sized, T, const N: usize> Future for ReadNumber<'_, R, T, N> {
    type Output = io::Result<T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let me = self.get_mut();
        ready!(poll_fill(Pin::new(&mut *me.reader), cx, &mut me.bytes, &mut me.filled))?;
        Poll::Ready(Ok((me.decode)(me.bytes)))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use crate::io::mock::{Mock, run};
    use crate::io::{AsyncReadExt, AsyncWriteExt};
    use std::io::ErrorKind;

    /// Writes and reads back each number in both byte orders, and checks the bytes in between.
    macro_rules! round_trips {
        ($($ty:ty: $write:ident $read:ident, $write_le:ident $read_le:ident;)+) => {$(
            for value in [<$ty>::MIN, <$ty>::MAX, 0 as $ty, 1 as $ty, (<$ty>::MAX as f32 / 3.0) as $ty] {
                let mut bytes = Vec::new();
                run(bytes.$write(value)).unwrap();
                assert_eq!(bytes, value.to_be_bytes());
                assert_eq!(run((&bytes[..]).$read()).unwrap(), value);
                let mut bytes = Vec::new();
                run(bytes.$write_le(value)).unwrap();
                assert_eq!(bytes, value.to_le_bytes());
                assert_eq!(run((&bytes[..]).$read_le()).unwrap(), value);
            }
        )+};
    }

    #[test]
    fn every_number_comes_back_in_both_orders() {
        round_trips! {
            u16: write_u16 read_u16, write_u16_le read_u16_le;
            i16: write_i16 read_i16, write_i16_le read_i16_le;
            u32: write_u32 read_u32, write_u32_le read_u32_le;
            i32: write_i32 read_i32, write_i32_le read_i32_le;
            u64: write_u64 read_u64, write_u64_le read_u64_le;
            i64: write_i64 read_i64, write_i64_le read_i64_le;
            u128: write_u128 read_u128, write_u128_le read_u128_le;
            i128: write_i128 read_i128, write_i128_le read_i128_le;
            f32: write_f32 read_f32, write_f32_le read_f32_le;
            f64: write_f64 read_f64, write_f64_le read_f64_le;
        }
        let mut bytes = Vec::new();
        run(bytes.write_u8(0xFE)).unwrap();
        run(bytes.write_i8(-3)).unwrap();
        let mut reader = &bytes[..];
        assert_eq!(run(reader.read_u8()).unwrap(), 0xFE);
        assert_eq!(run(reader.read_i8()).unwrap(), -3);
    }

    #[test]
    fn a_number_may_come_in_pieces() {
        let mut mock = Mock::new()
            .data(&[1])
            .read_pending()
            .data(&[2, 3])
            .read_error(ErrorKind::Interrupted)
            .data(&[4, 5]);
        assert_eq!(run(mock.read_u32()).unwrap(), 0x0102_0304);
        assert_eq!(run(mock.read_u8()).unwrap(), 5);
    }

    #[test]
    fn half_a_number_is_an_unexpected_end() {
        let error = run(Mock::new().data(&[1]).read_u16_le()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let error = run(Mock::new().read_error(ErrorKind::TimedOut).read_i8()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
