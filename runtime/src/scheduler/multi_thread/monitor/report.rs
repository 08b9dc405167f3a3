//! Telling of a task that is stuck in one poll.

use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::time::{Duration, Instant};

use filch_primitives::atomic::Ordering;

use super::super::Shared;
use crate::task::Id;

/// Between two reports on standard error. A server whose every request blocks would print nothing else.
const QUIET: Duration = Duration::from_secs(1);

/// A task that has been in one poll for long: it blocks its worker.
///
/// Given to the function of [`Builder::on_stuck`](crate::runtime::Builder::on_stuck), once per poll.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StuckTask {
    id: Id,
    name: Option<String>,
    location: &'static Location<'static>,
    lasted: Duration,
    worker: usize,
    thread: String,
    backtrace: Option<String>,
}

impl StuckTask {
    /// The task's number.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The task's name, if it was spawned with one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the task was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// How long the poll has lasted so far, at least. It may have lasted for up to 10 ms more.
    pub fn lasted(&self) -> Duration {
        self.lasted
    }

    /// The worker's number. Those of spare workers follow those of the others.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// The name of the worker's thread.
    pub fn thread(&self) -> &str {
        &self.thread
    }

    /// Where the thread is, innermost call first, one or two lines a call: if `FILCH_DEBUG=1` is in the
    /// environment, on Linux, with the feature `backtrace` (on by default).
    pub fn backtrace(&self) -> Option<&str> {
        self.backtrace.as_deref()
    }
}

/// One line: number, name, spawn location, duration and thread.
impl fmt::Display for StuckTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(
            f,
            ", spawned at {}, has been in one poll for {} ms on worker {} (thread {:?})",
            self.location,
            self.lasted.as_millis(),
            self.worker,
            self.thread
        )
    }
}

/// Reports, but not more often than every second where that would flood standard error.
#[derive(Default)]
pub(super) struct Reporter {
    last: Option<Instant>,
    left_out: u64,
}

impl Reporter {
    /// Reports what the worker polls, if it is still the poll that `polls` stands for.
    pub(super) fn report(&mut self, shared: &Shared, worker: usize, polls: u64, lasted: Duration) {
        let config = &shared.common.config().monitor;
        let now = Instant::now();
        if config.on_stuck.is_none() && self.last.is_some_and(|at| now.duration_since(at) < QUIET) {
            self.left_out += 1;
            return;
        }
        let Some(task) = find(shared, worker, polls, lasted) else { return };
        if let Some(function) = &config.on_stuck {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| function(&task))) {
                let text = crate::task::payload_text(&*payload);
                eprintln!("filch: the on_stuck function panicked: {text}");
            }
            return;
        }
        self.last = Some(now);
        let more = match std::mem::take(&mut self.left_out) {
            0 => String::new(),
            left_out => format!(" ({left_out} more since the last report)"),
        };
        let backtrace = task.backtrace().unwrap_or_default();
        eprintln!(
            "filch: {task}: it keeps a worker from other tasks; `spawn_blocking`, `spawn_compute` and \
             `yield_now` don't{more}{backtrace}"
        );
    }
}

/// The task that a worker polls. Walks through the lists of all tasks, each under its lock.
fn find(shared: &Shared, worker: usize, polls: u64, lasted: Duration) -> Option<StuckTask> {
    let remote = &shared.remotes[worker];
    // ordering: Relaxed. Compared only: a listed task at this address is alive while its list is locked,
    // and is the one that is polled as long as the count of polls below has not moved.
    let task = remote.task.load(Ordering::Relaxed);
    let mut found = None;
    for owner in shared.owners() {
        owner.for_each(|header| {
            if std::ptr::eq(header, task) {
                let name = header.meta.name().map(str::to_owned);
                found = Some((header.id, name, header.meta.location()));
            }
        });
        if found.is_some() {
            break;
        }
    }
    let (id, name, location) = found?;
    let (thread, backtrace) = remote.describe_thread();
    // ordering: Relaxed, as above.
    if remote.polls.load(Ordering::Relaxed) != polls {
        return None;
    }
    Some(StuckTask { id, name, location, lasted, worker, thread, backtrace })
}
