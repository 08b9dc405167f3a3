//! The wheel's unit of time, and the way from an `Instant` to it and back.
//!
//! Callers: `shard` (deadlines into ticks), `timers` (ticks into instants, deadlines that may be moved).
//!
//! Invariants
//! K1  A deadline is rounded up to its tick and the present is rounded down: an entry whose tick has
//!     come is due by its exact deadline too. Coarsening only ever adds to the tick.
//! K2  Every `Instant` has a tick: what lies before the origin is tick 0; deadlines beyond 2^64 ticks
//!     (19 million years) are the last tick, which never comes. Nothing here overflows or panics.

use std::time::{Duration, Instant};

/// A tick lasts 2^15 ns = 32.768 us.
///
/// A power of two, so that the conversion is a shift. Small enough that rounding up costs a short
/// sleep less than the wake-up of a thread does (15 to 30 us); large enough that eight levels of 64
/// slots reach 292 years.
const TICK_SHIFT: u32 = 15;

/// Sleeps that have at least this long to go are rounded up to [`COARSE_TICKS`].
///
/// A millisecond of lateness is a tenth of 10 ms: who asks for less asks for precision.
pub(crate) const COARSE_FROM: Duration = Duration::from_millis(10);

/// What a coarse timer's tick is a multiple of: 32 ticks = 1.05 ms.
///
/// So 100,000 timers spread over a second are due at 954 points in time, no more than with a wheel
/// that ticks once a millisecond.
pub(crate) const COARSE_TICKS: u64 = 32;

/// The wheel's unit of time: 2^15 ns, counted from the origin of a [`TickScale`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Tick(pub(crate) u64);

impl Tick {
    /// The last tick that a deadline may have.
    pub(crate) const LAST: Tick = Tick(u64::MAX - 1);

    /// Later than every deadline: "no entry" where an earliest tick is stored.
    pub(crate) const NEVER: Tick = Tick(u64::MAX);

    /// Rounded up to a multiple of [`COARSE_TICKS`].
    #[inline]
    pub(crate) fn coarsened(self) -> Tick {
        let up = self.0.saturating_add(COARSE_TICKS - 1) & !(COARSE_TICKS - 1);
        // Near the end of 64 bits there is no multiple above.
        Tick(up).max(self)
    }
}

/// Where tick 0 lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TickScale {
    origin: Instant,
}

impl TickScale {
    pub(crate) fn new(origin: Instant) -> Self {
        TickScale { origin }
    }

    /// The first tick that begins at or after `deadline` (K1).
    #[inline]
    pub(crate) fn round_up(&self, deadline: Instant) -> Tick {
        let since = deadline.saturating_duration_since(self.origin);
        match nanos(since).and_then(|n| n.checked_add((1 << TICK_SHIFT) - 1)) {
            Some(nanos) => Tick(nanos >> TICK_SHIFT),
            None => wide(since, (1 << TICK_SHIFT) - 1),
        }
    }

    /// The tick that `now` lies in (K1).
    #[inline]
    pub(crate) fn round_down(&self, now: Instant) -> Tick {
        let since = now.saturating_duration_since(self.origin);
        match nanos(since) {
            Some(nanos) => Tick(nanos >> TICK_SHIFT),
            // The last tick stands for all deadlines beyond it, so it never comes.
            None => wide(since, 0).min(Tick(Tick::LAST.0 - 1)),
        }
    }

    /// The moment from `deadline` to `tolerance` later that most others choose too: the one that is a
    /// multiple of the largest power of two nanoseconds since the origin.
    ///
    /// A power of two that fits twice into the tolerance always has a multiple in it; so timers of one
    /// tolerance come together on a grid, and those of a larger one use moments of the same grid. Where 64
    /// bits of nanoseconds don't reach, it is the deadline itself.
    #[inline]
    pub(crate) fn coalesce(&self, deadline: Instant, tolerance: Duration) -> Instant {
        let since = deadline.saturating_duration_since(self.origin);
        let window = nanos(since).zip(nanos(tolerance));
        let moment = window.and_then(|(first, tolerance)| {
            let last = first.checked_add(tolerance)?;
            // The highest bit in which the window's end differs from what lies just before its beginning:
            // there the end has a one, and with zeros below it is the roundest number in the window.
            let differing = first.checked_sub(1)? ^ last;
            let zeros = u64::BITS - 1 - differing.leading_zeros();
            self.origin.checked_add(Duration::from_nanos(last >> zeros << zeros))
        });
        moment.unwrap_or(deadline)
    }

    /// When `tick` begins.
    #[inline]
    pub(crate) fn begin(&self, tick: Tick) -> Instant {
        let since = if tick.0 < 1 << (u64::BITS - TICK_SHIFT) {
            Duration::from_nanos(tick.0 << TICK_SHIFT)
        } else {
            const NANOS: u128 = 1_000_000_000;
            let nanos = u128::from(tick.0) << TICK_SHIFT;
            // Below 2^79 / 10^9 < 2^64 seconds; the remainder is below 10^9.
            Duration::new((nanos / NANOS) as u64, (nanos % NANOS) as u32)
        };
        // Where the system's clock can't name it, it can't get there either: any time far ahead does
        // for a thread that waits for it and looks again.
        const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        self.origin
            .checked_add(since)
            .or_else(|| self.origin.checked_add(FAR))
            .unwrap_or(self.origin)
    }
}

