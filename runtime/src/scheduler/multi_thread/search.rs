//! Looking for work elsewhere: the injector, and the other workers.
//!
//! Callers: `worker`, when its own queue is empty, and every 61 polls for the injector alone.
//! Half of a victim's queue is taken at a time, from a random victim on. At most half of the workers
//! search (`Idle::try_search`).

use filch_primitives::LOCAL_CAPACITY;
use filch_primitives::atomic::{Ordering, spin_hint};
use filch_primitives::deque::Steal;

use super::worker::{Core, WorkerContext};
use crate::task::Runnable;

/// For how many spins a thief watches a LIFO slot: some microseconds, many times what a short poll takes.
const SLOT_WATCH: u32 = if cfg!(filch_loom) { 1 } else { 200 };

/// At most so many tasks move from the injector at a time.
pub(super) const INJECTOR_BATCH: usize = LOCAL_CAPACITY / 4;

/// Takes a batch from the injector: the first is returned, the rest queued.
pub(super) fn take_injected(cx: &WorkerContext, core: &Core, limit: usize) -> Option<Runnable> {
    let injector = &cx.shared.injector;
    if injector.is_empty() {
        return None;
    }
    loop {
        match injector.steal_batch_with_limit_and_pop(&core.queue, limit) {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => spin_hint(),
        }
    }
}

/// Looks for work elsewhere: in the injector, then with the others, then in the injector again.
pub(super) fn search(cx: &WorkerContext, core: &Core) -> Option<Runnable> {
    if let Some(task) = take_injected(cx, core, INJECTOR_BATCH) {
        // S8. While the batch was on its way it was in neither queue, and the last searcher may have
        // looked at both. Who searches calls another in S6; who does not, here.
        if !core.searching.get() && !core.queue.is_empty() {
            cx.shared.notify_one();
        }
        return Some(task);
    }
    if !core.searching.get() {
        if !cx.shared.idle.try_search() {
            return None;
        }
        core.searching.set(true);
    }
    steal(cx, core).or_else(|| take_injected(cx, core, INJECTOR_BATCH))
}

/// Takes half of another worker's queue; or, from a worker that has been in one poll for the whole
/// time that we watched, what lies in its LIFO slot.
fn steal(cx: &WorkerContext, core: &Core) -> Option<Runnable> {
    let remotes = &cx.shared.remotes[..cx.shared.active()];
    let count = remotes.len();
    let start = core.rng.below(count as u32) as usize;
    for offset in 0..count {
        let victim = (start + offset) % count;
        if victim == core.index {
            continue;
        }
        loop {
            let stealer = &remotes[victim].stealer;
            match stealer.steal_batch_with_limit_and_pop(&core.queue, LOCAL_CAPACITY / 2) {
                Steal::Success(task) => return Some(task),
                Steal::Empty => break,
                Steal::Retry => spin_hint(),
            }
        }
    }
    steal_slot(cx, core, start)
}

/// Takes the task in the LIFO slot of a worker that stays in one poll as long as we watch it.
///
/// Usually the owner takes it within a microsecond, with what the two tasks share still in its cache:
/// then stealing would only do harm. So a slot is watched for `SLOT_WATCH` rounds, and taken only if
/// neither its task nor the owner's count of polls moved.
fn steal_slot(cx: &WorkerContext, core: &Core, start: usize) -> Option<Runnable> {
    let remotes = &cx.shared.remotes[..cx.shared.active()];
    let victims = || {
        let indices = (start..remotes.len()).chain(0..start);
        indices.filter(|&victim| victim != core.index).map(|victim| &*remotes[victim])
    };
    for victim in victims() {
        // ordering: Relaxed, here and below. Compared with itself only.
        let mark = || (victim.lifo.peek(), victim.polls.load(Ordering::Relaxed));
        let before = mark();
        if before.0.is_null() {
            continue;
        }
        let stays = (0..SLOT_WATCH).all(|_| {
            spin_hint();
            mark() == before
        });
        if stays {
            if let Some(task) = victim.lifo.take() {
                return Some(task);
            }
        }
    }
    None
}
