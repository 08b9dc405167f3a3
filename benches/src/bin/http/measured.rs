//! What is compared, and the table that says how it went.

use std::fmt;

use clap::ValueEnum;
use filch_benches::stats::Spread;

/// A runtime that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    Filch,
    Tokio,
}

impl Runtime {
    /// Both, in the order of this round: who goes first changes from round to round.
    pub(crate) fn in_turn(round: u32) -> [Runtime; 2] {
        if round % 2 == 0 {
            [Runtime::Filch, Runtime::Tokio]
        } else {
            [Runtime::Tokio, Runtime::Filch]
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Runtime::Filch => "filch",
            Runtime::Tokio => "tokio",
        })
    }
}

/// The figures of one kind, round by round.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) filch: Vec<f64>,
    pub(crate) tokio: Vec<f64>,
}

impl Pairs {
    pub(crate) fn push(&mut self, runtime: Runtime, figure: f64) {
        match runtime {
            Runtime::Filch => self.filch.push(figure),
            Runtime::Tokio => self.tokio.push(figure),
        }
    }

    /// The ratio of filch's figure to tokio's, over the rounds.
    pub(crate) fn ratio(&self) -> Spread {
        Spread::of_ratios(&self.filch, &self.tokio)
    }

    /// One line of a table.
    pub(crate) fn line(&self, what: &str, digits: usize) -> String {
        let [filch, tokio] = [&self.filch, &self.tokio].map(|figures| {
            let spread = Spread::of(figures);
            format!("{spread:.digits$}")
        });
        format!("{what:<14} {filch:<36} {tokio:<36} {:.2}", self.ratio())
    }
}

/// The head of the table whose lines [`Pairs::line`] makes.
pub(crate) fn head() -> String {
    format!("{:<14} {:<36} {:<36} {}", "median (range)", "    filch", "    tokio", "    ratio")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_both_medians_and_the_ratio_pair_by_pair() {
        let mut pairs = Pairs::default();
        for (filch, tokio) in [(10.0, 5.0), (30.0, 10.0), (20.0, 20.0)] {
            pairs.push(Runtime::Filch, filch);
            pairs.push(Runtime::Tokio, tokio);
        }
        let line = pairs.line("requests/s", 0);
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "requests/s",
                "20",
                "(10",
                "..",
                "30)",
                "10",
                "(5",
                "..",
                "20)",
                "2.00",
                "(1.00",
                "..",
                "3.00)"
            ]
        );
        // The columns stand under their names: both start after the same width.
        assert_eq!(head().find("filch"), Some(19));
        assert_eq!(line.find("20 ("), Some(22));
    }
}
