//! Files and directories.
//!
//! Names and behaviour are std's, as asynchronous functions. A call that may wait for a disk runs on a
//! thread of the blocking pool, whole: [`read`] opens, reads and closes in one trip, [`ReadDir`] takes
//! hundreds of entries at a time. What the system has in memory is not worth a trip, which costs more
//! than the call: on Linux, [`read`], [`metadata`], [`File::open`] and reading from a [`File`] first
//! ask for an answer without waiting, and go to the pool if there is none. docs/fs.md says which calls,
//! and what each costs.
//!
//! | wanted | use |
//! | --- | --- |
//! | a whole file | [`read`], [`read_to_string`], [`write`](write()), [`copy`] |
//! | parts of a file, appending, seeking | [`File`], [`OpenOptions`] |
//! | what is in a directory | [`read_dir`] |
//! | many small operations in a row | std's, inside of [`spawn_blocking`] |
//!
//! For regular files and directories. A named pipe or a terminal may occupy a thread of the pool for
//! ever, and hold the runtime's shutdown up; sockets, pipes and devices that can be polled belong to
//! [`net`](crate::net).
//!
//! Everything here panics outside of a runtime, when it is polled; [`File::from_std`],
//! [`File::try_into_std`] and the options need none. Drivers need not be enabled.
//!
//! # Cancel safety
//! Dropping a future stops the waiting and not the operation: a trip that has begun goes on, and
//! its result is dropped. So [`write`](write()) may still write, [`remove_file`] remove. [`File`] and [`ReadDir`]
//! keep the result of a dropped read for the next one.
//!
//! # Examples
//! ```
//! use filch::fs;
//!
//! # #[filch::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! # let folder = std::env::temp_dir().join(format!("filch-fs-{}", std::process::id()));
//! fs::create_dir_all(&folder).await?;
//! let path = folder.join("greeting");
//! fs::write(&path, "hello").await?;
//! assert_eq!(fs::read_to_string(&path).await?, "hello");
//! fs::remove_dir_all(&folder).await?;
//! assert!(!fs::try_exists(&path).await?);
//! # Ok(())
//! # }
//! ```

mod dir_builder;
mod dir_entry;
mod file;
mod file_times;
mod open_options;
mod paths;
mod quick;
mod read_dir;
mod whole;

use std::io;

use crate::task::spawn_blocking;

pub use dir_builder::DirBuilder;
pub use dir_entry::DirEntry;
pub use file::File;
pub use file_times::FileTimes;
pub use open_options::OpenOptions;
#[cfg(unix)]
pub use paths::symlink;
pub use paths::{
    canonicalize, create_dir, create_dir_all, hard_link, metadata, read_link, remove_dir,
    remove_dir_all, remove_file, rename, set_permissions, symlink_metadata, try_exists,
};
pub use read_dir::{ReadDir, read_dir};
pub use whole::{copy, read, read_to_string, write};

/// One trip: runs `f` on a thread of the blocking pool.
async fn on_pool<T, F>(f: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    crate::context::needs_system("files");
    match spawn_blocking(f).await {
        Ok(result) => result,
        // The runtime is shut down, or too many wait for a thread.
        Err(error) => Err(error.into()),
    }
}
