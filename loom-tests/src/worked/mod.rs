//! Worked models of user code: small libraries as one writes them on filch, and models that check them.
//!
//! Each has a bug planted in it, behind a const parameter, so that one can see loom find it: the models in
//! `tests/worked_cache.rs` and `tests/worked_pool.rs` run both forms. docs/loom-for-users.md explains how to
//! do the same in a crate of one's own.

pub mod cache;
pub mod pool;
