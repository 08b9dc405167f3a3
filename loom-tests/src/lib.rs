//! loom models: see the files in `tests/`. Here is what they share.

#[cfg(all(filch_loom, not(filch_shuttle)))]
mod explore;
#[cfg(all(filch_loom, not(filch_shuttle)))]
pub use explore::*;
#[cfg(filch_shuttle)]
pub mod random;
#[cfg(filch_loom)]
mod support;
#[cfg(filch_loom)]
pub use support::*;
#[cfg(filch_loom)]
pub mod worked;
