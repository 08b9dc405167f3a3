//! `DirEntry`: a name in a directory, and what the directory says of it.

use std::ffi::OsString;
use std::fmt;
use std::fs::{FileType, Metadata};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{on_pool, quick};

/// An entry of a directory, from [`ReadDir`](super::ReadDir).
///
/// It keeps the directory's descriptor open, as std's does.
pub struct DirEntry {
    std: Arc<std::fs::DirEntry>,
    /// As the directory says, if it does: not every file system keeps types there.
    file_type: Option<FileType>,
}

impl DirEntry {
    pub(super) fn new(std: std::fs::DirEntry) -> Self {
        // Costs a system call only where the directory does not say; on the pool all the same.
        let file_type = std.file_type().ok();
        DirEntry { std: Arc::new(std), file_type }
    }

    /// The path: that of the directory, as it was given to [`read_dir`](super::read_dir), and the name.
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// The name, without a path.
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    /// What the system knows of it. Of a symbolic link, not of what that points to.
    ///
    /// Costs as [`symlink_metadata`](super::symlink_metadata).
    ///
    /// # Errors
    /// `NotFound` if it was removed since.
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        if quick::may_try().await {
            if let Some(metadata) = quick::lstat(&self.std.path()) {
                return Ok(metadata);
            }
        }
        let std = self.std.clone();
        on_pool(move || {
            let metadata = std.metadata()?;
            // For the entries that follow.
            quick::learn(&std.path());
            Ok(metadata)
        })
        .await
    }

    /// Whether it is a file, a directory, a symbolic link or something else.
    ///
    /// Costs nothing: it came with the name. Only if there was an error is it asked for again, on the pool.
    ///
    /// # Errors
    /// `NotFound` if it was removed, where the directory does not keep the types.
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn file_type(&self) -> io::Result<FileType> {
        if let Some(file_type) = self.file_type {
            return Ok(file_type);
        }
        let std = self.std.clone();
        on_pool(move || std.file_type()).await
    }

    /// The number of its inode.
    #[cfg(unix)]
    pub fn ino(&self) -> u64 {
        std::os::unix::fs::DirEntryExt::ino(&*self.std)
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}
