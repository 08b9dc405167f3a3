//! The state word of a task: one atomic, every transition a method with a name.
//!
//! Callers: `harness` (poll, complete), `waker`, `join`, `abort`, `owner` (shutdown).
//! Protocol: docs/task-contract.md, rules F1 to F9. Model: loom-tests/tests/task_state.rs.
//!
//! ```text
//! bit  name        set by               cleared by            while set
//! 0    RUNNING     begin_poll, shutdown end_poll, finish      that thread alone may touch the future
//! 1    NOTIFIED    spawn, wakes, abort  begin_poll, complete  a Runnable exists, or end_poll owes one
//! 2    COMPLETE    complete             never                 the future is gone, the output is stored
//! 3    CANCELLED   abort, shutdown      never                 do not poll again; wakes do nothing
//! 4    JOIN        spawn                JoinHandle drop       someone may still take the output
//! 5    JOIN_WAKER  JoinHandle poll      JoinHandle poll, drop the join waker is published
//! 6..  refs        waker, abort handle  their drop            that many of them are alive
//! ```
//!
//! Who keeps the allocation alive: every reference counted in `refs`, and each of RUNNING, NOTIFIED
//! (the Runnable), JOIN (the join handle), and "not COMPLETE" (the owner's list, or for blocking work
//! the Runnable). So spawning, queueing, polling and joining need no reference count of their own.
//! The transition that leaves none of them returns `Free`, exactly once.
//!
//! Transitions, *from, to, who may do it*:
//!
//! | method | from | to | who |
//! | --- | --- | --- | --- |
//! | `begin_poll` | NOTIFIED | RUNNING | the holder of the Runnable |
//! | `begin_poll` | NOTIFIED+(RUNNING or COMPLETE) | less NOTIFIED | the same, when shutdown was faster |
//! | `end_poll` | RUNNING | none of both; or NOTIFIED if one is owed | the thread that polled |
//! | `complete` | RUNNING | RUNNING+COMPLETE | the thread that polled or cancels |
//! | `finish` | RUNNING+COMPLETE | COMPLETE | the same, last thing it does |
//! | `wake_by_ref`, `wake_by_val` | any | +NOTIFIED unless COMPLETE or CANCELLED | any waker |
//! | `abort` | not COMPLETE | +CANCELLED, and +NOTIFIED if idle | abort and join handles |
//! | `shutdown` | not COMPLETE | +CANCELLED, and +RUNNING if not RUNNING | the owner, closing |
//! | `publish_join_waker` | JOIN, not COMPLETE | +JOIN_WAKER | the join handle |
//! | `retract_join_waker` | JOIN+JOIN_WAKER, not COMPLETE | less JOIN_WAKER | the join handle |
//! | `drop_join_handle` | JOIN | less JOIN (and JOIN_WAKER if not COMPLETE) | the join handle |

use std::fmt;

use filch_primitives::atomic::{AtomicUsize, FirstGuess, Ordering};

const RUNNING: usize = 1;
const NOTIFIED: usize = 1 << 1;
const COMPLETE: usize = 1 << 2;
const CANCELLED: usize = 1 << 3;
const JOIN: usize = 1 << 4;
const JOIN_WAKER: usize = 1 << 5;
const FLAGS: usize = RUNNING | NOTIFIED | COMPLETE | CANCELLED | JOIN | JOIN_WAKER;
const REF_ONE: usize = 1 << 6;
const _: () = assert!(FLAGS == REF_ONE - 1); // the table above cannot drift unnoticed

/// The one atomic of a task.
pub(crate) struct State(AtomicUsize);

/// A value that the word had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(usize);

/// What the holder of a Runnable does after [`State::begin_poll`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BeginPoll {
    /// Poll the future: RUNNING is ours.
    Poll,
    /// Drop the future and complete as cancelled: RUNNING is ours.
    Cancel,
    /// Nothing: another thread completes or completed it.
    Gone,
    /// Free the allocation: this was the last to hold it.
    Free,
}

/// What the polling thread does after a poll returned `Pending`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EndPoll {
    /// Nothing: the next wake enqueues it.
    Idle,
    /// Enqueue it: it was woken while it ran. The new Runnable is ours.
    Requeue,
    /// Drop the future and complete as cancelled: RUNNING is still ours.
    Cancel,
}

/// What the caller of a wake owes.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnWake {
    /// Enqueue a Runnable, which is now the caller's.
    Enqueue,
    /// Nothing.
    Nothing,
    /// Free the allocation (only where the wake consumed a reference).
    Free,
}

/// Whether the caller frees the allocation.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// Someone else still holds it.
    Keep,
    /// This was the last one.
    Free,
}

