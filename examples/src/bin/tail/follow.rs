//! The follower: what is new in a file, whatever becomes of its name.

use std::io;
use std::path::{Path, PathBuf};

use filch::fs::{self, File};
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, SeekFrom};

use crate::watch::Watch;

/// So much is read at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// Follows the file of a name.
pub struct Follower {
    path: PathBuf,
    watch: Watch,
    /// How many of the lines that are there at first are of interest.
    lines: usize,
    open: Option<Open>,
    chunk: Vec<u8>,
}

/// The file that has the name, or had it last.
struct Open {
    file: File,
    identity: Identity,
    /// How far it has been read.
    position: u64,
}

/// What tells a file from another of the same name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &std::fs::Metadata) -> Identity {
        use std::os::unix::fs::MetadataExt;
        Identity(metadata.dev(), metadata.ino())
    }

    /// None that can be had everywhere: a file that is replaced is seen when it is shorter.
    #[cfg(not(unix))]
    fn of(_: &std::fs::Metadata) -> Identity {
        Identity(0, 0)
    }
}

impl Follower {
    /// Follows `path`, from `lines` lines before its end on. It need not exist yet, its directory must.
    pub fn new(path: &Path, lines: usize) -> io::Result<Follower> {
        // Before the first look, so that nothing happens unseen in between.
        let watch = Watch::new(path)?;
        let chunk = vec![0; CHUNK_BYTES];
        Ok(Follower { path: path.to_owned(), watch, lines, open: None, chunk })
    }

    /// Copies what is there and what comes, until there is an error.
    pub async fn run(&mut self, out: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if let Some(mut open) = self.open().await? {
            open.position = start_of_last_lines(&mut open.file, self.lines).await?;
            open.file.seek(SeekFrom::Start(open.position)).await?;
            self.open = Some(open);
        }
        loop {
            self.catch_up(out).await?;
            out.flush().await?;
            self.watch.changed().await?;
        }
    }

    /// Copies what is new, of this file and of those that took its name.
    async fn catch_up(&mut self, out: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        loop {
            self.copy(out).await?;
            let Some(next) = self.open().await? else { return Ok(()) };
            if self.open.as_ref().is_some_and(|open| open.identity == next.identity) {
                return Ok(());
            }
            // The old one has had its last line by now.
            self.copy(out).await?;
            self.open = Some(next);
        }
    }

    /// The file that has the name now.
    async fn open(&self) -> io::Result<Option<Open>> {
        // Most times it is the one that is open, and a look costs less than another descriptor.
        match fs::metadata(&self.path).await {
            Ok(metadata) => {
                let identity = Identity::of(&metadata);
                if self.open.as_ref().is_some_and(|open| open.identity == identity) {
                    return Ok(None);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        match File::open(&self.path).await {
            Ok(file) => {
                let identity = Identity::of(&file.metadata().await?);
                Ok(Some(Open { file, identity, position: 0 }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Copies what is new of the file that is open.
    async fn copy(&mut self, out: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if open.file.metadata().await?.len() < open.position {
            eprintln!("tail: {}: cut off", self.path.display());
            open.position = open.file.seek(SeekFrom::Start(0)).await?;
        }
        loop {
            let n = open.file.read(&mut self.chunk).await?;
            if n == 0 {
                return Ok(());
            }
            open.position += n as u64;
            out.write_all(&self.chunk[..n]).await?;
        }
    }
}

/// Where the last `lines` lines of a file begin. Reads it backwards, a chunk at a time.
pub async fn start_of_last_lines(file: &mut File, lines: usize) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0)).await?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut start, mut left) = (end, lines);
    while start > 0 {
        let size = start.min(CHUNK_BYTES as u64) as usize;
        start -= size as u64;
        file.seek(SeekFrom::Start(start)).await?;
        file.read_exact(&mut chunk[..size]).await?;
        for at in (0..size).rev().filter(|&at| chunk[at] == b'\n') {
            // The newline at the end of the last line ends it, and begins none.
            if start + at as u64 + 1 == end {
                continue;
            }
            if left <= 1 {
                return Ok(if left == 0 { end } else { start + at as u64 + 1 });
            }
            left -= 1;
        }
    }
    Ok(if lines == 0 { end } else { 0 })
}