/// `Duration::as_nanos` in 64 bits, for the first 584 years.
#[inline]
fn nanos(since: Duration) -> Option<u64> {
    since.as_secs().checked_mul(1_000_000_000)?.checked_add(u64::from(since.subsec_nanos()))
}

/// What lies beyond 64 bits of nanoseconds.
#[cold]
fn wide(since: Duration, add: u128) -> Tick {
    u64::try_from((since.as_nanos() + add) >> TICK_SHIFT)
        .map_or(Tick::LAST, |t| Tick(t).min(Tick::LAST))
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_nanos(1 << TICK_SHIFT);

    #[test]
    fn deadlines_round_up_and_the_present_rounds_down() {
        let scale = TickScale::new(Instant::now());
        let nano = Duration::from_nanos(1);
        for tick in [0u64, 1, 2, 63, 64, 1 << 20, 1 << 40, 1 << 48] {
            let at = scale.begin(Tick(tick));
            assert_eq!(scale.round_up(at), Tick(tick));
            assert_eq!(scale.round_down(at), Tick(tick));
            assert_eq!(scale.round_up(at + nano), Tick(tick + 1));
            assert_eq!(scale.round_down(at + nano), Tick(tick));
            assert_eq!(scale.round_down(at + TICK - nano), Tick(tick));
            assert_eq!(scale.round_up(at + TICK - nano), Tick(tick + 1));
        }
    }

    #[test]
    fn what_lies_before_the_origin_is_tick_zero() {
        let before = Instant::now();
        let scale = TickScale::new(before + Duration::from_secs(5));
        assert_eq!(scale.round_up(before), Tick(0));
        assert_eq!(scale.round_down(before), Tick(0));
    }

    #[test]
    fn the_farthest_instant_has_a_tick_and_a_beginning() {
        let origin = Instant::now();
        let scale = TickScale::new(origin);
        // The farthest that the system can name, by halving.
        let mut far = origin;
        let mut step = Duration::MAX;
        while step > Duration::from_nanos(1) {
            far = far.checked_add(step).unwrap_or(far);
            step /= 2;
        }
        assert!(scale.round_up(far) <= Tick::LAST);
        assert!(scale.round_down(far) < Tick::LAST);
        assert!(scale.begin(Tick::LAST) > origin);
        assert_eq!(wide(Duration::MAX, 0), Tick::LAST);
        assert_eq!(Tick::LAST.coarsened(), Tick::LAST);
        // Around the end of 64 bits of nanoseconds both ways of computing agree.
        let edge = Duration::from_nanos(u64::MAX);
        assert_eq!(scale.round_down(origin + edge), wide(edge, 0));
        assert_eq!(scale.round_up(origin + edge).0, scale.round_down(origin + edge).0 + 1);
    }

    #[test]
    fn coalescing_stays_in_the_window_and_meets_others() {
        let origin = Instant::now();
        let scale = TickScale::new(origin);
        let at = |nanos| origin + Duration::from_nanos(nanos);
        for first in [1u64, 2, 3, 7, 8, 1_000, (1 << 20) - 1, 1 << 20, (1 << 40) + 12_345] {
            for tolerance in [0u64, 1, 2, 63, 64, 999, 1 << 20, 1 << 30] {
                let moment = scale.coalesce(at(first), Duration::from_nanos(tolerance));
                assert!(at(first) <= moment && moment <= at(first + tolerance));
                // By trying all numbers with one more zero at the end.
                let zeros = (moment - origin).as_nanos().trailing_zeros();
                let rounder = 1u128 << (zeros + 1);
                let above = u128::from(first).div_ceil(rounder) * rounder;
                assert!(above > u128::from(first + tolerance), "{first} + {tolerance}");
            }
        }
        // All that are due within one step of the grid meet at its end.
        let step = 1 << 20;
        for first in (step + 1..=2 * step).step_by(99_991) {
            assert_eq!(scale.coalesce(at(first), Duration::from_nanos(step - 1)), at(2 * step));
        }
    }

    #[test]
    fn coalescing_leaves_the_past_and_the_farthest_alone() {
        let past = Instant::now();
        let scale = TickScale::new(past + Duration::from_secs(1));
        assert_eq!(scale.coalesce(past, Duration::from_secs(10)), past);
        let scale = TickScale::new(past);
        let soon = past + Duration::from_secs(1);
        assert_eq!(scale.coalesce(soon, Duration::MAX), soon);
        assert_eq!(scale.coalesce(soon, Duration::ZERO), soon);
    }

    #[test]
    fn coarsening_adds_less_than_a_coarse_tick() {
        for tick in [0, 1, 31, 32, 33, 1 << 40] {
            let coarse = Tick(tick).coarsened().0;
            assert!(coarse >= tick && coarse - tick < COARSE_TICKS && coarse % COARSE_TICKS == 0);
        }
    }
}
