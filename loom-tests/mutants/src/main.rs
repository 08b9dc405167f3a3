//! Weakens filch, one place at a time, and runs the loom models: one of them should fail.
//!
//! ```text
//! cargo run --release -p filch-mutants                 everything, and docs/mutants.md
//! cargo run --release -p filch-mutants -- orderings    each ordering and fence
//! cargo run --release -p filch-mutants -- steps        each named step of a protocol
//! cargo run --release -p filch-mutants -- quick        a fixed few, for CI
//! ```
//!
//! A mutant that survives is a finding: a model is missing, or the ordering is stronger than it has to
//! be. Survivors that have a reason are in `survivors.rs`; any other, and a kill rate below 95 %, is a
//! failure of this program. Orderings are weakened in the built models, through the environment
//! (`filch_primitives::atomic::mutant`); steps are edited in a copy of the workspace.

mod models;
mod orderings;
mod places;
mod quick;
mod report;
mod steps;
mod survivors;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::models::Models;
use crate::report::Outcome;
use crate::workspace::Workspace;

/// What can go wrong is told to a person at once.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(about = "Weakens filch, one place at a time, and runs the loom models")]
struct Cli {
    /// Which mutants to make.
    #[arg(value_enum, default_value_t = What::All)]
    what: What,
    /// Only mutants whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// How many models run at the same time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Where the workspace is.
    #[arg(long, default_value = ".")]
    workspace: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Orderings and steps; writes docs/mutants.md.
    All,
    /// Each ordering and fence that a model reaches.
    Orderings,
    /// Each named step.
    Steps,
    /// A fixed few orderings, each against the model that kills it.
    Quick,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `Ok(false)` if a mutant survived without a reason, or too many did.
fn run(cli: &Cli) -> Result<bool> {
    let workspace = Workspace::at(&cli.workspace)?;
    let is_wanted = |name: &str| cli.only.as_deref().is_none_or(|only| name.contains(only));
    if cli.what == What::Quick {
        return quick::run(&workspace, &Models::build(&workspace)?, is_wanted);
    }
    let mut outcomes: Vec<Outcome> = Vec::new();
    if cli.what != What::Steps {
        outcomes.extend(orderings::run(&workspace, cli.jobs.into(), is_wanted)?);
    }
    if cli.what != What::Orderings {
        outcomes.extend(steps::run(&workspace, is_wanted)?);
    }
    if cli.what == What::All && cli.only.is_none() {
        report::write(&workspace, &outcomes)?;
    }
    Ok(report::print(&outcomes))
}
