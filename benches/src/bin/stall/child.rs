//! One measurement in a fresh process of this program, and what it printed.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::rows::{Figures, Row, Sizes};
use crate::rt::{Runtime, SMOL_THREADS};

/// How a measurement ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Measured(Vec<(String, f64)>),
    /// It had to be killed.
    Hung,
    /// It ended by itself, with an error, of which this is the last line.
    Failed(String),
}

/// Runs `stall measure` and waits for it, for as long as the row may take.
pub(crate) fn measure(runtime: Runtime, row: Row, sizes: &Sizes) -> io::Result<Outcome> {
    let row_name = row.to_possible_value().expect("no row is hidden");
    let mut child = Command::new(std::env::current_exe()?)
        .args(["measure", runtime.name(), row_name.get_name()])
        .args(sizes.arguments())
        .env(SMOL_THREADS, sizes.workers.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let limit = Instant::now() + row.limit(sizes);
    // What it prints fits into the pipes: some lines of figures, or an error.
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(Outcome::Hung);
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut text = String::new();
    if status.success() {
        child.stdout.take().expect("it is piped").read_to_string(&mut text)?;
        return Ok(parse(&text).map_or_else(
            || Outcome::Failed(format!("it printed no figures: {text:?}")),
            Outcome::Measured,
        ));
    }
    child.stderr.take().expect("it is piped").read_to_string(&mut text)?;
    let last = text.lines().last().unwrap_or("it said nothing").to_owned();
    Ok(Outcome::Failed(format!("{status}: {last}")))
}

/// Prints figures for [`measure`] to read, in the other process.
pub(crate) fn print(figures: &Figures) {
    for (name, value) in figures {
        println!("{name}\t{value}");
    }
}

fn parse(text: &str) -> Option<Vec<(String, f64)>> {
    let figures = text
        .lines()
        .map(|line| {
            let (name, value) = line.split_once('\t')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect::<Option<Vec<_>>>()?;
    (!figures.is_empty()).then_some(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_printed() {
        let figures = parse("timer p99, ms\t1.25\nqueued\t1000\n").unwrap();
        assert_eq!(figures, [("timer p99, ms".to_owned(), 1.25), ("queued".to_owned(), 1000.0)]);
    }

    #[test]
    fn what_are_no_figures_is_refused() {
        for text in ["", "timer p99, ms 1.25\n", "timer\tlate\n"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
