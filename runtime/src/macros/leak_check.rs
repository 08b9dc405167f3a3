//! The check behind `#[filch::test(leak_check = true)]`: which tasks a test's body left behind.
//!
//! Callers: what the attribute expands to, on the test's own runtime, when the body has ended.
//!
//! Invariants
//! L1  A task that waits for something when no other task runs any more is left behind: nobody is there to
//!     wake it but the outside.
//! L2  A task that is complete or was aborted is not, also if its worker has not taken it off the list yet.
//!     One that is about to run gets the time to end: a test that heard of a task's result may be faster
//!     than the task's last step.

use std::time::{Duration, Instant};

use crate::runtime::{Handle, UnfinishedTask};
use crate::task::yield_now;

/// How long tasks that run or are queued may take to end or to wait. Only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The tasks of the current runtime that are left behind.
pub async fn tasks_left() -> Vec<UnfinishedTask> {
    let handle = Handle::current();
    let started = Instant::now();
    loop {
        let (left, is_settled) = look(&handle);
        if is_settled || started.elapsed() >= PATIENCE {
            return left;
        }
        yield_now().await;
    }
}

/// The tasks that have not ended, and whether all of them wait.
fn look(handle: &Handle) -> (Vec<UnfinishedTask>, bool) {
    let mut left = Vec::new();
    let mut is_settled = true;
    for owner in handle.owners() {
        owner.for_each(|header| {
            let state = header.state.load();
            if state.is_complete() || state.is_cancelled() {
                return;
            }
            is_settled &= !state.is_running() && !state.is_notified();
            left.push(UnfinishedTask {
                id: header.id,
                name: header.meta.name().map(str::to_owned),
                location: header.meta.location(),
            });
        });
    }
    (left, is_settled)
}

/// Fails the test, with the tasks' names and the places where they were spawned.
///
/// # Panics
/// If `left` is not empty.
#[track_caller]
pub fn assert_no_tasks_left(mut left: Vec<UnfinishedTask>) {
    if left.is_empty() {
        return;
    }
    // Lists are in no order; numbers are in the order of spawning.
    left.sort_by_key(|task| task.id.as_u64());
    let lines: String = left.iter().map(|task| format!("\n  {task}")).collect();
    panic!(
        "the test left {} {} behind:{lines}\nawait or abort what it spawns, or leave `leak_check` out",
        left.len(),
        if left.len() == 1 { "task" } else { "tasks" },
    );
}
