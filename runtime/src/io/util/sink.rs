//! `sink`: swallows everything.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::io::{AsyncWrite, poll_spend};

/// A writer that swallows everything. Made by [`sink`].
pub struct Sink {
    _private: (),
}

/// A writer that swallows everything.
///
/// Never waits, except that each operation spends a unit of the task's cooperative budget.
///
/// # Examples
///
/// ```
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut body = &b"nobody wants this"[..];
/// assert_eq!(filch::io::copy(&mut body, &mut filch::io::sink()).await?, 17);
/// # Ok(())
/// # }
/// ```
pub fn sink() -> Sink {
    Sink { _private: () }
}

impl AsyncWrite for Sink {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(buf.len()))
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(poll_spend(cx));
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sink { .. }")
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::io::AsyncWriteExt;
    use crate::io::mock::{completions_per_budget, run};

    #[test]
    fn sink_takes_everything() {
        let mut sink = sink();
        let slices = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
        assert_eq!(run(sink.write_vectored(&slices)).unwrap(), 3);
        assert!(sink.is_write_vectored());
        assert_eq!(run(sink.write(b"abc")).unwrap(), 3);
        run(sink.flush()).unwrap();
        run(sink.shutdown()).unwrap();
        assert_eq!(format!("{sink:?}"), "Sink { .. }");
    }

    #[test]
    fn every_operation_spends_budget() {
        let mut sink = sink();
        let mut pin = Pin::new(&mut sink);
        let budget = usize::from(filch_primitives::coop::BUDGET);
        assert_eq!(completions_per_budget(|cx| pin.as_mut().poll_write(cx, b"").map(drop)), budget);
        assert_eq!(completions_per_budget(|cx| pin.as_mut().poll_flush(cx).map(drop)), budget);
        assert_eq!(completions_per_budget(|cx| pin.as_mut().poll_shutdown(cx).map(drop)), budget);
        let vectored =
            completions_per_budget(|cx| pin.as_mut().poll_write_vectored(cx, &[]).map(drop));
        assert_eq!(vectored, budget);
    }
}
