//! What a shutdown left behind.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::blocking_work::Abandoned;
use crate::task::Id;
use crate::task::owner::Owner;

/// What had not ended when a shutdown's time was over. Empty after a clean one.
///
/// Made by [`Runtime::shutdown`](super::Runtime::shutdown).
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Tasks that were still being polled: they have not come to an `await` since.
    pub tasks: Vec<UnfinishedTask>,
    /// Threads still inside of a blocking call.
    pub blocking_threads: usize,
    /// Computations that were still running.
    pub computations: usize,
}

/// What may still poll a task when the report is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// A worker that is stuck: in a poll, or after one, in a waker or in the destructor of an output.
    Worker,
    /// Threads without a core only, for which a shutdown does not wait (E4). A task that has ended is not
    /// stuck there: the thread is about to take it off the list.
    NoWorker,
}

impl ShutdownReport {
    pub(super) fn new(owners: &[Arc<Owner>], left: Left, abandoned: Abandoned) -> Self {
        let mut tasks = Vec::new();
        for owner in owners {
            owner.for_each(|header| {
                if left == Left::NoWorker && header.state.load().is_complete() {
                    return;
                }
                tasks.push(UnfinishedTask {
                    id: header.id,
                    name: header.meta.name().map(str::to_owned),
                    location: header.meta.location(),
                });
            });
        }
        ShutdownReport {
            tasks,
            blocking_threads: abandoned.blocking,
            computations: abandoned.compute,
        }
    }

    /// Whether everything had ended.
    pub fn is_clean(&self) -> bool {
        self.tasks.is_empty() && self.blocking_threads == 0 && self.computations == 0
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("everything ended");
        }
        for task in &self.tasks {
            writeln!(f, "not ended: {task}")?;
        }
        write!(
            f,
            "{} tasks, {} blocking calls, {} computations had not ended",
            self.tasks.len(),
            self.blocking_threads,
            self.computations
        )
    }
}

/// A task that a shutdown did not see end.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UnfinishedTask {
    /// Its number.
    pub id: Id,
    /// Its name, if it was spawned with one.
    pub name: Option<String>,
    /// Where it was spawned.
    pub location: &'static Location<'static>,
}

impl fmt::Display for UnfinishedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().map(|name| format!(" {name:?}")).unwrap_or_default();
        write!(f, "task {}{name}, spawned at {}", self.id, self.location)
    }
}
