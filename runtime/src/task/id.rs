//! Task numbers.

use std::fmt;
use std::num::NonZeroU64;

use filch_primitives::atomic::Ordering;
use filch_primitives::atomic::statistic::AtomicU64;

/// A number that identifies a task, unique in the process for its whole life.
///
/// 8 bytes; `Option<Id>` too. Numbers say nothing about the order in which tasks run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

/// How many numbers a thread takes from the shared counter at a time: one contended operation in 1024
/// spawns.
const BLOCK: u64 = 1024;

/// The first number of the next block. Starts at 1: zero is no id.
static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);

std::thread_local! {
    /// The next number of this thread's block, and how many are left. Not loom's: identity is no
    /// protocol.
    static BLOCK_LEFT: std::cell::Cell<(u64, u64)> = const { std::cell::Cell::new((0, 0)) };
}

impl Id {
    /// The next free number.
    #[inline]
    pub(crate) fn next() -> Self {
        let take_block = || {
            // ordering: Relaxed. Only uniqueness counts, which the addition alone gives.
            (NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed), BLOCK)
        };
        let number = BLOCK_LEFT
            .try_with(|block| {
                let (mut next, mut left) = block.get();
                if left == 0 {
                    (next, left) = take_block();
                }
                block.set((next + 1, left - 1));
                next
            })
            .unwrap_or_else(|_| take_block().0);
        // 2^64 spawns never happen; the fallback keeps this path without a panic.
        Id(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN))
    }

    pub(crate) fn as_u64(self) -> u64 {
        self.0.get()
    }

    pub(crate) fn from_u64(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Id)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

/// The id of the task that runs on this thread.
///
/// # Panics
/// Outside of a task; [`try_id`] does not.
#[track_caller]
pub fn id() -> Id {
    match try_id() {
        Some(id) => id,
        None => panic!("can't get a task id when not inside a task"),
    }
}

/// The id of the task that runs on this thread, if one does.
pub fn try_id() -> Option<Id> {
    crate::context::current_task_id()
}
