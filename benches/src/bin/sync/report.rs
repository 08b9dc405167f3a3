//! The table.

use std::fmt;

use filch_benches::stats::Spread;

use crate::row::{Peer, Row};

/// How much slower than tokio's a row may be.
const SLOWER: f64 = 1.05;
/// How much faster than tokio's the channels must be.
const FASTER: f64 = 1.3;

/// The figures of a row, in nanoseconds per operation.
pub struct Line {
    name: String,
    is_channel: bool,
    /// One for each crate; a figure for each round.
    figures: Vec<(Peer, Vec<f64>)>,
}

impl Line {
    /// Without figures.
    pub fn new(row: &Row, workers: u16) -> Line {
        Line {
            name: format!("{}/w{workers}", row.name),
            is_channel: row.is_channel,
            figures: row.peers.iter().map(|(peer, _)| (*peer, Vec::new())).collect(),
        }
    }

    /// `primitive/case/parameter/workers`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds the figure of a round.
    pub fn add(&mut self, peer: usize, nanoseconds: f64) {
        self.figures[peer].1.push(nanoseconds);
    }

    fn of(&self, peer: Peer) -> Option<&[f64]> {
        self.figures.iter().find(|(p, _)| *p == peer).map(|(_, figures)| figures.as_slice())
    }

    /// Tokio's figure over filch's, round by round.
    fn ratio(&self) -> Option<Spread> {
        Some(Spread::of_ratios(self.of(Peer::Tokio)?, self.of(Peer::Filch)?))
    }

    fn is_too_slow(&self) -> bool {
        self.ratio().is_some_and(|ratio| ratio.median * SLOWER < 1.0)
    }
}

/// All figures.
#[derive(Default)]
pub struct Report {
    pub lines: Vec<Line>,
}

impl Report {
    /// The geometric mean of the ratios of the channels.
    fn channels(&self) -> Option<f64> {
        let channels = self.lines.iter().filter(|line| line.is_channel);
        geometric_mean(channels.filter_map(|line| line.ratio()).map(|ratio| ratio.median))
    }

    /// Whether no row is too slow, and the channels are fast enough.
    pub fn holds(&self) -> bool {
        !self.lines.iter().any(Line::is_too_slow)
            && self.channels().is_none_or(|channels| channels >= FASTER)
    }
}

/// `None` of no values.
fn geometric_mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), v| (count + 1, sum + v.ln()));
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<30} {:>22}  ns per operation, median", "row", "tokio / filch")?;
        for line in &self.lines {
            write!(f, "{:<30}", line.name)?;
            match line.ratio() {
                Some(ratio) => write!(f, " {:>22}", format!("{ratio:.2}").trim_start())?,
                None => write!(f, " {:>22}", "-")?,
            }
            for (peer, figures) in &line.figures {
                let Spread { min, median, max } = Spread::of(figures);
                write!(f, "  {} {median:.1} ({min:.1} .. {max:.1})", peer.name())?;
            }
            writeln!(f, "{}", if line.is_too_slow() { "  SLOWER" } else { "" })?;
        }
        if let Some(channels) = self.channels() {
            writeln!(f, "channels, geometric mean of the ratios: {channels:.2}")?;
        }
        let all = self.lines.iter().filter_map(Line::ratio).map(|ratio| ratio.median);
        if let Some(all) = geometric_mean(all) {
            writeln!(f, "all rows, geometric mean of the ratios: {all:.2}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(is_channel: bool, ours: &[f64], theirs: &[f64]) -> Line {
        let figures = vec![(Peer::Filch, ours.to_vec()), (Peer::Tokio, theirs.to_vec())];
        Line { name: "a/b".to_owned(), is_channel, figures }
    }

    #[test]
    fn the_mean_is_geometric() {
        let lines = vec![line(true, &[1.0], &[2.0]), line(true, &[1.0], &[8.0])];
        let report = Report { lines };
        assert!((report.channels().unwrap() - 4.0).abs() < 1e-9);
        assert!(report.holds());
    }

    #[test]
    fn a_row_that_is_slower_by_more_than_five_percent_fails() {
        let report = Report { lines: vec![line(false, &[1.04], &[1.0])] };
        assert!(report.holds());
        let report = Report { lines: vec![line(false, &[1.06], &[1.0])] };
        assert!(!report.holds());
        assert!(report.to_string().contains("SLOWER"));
    }

    #[test]
    fn channels_that_are_not_fast_enough_fail() {
        assert!(!Report { lines: vec![line(true, &[1.0], &[1.2])] }.holds());
    }

    #[test]
    fn a_crate_alone_has_no_ratio() {
        let lines = vec![Line {
            name: "a".into(),
            is_channel: true,
            figures: vec![(Peer::Flume, vec![2.0])],
        }];
        let report = Report { lines };
        assert!(report.holds());
        assert!(report.to_string().contains("flume 2.0"));
    }
}
