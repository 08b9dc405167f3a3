//! `File`: an open file, read and written through the pool, or from memory.
//!
//! Callers: users; the traits of `io` are in `read`, `write` and `seek`, the state that they share in
//! `state`. Protocol: docs/fs.md, steps F1 to F6.
//!
//! Invariants
//! L1  One trip at a time moves the position: whoever needs the file next waits for it, so operations
//!     take effect in the order in which they were accepted.
//! L2  The position that the caller sees is the system's, less what was read and not yet handed out.
//!     Where the two differ, a write, seek, `set_len`, `try_clone` or `into_std` goes back first.
//! L3  Bytes that a write has accepted are written, in order, or an error is reported once, and with
//!     it goes everything accepted after the byte that failed.

mod read;
mod seek;
mod state;
mod write;

use std::fmt;
use std::fs::{File as StdFile, Metadata, Permissions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use filch_primitives::atomic::{AtomicU8, Ordering};
use filch_sync::Mutex;

use super::{FileTimes, OpenOptions, on_pool, quick};
use crate::io::async_seek::AskedSeek;
use state::Inner;

/// So much goes to the pool in one trip at most, unless told otherwise. Some hundred microseconds of copying,
/// beside which the trip's own cost is small.
const MAX_BUF_SIZE: usize = 2 * 1024 * 1024;

/// An open file.
///
/// Reads, writes and seeks are those of [`AsyncReadExt`](crate::io::AsyncReadExt),
/// [`AsyncWriteExt`](crate::io::AsyncWriteExt) and [`AsyncSeekExt`](crate::io::AsyncSeekExt). There is
/// one position for all of them, as in [`std::fs::File`].
///
/// **Writes are accepted before they are done.** `write` copies the bytes and returns; a thread of the pool
/// writes them, and takes what is accepted meanwhile along. [`flush`](crate::io::AsyncWriteExt::flush) waits
/// until they are with the system; [`sync_all`](Self::sync_all) until they are on the disk. An error of
/// such a write is that of the next `write`, `flush`, `shutdown`, `sync_all` or `sync_data`; reads and seeks
/// leave it to them. It is reported once; what was accepted after the write that failed is not written.
///
/// **Dropping a file** loses nothing that was accepted: it is written in the background, and the file is closed
/// then. So does a runtime that is shut down meanwhile. What is lost is the error: `flush` first.
///
/// **Costs.** A read whose bytes are in memory is one system call where the task is (Linux, regular files of
/// local file systems, up to 128 KiB); any other is a trip to the pool, some 20 us. Small writes in a row
/// share trips. For very small ones, wrap it in a [`BufReader`](crate::io::BufReader) or
/// [`BufWriter`](crate::io::BufWriter).
///
/// # Examples
/// ```
/// use filch::fs::File;
/// use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("filch-file-{}", std::process::id()));
/// let mut file = File::options().read(true).write(true).create(true).open(&path).await?;
/// file.write_all(b"hello, world").await?;
/// file.seek(SeekFrom::Start(7)).await?;
/// let mut text = String::new();
/// file.read_to_string(&mut text).await?;
/// assert_eq!(text, "world");
/// # filch::fs::remove_file(&path).await
/// # }
/// ```
pub struct File {
    shared: Arc<Shared>,
    inner: Mutex<Inner>,
    max_buf_size: usize,
    #[cfg_attr(not(feature = "futures-io"), allow(dead_code, reason = "nobody asks"))]
    asked: AskedSeek,
}

/// What trips to the pool share with the file.
struct Shared {
    std: StdFile,
    /// Whether it answers from memory: [`UNKNOWN`], [`QUICK`] or [`SLOW`].
    speed: AtomicU8,
}

/// Nobody has asked: it came from std.
const UNKNOWN: u8 = 0;
/// A regular file on a file system that answers from memory, with a position of its own.
const QUICK: u8 = 1;
/// Only the pool may touch it: another kind of file, or its position is shared with a clone, which may hold
/// the position's lock while it waits for a disk.
const SLOW: u8 = 2;

impl Shared {
    fn is_quick(&self) -> bool {
        // ordering: Relaxed. The word is all there is; the caller that has made it SLOW by a clone is told by
        // what it was told the clone by.
        self.speed.load(Ordering::Relaxed) == QUICK
    }

    fn set_slow(&self) {
        // ordering: Relaxed, as above.
        self.speed.store(SLOW, Ordering::Relaxed);
    }

    /// Asks, if nobody has. May wait; for the pool.
    fn learn(&self) {
        // ordering: Relaxed, both: as above.
        if self.speed.load(Ordering::Relaxed) == UNKNOWN {
            let speed = if quick::is_quick(&self.std) { QUICK } else { SLOW };
            // It may have become SLOW meanwhile, for good.
            let _ =
                self.speed.compare_exchange(UNKNOWN, speed, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

impl File {
    /// Opens a file for reading.
    ///
    /// Costs no trip to the pool if the path is cached (Linux, local file systems).
    ///
    /// # Errors
    /// If it does not exist, or may not be read.
    /// # Cancel safety
    /// Nothing is lost: a file that is opened nevertheless is closed.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file for writing: makes it, or empties it.
    ///
    /// # Errors
    /// If it can be neither made nor written.
    /// # Cancel safety
    /// A call that has begun goes on: the file may be made or emptied.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path).await
    }

    /// Makes a file for reading and writing, which must not exist.
    ///
    /// # Errors
    /// `AlreadyExists`; or if it cannot be made.
    /// # Cancel safety
    /// A call that has begun goes on: the file may be made.
    pub async fn create_new<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path).await
    }

    /// Another way to open a file: [`OpenOptions::new`], for whom that reads better.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// The same file, for asynchronous use. Its position stays.
    pub fn from_std(std: StdFile) -> File {
        File::new(std, UNKNOWN)
    }

    /// A file that was opened just now, and whether it answers from memory.
    pub(super) fn opened(std: StdFile, is_quick: bool) -> File {
        File::new(std, if is_quick { QUICK } else { SLOW })
    }

    fn new(std: StdFile, speed: u8) -> File {
        File {
            shared: Arc::new(Shared { std, speed: AtomicU8::new(speed) }),
            inner: Mutex::new(Inner::default()),
            max_buf_size: MAX_BUF_SIZE,
            asked: AskedSeek::default(),
        }
    }

    /// Waits until what was written, and what the file system says of the file, is on the disk.
    ///
    /// # Errors
    /// That of an earlier write, which is reported here then; or the disk's.
    /// # Cancel safety
    /// A trip that has begun goes on, and its error is lost. Those of writes are not.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.written().await?;
        self.on_pool(StdFile::sync_all).await
    }

    /// As [`sync_all`](Self::sync_all), without what is not needed to read the contents: times, say.
    ///
    /// # Errors
    /// As [`sync_all`](Self::sync_all).
    /// # Cancel safety
    /// As [`sync_all`](Self::sync_all).
    pub async fn sync_data(&self) -> io::Result<()> {
        self.written().await?;
        self.on_pool(StdFile::sync_data).await
    }

    /// Cuts the file off, or makes it longer with zeros. The position stays.
    ///
    /// After what was accepted for writing.
    ///
    /// # Errors
    /// If it was not opened for writing, or has no room.
    /// # Cancel safety
    /// A trip that has begun goes on: the length may change. Later operations come after it.
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        let mut inner = self.inner.lock().await;
        inner.set_len(&self.shared, size).await
    }

    /// What the system knows of the file. What was accepted for writing may not be in its length yet:
    /// [`flush`](crate::io::AsyncWriteExt::flush) first.
    ///
    /// Costs a system call for a regular file on a local file system (Linux), else a trip to the pool.
    ///
    /// # Errors
    /// The system's.
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        if self.shared.is_quick() && quick::may_try().await {
            return self.shared.std.metadata();
        }
        self.on_pool(StdFile::metadata).await
    }

    /// Another `File` for the same open file: a position for both, moved by either.
    ///
    /// After what was accepted for writing. From then on both go to the pool for every operation, since either
    /// may find the other moving the position.
    ///
    /// # Errors
    /// If too many files are open.
    /// # Cancel safety
    /// Nothing is lost: a clone that is made nevertheless is closed.
    pub async fn try_clone(&self) -> io::Result<File> {
        let mut inner = self.inner.lock().await;
        self.shared.set_slow();
        inner.settle(&self.shared).await;
        let std = self.on_pool(StdFile::try_clone).await?;
        Ok(File { max_buf_size: self.max_buf_size, ..File::new(std, SLOW) })
    }

    /// The file for synchronous use, when what was begun is done.
    ///
    /// The error of a write that was accepted is lost: [`flush`](crate::io::AsyncWriteExt::flush) first.
    ///
    /// # Cancel safety
    /// The file is lost: it is closed, after what was accepted is written.
    pub async fn into_std(mut self) -> StdFile {
        self.inner.get_mut().settle(&self.shared).await;
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => shared.std,
            // A call whose future was dropped is still at it.
            Err(shared) => into_std_beside(shared).await,
        }
    }

    /// The file for synchronous use, if nothing was begun that is not done.
    ///
    /// # Errors
    /// This file, if something was.
    #[allow(clippy::result_large_err, reason = "the file, back: as tokio has it")]
    pub fn try_into_std(mut self) -> Result<StdFile, Self> {
        if !self.inner.get_mut().try_settle(&self.shared) {
            return Err(self);
        }
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => Ok(shared.std),
            Err(shared) => Err(File { shared, ..self }),
        }
    }

    /// Sets the rights.
    ///
    /// # Errors
    /// If that is not allowed.
    /// # Cancel safety
    /// A trip that has begun goes on: they may be set.
    pub async fn set_permissions(&self, perm: Permissions) -> io::Result<()> {
        self.on_pool(move |std| std.set_permissions(perm)).await
    }

    /// Sets when it was read and changed last.
    ///
    /// # Errors
    /// If that is not allowed.
    /// # Cancel safety
    /// A trip that has begun goes on: they may be set.
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.on_pool(move |std| std.set_times(times.into_std())).await
    }

    /// Sets when it was changed last.
    ///
    /// # Errors
    /// If that is not allowed.
    /// # Cancel safety
    /// A trip that has begun goes on: it may be set.
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }

    /// Sets how many bytes go to the pool in one trip at most, and with that how much memory is used for
    /// them: twice so much, at times. 2 MiB by default.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        assert!(max_buf_size > 0, "max_buf_size must be positive");
        self.max_buf_size = max_buf_size;
    }

    /// How many bytes go to the pool in one trip at most.
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }

    /// Waits for what was accepted, and reports its error.
    async fn written(&self) -> io::Result<()> {
        let mut inner = self.inner.lock().await;
        std::future::poll_fn(|cx| inner.poll_written(cx)).await
    }

    /// One trip with the file. It moves no position, so it waits for nothing.
    async fn on_pool<T: Send + 'static>(
        &self,
        f: impl FnOnce(&StdFile) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let shared = self.shared.clone();
        on_pool(move || f(&shared.std)).await
    }
}

