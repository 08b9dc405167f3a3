//! Files beside tokio's and std's.
//!
//! ```text
//! cargo run --release -p filch-benches --bin fs                       all rows
//! cargo run --release -p filch-benches --bin fs -- --only walk       rows with this in their name
//! cargo run --release -p filch-benches --bin fs -- --folder /data     on another file system
//! cargo run --release -p filch-benches --bin fs -- --quick            a smoke test
//! ```
//!
//! In a row all three do the same, on files that are in the page cache: filch and tokio in a task of a runtime
//! with two workers, std on a plain thread. They take turns within each round. Printed are medians
//! over the rounds, in microseconds per operation, and the ratios to std's figures, round by round. It
//! exits with 1 if a row is slower than its bound: a read of 64 KiB 1.5 times std's, a walk over 10,000
//! entries 3 times.
//!
//! A regression here means: a trip to the blocking pool where none was needed, or more of them. One costs two
//! wake-ups of threads, some 20 us.

mod report;
mod row;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use filch_benches::progress;

use crate::report::Report;
use crate::row::{Peer, Row, Runtimes};

#[derive(Parser)]
#[command(about = "Files beside tokio's and std's")]
struct Plan {
    /// A smoke test: one round of few operations; the figures mean nothing and fail nothing.
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Only rows whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Only this peer: for a profiler.
    #[arg(long)]
    peer: Option<String>,
    /// Rounds.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Worker threads of the runtimes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Where the files are made; the system's folder for temporary ones by default.
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// The files, removed on drop.
struct Files(PathBuf);

impl Files {
    fn new(parent: &Path) -> io::Result<Files> {
        let files = Files(parent.join(format!("filch-bench-fs-{}", std::process::id())));
        std::fs::create_dir_all(&files.0)?;
        row::make_files(&files.0)?;
        Ok(files)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn main() -> ExitCode {
    let plan = Plan::parse();
    match compare(&plan) {
        Ok(report) => {
            print!("{report}");
            if plan.quick || report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("fs: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(plan: &Plan) -> io::Result<Report> {
    let rows: Vec<Row> = row::rows().into_iter().filter(|r| r.name.contains(&plan.only)).collect();
    let peers: Vec<Peer> = Peer::ALL
        .into_iter()
        .filter(|peer| plan.peer.as_ref().is_none_or(|only| peer.name() == only))
        .collect();
    let files = Files::new(plan.folder.as_deref().unwrap_or(&std::env::temp_dir()))?;
    let runtimes = Runtimes::new(plan.workers.into())?;
    let rounds = if plan.quick { 1 } else { plan.rounds };
    let bar = progress(rows.len() as u64 * peers.len() as u64 * u64::from(rounds), 18);
    let mut report = Report::new(&rows, &peers);
    for round in 0..=rounds {
        for (at, row) in rows.iter().enumerate() {
            bar.set_message(row.name);
            let operations = if plan.quick { 2 } else { row.operations };
            for &peer in &peers {
                let time = runtimes.measure(peer, row, &files.0, operations)?;
                // The first round fills the caches.
                if round > 0 {
                    report.add(at, peer, time.as_secs_f64() * 1e6 / operations as f64);
                    bar.inc(1);
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(report)
}
