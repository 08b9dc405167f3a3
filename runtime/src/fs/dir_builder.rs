//! `DirBuilder`: directories with rights of their own.

use std::io;
use std::path::Path;

use super::on_pool;

/// Makes directories: with those that they lie in, or with rights other than the usual.
///
/// # Examples
/// ```no_run
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// filch::fs::DirBuilder::new().recursive(true).mode(0o700).create("secrets/keys").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    /// What the rights are to be, less the process's mask.
    #[cfg(unix)]
    mode: Option<u32>,
}

impl DirBuilder {
    /// For a directory whose parent exists, with the usual rights.
    pub fn new() -> Self {
        DirBuilder::default()
    }

    /// Whether to make the directories that it lies in, too. Then it is no error if it exists. The
    /// default is not to.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// The rights of what is made, less the process's mask. 0o777 by default.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes the directory, in one trip to the pool.
    ///
    /// # Errors
    /// If it cannot be made; also if it exists, unless it is to be [`recursive`](Self::recursive).
    /// # Cancel safety
    /// A call that has begun goes on: the directory may be made.
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref().to_owned();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(self.recursive);
        #[cfg(unix)]
        if let Some(mode) = self.mode {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
        }
        on_pool(move || builder.create(path)).await
    }
}