/// What the closing owner does with a task.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// Drop the future and complete as cancelled: RUNNING is ours.
    Cancel,
    /// Nothing: it is complete, or the thread that runs it will cancel it.
    Nothing,
}

/// What the dropped join handle still has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DropJoin {
    /// Nothing.
    Done,
    /// Drop the join waker, which is ours alone again, then call `drop_join_handle` once more. JOIN is
    /// still set, so that the completing thread cannot free the task meanwhile.
    DropWaker,
    /// The output is there and ours: drop it, then call [`State::release_join`].
    DropOutput,
}

impl Snapshot {
    pub(crate) fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }
    pub(crate) fn is_notified(self) -> bool {
        self.0 & NOTIFIED != 0
    }
    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }
    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }
    pub(crate) fn has_join_handle(self) -> bool {
        self.0 & JOIN != 0
    }
    pub(crate) fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }
    fn refs(self) -> usize {
        self.0 >> 6
    }
    /// Nothing keeps the allocation alive any more.
    fn is_unheld(self) -> bool {
        self.0 & !(CANCELLED | JOIN_WAKER) == COMPLETE
    }
    fn with(self, flags: usize) -> Self {
        Snapshot(self.0 | flags)
    }
    fn without(self, flags: usize) -> Self {
        Snapshot(self.0 & !flags)
    }
    fn release(self) -> Release {
        if self.is_unheld() { Release::Free } else { Release::Keep }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (RUNNING, "RUNNING"),
            (NOTIFIED, "NOTIFIED"),
            (COMPLETE, "COMPLETE"),
            (CANCELLED, "CANCELLED"),
            (JOIN, "JOIN"),
            (JOIN_WAKER, "JOIN_WAKER"),
        ];
        let mut list = f.debug_list();
        for (bit, name) in names {
            if self.0 & bit != 0 {
                list.entry(&format_args!("{name}"));
            }
        }
        list.entry(&format_args!("refs={}", self.refs())).finish()
    }
}

impl State {
    /// A spawned task: a Runnable and a join handle exist.
    pub(crate) fn new() -> Self {
        State(AtomicUsize::new(NOTIFIED | JOIN))
    }

