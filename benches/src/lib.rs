//! What the benchmarks share.
//!
//! The programs are in `src/bin`: `http` compares hyper's hello world on filch and on tokio, `timers`
//! their sleeps, `sync` the channels and locks with tokio's and with those of runtime-free crates,
//! `stall` what a task that spins or blocks does to the rest, on four runtimes.

pub mod stats;
