//! Waiting for time to pass: sleeps, timeouts, intervals, and a clock that tests can stop.
//!
//! * [`sleep`] and [`sleep_until`] complete at a time, never before it.
//! * [`timeout`] and [`timeout_at`] give another future a limit.
//! * [`interval`] and [`interval_at`] yield again and again.
//! * [`pause`], [`resume`] and [`advance`] stop the clock of a current-thread runtime and move it by
//!   hand, so that a test of an hour's behaviour takes a moment.
//!
//! Everything here needs a runtime with timers
//! ([`Builder::enable_time`](crate::runtime::Builder::enable_time)) where it is created; it may be
//! polled anywhere. Sleeping costs no thread and no allocation: a timer is a node inside of the future
//! that waits.
//!
//! # After the runtime has been shut down
//! A [`Sleep`], [`Timeout`] or [`Interval`] may outlive its runtime, on a thread that does not belong
//! to it. Polled then it panics, with a text that says that the runtime has been shut down: nobody is
//! left to wake it, and it must not hang.
//!
//! # Examples
//! ```
//! use filch::time::{Duration, Instant, sleep, timeout};
//!
//! # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
//! #     .block_on(async {
//! let start = Instant::now();
//! sleep(Duration::from_millis(100)).await;
//! assert!(start.elapsed() >= Duration::from_millis(100));
//!
//! let never = std::future::pending::<()>();
//! assert!(timeout(Duration::from_millis(10), never).await.is_err());
//! # });
//! ```

mod clock;
pub mod error;
mod instant;
mod interval;
mod sleep;
mod timeout;

pub use std::time::Duration;

pub use clock::{advance, pause, resume};
pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Timeout, timeout, timeout_at};
