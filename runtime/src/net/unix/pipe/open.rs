//! `OpenOptions`: opening a pipe that has a name.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{Receiver, Sender};

/// How to open a pipe that has a name.
///
/// # Examples
/// ```no_run
/// use filch::net::unix::pipe;
///
/// # fn open() -> std::io::Result<()> {
/// let receiver = pipe::OpenOptions::new().open_receiver("/run/app.fifo")?;
/// let sender = pipe::OpenOptions::new().open_sender("/run/app.fifo")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// Both options off.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Whether to open it for reading and writing; off by default.
    ///
    /// A [`Sender`] can then be opened where nobody reads yet, and a [`Receiver`] never sees the end of the
    /// stream. Linux allows it, POSIX does not say.
    pub fn read_write(&mut self, value: bool) -> &mut Self {
        self.read_write = value;
        self
    }

    /// Whether to save the check that the file is a pipe; off by default.
    pub fn unchecked(&mut self, value: bool) -> &mut Self {
        self.unchecked = value;
        self
    }

    /// Opens the end for reading. It does not wait for a writer.
    ///
    /// # Errors
    /// The system's: `NotFound`, `PermissionDenied`; `InvalidInput` if the file is no pipe.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        let file = OpenOptions::open(path.as_ref(), true, self.read_write)?;
        if self.unchecked { Receiver::from_file_unchecked(file) } else { Receiver::from_file(file) }
    }

    /// Opens the end for writing. It does not wait for a reader.
    ///
    /// # Errors
    /// The system's: `ENXIO` if nobody has opened it for reading, unless
    /// [`read_write`](OpenOptions::read_write) is on, `NotFound`, `PermissionDenied`; `InvalidInput` if
    /// the file is no pipe.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        let file = OpenOptions::open(path.as_ref(), self.read_write, true)?;
        if self.unchecked { Sender::from_file_unchecked(file) } else { Sender::from_file(file) }
    }

    /// With `O_NONBLOCK` opening does not wait for the other end, either.
    fn open(path: &Path, read: bool, write: bool) -> io::Result<File> {
        let mut options = std::fs::OpenOptions::new();
        options.read(read).write(write).custom_flags(libc::O_NONBLOCK).open(path)
    }
}
