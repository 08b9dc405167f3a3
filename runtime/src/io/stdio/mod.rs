//! Standard input, output and error of the process.
//!
//! | file | what |
//! | --- | --- |
//! | `stdin`, `polled`, `pooled` | [`Stdin`]; by the poller where that works, else on the blocking pool |
//! | `stdout` | [`Stdout`] and [`Stderr`], on the blocking pool |
//!
//! Invariant: no flag of the three descriptors is ever changed. They share their open files with whoever
//! started this process and with its children, and `O_NONBLOCK` belongs to the open file: set here, it
//! would make the reads of a shell fail.

mod polled;
mod pooled;
mod stdin;
mod stdout;

pub use stdin::{Stdin, stdin};
pub use stdout::{Stderr, Stdout, stderr, stdout};
