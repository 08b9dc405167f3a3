//! What the measurements ask of a runtime, so that each is written once for all four.
//!
//! Every runtime lives until its process ends: a measurement is a process of its own, and a worker that
//! is stuck must not keep it from ending.

mod on_filch;
mod on_nio;
mod on_smol;
mod on_tokio;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::ValueEnum;

pub(crate) use on_filch::Filch;
pub(crate) use on_nio::Nio;
pub(crate) use on_smol::{Smol, THREADS_VARIABLE as SMOL_THREADS};
pub(crate) use on_tokio::Tokio;

/// The runtimes, by the names that the command line knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    Filch,
    Tokio,
    Smol,
    Nio,
}

impl Runtime {
    /// The name on the command line and at the head of a column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Runtime::Filch => "filch",
            Runtime::Tokio => "tokio",
            Runtime::Smol => "smol",
            Runtime::Nio => "nio",
        }
    }
}

/// What worker threads are called, where that can be chosen.
const WORKER: &str = "stall-worker";

/// Where every listener of a measurement listens.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running multi-threaded runtime.
pub(crate) trait Rt: Copy + Send + Sync + 'static {
    type Listener: Send;
    /// A connection that may still go to another task.
    type Accepted: Send + 'static;
    type Stream: Send;

    /// The names of the worker threads begin with it.
    const WORKER_NAMES: &'static str = WORKER;

    /// Starts it with so many workers, otherwise as it is by default.
    fn start(workers: u8) -> io::Result<Self>;

    /// Spawns a task that uses no sockets and timers, from any thread.
    fn spawn(self, task: impl Future<Output = ()> + Send + 'static);

    /// Spawns a task that may use sockets and timers, from any thread.
    fn spawn_io(self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(task);
    }

    /// As [`spawn_io`](Self::spawn_io); on the worker of that number, where a runtime lets nobody steal.
    fn spawn_at(self, _worker: u8, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_io(task);
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;

    /// Listens on a free port of the loopback.
    fn listen() -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>> + Send;

    fn accept(
        listener: &mut Self::Listener,
    ) -> impl Future<Output = io::Result<Self::Accepted>> + Send;

    /// Makes a stream of it, in the task that will use it. Its answers are sent without delay.
    fn open(accepted: Self::Accepted) -> io::Result<Self::Stream>;

    /// Zero at the end of the stream.
    fn read(
        stream: &mut Self::Stream,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send;

    fn write_all(
        stream: &mut Self::Stream,
        bytes: &[u8],
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// Something to do on whichever runtime the command line named.
pub(crate) trait Program {
    type Output;

    fn run<R: Rt>(self, runtime: R) -> io::Result<Self::Output>;
}

/// Starts the runtime and does it there.
pub(crate) fn run_on<P: Program>(
    runtime: Runtime,
    workers: u8,
    program: P,
) -> io::Result<P::Output> {
    match runtime {
        Runtime::Filch => program.run(Filch::start(workers)?),
        Runtime::Tokio => program.run(Tokio::start(workers)?),
        Runtime::Smol => program.run(Smol::start(workers)?),
        Runtime::Nio => program.run(Nio::start(workers)?),
    }
}