/// The file of a trip that goes on: another descriptor, or the same one when the trip is over.
#[cold]
async fn into_std_beside(mut shared: Arc<Shared>) -> StdFile {
    loop {
        if let Ok(std) = shared.std.try_clone() {
            return std;
        }
        // Too many files are open. One of them is ours, and the trip gives it back.
        match Arc::try_unwrap(shared) {
            Ok(shared) => return shared.std,
            Err(again) => shared = again,
        }
        crate::task::yield_now().await;
    }
}

impl From<StdFile> for File {
    fn from(std: StdFile) -> File {
        File::from_std(std)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("std", &self.shared.std).finish_non_exhaustive()
    }
}

#[cfg(unix)]
mod unix {
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

    use super::{File, StdFile};

    impl AsFd for File {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.shared.std.as_fd()
        }
    }

    impl AsRawFd for File {
        fn as_raw_fd(&self) -> RawFd {
            self.shared.std.as_raw_fd()
        }
    }

    impl FromRawFd for File {
        unsafe fn from_raw_fd(fd: RawFd) -> File {
            // SAFETY: the caller hands an open descriptor over, which is what this asks for, too.
            File::from_std(unsafe { StdFile::from_raw_fd(fd) })
        }
    }

    impl From<OwnedFd> for File {
        fn from(fd: OwnedFd) -> File {
            File::from_std(fd.into())
        }
    }
}
