//! The runtime that a measurement runs on: the same two calls for both.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Which runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ours.
    Filch,
    /// The peer.
    Tokio,
}

/// A runtime, kept for all measurements of a number of workers.
pub enum Executor {
    /// Ours.
    Filch(filch::runtime::Runtime),
    /// The peer.
    Tokio(tokio::runtime::Runtime),
}

/// Spawns on the runtime of a measurement.
#[derive(Clone)]
pub enum Spawner {
    Filch(filch::runtime::Handle),
    Tokio(tokio::runtime::Handle),
}

/// A spawned task's output.
pub enum Task<T> {
    Filch(filch::task::JoinHandle<T>),
    Tokio(tokio::task::JoinHandle<T>),
}

impl Executor {
    /// Starts a runtime.
    pub fn new(kind: Kind, workers: usize) -> std::io::Result<Executor> {
        Ok(match kind {
            Kind::Filch => Executor::Filch(
                filch::runtime::Builder::new_multi_thread().worker_threads(workers).build()?,
            ),
            Kind::Tokio => Executor::Tokio(
                tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build()?,
            ),
        })
    }

    /// What the tasks of a measurement spawn with.
    pub fn spawner(&self) -> Spawner {
        match self {
            Executor::Filch(runtime) => Spawner::Filch(runtime.handle().clone()),
            Executor::Tokio(runtime) => Spawner::Tokio(runtime.handle().clone()),
        }
    }

    /// Runs a future as a task, so on a worker, and waits for it with this thread.
    pub fn run<F>(&self, future: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let task = self.spawner().spawn(future);
        match self {
            Executor::Filch(runtime) => runtime.block_on(task),
            Executor::Tokio(runtime) => runtime.block_on(task),
        }
    }
}

impl Spawner {
    /// Spawns a task.
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        match self {
            Spawner::Filch(handle) => Task::Filch(handle.spawn(future)),
            Spawner::Tokio(handle) => Task::Tokio(handle.spawn(future)),
        }
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Poll::Ready(match self.get_mut() {
            Task::Filch(handle) => {
                ready!(Pin::new(handle).poll(cx)).expect("no task of a measurement fails")
            }
            Task::Tokio(handle) => {
                ready!(Pin::new(handle).poll(cx)).expect("no task of a measurement fails")
            }
        })
    }
}

/// Lets the other tasks run once. Ours, so that it is the same for all.
pub async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
