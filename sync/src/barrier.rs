//! A barrier: tasks wait until so many of them are there.
//!
//! Invariants
//! A1  `arrived` and `generation` change together under the lock; a generation ends when `arrived` reaches `n`.
//! A2  A task that waits has made its `notified` future before it saw its generation unfinished: the one who
//!     ends it notifies after that, and completes it.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use filch_primitives::lock::Mutex;

use crate::{Notify, budget};

#[derive(Debug)]
struct State {
    arrived: usize,
    generation: u64,
}

/// Lets a number of tasks wait for one another, again and again.
///
/// # Examples
/// Workers of a computation in rounds: none begins a round before all have ended the last one.
/// ```
/// use filch_sync::Barrier;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// async fn worker(barrier: &Barrier, cells: &[AtomicU32], me: usize) {
///     for _ in 0..10 {
///         let left = cells[(me + cells.len() - 1) % cells.len()].load(Ordering::Relaxed);
///         barrier.wait().await; // all have read
///         cells[me].fetch_add(left, Ordering::Relaxed);
///         if barrier.wait().await.is_leader() {
///             println!("a round has ended");
///         }
///     }
/// }
/// # let cells = [AtomicU32::new(1)];
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(std::pin::pin!(worker(&Barrier::new(1), &cells, 0)).poll(&mut cx).is_ready());
/// # assert_eq!(cells[0].load(Ordering::Relaxed), 1024);
/// ```
pub struct Barrier {
    state: Mutex<State>,
    ended: Notify,
    n: usize,
}

/// What [`Barrier::wait`] returns.
#[derive(Debug, Clone)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this task is the one that came last: exactly one of each round is.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    /// A barrier for `n` tasks. Zero is taken as one: nobody waits.
    pub fn new(n: usize) -> Barrier {
        Barrier {
            state: Mutex::new(State { arrived: 0, generation: 0 }),
            ended: Notify::new(),
            n: n.max(1),
        }
    }

    /// Waits until `n` tasks are here.
    ///
    /// # Cancel safety
    /// It is not: a task that stops waiting stays counted, and the round ends with one task less.
    pub async fn wait(&self) -> BarrierWaitResult {
        budget::counted(async {
            let generation = {
                let mut state = self.state.lock();
                state.arrived += 1;
                if state.arrived == self.n {
                    state.arrived = 0;
                    state.generation += 1;
                    drop(state);
                    self.ended.notify_waiters();
                    return BarrierWaitResult(true);
                }
                state.generation
            };
            loop {
                // Made before the look: A2. The notification of an earlier round may complete it: so it loops.
                let notified = self.ended.notified();
                if self.state.lock().generation != generation {
                    return BarrierWaitResult(false);
                }
                notified.await;
            }
        })
        .await
    }
}

// A panic of user code (a waker) comes after the state has changed as a whole.
impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("n", &self.n).field("state", &*self.state.lock()).finish()
    }
}
