//! What is measured: one macro makes a row for all three peers from its asynchronous form.

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// Whose files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Filch,
    Tokio,
    Std,
}

impl Peer {
    pub const ALL: [Peer; 3] = [Peer::Filch, Peer::Tokio, Peer::Std];

    pub fn name(self) -> &'static str {
        match self {
            Peer::Filch => "filch",
            Peer::Tokio => "tokio",
            Peer::Std => "std",
        }
    }
}

/// How long so many operations took.
type Timed = io::Result<Duration>;
type Future = Pin<Box<dyn std::future::Future<Output = Timed> + Send>>;
type Measure = fn(&Path, u64) -> Future;

/// A row of the table.
pub struct Row {
    pub name: &'static str,
    /// Of a measurement.
    pub operations: u64,
    /// How many times std's time filch's may be.
    pub bound: Option<f64>,
    filch: Measure,
    tokio: Measure,
    std: fn(&Path, u64) -> Timed,
}

/// The runtimes of the peers that have one.
pub struct Runtimes {
    filch: filch::runtime::Runtime,
    tokio: tokio::runtime::Runtime,
}

impl Runtimes {
    pub fn new(workers: usize) -> io::Result<Runtimes> {
        let filch = filch::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()?;
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()?;
        Ok(Runtimes { filch, tokio })
    }

    /// Runs a row, in a task where the peer has such.
    pub fn measure(&self, peer: Peer, row: &Row, folder: &Path, operations: u64) -> Timed {
        match peer {
            Peer::Filch => {
                let work = (row.filch)(folder, operations);
                self.filch.block_on(async { filch::spawn(work).await.map_err(io::Error::from)? })
            }
            Peer::Tokio => {
                let work = (row.tokio)(folder, operations);
                self.tokio.block_on(async { tokio::spawn(work).await.map_err(io::Error::from)? })
            }
            Peer::Std => (row.std)(folder, operations),
        }
    }
}

const SMALL: usize = 64 * 1024;
const LARGE: usize = 1024 * 1024;
const CHUNK: usize = 8 * 1024;
const ENTRIES: usize = 10_000;
const LOOKS: usize = 1_000;

/// The files of all rows.
pub fn make_files(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join("small"), vec![7; SMALL])?;
    std::fs::write(folder.join("large"), vec![7; LARGE])?;
    let entries = folder.join("entries");
    std::fs::create_dir(&entries)?;
    for n in 0..ENTRIES {
        std::fs::File::create(entries.join(format!("entry-{n}")))?;
    }
    Ok(())
}

/// One measurement as the three peers do it: the same body, in which `fs` and `io` are the peer's, and
/// `wait!` is `.await` or nothing.
macro_rules! row {
    ($name:literal, $operations:literal, $bound:expr, |$folder:ident, $wait:ident| $body:block) => {{
        fn filch(folder: &Path, operations: u64) -> Future {
            #[allow(unused_imports, reason = "not every row has streams")]
            use filch::{fs, io::{AsyncReadExt, AsyncWriteExt}};
            macro_rules! $wait { ($e:expr) => { $e.await }; }
            let $folder = folder.to_owned();
            Box::pin(async move {
                let start = Instant::now();
                for _ in 0..operations $body
                Ok(start.elapsed())
            })
        }
        fn tokio(folder: &Path, operations: u64) -> Future {
            #[allow(unused_imports, reason = "not every row has streams")]
            use tokio::{fs, io::{AsyncReadExt, AsyncWriteExt}};
            macro_rules! $wait { ($e:expr) => { $e.await }; }
            let $folder = folder.to_owned();
            Box::pin(async move {
                let start = Instant::now();
                for _ in 0..operations $body
                Ok(start.elapsed())
            })
        }
        fn std(folder: &Path, operations: u64) -> Timed {
            #[allow(unused_imports, reason = "not every row has streams")]
            use crate::row::{blocking as fs, blocking::{Read, Write}};
            macro_rules! $wait { ($e:expr) => { $e }; }
            let $folder = folder.to_owned();
            let start = Instant::now();
            for _ in 0..operations $body
            Ok(start.elapsed())
        }
        Row { name: $name, operations: $operations, bound: $bound, filch, tokio, std }
    }};
}

/// std's files, with the one name that differs.
mod blocking {
    pub use std::fs::{File, copy, metadata, read};
    pub use std::io::{Read, Write};

    /// std's iterator, as the others step through theirs.
    pub struct Entries(std::fs::ReadDir);

    pub fn read_dir(path: impl AsRef<std::path::Path>) -> std::io::Result<Entries> {
        std::fs::read_dir(path).map(Entries)
    }

    impl Entries {
        pub fn next_entry(&mut self) -> std::io::Result<Option<std::fs::DirEntry>> {
            self.0.next().transpose()
        }
    }
}

pub fn rows() -> Vec<Row> {
    vec![
        row!("read/64k", 300, Some(1.5), |folder, wait| {
            let bytes = wait!(fs::read(folder.join("small")))?;
            assert_eq!(bytes.len(), SMALL);
            black_box(bytes);
        }),
        row!("walk/10k", 3, Some(3.0), |folder, wait| {
            let mut entries = wait!(fs::read_dir(folder.join("entries")))?;
            let mut files = 0;
            while let Some(entry) = wait!(entries.next_entry())? {
                files += usize::from(wait!(entry.file_type())?.is_file());
                black_box(entry.file_name());
            }
            assert_eq!(files, ENTRIES);
        }),
        row!("read/1m/by_8k", 10, None, |folder, wait| {
            let mut file = wait!(fs::File::open(folder.join("large")))?;
            let mut chunk = vec![0; CHUNK];
            let mut bytes = 0;
            loop {
                let n = wait!(file.read(&mut chunk))?;
                if n == 0 {
                    break;
                }
                bytes += n;
                black_box(&chunk[..n]);
            }
            assert_eq!(bytes, LARGE);
        }),
        row!("write/1m/by_8k", 10, None, |folder, wait| {
            let mut file = wait!(fs::File::create(folder.join("written")))?;
            let chunk = vec![7; CHUNK];
            for _ in 0..LARGE / CHUNK {
                wait!(file.write_all(black_box(&chunk)))?;
            }
            wait!(file.flush())?;
        }),
        row!("copy/1m", 10, None, |folder, wait| {
            let n = wait!(fs::copy(folder.join("large"), folder.join("copied")))?;
            assert_eq!(n, LARGE as u64);
        }),
        row!("metadata/1k", 1, None, |folder, wait| {
            for n in 0..LOOKS {
                let path = folder.join(format!("entries/entry-{n}"));
                black_box(wait!(fs::metadata(path))?);
            }
        }),
    ]
}
