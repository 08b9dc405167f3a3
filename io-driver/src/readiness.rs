//! Readiness: the word of a registration and its waiters, and how an event meets a poll.
//!
//! Callers: the driver sets (`set_ready`), registrations poll and clear, the slab opens and closes.
//! Data: one atomic word (table in `readiness/word.rs`), and the waiters behind a one-byte lock.
//! Protocol: docs/io-driver.md, steps R1 to R8. Model: loom-tests/tests/readiness.rs.
//!
//! Invariants
//! I1  After `set_ready` returned true, every poll for those states returns ready until they are
//!     cleared; and who was waiting for them when it was called has been woken.
//! I2  A clear takes away only what its caller has seen: never the news of a later event.
//! I3  An event for an earlier registration of the slot changes nothing.
//! I4  After `close` or `shut_down` nobody waits, and polls give an error.
//! I5  No waker is woken, cloned or dropped under the lock.

mod wait;
mod waiters;
mod wake;
mod word;

use std::fmt;
use std::io;
use std::task::{Context, Poll};

use filch_primitives::lock::Mutex;

use crate::error::{deregistered_error, shutdown_error};
use crate::{Ready, ReadyEvent};

pub use wait::Wait;
use waiters::Waiters;
use wake::WakeBatch;
use word::Word;

/// What lets a reader go on.
const READ: Ready = Ready::READABLE.union(Ready::READ_CLOSED);

/// What lets a writer go on.
const WRITE: Ready = Ready::WRITABLE.union(Ready::WRITE_CLOSED);

/// Which of the two wakers of a registration a poll uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Reading, accepting, receiving.
    Read,
    /// Writing, connecting, sending.
    Write,
}

impl Direction {
    /// The states that end a wait in this direction.
    pub(crate) fn states(self) -> Ready {
        match self {
            Direction::Read => READ,
            Direction::Write => WRITE,
        }
    }
}

/// The state of one slot.
pub struct Readiness {
    word: Word,
    waiters: Mutex<Waiters>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// A closed one.
    pub fn new() -> Self {
        Readiness { word: Word::new(), waiters: Mutex::new(Waiters::new()) }
    }

    /// R2: begins a registration, not ready for anything; returns its generation.
    ///
    /// The caller owns the slot: it is closed, and nobody else opens or polls it.
    pub fn open(&self) -> u32 {
        debug_assert!(self.waiters.lock().is_empty(), "waiters of an earlier registration");
        self.word.open()
    }

    /// R3: an event for the registration `generation`. False if that is over, and nothing changed.
    pub fn set_ready(&self, generation: u32, ready: Ready) -> bool {
        let counts = self.word.set_ready(generation, ready);
        if counts {
            self.wake(ready);
        }
        counts
    }

    /// R4, R5: what of this direction is ready; else the waker is woken when something is.
    ///
    /// The last waker of each direction counts. Spends no budget.
    pub fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        let wanted = direction.states();
        let mut done = self.check(wanted);
        if done.is_pending() {
            // Cloned before the lock is taken (I5): cloning is the user's code.
            let waker = cx.waker().clone();
            let mut waiters = self.waiters.lock();
            // R5. Events set the word first and take the lock then: either this check sees the
            // event, or the event's turn at the lock comes later and finds the waker.
            done = self.check(wanted);
            let spare = if done.is_pending() { waiters.put(direction, waker) } else { Some(waker) };
            drop(waiters);
            drop(spare);
        }
        done
    }

    /// A future that waits for some of `wanted`; any number of them may wait at once.
    pub fn wait(&self, wanted: Ready) -> Wait<'_> {
        Wait::new(self, wanted)
    }

    /// R4: the word as the answer to a poll, without registering anybody.
    pub fn check(&self, wanted: Ready) -> Poll<io::Result<ReadyEvent>> {
        let seen = self.word.load();
        if seen.is_shutdown() {
            Poll::Ready(Err(shutdown_error()))
        } else if seen.is_closed() {
            Poll::Ready(Err(deregistered_error()))
        } else if seen.ready().intersects(wanted) {
            Poll::Ready(Ok(seen.event(wanted)))
        } else {
            Poll::Pending
        }
    }

    /// What the source is ready for now, as far as is known.
    pub fn current(&self) -> Ready {
        self.word.load().ready()
    }

    /// R6: takes `event.ready` away if no event came since. Closed ends stay closed.
    pub fn clear(&self, event: ReadyEvent) {
        self.word.clear(event, Ready::EMPTY);
    }

    /// R6, but only while none of `unless` is set.
    pub fn clear_unless(&self, event: ReadyEvent, unless: Ready) {
        self.word.clear(event, unless);
    }

    /// R7: ends the registration: its events no longer count, its waiters are woken. Idempotent.
    pub fn close(&self) {
        self.word.close();
        self.wake(Ready::ALL);
    }

    /// R8: every poll gives an error from here on; the waiters are woken.
    pub fn shut_down(&self) {
        self.word.shut_down();
        self.wake(Ready::ALL);
    }

    /// Wakes who waits for some of `ready`, outside of the lock.
    fn wake(&self, ready: Ready) {
        let mut batch = WakeBatch::new();
        loop {
            let more = self.waiters.lock().take(ready, &mut batch);
            batch.wake_all();
            if !more {
                return;
            }
        }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readiness").field(&self.word.peek()).finish()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests;
