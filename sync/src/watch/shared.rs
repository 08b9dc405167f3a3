//! What both halves share.
//!
//! Protocol: docs/sync.md, steps WAT1 to WAT4. Model: loom-tests/tests/watch.rs.
//!
//! The state word: bit 0 CLOSED (no sender is left), above it the version, that counts changes.
//!
//! Invariants
//! V1  The version changes under the write lock of the value: who reads both under the lock has a pair.
//! V2  Whoever makes a `notified` future, and then finds version and CLOSED as it knows them, is woken by
//!     the next change of either.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use filch_primitives::atomic::{AtomicUsize, Ordering};

use super::value_lock::ValueLock;
use crate::Notify;

const CLOSED: usize = 1;
const STEP: usize = 2;

/// The number of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Version(usize);

impl Version {
    /// A version that differs from this one: it makes the current value count as changed.
    pub(super) fn before(self) -> Version {
        Version(self.0.wrapping_sub(STEP))
    }
}

/// A look at the state word.
#[derive(Clone, Copy)]
pub(super) struct Snapshot(usize);

impl Snapshot {
    pub(super) fn version(self) -> Version {
        Version(self.0 & !CLOSED)
    }

    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }
}

/// See the module.
pub(super) struct Shared<T> {
    pub(super) value: ValueLock<T>,
    state: AtomicUsize,
    receivers: AtomicUsize,
    senders: AtomicUsize,
    /// Wakes receivers: the value has changed, or the last sender is gone.
    pub(super) changed: Notify,
    /// Wakes senders: the last receiver is gone.
    pub(super) receivers_gone: Notify,
}

// A closure of the user's that panics under the lock leaves the value as far as it came, and the version
// unchanged; the lock is released.
impl<T> UnwindSafe for Shared<T> {}
impl<T> RefUnwindSafe for Shared<T> {}

impl<T> Shared<T> {
    /// A channel with one sender and no receiver.
    pub(super) fn new(init: T) -> Self {
        Shared {
            value: ValueLock::new(init),
            state: AtomicUsize::new(0),
            receivers: AtomicUsize::new(0),
            senders: AtomicUsize::new(1),
            changed: Notify::new(),
            receivers_gone: Notify::new(),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        // ordering: WAT2. Acquire, pairs with `publish` and `remove_sender`: who sees the end sees what the
        // last sender did before. (The value itself comes with its lock.)
        Snapshot(self.state.load(Ordering::Acquire))
    }

    /// WAT1: counts a change. Under the write lock.
    pub(super) fn publish(&self) {
        // ordering: WAT1. Release, pairs with `snapshot`: who sees the version and then reads what the sender
        // wrote elsewhere before must find it written.
        self.state.fetch_add(STEP, Ordering::Release);
    }

    pub(super) fn receivers(&self) -> usize {
        // ordering: WAT4. Acquire: who sees that a receiver is gone sees what it did before.
        self.receivers.load(Ordering::Acquire)
    }

    pub(super) fn add_receiver(&self) {
        // ordering: Relaxed. Whoever calls has a handle: the channel is there.
        self.receivers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_receiver(&self) {
        // ordering: WAT4. Release, pairs with `receivers`. Not Acquire: who is notified asks `receivers`, and by
        // the chain of these exchanges sees what each of us did before.
        if self.receivers.fetch_sub(1, Ordering::Release) == 1 {
            self.receivers_gone.notify_waiters();
        }
    }

    pub(super) fn senders(&self) -> usize {
        // ordering: Relaxed. A statistic.
        self.senders.load(Ordering::Relaxed)
    }

    pub(super) fn add_sender(&self) {
        // ordering: Relaxed. The caller is a sender: the count is not zero.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// WAT3: the last sender closes the channel.
    pub(super) fn remove_sender(&self) {
        // ordering: WAT3. AcqRel, so that the last one sees what the others did, and passes it on.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // ordering: WAT3. Release, pairs with `snapshot`.
            self.state.fetch_or(CLOSED, Ordering::Release);
            self.changed.notify_waiters();
        }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        f.debug_struct("Shared")
            .field("version", &(snapshot.version().0 / STEP))
            .field("is_closed", &snapshot.is_closed())
            .field("receivers", &self.receivers())
            .field("senders", &self.senders())
            .finish_non_exhaustive()
    }
}
