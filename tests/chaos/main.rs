//! The chaos suite: random operations on filch's runtimes, round after round, and books that must balance.
//!
//! See README.md for how to run and replay it. This file reads the arguments, runs the rounds and prints the
//! summary.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `script.rs` | the script of a round, from a seed |
//! | `driver.rs` | plays a script on a runtime, and ends it |
//! | `ops/` | the operations |
//! | `books.rs`, `life.rs` | what must add up |
//! | `context.rs` | what an operation has in hand |
//! | `scarce.rs` | limits of descriptors and threads, in a process of its own |
//! | `watchdog.rs` | ends a round that hangs or grows |

#[cfg(target_os = "linux")]
mod books;
#[cfg(target_os = "linux")]
mod context;
#[cfg(target_os = "linux")]
mod driver;
#[cfg(target_os = "linux")]
mod life;
#[cfg(target_os = "linux")]
mod ops;
#[cfg(target_os = "linux")]
mod random;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod scarce;
#[cfg(target_os = "linux")]
mod script;
#[cfg(target_os = "linux")]
mod watchdog;

use std::process::ExitCode;

/// Tells a process that it is a child, and which.
const CHILD_VARIABLE: &str = "FILCH_CHAOS_CHILD";
/// A number, decimal or with `0x`.
const SEED_VARIABLE: &str = "FILCH_CHAOS_SEED";
/// How long rounds are begun.
const SECONDS_VARIABLE: &str = "FILCH_CHAOS_SECONDS";
/// With a seed: this round only, again and again.
const ROUND_VARIABLE: &str = "FILCH_CHAOS_ROUND";

/// The name of the only test.
const TEST: &str = "chaos";

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    if let Ok(child) = std::env::var(CHILD_VARIABLE) {
        return run::child(&child);
    }
    match arguments() {
        Asked::Run => run::rounds(),
        Asked::List => {
            println!("{TEST}: test\n\n1 test, 0 benchmarks");
            ExitCode::SUCCESS
        }
        Asked::Nothing => {
            println!("\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 1 filtered out\n");
            ExitCode::SUCCESS
        }
    }
}

/// It counts descriptors and threads, and lowers limits, as Linux has them.
#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("test {TEST} ... ignored, for Linux only");
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
enum Asked {
    Run,
    List,
    Nothing,
}

/// As much of a test program's arguments as concerns one test: filters, and `--list`.
#[cfg(target_os = "linux")]
fn arguments() -> Asked {
    let (mut filters, mut skips) = (Vec::new(), Vec::new());
    let (mut exact, mut list, mut ignored) = (false, false, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => list = true,
            "--exact" => exact = true,
            "--ignored" => ignored = true,
            "--skip" => skips.extend(arguments.next()),
            "--test-threads" | "--format" | "--color" | "--logfile" | "-Z" => {
                drop(arguments.next())
            }
            other if other.starts_with('-') => {}
            _ => filters.push(argument),
        }
    }
    let matches =
        |filter: &String| if exact { TEST == *filter } else { TEST.contains(filter.as_str()) };
    let wanted = !ignored
        && (filters.is_empty() || filters.iter().any(matches))
        && !skips.iter().any(matches);
    match (wanted, list) {
        (false, _) => Asked::Nothing,
        (true, true) => Asked::List,
        (true, false) => Asked::Run,
    }
}
