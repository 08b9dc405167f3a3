//! What a server has done: counted by its connections, read by anybody.
//!
//! Callers: the accept loop and the connections count; `ServeHandle` and `Report` read.
//!
//! Invariants
//! C1  A connection is counted once when it is accepted and once when it has ended, after its handler's
//!     future is gone: `active` is the difference, and never negative.

use filch_primitives::atomic::{AtomicU64, Ordering};
use filch_sync::{CancellationToken, TaskTracker, WaitForCancellationFuture};
use std::fmt;
use std::sync::Arc;

/// What a server has done so far. From [`ServeHandle::counts`] and [`Report::counts`](super::Report::counts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections that were given to the handler.
    pub accepted: u64,
    /// Those of them that have not ended.
    pub active: u64,
    /// Those whose handler has returned, and not an error.
    pub finished: u64,
    /// Those whose handler has returned an error.
    pub failed: u64,
    /// Those whose handler has panicked.
    pub panicked: u64,
    /// Those whose handler was dropped before its end: the grace was over, the future of the server was
    /// dropped, or the runtime has shut down.
    pub cut: u64,
    /// Refused: the connection was gone before it was accepted (`ECONNABORTED` and the like).
    pub aborted: u64,
    /// Refused: accepted with the reserve descriptor and closed at once, since there was no other.
    pub turned_away: u64,
    /// How often the system began to lack descriptors or memory for the next connection.
    pub shortages: u64,
}

impl Counts {
    /// All connections that came and did not reach the handler.
    pub fn refused(&self) -> u64 {
        self.aborted + self.turned_away
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    Failed,
    Panicked,
    Cut,
}

/// What the accept loop, the connections and the handles of one server share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    accepted: AtomicU64,
    finished: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    cut_off: AtomicU64,
    aborted: AtomicU64,
    turned_away: AtomicU64,
    shortages: AtomicU64,
    /// Cancelled when the server accepts no more.
    pub(super) stop: CancellationToken,
    /// Cancelled when the connections that are left are dropped.
    pub(super) cut: CancellationToken,
    /// One task a connection.
    pub(super) tasks: TaskTracker,
}

impl Shared {
    /// Counts one more connection; its number, from 0.
    pub(super) fn accepted(&self) -> u64 {
        // ordering: Relaxed. A connection's end is counted by a task that was spawned after this, and
        // spawning makes this visible there; `counts` says what that is good for.
        self.accepted.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts the end of a connection.
    pub(super) fn ended(&self, end: End) {
        let count = match end {
            End::Finished => &self.finished,
            End::Failed => &self.failed,
            End::Panicked => &self.panicked,
            End::Cut => &self.cut_off,
        };
        // ordering: Release. Whoever sees the end must see the beginning too, or `active` would be
        // negative. Pairs with the Acquire loads in `counts`.
        count.fetch_add(1, Ordering::Release);
    }

    pub(super) fn aborted(&self) {
        // ordering: Relaxed, a statistic.
        self.aborted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn turned_away(&self) {
        // ordering: Relaxed, a statistic.
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn shortage(&self) {
        // ordering: Relaxed, a statistic.
        self.shortages.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        // ordering: Acquire, before `accepted` is read: the beginnings of all ends that are seen here
        // are seen there. Pairs with the Release in `ended`. Keeps C1.
        let end = |count: &AtomicU64| count.load(Ordering::Acquire);
        let (finished, failed) = (end(&self.finished), end(&self.failed));
        let (panicked, cut) = (end(&self.panicked), end(&self.cut_off));
        // ordering: Relaxed, this and those below: statistics.
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let accepted = now(&self.accepted);
        Counts {
            accepted,
            active: accepted - finished - failed - panicked - cut,
            finished,
            failed,
            panicked,
            cut,
            aborted: now(&self.aborted),
            turned_away: now(&self.turned_away),
            shortages: now(&self.shortages),
        }
    }
}

/// Looks at a server from outside: what it has done, and whether it is about to stop. From
/// [`Serve::handle`](super::Serve::handle). Clones look at the same server.
#[derive(Clone)]
pub struct ServeHandle {
    pub(super) shared: Arc<Shared>,
}

impl ServeHandle {
    /// What the server has done so far.
    ///
    /// # Cost
    /// Eight loads.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }

    /// Waits until the server has closed its listener: connections are refused from now on, and those
    /// that are open have been asked to end.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub fn stopping(&self) -> WaitForCancellationFuture<'_> {
        self.shared.stop.cancelled()
    }

    /// Whether the server has closed its listener.
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.is_cancelled()
    }
}

impl fmt::Debug for ServeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeHandle")
            .field("counts", &self.counts())
            .field("is_stopping", &self.is_stopping())
            .finish()
    }
}
