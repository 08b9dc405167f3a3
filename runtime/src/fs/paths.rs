//! The free functions on paths. Each is one trip to the pool, or none.

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use super::{on_pool, quick};

/// The absolute form of a path, without symbolic links and `..`.
///
/// As [`std::fs::canonicalize`], on the pool.
///
/// # Errors
/// If the path does not exist, or something on the way is no directory.
/// # Cancel safety
/// Nothing is lost.
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    on_pool(move || std::fs::canonicalize(path)).await
}

/// Makes a directory. [`create_dir_all`] makes those that it lies in, too.
///
/// As [`std::fs::create_dir`], on the pool.
///
/// # Errors
/// If it exists, its parent does not, or the right is missing.
/// # Cancel safety
/// A call that has begun goes on: the directory may be made.
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    on_pool(move || std::fs::create_dir(path)).await
}

/// Makes a directory and those that it lies in, as far as they are missing.
///
/// As [`std::fs::create_dir_all`], on the pool in one trip.
///
/// # Errors
/// If one of them cannot be made. Those above it may be there then.
/// # Cancel safety
/// A call that has begun goes on: the directories may be made.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    on_pool(move || std::fs::create_dir_all(path)).await
}

/// Gives a file another name, on the same file system.
///
/// As [`std::fs::hard_link`], on the pool.
///
/// # Errors
/// If `original` is no file, `link` exists, or they are on two file systems.
/// # Cancel safety
/// A call that has begun goes on: the link may be made.
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    on_pool(move || std::fs::hard_link(original, link)).await
}

/// What the system knows of a file: type, size, rights, times. Symbolic links are followed.
///
/// As [`std::fs::metadata`]. Costs four system calls and no trip, if the path is cached (Linux, local
/// file systems); else a trip to the pool.
///
/// # Errors
/// If the path does not exist, or may not be looked at.
/// # Cancel safety
/// Nothing is lost.
/// # Examples
/// ```
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// assert!(filch::fs::metadata("/").await?.is_dir());
/// # Ok(())
/// # }
/// ```
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    metadata_of(path.as_ref().to_owned(), quick::metadata, |path| std::fs::metadata(path)).await
}

/// As [`metadata`], of a symbolic link itself.
///
/// As [`std::fs::symlink_metadata`]; the cost is that of [`metadata`].
///
/// # Errors
/// If the path does not exist, or may not be looked at.
/// # Cancel safety
/// Nothing is lost.
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    metadata_of(path.as_ref().to_owned(), quick::lstat, |path| std::fs::symlink_metadata(path))
        .await
}

async fn metadata_of(
    path: PathBuf,
    quick: fn(&Path) -> Option<Metadata>,
    slow: fn(&Path) -> io::Result<Metadata>,
) -> io::Result<Metadata> {
    if quick::may_try().await {
        if let Some(metadata) = quick(&path) {
            return Ok(metadata);
        }
    }
    on_pool(move || {
        let metadata = slow(&path)?;
        quick::learn(&path);
        Ok(metadata)
    })
    .await
}

/// Where a symbolic link points to.
///
/// As [`std::fs::read_link`], on the pool.
///
/// # Errors
/// If it is none, or does not exist.
/// # Cancel safety
/// Nothing is lost.
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    on_pool(move || std::fs::read_link(path)).await
}

/// Removes an empty directory.
///
/// As [`std::fs::remove_dir`], on the pool.
///
/// # Errors
/// If it is none, is not empty, or the right is missing.
/// # Cancel safety
/// A call that has begun goes on: the directory may be removed.
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    on_pool(move || std::fs::remove_dir(path)).await
}

/// Removes a directory with everything in it. Symbolic links are removed, not followed.
///
/// As [`std::fs::remove_dir_all`], on the pool in one trip.
///
/// # Errors
/// If something in it cannot be removed. The rest may be gone then.
/// # Cancel safety
/// A call that has begun goes on to its end.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    on_pool(move || std::fs::remove_dir_all(path)).await
}

/// Removes a file. Its contents live on while somebody has it open.
///
/// As [`std::fs::remove_file`], on the pool.
///
/// # Errors
/// If it does not exist, is a directory, or the right is missing.
/// # Cancel safety
/// A call that has begun goes on: the file may be removed.
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    on_pool(move || std::fs::remove_file(path)).await
}

/// Gives a file or directory another name, and replaces a file that has it.
///
/// As [`std::fs::rename`], on the pool.
///
/// # Errors
/// If `from` does not exist, `to` is on another file system, or the right is missing.
/// # Cancel safety
/// A call that has begun goes on: it may be renamed.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    on_pool(move || std::fs::rename(from, to)).await
}

/// Sets the rights of a file or directory.
///
/// As [`std::fs::set_permissions`], on the pool.
///
/// # Errors
/// If it does not exist, or the right to do so is missing.
/// # Cancel safety
/// A call that has begun goes on: they may be set.
pub async fn set_permissions(path: impl AsRef<Path>, perm: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    on_pool(move || std::fs::set_permissions(path, perm)).await
}

/// Makes a symbolic link, whose target need not exist.
///
/// As [`std::os::unix::fs::symlink`], on the pool.
///
/// # Errors
/// If `link` exists, or the right is missing.
/// # Cancel safety
/// A call that has begun goes on: the link may be made.
#[cfg(unix)]
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    on_pool(move || std::os::unix::fs::symlink(original, link)).await
}

/// Whether the path exists. Symbolic links are followed: one that points nowhere does not.
///
/// As [`std::fs::try_exists`](std::fs::exists). Costs as [`metadata`] if it exists, else a trip to the pool.
///
/// # Errors
/// If that cannot be told: where a directory on the way may not be searched, say.
/// # Cancel safety
/// Nothing is lost.
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    match metadata(path).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
