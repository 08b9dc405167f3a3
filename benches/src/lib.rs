//! What the benchmarks share.
//!
//! The programs are in `src/bin`: `http` compares hyper's hello world on filch and on tokio, `timers`
//! their sleeps, `fs` their files with std's, `sync` the channels and locks with tokio's and with those of runtime-free crates,
//! `stall` what a task that spins or blocks does to the rest, on four runtimes.

use indicatif::{ProgressBar, ProgressStyle};

pub mod stats;

/// A bar over all measurements, with room for a message of so many characters; on standard error where that
/// is a terminal.
pub fn progress(measurements: u64, message: usize) -> ProgressBar {
    let style = format!("{{msg:{message}}} {{wide_bar}} {{pos}}/{{len}}, {{eta}} left");
    ProgressBar::new(measurements)
        .with_style(ProgressStyle::with_template(&style).expect("the template is well-formed"))
}
