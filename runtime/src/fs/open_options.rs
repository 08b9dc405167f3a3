//! `OpenOptions`: how a file is opened.

use std::io;
use std::path::Path;

use super::{File, on_pool, quick};

/// How a [`File`] is opened: for reading or writing, made, emptied, appended to.
///
/// The options and their combinations are those of [`std::fs::OpenOptions`].
///
/// # Examples
/// ```no_run
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let log = filch::fs::OpenOptions::new().append(true).create(true).open("log").await?;
/// # drop(log);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    std: std::fs::OpenOptions,
    /// Whether reading was asked for, and nothing else: such an opening changes nothing, and may be tried
    /// where the task is.
    reads: bool,
    else_none: bool,
}

impl OpenOptions {
    /// With all options off.
    pub fn new() -> OpenOptions {
        OpenOptions { std: std::fs::OpenOptions::new(), reads: false, else_none: true }
    }

    /// Whether it can be read.
    pub fn read(&mut self, read: bool) -> &mut OpenOptions {
        self.std.read(read);
        self.reads = read;
        self
    }

    /// Whether it can be written. What it has is overwritten, byte by byte, not cut off.
    pub fn write(&mut self, write: bool) -> &mut OpenOptions {
        self.std.write(write);
        self.changes()
    }

    /// Whether what is written goes to its end, wherever that is by then.
    pub fn append(&mut self, append: bool) -> &mut OpenOptions {
        self.std.append(append);
        self.changes()
    }

    /// Whether it is emptied. It must be opened for writing.
    pub fn truncate(&mut self, truncate: bool) -> &mut OpenOptions {
        self.std.truncate(truncate);
        self.changes()
    }

    /// Whether it is made, if it does not exist. It must be opened for writing or appending.
    pub fn create(&mut self, create: bool) -> &mut OpenOptions {
        self.std.create(create);
        self.changes()
    }

    /// Whether it must be made, and it is an error if it exists. `create` and `truncate` mean nothing then.
    pub fn create_new(&mut self, create_new: bool) -> &mut OpenOptions {
        self.std.create_new(create_new);
        self.changes()
    }

    /// The rights of a file that is made, less the process's mask. 0o666 by default.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::mode(&mut self.std, mode);
        self
    }

    /// More flags for `open`, as `libc::O_NOFOLLOW`. Those of the access mode are left out.
    #[cfg(unix)]
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut self.std, flags);
        self.changes()
    }

    /// Opens the file.
    ///
    /// A trip to the pool; none for a regular file that is only read and whose path is cached (Linux,
    /// local file systems).
    ///
    /// # Errors
    /// Those of [`std::fs::OpenOptions::open`]: it does not exist, or does, the right is missing, the
    /// options are none that go together, too many files are open.
    /// # Cancel safety
    /// A call that has begun goes on: the file may be made or emptied. It is closed then.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        if self.reads && self.else_none && quick::may_try().await {
            if let Some(std) = quick::open(path) {
                return Ok(File::opened(std, true));
            }
        }
        let (options, path) = (self.std.clone(), path.to_owned());
        on_pool(move || {
            let std = options.open(path)?;
            let is_quick = quick::is_quick(&std);
            Ok(File::opened(std, is_quick))
        })
        .await
    }

    fn changes(&mut self) -> &mut OpenOptions {
        self.else_none = false;
        self
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(std: std::fs::OpenOptions) -> OpenOptions {
        // What is set cannot be asked.
        OpenOptions { std, reads: false, else_none: false }
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}
