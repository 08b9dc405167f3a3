//! `repeat`: one byte, for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::io::{AsyncRead, ReadBuf, poll_spend};

/// A reader that yields one byte for ever. Made by [`repeat`].
#[derive(Debug)]
pub struct Repeat {
    byte: u8,
}

/// A reader that yields `byte` for ever.
///
/// Never waits, except that each read spends a unit of the task's cooperative budget. It has no end:
/// [`take`](crate::io::AsyncReadExt::take) gives it one.
///
/// # Examples
///
/// ```
/// use filch::io::AsyncReadExt;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut buf = [0; 3];
/// filch::io::repeat(b'x').read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"xxx");
/// # Ok(())
/// # }
/// ```
pub fn repeat(byte: u8) -> Repeat {
    Repeat { byte }
}

impl AsyncRead for Repeat {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(poll_spend(cx));
        bytes::BufMut::put_bytes(buf, self.byte, buf.remaining());
        Poll::Ready(Ok(()))
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::AsyncReadExt;
    use crate::io::mock::{completions_per_budget, run};
    use std::mem::MaybeUninit;

    #[test]
    fn repeat_fills_all_room() {
        let mut buf = Vec::with_capacity(100);
        assert_eq!(run(repeat(7).read_buf(&mut buf)).unwrap(), 100);
        assert!(buf.iter().all(|&b| b == 7));
    }

    #[test]
    fn every_read_spends_budget() {
        let mut repeat = repeat(7);
        let done = completions_per_budget(|cx| {
            let mut memory = [MaybeUninit::uninit(); 3];
            let mut buf = ReadBuf::uninit(&mut memory);
            Pin::new(&mut repeat).poll_read(cx, &mut buf).map(|result| {
                result.unwrap();
                assert_eq!(buf.filled(), [7; 3]);
            })
        });
        assert_eq!(done, usize::from(filch_primitives::coop::BUDGET));
    }
}
