//! The hierarchical timer wheel and the clock of the filch runtime.
//!
//! [`Timers`] holds one wheel for each worker of a runtime; a [`TimerEntry`] lies inside of a future that
//! sleeps, and is linked into a wheel while it waits; the [`Clock`] says what time it is, and can be
//! paused for tests. The crate knows wakers, not tasks, and has no thread of its own: a runtime asks
//! [`Timers::next_expiry`] how long it may wait, and calls [`Timers::fire_due`].
//!
//! | what | number |
//! | --- | --- |
//! | tick | 2^15 ns = 32.768 us |
//! | wheel | 8 levels of 64 slots: 292 years; what lies beyond waits for the next revolution |
//! | early | never |
//! | late, deadline less than 10 ms away | by at most 33 us, plus the caller's wake-up |
//! | late, otherwise | by at most 1.08 ms, plus the caller's wake-up |
//! | arm, cancel, reset | O(1), one uncontended lock of a shard each |
//! | entry | 80 bytes, inside of its future |
//!
//! The protocol, its numbered steps and the reasons for the numbers are in `docs/timer.md`.
//!
//! # References
//! Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987.

mod batch;
mod clock;
mod entry;
mod error;
mod list;
mod node;
#[cfg(filch_loom)]
mod reduced;
mod shard;
mod tick;
mod timers;
mod wheel;

pub use clock::{Clock, ClockError, any_clock_was_paused};
pub use entry::{PollTimer, TimerEntry};
pub use error::TimerError;
pub use timers::Timers;
