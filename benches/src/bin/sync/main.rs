//! The primitives of `sync` beside tokio's and the runtime-free crates.
//!
//! ```text
//! cargo run --release -p filch-benches --bin sync                        all rows, on filch's runtime
//! cargo run --release -p filch-benches --bin sync -- --own-runtime       tokio's on tokio's runtime
//! cargo run --release -p filch-benches --bin sync -- --only mpsc/spsc    rows with this in their name
//! cargo run --release -p filch-benches --bin sync -- --quick             a smoke test
//! ```
//!
//! In a row all crates do the same work, on the same runtime: with one worker (`w1`), so that the tasks
//! take turns on it, and with two (`w2`), so that they run across workers. The crates take turns within
//! each round: A B C, A B C. Printed are medians over the rounds, in nanoseconds per operation, and
//! the ratio of tokio's figure to filch's, round by round: more than 1 means that filch is faster. It
//! exits with 1 if a row is slower than tokio's by more than 5 %, or if the channels' geometric mean
//! is under 1.3.
//!
//! A regression here means: a further atomic exchange or a lock on the way of an operation that needs
//! none, a cache line that two sides fight for, or a wake that the other side did not need.

mod channels;
mod events;
mod executor;
mod locks;
mod report;
mod row;

use std::io;
use std::process::ExitCode;

use clap::Parser;
use filch_benches::progress;

use crate::executor::{Executor, Kind};
use crate::report::{Line, Report};
use crate::row::{Peer, Row};

/// Of the usual number of operations, in a smoke test.
const QUICK: u64 = 20;

#[derive(Parser)]
#[command(about = "The primitives of sync beside tokio's and the runtime-free crates")]
struct Plan {
    /// A smoke test: one round of few operations; the figures mean nothing and fail nothing.
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Only rows whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Only this crate: for a profiler.
    #[arg(long)]
    peer: Option<String>,
    /// Rounds.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Numbers of worker threads.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2],
          value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Vec<u16>,
    /// Operations of a measurement, in percent of each row's own number.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    percent: u64,
    /// Run tokio's primitives on tokio's runtime, and leave the other crates out.
    #[arg(long)]
    own_runtime: bool,
}

impl Plan {
    fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    fn operations(&self, row: &Row) -> u64 {
        let operations = row.operations * self.percent / 100;
        (if self.quick { operations / QUICK } else { operations }).max(1_000)
    }

    fn has(&self, peer: Peer) -> bool {
        (!self.own_runtime || matches!(peer, Peer::Filch | Peer::Tokio))
            && self.peer.as_ref().is_none_or(|only| peer.name() == only)
    }

    /// The rows that were asked for.
    fn rows(&self) -> Vec<Row> {
        let mut rows = channels::rows();
        rows.extend(events::rows());
        rows.extend(locks::rows());
        rows.retain(|row| row.name.contains(&self.only));
        for row in &mut rows {
            row.peers.retain(|(peer, _)| self.has(*peer));
        }
        rows
    }
}

/// The runtimes for a number of workers.
struct Runtimes {
    filch: Executor,
    tokio: Executor,
}

impl Runtimes {
    fn new(workers: u16) -> io::Result<Runtimes> {
        let start = |kind| Executor::new(kind, usize::from(workers));
        Ok(Runtimes { filch: start(Kind::Filch)?, tokio: start(Kind::Tokio)? })
    }

    fn of(&self, plan: &Plan, peer: Peer) -> &Executor {
        if plan.own_runtime && peer == Peer::Tokio { &self.tokio } else { &self.filch }
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
            eprintln!("sync: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(plan: &Plan) -> io::Result<Report> {
    let rows = plan.rows();
    let per_round: usize = rows.iter().map(|row| row.peers.len()).sum();
    let measurements = per_round as u64 * u64::from(plan.rounds()) * plan.workers.len() as u64;
    let bar = progress(measurements, 28);
    let mut report = Report::default();
    for &workers in &plan.workers {
        let runtimes = Runtimes::new(workers)?;
        let mut lines: Vec<Line> = rows.iter().map(|row| Line::new(row, workers)).collect();
        for _ in 0..plan.rounds() {
            for (row, line) in rows.iter().zip(&mut lines) {
                bar.set_message(line.name().to_owned());
                let operations = plan.operations(row);
                for (at, (peer, measure)) in row.peers.iter().enumerate() {
                    let time = measure(runtimes.of(plan, *peer), operations);
                    line.add(at, time.as_secs_f64() * 1e9 / operations as f64);
                    bar.inc(1);
                }
            }
        }
        report.lines.extend(lines);
    }
    bar.finish_and_clear();
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Plan::command().debug_assert();
    }

    #[test]
    fn every_row_has_filch_then_tokio_and_a_name_of_its_own() {
        let rows = Plan::parse_from(["sync"]).rows();
        let mut names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rows.len());
        for row in &rows {
            assert_eq!(row.peers[0].0, Peer::Filch, "{}", row.name);
            assert_eq!(row.peers[1].0, Peer::Tokio, "{}", row.name);
        }
    }

    #[test]
    fn only_and_peer_choose() {
        let rows = Plan::parse_from(["sync", "--only", "mpsc/spsc", "--peer", "flume"]).rows();
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row.peers.len() == 1 && row.peers[0].0 == Peer::Flume));
    }

    #[test]
    fn all_work_is_done_on_both_runtimes() {
        for arguments in [vec!["sync", "--quick"], vec!["sync", "--quick", "--own-runtime"]] {
            let report = compare(&Plan::parse_from(arguments)).unwrap();
            assert_eq!(report.lines.len(), 2 * Plan::parse_from(["sync"]).rows().len());
        }
    }
}
