//! The extension traits, and the futures that their methods return.
//!
//! A future borrows the stream and what it reads into or writes from, keeps how far it has come, and
//! polls the stream; none of them allocates. They are `Unpin` and as `Send` as what they borrow. Each is
//! made by one trait method, which documents it; their types have names but no public path.

mod async_buf_read_ext;
mod async_read_ext;
mod async_seek_ext;
mod async_write_ext;

mod fill_buf;
mod flush;
mod read;
mod read_buf;
mod read_exact;
mod read_line;
mod read_number;
mod read_to_end;
mod read_to_string;
mod read_until;
mod seek;
mod shutdown;
mod write;
mod write_all;
mod write_all_buf;
mod write_buf;
mod write_number;
mod write_vectored;

pub use async_buf_read_ext::AsyncBufReadExt;
pub use async_read_ext::AsyncReadExt;
pub use async_seek_ext::AsyncSeekExt;
pub use async_write_ext::AsyncWriteExt;
pub(super) use read_until::poll_read_until;

use std::io::{self, ErrorKind};

/// How many buffers a vectored write of a `bytes::Buf` passes at once. Linux takes up to 1,024; most
/// messages consist of a handful, and the array lives on the stack.
const MAX_IO_SLICES: usize = 64;

fn write_zero() -> io::Error {
    io::Error::new(ErrorKind::WriteZero, "the writer accepts no more bytes")
}

fn unexpected_eof() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "early eof")
}

fn is_interrupted(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Interrupted
}
