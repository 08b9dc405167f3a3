//! loom models: see the files in `tests/`. Here is what they share.

#[cfg(filch_loom)]
mod support;
#[cfg(filch_loom)]
pub use support::*;
