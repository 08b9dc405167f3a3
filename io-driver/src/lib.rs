//! The reactor of the filch runtime: registrations, readiness and the wait.
//!
//! A [`Driver`] owns one epoll instance (one `polling` poller elsewhere). A source is registered once,
//! for its whole life, edge-triggered; what the events say is kept in the registration's readiness
//! word, so that between two operations that would block there is no system call but the operations
//! themselves. The crate knows wakers, not tasks, and works under any executor that calls
//! [`Driver::wait`].
//!
//! The protocol and its proofs are on the page `docs/io-driver.md`.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `driver.rs` | [`Driver`]: register, wait, notify, alarm, shutdown |
//! | `registration.rs` | [`Registration`]: polls, `try_io`, waits, clearing, deregistration |
//! | `readiness.rs` and below | the word and the waiters of one slot; what loom checks |
//! | `slab.rs`, `key.rs` | slots with stable addresses, and the keys that name them |
//! | `poller.rs` and below | epoll with eventfd and timerfd; `polling` elsewhere |
//! | `interest.rs`, `ready.rs` | [`Interest`], [`Ready`], [`ReadyEvent`] |

mod error;
mod interest;
mod readiness;
mod ready;

#[cfg(filch_loom)]
mod absent;
#[cfg(not(filch_loom))]
mod driver;
#[cfg(not(filch_loom))]
mod key;
#[cfg(not(filch_loom))]
mod poller;
#[cfg(not(filch_loom))]
mod registration;
#[cfg(not(filch_loom))]
mod slab;

pub use error::shutdown_error;
pub use interest::Interest;
pub use readiness::Direction;
pub use ready::{Ready, ReadyEvent};

#[cfg(not(filch_loom))]
pub use driver::{Driver, Events, Limits, Waited};
#[cfg(not(filch_loom))]
pub use registration::Registration;

#[cfg(filch_loom)]
pub use absent::{Driver, Registration};

/// What the models reach. Not part of the interface.
#[cfg(filch_loom)]
#[doc(hidden)]
pub mod internals {
    pub use crate::readiness::{Readiness, Wait};
}
