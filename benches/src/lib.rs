//! What the benchmarks share.
//!
//! The programs are in `src/bin`: `http` compares hyper's hello world on filch and on tokio.

pub mod stats;
