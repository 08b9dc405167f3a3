//! The table.

use std::fmt;

use filch_benches::stats::Spread;

use crate::row::{Peer, Row};

/// The figures of a row, in microseconds per operation.
struct Line {
    name: &'static str,
    /// How many times std's time it may take.
    bound: Option<f64>,
    figures: Vec<(Peer, Vec<f64>)>,
}

impl Line {
    fn of(&self, peer: Peer) -> Option<&[f64]> {
        self.figures.iter().find(|(p, _)| *p == peer).map(|(_, figures)| figures.as_slice())
    }

    /// A peer's figure over std's, round by round.
    fn ratio(&self, peer: Peer) -> Option<Spread> {
        Some(Spread::of_ratios(self.of(peer)?, self.of(Peer::Std)?))
    }

    fn is_too_slow(&self) -> bool {
        match (self.ratio(Peer::Filch), self.bound) {
            (Some(ratio), Some(bound)) => ratio.median > bound,
            _ => false,
        }
    }
}

/// All figures.
pub struct Report(Vec<Line>);

impl Report {
    /// Without figures.
    pub fn new(rows: &[Row], peers: &[Peer]) -> Report {
        let figures = || peers.iter().map(|peer| (*peer, Vec::new())).collect();
        let line = |row: &Row| Line { name: row.name, bound: row.bound, figures: figures() };
        Report(rows.iter().map(line).collect())
    }

    /// Adds the figure of a round.
    pub fn add(&mut self, row: usize, peer: Peer, microseconds: f64) {
        let figures = self.0[row].figures.iter_mut().find(|(p, _)| *p == peer);
        figures.expect("a peer of this report").1.push(microseconds);
    }

    /// Whether no row is slower than its bound.
    pub fn holds(&self) -> bool {
        !self.0.iter().any(Line::is_too_slow)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<18}  us per operation, median", "row")?;
        for line in &self.0 {
            write!(f, "{:<18}", line.name)?;
            for (peer, figures) in &line.figures {
                write!(f, "  {} {:.1}", peer.name(), Spread::of(figures))?;
            }
            for peer in [Peer::Filch, Peer::Tokio] {
                if let Some(ratio) = line.ratio(peer) {
                    write!(f, "  {} / std {:.2}", peer.name(), ratio)?;
                }
            }
            match line.bound {
                Some(bound) if line.is_too_slow() => writeln!(f, "  SLOWER than {bound}")?,
                _ => writeln!(f)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(bound: Option<f64>, ours: &[f64], std: &[f64]) -> Report {
        let figures = vec![(Peer::Filch, ours.to_vec()), (Peer::Std, std.to_vec())];
        Report(vec![Line { name: "a/b", bound, figures }])
    }

    #[test]
    fn a_row_beyond_its_bound_fails() {
        assert!(report(Some(1.5), &[1.4, 9.0, 1.4], &[1.0; 3]).holds());
        let slow = report(Some(1.5), &[1.6; 3], &[1.0; 3]);
        assert!(!slow.holds() && slow.to_string().contains("SLOWER than 1.5"));
        assert!(report(None, &[9.0], &[1.0]).holds());
    }

    #[test]
    fn a_peer_alone_has_no_ratio() {
        let alone = Report(vec![Line {
            name: "a/b",
            bound: Some(1.0),
            figures: vec![(Peer::Filch, vec![2.0])],
        }]);
        assert!(alone.holds() && !alone.to_string().contains("/ std"));
    }
}