    /// The word as it is now. Acquire: a COMPLETE seen here shows the stored output.
    pub(crate) fn load(&self) -> Snapshot {
        // ordering: Acquire, so that who sees COMPLETE may read the output; pairs with `complete`.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// Runs `step` until its result is installed. `step` is pure: it may run more than once.
    #[inline]
    fn update<A>(&self, mut step: impl FnMut(Snapshot) -> (Snapshot, A)) -> A {
        // ordering: Relaxed. Only a first guess for the exchange, whose success acquires.
        let mut seen = Snapshot(self.0.first_guess());
        loop {
            let (next, action) = step(seen);
            // ordering: AcqRel, even when `next == seen`: a wake that finds NOTIFIED must still publish
            // the waker's writes to the thread that polls next (F6). Acquire, to see what the last
            // transition published: the future as its last poll left it, the waker, the output.
            match self.0.compare_exchange_weak(seen.0, next.0, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return action,
                Err(now) => seen = Snapshot(now),
            }
        }
    }

    /// F2. Turns a Runnable into the right to poll, once.
    #[inline]
    pub(crate) fn begin_poll(&self) -> BeginPoll {
        self.update(|seen| {
            debug_assert!(seen.is_notified(), "a Runnable without NOTIFIED: {seen:?}");
            let next = seen.without(NOTIFIED);
            if seen.is_complete() || seen.is_running() {
                let action = match next.release() {
                    Release::Free => BeginPoll::Free,
                    Release::Keep => BeginPoll::Gone,
                };
                return (next, action);
            }
            let next = next.with(RUNNING);
            (next, if seen.is_cancelled() { BeginPoll::Cancel } else { BeginPoll::Poll })
        })
    }

    /// F3. Gives RUNNING back after a poll that returned `Pending`.
    #[inline]
    pub(crate) fn end_poll(&self) -> EndPoll {
        self.update(|seen| {
            debug_assert!(seen.is_running() && !seen.is_complete(), "not polling: {seen:?}");
            if seen.is_cancelled() {
                (seen, EndPoll::Cancel)
            } else if seen.is_notified() {
                (seen.without(RUNNING), EndPoll::Requeue)
            } else {
                (seen.without(RUNNING), EndPoll::Idle)
            }
        })
    }

    /// F4. Publishes the stored output. RUNNING stays, and with it the allocation, until `finish`.
    ///
    /// `owes_requeue`: the caller polled, so a NOTIFIED is only its own debt, and void now. A closing
    /// owner passes false: there NOTIFIED is a Runnable that still lies in a queue.
    #[inline]
    pub(crate) fn complete(&self, owes_requeue: bool) -> Snapshot {
        self.update(|seen| {
            debug_assert!(seen.is_running() && !seen.is_complete(), "not running: {seen:?}");
            let next = if owes_requeue { seen.without(NOTIFIED) } else { seen };
            let next = next.with(COMPLETE);
            (next, next)
        })
    }

    /// F5. The completing thread lets go.
    #[inline]
    pub(crate) fn finish(&self) -> Release {
        // ordering: AcqRel. Release what this thread did to the task before another frees it; Acquire
        // what the others did, if it is this thread that frees.
        let seen = Snapshot(self.0.fetch_and(!RUNNING, Ordering::AcqRel));
        debug_assert!(seen.is_running() && seen.is_complete(), "not completing: {seen:?}");
        seen.without(RUNNING).release()
    }

    /// F6. A wake through a borrowed waker.
    #[inline]
    pub(crate) fn wake_by_ref(&self) -> OnWake {
        self.update(|seen| {
            if seen.is_complete() || seen.is_cancelled() || seen.is_notified() {
                (seen, OnWake::Nothing)
            } else if seen.is_running() {
                (seen.with(NOTIFIED), OnWake::Nothing)
            } else {
                (seen.with(NOTIFIED), OnWake::Enqueue)
            }
        })
    }

    /// F6. A wake that consumes the waker: its reference goes in the same step.
    #[inline]
    pub(crate) fn wake_by_val(&self) -> OnWake {
        self.update(|seen| {
            debug_assert!(seen.refs() > 0, "a waker without a reference: {seen:?}");
            let next = Snapshot(seen.0 - REF_ONE);
            if seen.is_complete() || seen.is_cancelled() || seen.is_notified() {
                match next.release() {
                    Release::Free => (next, OnWake::Free),
                    Release::Keep => (next, OnWake::Nothing),
                }
            } else if seen.is_running() {
                (next.with(NOTIFIED), OnWake::Nothing)
            } else {
                (next.with(NOTIFIED), OnWake::Enqueue)
            }
        })
    }

    /// F7. Asks that the task be not polled again.
    pub(crate) fn abort(&self) -> OnWake {
        self.update(|seen| {
            if seen.is_complete() || seen.is_cancelled() {
                (seen, OnWake::Nothing)
            } else if seen.is_running() || seen.is_notified() {
                // Whoever runs it, or takes it from its queue, sees CANCELLED.
                (seen.with(CANCELLED), OnWake::Nothing)
            } else {
                (seen.with(CANCELLED | NOTIFIED), OnWake::Enqueue)
            }
        })
    }

    /// F8. The owner closes: takes the future of a task that nobody runs.
    pub(crate) fn shutdown(&self) -> Shutdown {
        self.update(|seen| {
            if seen.is_complete() {
                (seen, Shutdown::Nothing)
            } else if seen.is_running() {
                (seen.with(CANCELLED), Shutdown::Nothing)
            } else {
                (seen.with(CANCELLED | RUNNING), Shutdown::Cancel)
            }
        })
    }

    /// F9. The waker field was written: from now on `complete` may read it. False if it is too late.
    #[must_use]
    pub(crate) fn publish_join_waker(&self) -> bool {
        self.update(|seen| {
            debug_assert!(seen.has_join_handle() && !seen.has_join_waker(), "{seen:?}");
            if seen.is_complete() { (seen, false) } else { (seen.with(JOIN_WAKER), true) }
        })
    }

    /// F9. Takes the waker field back to write it anew. False if the task completed first.
    #[must_use]
    pub(crate) fn retract_join_waker(&self) -> bool {
        self.update(|seen| {
            debug_assert!(seen.has_join_handle() && seen.has_join_waker(), "{seen:?}");
            if seen.is_complete() { (seen, false) } else { (seen.without(JOIN_WAKER), true) }
        })
    }

    /// F9. The join handle goes. Cheap in the usual case, a task detached right after its spawn.
    #[inline]
    pub(crate) fn drop_join_handle(&self) -> DropJoin {
        // ordering: Release for the handle's owner's writes (the task may free on another thread
        // later); nothing is read here. The failure falls back to the full transition.
        if self
            .0
            .compare_exchange(NOTIFIED | JOIN, NOTIFIED, Ordering::Release, Ordering::Relaxed)
            .is_ok()
        {
            return DropJoin::Done;
        }
        self.update(|seen| {
            debug_assert!(seen.has_join_handle(), "{seen:?}");
            if seen.is_complete() {
                (seen, DropJoin::DropOutput)
            } else if seen.has_join_waker() {
                // Keeps JOIN until the waker is dropped, else the completing thread could free it.
                (seen.without(JOIN_WAKER), DropJoin::DropWaker)
            } else {
                (seen.without(JOIN), DropJoin::Done)
            }
        })
    }

    /// F9. Ends JOIN on a complete task, after the output was dealt with.
    pub(crate) fn release_join(&self) -> Release {
        // ordering: AcqRel, as in `finish`.
        let seen = Snapshot(self.0.fetch_and(!JOIN, Ordering::AcqRel));
        debug_assert!(seen.has_join_handle() && seen.is_complete(), "{seen:?}");
        seen.without(JOIN).release()
    }

    /// One more waker or abort handle.
    #[inline]
    pub(crate) fn clone_ref(&self) {
        // ordering: Relaxed. The caller already holds a reference, so nothing can be freed under it.
        let seen = self.0.fetch_add(REF_ONE, Ordering::Relaxed);
        if seen > isize::MAX as usize {
            // More than 2^56 wakers: memory would be gone long before. Wrapping would free early.
            std::process::abort();
        }
    }

    /// One waker or abort handle less.
    #[inline]
    pub(crate) fn drop_ref(&self) -> Release {
        // ordering: AcqRel, as in `finish`.
        let seen = Snapshot(self.0.fetch_sub(REF_ONE, Ordering::AcqRel));
        debug_assert!(seen.refs() > 0, "a reference too many was dropped: {seen:?}");
        Snapshot(seen.0 - REF_ONE).release()
    }

    /// Has loom check that every transition happened before this one access, which is not atomic.
    #[cfg(filch_loom)]
    pub(crate) fn check_unshared(&mut self) {
        self.0.with_mut(|_| ());
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn wake_during_poll_requeues_once() {
        let state = State::new();
        assert_eq!(state.begin_poll(), BeginPoll::Poll);
        assert_eq!(state.wake_by_ref(), OnWake::Nothing);
        assert_eq!(state.wake_by_ref(), OnWake::Nothing);
        assert_eq!(state.end_poll(), EndPoll::Requeue);
        assert_eq!(state.wake_by_ref(), OnWake::Nothing);
        assert_eq!(state.begin_poll(), BeginPoll::Poll);
        assert_eq!(state.end_poll(), EndPoll::Idle);
        assert_eq!(state.wake_by_ref(), OnWake::Enqueue);
    }

    #[test]
    fn cancel_after_complete_keeps_output() {
        let state = State::new();
        assert_eq!(state.begin_poll(), BeginPoll::Poll);
        let done = state.complete(true);
        assert!(done.has_join_handle() && !done.has_join_waker());
        assert_eq!(state.abort(), OnWake::Nothing);
        assert!(!state.load().is_cancelled());
        assert_eq!(state.finish(), Release::Keep);
        assert_eq!(state.drop_join_handle(), DropJoin::DropOutput);
        assert_eq!(state.release_join(), Release::Free);
    }

    #[test]
    fn abort_of_an_idle_task_owes_a_runnable_that_cancels() {
        let state = State::new();
        assert_eq!(state.begin_poll(), BeginPoll::Poll);
        assert_eq!(state.end_poll(), EndPoll::Idle);
        assert_eq!(state.abort(), OnWake::Enqueue);
        assert_eq!(state.abort(), OnWake::Nothing);
        assert_eq!(state.wake_by_ref(), OnWake::Nothing);
        assert_eq!(state.begin_poll(), BeginPoll::Cancel);
    }

    #[test]
    fn shutdown_of_a_queued_task_leaves_the_runnable_to_its_queue() {
        let state = State::new();
        assert_eq!(state.drop_join_handle(), DropJoin::Done);
        assert_eq!(state.shutdown(), Shutdown::Cancel);
        let _ = state.complete(false);
        assert_eq!(state.finish(), Release::Keep);
        assert_eq!(state.begin_poll(), BeginPoll::Free);
    }

    #[test]
    fn the_last_waker_frees_a_task_that_is_over() {
        let state = State::new();
        assert_eq!(state.begin_poll(), BeginPoll::Poll);
        state.clone_ref();
        state.clone_ref();
        let _ = state.complete(true);
        assert_eq!(state.finish(), Release::Keep);
        assert_eq!(state.drop_join_handle(), DropJoin::DropOutput);
        assert_eq!(state.release_join(), Release::Keep);
        assert_eq!(state.wake_by_val(), OnWake::Nothing);
        assert_eq!(state.drop_ref(), Release::Free);
    }

    #[test]
    fn debug_prints_names() {
        let text = format!("{:?}", State::new());
        assert_eq!(text, "[NOTIFIED, JOIN, refs=0]");
    }
}
