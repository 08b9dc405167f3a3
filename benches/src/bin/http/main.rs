//! The same hyper service on filch and on tokio, side by side.
//!
//! ```text
//! cargo run --release -p filch-benches --bin http              requests a second under wrk
//! cargo run --release -p filch-benches --bin http -- --idle    latency beside 1,000 idle connections
//! cargo run --release -p filch-benches --bin http -- --quick   both, one second each: a smoke test
//! ```
//!
//! Every measurement starts a fresh server process (this program, `http serve ..`), and the two
//! runtimes take turns: filch, tokio, then tokio, filch, and so on. It prints medians, the spread over
//! the rounds and the ratio of each pair; a ratio is filch's figure over tokio's. It exits with 1 if a
//! request to filch failed.
//!
//! A regression in requests a second means that the way from a readable socket to its task, or the
//! spreading of tasks over workers, has become longer; one in the latency beside idle connections
//! means that connections cost something while nothing happens on them.

mod idle;
mod measured;
mod serve;
mod server;
mod wrk;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::measured::Runtime;

#[derive(Parser)]
#[command(about = "The same hyper service on filch and on tokio, side by side")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    plan: Plan,
}

#[derive(Subcommand)]
enum Command {
    /// Serve on one runtime until standard input ends; prints the address.
    Serve {
        /// The runtime to serve on.
        runtime: Runtime,
        /// Worker threads.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
        workers: u16,
        /// The port on 127.0.0.1; 0 lets the system choose.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
}

/// What to measure.
#[derive(Args)]
struct Plan {
    /// Measure latency beside idle connections, instead of requests a second under wrk.
    #[arg(long)]
    idle: bool,
    /// A smoke test: both parts, one round of one second.
    #[arg(long, conflicts_with_all = ["rounds", "seconds", "idle"])]
    quick: bool,
    /// Rounds, each with a fresh server of each runtime.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of load in each measurement.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Worker threads of each server.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    workers: u16,
    /// Connections that wrk holds, one table for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 1000],
          value_parser = clap::value_parser!(u32).range(2..=60_000))]
    connections: Vec<u32>,
    /// Idle keep-alive connections beside the measured one.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(..=60_000))]
    idle_connections: u32,
}

impl Plan {
    fn load(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

fn main() -> ExitCode {
    let mut cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Serve { runtime, workers, port }) => {
            serve::run(runtime, workers.into(), port).map(|never| match never {})
        }
        None if cli.plan.quick => {
            (cli.plan.rounds, cli.plan.seconds) = (1, 1);
            let wrk = wrk::compare(&cli.plan);
            let idle = idle::compare(&cli.plan);
            wrk.and_then(|wrk| Ok(wrk & idle?))
        }
        None if cli.plan.idle => idle::compare(&cli.plan),
        None => wrk::compare(&cli.plan),
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

/// Lets this process and those it starts hold as many descriptors as the system grants.
#[cfg(unix)]
fn raise_descriptor_limit(needed: u32) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    match limit.maximum {
        Some(maximum) if maximum < u64::from(needed) => Err(io::Error::other(format!(
            "{needed} descriptors are needed and {maximum} allowed: raise the hard limit, or ask \
             for fewer connections"
        ))),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn raise_descriptor_limit(_needed: u32) -> io::Result<()> {
    Ok(())
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
    fn the_defaults_are_seven_rounds_of_64_and_1000_connections() {
        let plan = Cli::parse_from(["http"]).plan;
        assert_eq!((plan.rounds, plan.seconds, plan.workers), (7, 10, 2));
        assert_eq!((plan.connections, plan.idle_connections), (vec![64, 1000], 1000));
    }

    #[test]
    fn senseless_arguments_are_refused() {
        for arguments in [
            &["http", "--rounds", "0"][..],
            &["http", "--seconds", "0"],
            &["http", "--workers", "0"],
            &["http", "--connections", "64,1"],
            &["http", "--quick", "--rounds", "3"],
            &["http", "serve", "other"],
        ] {
            assert!(Cli::try_parse_from(arguments).is_err(), "{arguments:?}");
        }
    }
}
