//! Medians, percentiles and spread of a few measurements.

use std::fmt;

/// The middle and the ends of a set of measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Looks at all of them.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn of(values: &[f64]) -> Spread {
        assert!(!values.is_empty(), "no measurements");
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        };
        Spread { min: sorted[0], median, max: sorted[sorted.len() - 1] }
    }

    /// Measurements of two programs, taken in turn, as the ratio of each pair.
    ///
    /// What disturbs the machine for longer than a pair disturbs both halves, and so the ratio less.
    ///
    /// # Panics
    /// If there are none, or not as many of one as of the other.
    #[track_caller]
    pub fn of_ratios(ours: &[f64], theirs: &[f64]) -> Spread {
        assert_eq!(ours.len(), theirs.len(), "measurements without a partner");
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
        Spread::of(&ratios)
    }
}

/// `median (min .. max)`, with the precision asked for.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(1);
        write!(f, "{:>9.digits$} ({:.digits$} .. {:.digits$})", self.median, self.min, self.max)
    }
}

/// The smallest of the values that at least `percent` of them do not exceed (nearest rank).
///
/// # Panics
/// If `sorted` is empty, or `percent` is not within 0 and 100.
#[track_caller]
pub fn percentile<T: Copy>(sorted: &[T], percent: f64) -> T {
    assert!(!sorted.is_empty(), "no measurements");
    assert!((0.0..=100.0).contains(&percent), "{percent} is no percentage");
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted[rank.max(1) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_numbers() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(Spread::of(&[4.0, 1.0, 3.0, 2.0]).median, 2.5);
        assert_eq!(Spread::of(&[7.0]), Spread { min: 7.0, median: 7.0, max: 7.0 });
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        let ratios = Spread::of_ratios(&[2.0, 30.0, 4.0], &[1.0, 10.0, 1.0]);
        assert_eq!(ratios, Spread { min: 2.0, median: 3.0, max: 4.0 });
    }

    #[test]
    #[should_panic(expected = "no measurements")]
    fn no_measurements_have_no_median() {
        Spread::of(&[]);
    }

    #[test]
    #[should_panic(expected = "without a partner")]
    fn ratios_need_pairs() {
        Spread::of_ratios(&[1.0], &[]);
    }

    #[test]
    fn percentiles_by_nearest_rank() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!(percentile(&values, 50.0), 100);
        assert_eq!(percentile(&values, 99.0), 198);
        assert_eq!(percentile(&values, 99.9), 200);
        assert_eq!(percentile(&values, 0.0), 1);
        assert_eq!(percentile(&[5], 99.0), 5);
    }

    #[test]
    fn a_spread_prints_with_the_precision_asked_for() {
        let spread = Spread::of(&[1.0, 2.25, 3.0]);
        assert_eq!(format!("{spread:.2}"), "     2.25 (1.00 .. 3.00)");
    }
}
