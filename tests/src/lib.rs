//! Helpers of the integration tests.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`cancel_safety`] | drops a future at each of its polls, and asks what is gone |
//! | [`count`] | futures and guards that count polls and drops; gates |
//! | [`folder`] | a folder that is removed with its test |
//! | [`forgotten`] | `mem::forget` that a leak check does not report |
//! | [`panics`] | what a function's panic says, and where it happened |
//! | [`process`] | a test in a process of its own; threads, descriptors and memory of this one |
//! | [`reports`] | panics that a runtime reports |
//! | [`runtimes`] | runtimes of every kind, their ends, and checks that one still works |
//! | [`signals`] | a storm of signals, so that system calls are interrupted |
//! | [`transport`] | a test for TCP and Unix sockets at once |

pub mod cancel_safety;
pub mod count;
pub mod folder;
pub mod forgotten;
pub mod panics;
pub mod process;
pub mod reports;
pub mod runtimes;
pub mod signals;
pub mod transport;

use std::time::Duration;

/// How long a test waits for what must happen, before it fails instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(60);
