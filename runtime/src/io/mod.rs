//! Asynchronous input and output: the traits, their extension methods, adapters, in-memory streams.
//!
//! The four traits are [`AsyncRead`], [`AsyncWrite`], [`AsyncBufRead`] and [`AsyncSeek`]: std's `Read`,
//! `Write`, `BufRead` and `Seek`, with a `poll_` method that returns `Pending` and wakes the task
//! later where std's would block. Programs mostly use the methods of the extension traits, which
//! every implementor has: [`AsyncReadExt`], [`AsyncWriteExt`], [`AsyncBufReadExt`],
//! [`AsyncSeekExt`].
//!
//! | wanted | use |
//! | --- | --- |
//! | fewer system calls for small reads or writes | [`BufReader`], [`BufWriter`], [`BufStream`] |
//! | lines, or other delimited pieces | [`AsyncBufReadExt::lines`], [`AsyncBufReadExt::split`] |
//! | everything from here to there | [`copy`], [`copy_buf`], [`copy_bidirectional`] |
//! | one stream as two owned halves, and back | [`split`], [`join`] |
//! | a connection in memory, for tests or between tasks | [`duplex`], [`simplex`] |
//! | a source or a drain that is always ready | [`empty`], [`repeat`], [`sink`] |
//! | the process's own input and output | [`stdin`], [`stdout`], [`stderr`] |
//! | readiness of any descriptor | [`unix::AsyncFd`] |
//! | to see the bytes that pass | [`InspectReader`], [`InspectWriter`] |
//!
//! Layout: one trait a file here; `ext/` holds the extension traits and the futures that they
//! return; `util/` holds the adapters and free functions; `stdio/` and `unix/` what the system has.
//!
//! Invariants
//! I1  A poll that returns `Pending` has moved no byte, and has arranged a wake-up.
//! I2  An adapter loses no bytes to an error: what an earlier poll moved is in its buffer, in the
//!     caller's, or counted. A future that can lose some says so.
//! I3  What could complete for ever without waiting spends a unit of the task's cooperative budget
//!     each time it completes: reads and writes of in-memory pipes, `empty`, `repeat`, `sink`, and each
//!     round of the copy loops. Slices and cursors come to an end, and spend nothing.
//! I4  Memory that a reader was to fill counts as filled only if the [`ReadBuf`] that comes back still
//!     points to it: safe code may put another `ReadBuf` in its place.
//!
//! # Examples
//!
//! ```
//! use filch::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[filch::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let (mut client, mut server) = filch::io::duplex(64);
//! client.write_all(b"ping").await?;
//! let mut buf = [0; 4];
//! server.read_exact(&mut buf).await?;
//! assert_eq!(&buf, b"ping");
//! # Ok(())
//! # }
//! ```

use std::task::{Context, Poll, ready};

use filch_primitives::coop;

mod async_buf_read;
mod async_read;
pub(crate) mod async_seek;
mod async_write;
#[cfg(all(test, not(filch_loom)))]
mod auto_traits;
mod ext;
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio-io"))]
pub(crate) mod foreign;
#[cfg(feature = "futures-io")]
pub(crate) mod futures_io;
#[cfg(all(test, not(filch_loom)))]
pub(crate) mod mock;
mod read_buf;
#[cfg(unix)]
mod stdio;
#[cfg(feature = "tokio-io")]
mod tokio_io;
#[cfg(unix)]
pub mod unix;
mod util;

pub use async_buf_read::AsyncBufRead;
pub use async_read::AsyncRead;
pub use async_seek::AsyncSeek;
pub use async_write::AsyncWrite;
pub use ext::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
pub use read_buf::ReadBuf;
#[cfg(unix)]
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use util::{
    BufReader, BufStream, BufWriter, Chain, DuplexStream, Empty, InspectReader, InspectWriter,
    Join, Lines, ReadHalf, Repeat, SimplexStream, Sink, Split, Take, WriteHalf, copy,
    copy_bidirectional, copy_bidirectional_with_sizes, copy_buf, duplex, empty, join, repeat,
    simplex, sink, split,
};

pub use filch_io_driver::{Interest, Ready};

#[doc(no_inline)]
pub use std::io::{Error, ErrorKind, Result, SeekFrom};

/// Spends a unit of the budget for an operation that completes whenever it is polled (I3).
#[inline]
fn poll_spend(cx: &mut Context<'_>) -> Poll<()> {
    ready!(coop::poll_proceed(cx)).made_progress();
    Poll::Ready(())
}
