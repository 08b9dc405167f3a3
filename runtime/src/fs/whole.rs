//! Whole files, in one trip to the pool or none.

use std::io;
use std::path::Path;

use super::{on_pool, quick};

/// The contents of a file.
///
/// As [`std::fs::read`]. A file of 128 KiB at most whose contents and path are cached is read where
/// the task is (Linux, local file systems); any other is opened, read and closed in one trip to the pool.
///
/// # Errors
/// If the file cannot be opened or read; `IsADirectory` if it is a directory.
/// # Cancel safety
/// Nothing is lost. A trip that has begun goes on, and what it has read is dropped.
/// # Examples
/// ```no_run
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let certificate = filch::fs::read("server.pem").await?;
/// # drop(certificate);
/// # Ok(())
/// # }
/// ```
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    if quick::may_try().await {
        if let Some(bytes) = quick::read(path) {
            return Ok(bytes);
        }
    }
    let path = path.to_owned();
    on_pool(move || {
        let bytes = std::fs::read(&path)?;
        // The next time it may be cached.
        if bytes.len() <= quick::MAX_BYTES {
            quick::learn(&path);
        }
        Ok(bytes)
    })
    .await
}

/// The contents of a file, which are UTF-8.
///
/// As [`std::fs::read_to_string`]; the cost is that of [`read`].
///
/// # Errors
/// Those of [`read`]; `InvalidData` if it is not UTF-8.
/// # Cancel safety
/// Nothing is lost.
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let bytes = read(path).await?;
    String::from_utf8(bytes).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8")
    })
}

/// Makes a file with these contents, or replaces those that it has.
///
/// As [`std::fs::write`], on the pool in one trip, for which the contents are copied. The file is open
/// and empty before they are written: to have the old contents or the new ones at any time, write
/// another file and [`rename`](super::rename) it.
///
/// # Errors
/// If the file cannot be opened, or not be written: part of the contents may be in it then.
/// # Cancel safety
/// A call that has begun goes on: all of it may be written.
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let (path, contents) = (path.as_ref().to_owned(), contents.as_ref().to_owned());
    on_pool(move || std::fs::write(path, contents)).await
}

/// Copies the contents and the rights of a file; says how many bytes that were.
///
/// As [`std::fs::copy`], on the pool in one trip: the system copies, where it can without looking at the
/// contents. What `to` had is replaced.
///
/// # Errors
/// If `from` is no file that can be read, or `to` none that can be written. Part of the contents may be in
/// it then.
/// # Cancel safety
/// A call that has begun goes on to its end.
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    on_pool(move || std::fs::copy(from, to)).await
}
