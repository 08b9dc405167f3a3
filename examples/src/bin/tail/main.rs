//! Follows a file that grows, as `tail -F` does: prints its last lines, and then what is added.
//!
//! `cargo run --release -p filch-examples --bin tail -- [-n LINES] FILE`; Ctrl-C ends it. A file that is cut off is
//! read from its start again; one that is replaced (a log that is rotated) is read to its end, and then its
//! successor; one that is not there is waited for. `--self-test` does all that to a file and compares
//! what comes out.
//!
//! Shown: `File` with seeks, `AsyncFd` over inotify (other systems look four times a second), and a writer that may
//! be standard output or a pipe in memory.

mod follow;
mod self_test;
mod watch;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use filch_examples::race::{First, race};

use crate::follow::Follower;

/// How many lines are printed at first.
const LINES: usize = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--self-test"] => self_test::run(),
        ["-n", lines, path] => match lines.parse() {
            Ok(lines) => run(path.as_ref(), lines),
            Err(_) => usage(),
        },
        [path] if !path.starts_with('-') => run(path.as_ref(), LINES),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: tail [-n LINES] FILE | tail --self-test");
    ExitCode::from(2)
}

#[filch::main(flavor = "current_thread")]
async fn run(path: &Path, lines: usize) -> ExitCode {
    match follow(path, lines).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tail: {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// Until Ctrl-C.
async fn follow(path: &Path, lines: usize) -> io::Result<()> {
    let mut stdout = filch::io::stdout();
    let mut follower = Follower::new(path, lines)?;
    match race(follower.run(&mut stdout), filch::signal::ctrl_c()).await {
        First::Left(result) => result,
        First::Right(interrupted) => interrupted,
    }
}
