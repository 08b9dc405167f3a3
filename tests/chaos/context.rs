//! What an operation has in hand: the books, and the runtime that it plays on.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use filch::runtime::{Handle, RuntimeFlavor};
use rustix::io::Errno;

use crate::books::{Books, lock, tally};
use crate::life::{JobLife, Spawned, Tracked};
use crate::random::Random;

/// What the process has too little of, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scarce {
    Descriptors,
    Threads,
}

/// A pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    Blocking,
    Compute,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Context {
    pub books: Arc<Books>,
    pub runtime: Handle,
    /// A runtime around this one, which may be gone at any time.
    pub outer: Option<Handle>,
    /// Where this runtime's server listens.
    pub server: Option<SocketAddr>,
    /// That server has gone, or is about to.
    pub closing: Arc<AtomicBool>,
    pub scarce: Option<Scarce>,
    /// Handles that are joined after the runtime has ended.
    pub attic: Arc<Mutex<Vec<Spawned>>>,
}

impl Context {
    pub fn is_multi_threaded(&self) -> bool {
        self.runtime.runtime_flavor() == RuntimeFlavor::MultiThread
    }

    /// Spawns a task that is in the books.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Spawned
    where
        F: Future + Send + 'static,
    {
        self.spawn_tracked(Tracked::new(&self.books, future))
    }

    #[track_caller]
    pub fn spawn_tracked<F>(&self, task: Tracked<F>) -> Spawned
    where
        F: Future + Send + 'static,
    {
        let life = task.life();
        Spawned::new(self.runtime.spawn(task), life)
    }

    /// Hands a job that is in the books to a pool.
    #[track_caller]
    pub fn job(&self, pool: Pool, body: impl FnOnce() + Send + 'static) -> Spawned {
        let (job, life) = JobLife::new(&self.books);
        let run = move || job.run(body);
        let handle = match pool {
            Pool::Blocking => self.runtime.spawn_blocking(run),
            Pool::Compute => self.runtime.spawn_compute(run),
        };
        Spawned::new(handle, life)
    }

    /// Keeps a handle until the runtime is gone.
    pub fn keep(&self, spawned: Spawned) {
        lock(&self.attic).push(spawned);
    }

    /// Whether an error is what a process gets that has too little of something. Anything else that fails is a
    /// fault.
    pub fn is_refused(&self, error: &io::Error) -> bool {
        let refusals = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN, Errno::NOBUFS];
        let refused =
            refusals.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
        if refused && self.scarce.is_some() {
            tally("calls refused");
        }
        refused && self.scarce.is_some()
    }

    pub fn fault(&self, text: String) {
        self.books.fault(text);
    }
}

/// Waits a little: not at all, for some turns of the scheduler, or up to two milliseconds.
pub async fn dither(random: &mut Random) {
    match random.below(4) {
        0 => {}
        1 | 2 => {
            for _ in 0..random.below(8) {
                filch::task::yield_now().await;
            }
        }
        _ => filch::time::sleep(Duration::from_micros(random.below(2000))).await,
    }
}
