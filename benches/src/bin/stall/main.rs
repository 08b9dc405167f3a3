//! What one task that blocks or spins does to everything else: filch beside tokio, smol and nio.
//!
//! ```text
//! cargo run --release -p filch-benches --bin stall                        everything, 7 rounds: 15 minutes
//! cargo run --release -p filch-benches --bin stall -- --only http,idle    some rows
//! cargo run --release -p filch-benches --bin stall -- --runtime filch     alone
//! cargo run --release -p filch-benches --bin stall -- --quick             a smoke test, some seconds a row
//! ```
//!
//! Every measurement is a fresh process (this program, `stall measure ..`); the runtimes take turns, and
//! who is first changes from round to round. One that does not end in time is killed and counts as hung.
//! Medians and ranges over the rounds are printed. It exits with 1 if filch misses a bound, hangs or
//! fails; `--quick` holds it to the bounds of what is counted, not of what is timed.
//!
//! A regression here means that work which is ready waits for a worker that does not come back: a queue or
//! a slot that nobody steals from, a driver that nobody waits in, or a monitor that sleeps.

mod bounds;
mod child;
mod clock;
mod gate;
mod probe;
mod rows;
mod rt;
mod table;
mod threads;

use std::io;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use filch_benches::progress;

use crate::rows::{Row, Serve, Sizes};
use crate::rt::{Runtime, run_on};
use crate::table::Table;

#[derive(Parser)]
#[command(about = "What one task that blocks or spins does to everything else")]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    plan: Plan,
}

#[derive(Subcommand)]
enum Command {
    /// One measurement in this process; prints its figures.
    Measure {
        /// The runtime to measure.
        runtime: Runtime,
        /// What to measure.
        row: Row,
        #[command(flatten)]
        sizes: Sizes,
    },
    /// The server of the row `http`, until standard input ends; prints its address.
    Serve {
        /// The runtime to serve on.
        runtime: Runtime,
        /// Worker threads.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
        workers: u8,
    },
}

/// What to measure, and how often.
#[derive(Args)]
struct Plan {
    /// A smoke test: one round of everything, small.
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// These rows only.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Row>,
    /// These runtimes only.
    #[arg(long, value_delimiter = ',')]
    runtime: Vec<Runtime>,
    /// Rounds, each with a fresh process for every row and runtime.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[command(flatten)]
    sizes: Sizes,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse() {
        Cli { command: Some(Command::Measure { runtime, row, sizes }), .. } => {
            row.measure(runtime, &sizes).map(|figures| {
                child::print(&figures);
                true
            })
        }
        Cli { command: Some(Command::Serve { runtime, workers }), .. } => {
            run_on(runtime, workers, Serve).map(|never| match never {})
        }
        Cli { command: None, plan } => compare(plan),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything that is asked for and prints a table for each row; `Ok(false)` if filch missed a
/// bound.
fn compare(mut plan: Plan) -> io::Result<bool> {
    if plan.quick {
        plan.rounds = 1;
        plan.sizes.quick();
    }
    let rows = or_all(&plan.only);
    let runtimes = or_all(&plan.runtime);
    let measurements: u64 = rows
        .iter()
        .map(|row| {
            let offered = runtimes.iter().filter(|&&runtime| row.is_offered_by(runtime)).count();
            u64::from(row.rounds(plan.rounds)) * offered as u64
        })
        .sum();
    let bar = progress(measurements, 24);
    let mut passed = true;
    for row in rows {
        let name = row.to_possible_value().expect("no row is hidden");
        let rounds = row.rounds(plan.rounds);
        let title = format!(
            "{}: {}; {} workers, {rounds} {}",
            name.get_name(),
            name.get_help().map(ToString::to_string).unwrap_or_default(),
            plan.sizes.workers,
            if rounds == 1 { "round" } else { "rounds" }
        );
        let mut table = Table::new(title, &runtimes, |runtime| row.is_offered_by(runtime));
        for round in 0..rounds {
            for runtime in in_turn(&runtimes, round) {
                if row.is_offered_by(runtime) {
                    bar.set_message(format!("{}, {}", runtime.name(), name.get_name()));
                    table.push(runtime, child::measure(runtime, row, &plan.sizes)?);
                    bar.inc(1);
                }
            }
        }
        passed &= bar.suspend(|| table.print(plan.quick));
    }
    bar.finish_and_clear();
    Ok(passed)
}

/// What was asked for, or everything.
fn or_all<T: ValueEnum>(chosen: &[T]) -> Vec<T> {
    if chosen.is_empty() { T::value_variants() } else { chosen }.to_vec()
}

/// All of them, each round with another one first.
fn in_turn(runtimes: &[Runtime], round: u32) -> Vec<Runtime> {
    let mut turn = runtimes.to_vec();
    turn.rotate_left(round as usize % runtimes.len());
    turn
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn everything_is_measured_in_seven_rounds_unless_told_otherwise() {
        let plan = Cli::parse_from(["stall"]).plan;
        assert_eq!((plan.rounds, plan.sizes.repetitions), (7, 10_000));
        assert_eq!(or_all(&plan.runtime).len(), 4);
        assert_eq!(or_all(&plan.only).len(), Row::value_variants().len());
        let plan = Cli::parse_from(["stall", "--only", "http,idle", "--runtime", "nio"]).plan;
        assert_eq!((plan.only, plan.runtime), (vec![Row::Http, Row::Idle], vec![Runtime::Nio]));
    }

    #[test]
    fn sizes_reach_the_other_process() {
        let mut sizes = Cli::parse_from(["stall"]).plan.sizes;
        sizes.quick();
        let arguments = ["stall", "measure", "filch", "idle"].map(str::to_owned);
        let cli = Cli::parse_from(arguments.into_iter().chain(sizes.arguments()));
        let Some(Command::Measure { runtime, row, sizes: theirs }) = cli.command else {
            panic!("another command");
        };
        assert_eq!((runtime, row), (Runtime::Filch, Row::Idle));
        assert_eq!(theirs.arguments(), sizes.arguments());
    }

    #[test]
    fn senseless_arguments_are_refused() {
        for arguments in [
            &["stall", "--rounds", "0"][..],
            &["stall", "--workers", "0"],
            &["stall", "--only", "everything"],
            &["stall", "--runtime", "async-std"],
            &["stall", "--quick", "--rounds", "3"],
            &["stall", "measure", "filch"],
        ] {
            assert!(Cli::try_parse_from(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn every_round_another_runtime_is_first() {
        let runtimes = or_all::<Runtime>(&[]);
        assert_eq!(in_turn(&runtimes, 0)[0], Runtime::Filch);
        assert_eq!(in_turn(&runtimes, 1)[0], Runtime::Tokio);
        assert_eq!(in_turn(&runtimes, 5), in_turn(&runtimes, 1));
    }
}
