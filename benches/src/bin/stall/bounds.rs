//! What filch must reach, figure by figure.

use filch_benches::stats::Spread;

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    /// The median over the rounds, which a disturbance of the machine does not move far.
    MedianAtMost(f64),
    /// Every round: what is counted, and not timed.
    AlwaysAtMost(f64),
    AlwaysAtLeast(f64),
}

/// The bound of a figure, by its name.
pub(crate) fn of(figure: &str) -> Option<Bound> {
    Some(match figure {
        "timer p99, ms" | "socket p99, ms" => Bound::MedianAtMost(2.0),
        "queued tasks run, of 1000" => Bound::AlwaysAtLeast(1_000.0),
        "timers: longest gap, ms" | "sockets: longest gap, ms" => Bound::MedianAtMost(150.0),
        "back to two threads, ms" => Bound::MedianAtMost(1_000.0),
        "others: p99, ms" => Bound::MedianAtMost(5.0),
        "switches" => Bound::AlwaysAtMost(0.0),
        _ if figure.starts_with("hangs") => Bound::AlwaysAtMost(0.0),
        _ => return None,
    })
}

impl Bound {
    pub(crate) fn is_met_by(self, figures: &Spread) -> bool {
        match self {
            Bound::MedianAtMost(bound) => figures.median <= bound,
            Bound::AlwaysAtMost(bound) => figures.max <= bound,
            Bound::AlwaysAtLeast(bound) => figures.min >= bound,
        }
    }

    /// Whether a smoke test on a busy machine may be held to it.
    pub(crate) fn is_of_counts(self) -> bool {
        matches!(self, Bound::AlwaysAtMost(_) | Bound::AlwaysAtLeast(_))
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bound::MedianAtMost(bound) | Bound::AlwaysAtMost(bound) => write!(f, "<= {bound}"),
            Bound::AlwaysAtLeast(bound) => write!(f, ">= {bound}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_worst_rounds_are_held_to_bounds() {
        let figures = Spread::of(&[1.0, 2.0, 9.0]);
        for (bound, is_met) in [
            (Bound::MedianAtMost(2.0), true),
            (Bound::MedianAtMost(1.9), false),
            (Bound::AlwaysAtMost(9.0), true),
            (Bound::AlwaysAtMost(8.0), false),
            (Bound::AlwaysAtLeast(1.0), true),
            (Bound::AlwaysAtLeast(1.1), false),
        ] {
            assert_eq!(bound.is_met_by(&figures), is_met, "{bound:?}");
        }
    }

    #[test]
    fn figures_without_a_goal_have_no_bound() {
        assert_eq!(of("hangs, spinner by timer"), Some(Bound::AlwaysAtMost(0.0)));
        // The control beside it is off by more than the one per cent that matters.
        assert_eq!(of("echo, on/off"), None);
        assert_eq!(of("timer max, ms"), None);
    }
}
