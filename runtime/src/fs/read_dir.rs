//! `ReadDir`: the entries of a directory, hundreds in a trip.
//!
//! Callers: users, through `next_entry`; `tokio-stream`-like wrappers, through `poll_next_entry`.
//! Data: the entries at hand, and std's directory: here, or with a trip that is under way.
//!
//! Invariants
//! D1  Entries come in the directory's order, each once: a batch is used up before the next is asked for.
//! D2  A trip belongs to the `ReadDir`, not to the future that began it: the next call has its result.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use filch_primitives::coop;

use super::{DirEntry, on_pool};
use crate::task::{JoinHandle, spawn_blocking};

/// The first batch: most directories are small, and who looks for one name stops soon.
const FIRST_BATCH: usize = 32;
/// The largest: some 200 KiB of entries, and half a millisecond of a thread.
const MAX_BATCH: usize = 1024;

/// Opens a directory for reading.
///
/// The first entries come with it. As with [`std::fs::read_dir`], the order is the system's, and `.`
/// and `..` are left out.
///
/// # Errors
/// If there is no such directory, or it may not be read.
/// # Cancel safety
/// Nothing is lost. A trip that has begun goes on, and the directory that it has opened is closed.
/// # Examples
/// ```
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut entries = filch::fs::read_dir(".").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     println!("{:?}: {:?}", entry.file_name(), entry.file_type().await?);
/// }
/// # Ok(())
/// # }
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let batch = on_pool(move || Ok(Batch::fill(std::fs::read_dir(path)?, FIRST_BATCH))).await?;
    Ok(ReadDir(State::Here(batch)))
}

/// The entries of a directory. Made by [`read_dir`].
///
/// They come in batches, with their types: of 32 at first, of twice as many each time after, of 1,024 in the
/// end. So ten thousand entries take a dozen trips to the pool.
pub struct ReadDir(State);

enum State {
    Here(Batch),
    /// A trip is under way (D2).
    Coming(JoinHandle<Batch>),
    /// The trip was cancelled, and the directory is gone: the runtime is shut down.
    Gone,
}

/// Entries, and what the next ones come from.
struct Batch {
    entries: VecDeque<io::Result<DirEntry>>,
    /// None after the last entry.
    rest: Option<std::fs::ReadDir>,
    /// How many the next one shall have.
    next: usize,
}

impl Batch {
    /// Takes up to so many entries. May wait; for the pool.
    fn fill(mut dir: std::fs::ReadDir, size: usize) -> Batch {
        let mut entries = VecDeque::with_capacity(size);
        let mut rest = None;
        while let Some(entry) = dir.next() {
            let failed = entry.is_err();
            entries.push_back(entry.map(DirEntry::new));
            // After an error std's directory may be at its end, or go on: that is seen by the next call.
            if failed || entries.len() == size {
                rest = Some(dir);
                break;
            }
        }
        Batch { entries, rest, next: (size * 2).min(MAX_BATCH) }
    }
}

impl ReadDir {
    /// The next entry; none after the last.
    ///
    /// # Errors
    /// If the directory cannot be read on. Entries that were at hand came before.
    /// # Cancel safety
    /// No entry is lost: the next call has it.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// Polls for the next entry. If there is none yet, the task of the last call is woken.
    ///
    /// # Errors
    /// As [`next_entry`](Self::next_entry).
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            match &mut self.0 {
                State::Here(batch) => {
                    if !batch.entries.is_empty() {
                        ready!(coop::poll_proceed(cx)).made_progress();
                    }
                    if let Some(entry) = batch.entries.pop_front() {
                        return Poll::Ready(entry.map(Some));
                    }
                    let Some(rest) = batch.rest.take() else { return Poll::Ready(Ok(None)) };
                    let next = batch.next;
                    self.0 = State::Coming(spawn_blocking(move || Batch::fill(rest, next)));
                }
                State::Coming(trip) => match ready!(Pin::new(trip).poll(cx)) {
                    Ok(batch) => self.0 = State::Here(batch),
                    Err(error) => {
                        self.0 = State::Gone;
                        return Poll::Ready(Err(error.into()));
                    }
                },
                State::Gone => return Poll::Ready(Ok(None)),
            }
        }
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ReadDir");
        if let State::Here(batch) = &self.0 {
            debug.field("at_hand", &batch.entries.len());
        }
        debug.finish_non_exhaustive()
    }
}
