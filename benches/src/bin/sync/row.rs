//! What is measured: rows, each with the same work for several peers.

use std::time::{Duration, Instant};

use crate::executor::{Executor, Spawner};

/// Whose primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Filch,
    Tokio,
    Flume,
    AsyncChannel,
    AsyncLock,
    EventListener,
}

impl Peer {
    /// As the crate is called.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Filch => "filch",
            Peer::Tokio => "tokio",
            Peer::Flume => "flume",
            Peer::AsyncChannel => "async-channel",
            Peer::AsyncLock => "async-lock",
            Peer::EventListener => "event-listener",
        }
    }
}

/// One measurement: does so many operations and says how long they took.
pub type Measure = Box<dyn Fn(&Executor, u64) -> Duration>;

/// The same work for several peers.
pub struct Row {
    /// `primitive/case/parameter`.
    pub name: String,
    /// Operations of one measurement.
    pub operations: u64,
    /// Part of the geometric mean over the channels.
    pub is_channel: bool,
    /// Filch's first, then tokio's.
    pub peers: Vec<(Peer, Measure)>,
}

impl Row {
    /// A row without peers.
    pub fn new(name: impl Into<String>, operations: u64) -> Row {
        Row { name: name.into(), operations, is_channel: false, peers: Vec::new() }
    }

    /// Counts the row to the channels.
    pub fn channel(mut self) -> Row {
        self.is_channel = true;
        self
    }

    /// Adds a peer, with its work as a task: spawned on the runtime, and timed inside.
    pub fn peer<F>(mut self, peer: Peer, work: impl Fn(Spawner, u64) -> F + 'static) -> Row
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let measure = move |executor: &Executor, operations: u64| {
            let work = work(executor.spawner(), operations);
            executor.run(async move {
                let start = Instant::now();
                work.await;
                start.elapsed()
            })
        };
        self.peers.push((peer, Box::new(measure)));
        self
    }
}
