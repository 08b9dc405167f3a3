//! What the monitor decides, as pure functions of what it sees.
//!
//! Callers: `monitor`, once a tick. Nothing here reads a clock or an atomic, so that the table of tests
//! below is the whole truth.

use std::time::{Duration, Instant};

use super::probe::Probe;

/// Between two ticks while polls are short.
pub(super) const CALM: Duration = Duration::from_millis(10);

/// Between two ticks while some worker is stuck, or was within the last [`WATCHFUL_FOR`].
pub(super) const WATCHFUL: Duration = Duration::from_millis(1);

/// How long after the last stuck worker the monitor stays watchful, and spare workers are kept.
pub(super) const WATCHFUL_FOR: Duration = Duration::from_millis(500);

/// A worker that is in the same poll at two looks so far apart, or further, is suspected.
const SUSPECT_AFTER: Duration = Duration::from_millis(2);

/// A suspected worker that computes is stuck when it has used so much more processor time in that poll.
const COMPUTES: Duration = Duration::from_millis(1);

/// What one look at a worker showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// How many polls it began.
    pub(super) polls: u64,
    /// It is in a poll, or between polls; not parked.
    pub(super) is_awake: bool,
}

/// What a look at a worker, and the ones before, say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is parked, or goes from poll to poll.
    Fine,
    /// It has been in one poll for some time; the next look, soon, will tell.
    Suspect,
    /// It is stuck in one poll, which has lasted for so long at least.
    Stuck(Duration),
}

/// What the monitor remembers of a worker between looks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watched {
    mark: Mark,
    /// When the mark was first seen.
    since: Option<Instant>,
    /// The processor time that the thread had used when it was first suspected in this poll.
    used: Option<Duration>,
    is_stuck: bool,
    /// This poll was reported.
    pub(super) is_reported: bool,
}

impl Watched {
    /// Takes a new look. `probe` looks closer, and is called for a suspected worker only.
    pub(super) fn look(
        &mut self,
        mark: Mark,
        now: Instant,
        probe: impl FnOnce() -> Probe,
    ) -> Verdict {
        let since = match self.since {
            Some(since) if mark.is_awake && mark == self.mark => since,
            _ => {
                *self = Watched { mark, since: Some(now), ..Watched::default() };
                return Verdict::Fine;
            }
        };
        let lasted = now.saturating_duration_since(since);
        if lasted < SUSPECT_AFTER {
            return Verdict::Fine;
        }
        if !self.is_stuck {
            self.is_stuck = match probe() {
                Probe::Asleep => true,
                Probe::Runnable(used) => used >= *self.used.get_or_insert(used) + COMPUTES,
                // By time alone: it may only be waiting for a core.
                Probe::Unknown => lasted >= CALM,
            };
        }
        if self.is_stuck { Verdict::Stuck(lasted) } else { Verdict::Suspect }
    }

    /// How many polls the worker had begun at the last look.
    pub(super) fn polls(&self) -> u64 {
        self.mark.polls
    }
}

/// All workers as one look showed them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// The workers that the runtime was built with.
    pub(super) base: usize,
    /// Spare workers that run now, and how many there may be.
    pub(super) spares: usize,
    pub(super) max_spares: usize,
    /// Of all of these, how many are stuck in one poll.
    pub(super) stuck: usize,
    /// Of these, how many for `CALM` or more.
    pub(super) long_stuck: usize,
    /// How many more may turn out to be stuck at the next look.
    pub(super) suspects: usize,
    /// Some worker is parked.
    pub(super) someone_parked: bool,
    /// Some worker searches, or was called to.
    pub(super) someone_searches: bool,
    /// Some worker waits in the driver, or was called to.
    pub(super) driver_is_attended: bool,
    /// A socket is registered, or a timer armed.
    pub(super) driver_has_sources: bool,
    /// A task waits in the injector, or in the queue or the slot of a stuck worker.
    pub(super) work_waits: bool,
    /// Since the last look that showed a long stuck worker.
    pub(super) quiet_for: Duration,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// Call a parked worker to the work that waits.
    pub(super) call: bool,
    /// Call a sleeping worker to the driver.
    pub(super) attend_driver: bool,
    /// Ask some worker to look into the driver and the injector after its poll.
    pub(super) look_around: bool,
    /// Start a spare worker.
    pub(super) start_spare: bool,
    /// Ask the spare workers to end.
    pub(super) retire_spares: bool,
}

impl Sight {
    pub(super) fn decide(&self) -> Decision {
        let all = self.base + self.spares;
        let call =
            self.stuck > 0 && self.work_waits && self.someone_parked && !self.someone_searches;
        // With nobody free the driver is nobody's, and whatever comes next waits. With some free, but
        // fewer than there are cores for, it takes work that waits.
        let wanted = if self.stuck >= all {
            self.work_waits || self.driver_has_sources
        } else {
            all - self.long_stuck.min(all) < self.base && self.work_waits && !self.someone_parked
        };
        Decision {
            call,
            attend_driver: !call
                && self.stuck > 0
                && self.someone_parked
                && !self.someone_searches
                && !self.driver_is_attended,
            // Workers look by themselves every so many polls; by time only somebody who waits can.
            look_around: !self.driver_is_attended
                && !self.someone_parked
                && self.driver_has_sources,
            start_spare: wanted && self.spares < self.max_spares,
            retire_spares: self.spares > 0 && self.stuck == 0 && self.quiet_for >= WATCHFUL_FOR,
        }
    }

    /// How long to wait until the next look.
    pub(super) fn interval(&self) -> Duration {
        if self.long_stuck > 0 || self.quiet_for < WATCHFUL_FOR {
            WATCHFUL
        } else if self.stuck + self.suspects > 0 {
            SUSPECT_AFTER
        } else {
            CALM
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Decision = Decision {
        call: false,
        attend_driver: false,
        look_around: false,
        start_spare: false,
        retire_spares: false,
    };

    /// Two workers at work, nothing stuck for long.
    const BUSY: Sight = Sight {
        base: 2,
        spares: 0,
        max_spares: 4,
        stuck: 0,
        long_stuck: 0,
        suspects: 0,
        someone_parked: false,
        someone_searches: false,
        driver_is_attended: true,
        driver_has_sources: true,
        work_waits: true,
        quiet_for: Duration::MAX,
    };

    #[test]
    fn decisions() {
        let one_stuck = Sight { stuck: 1, long_stuck: 1, quiet_for: Duration::ZERO, ..BUSY };
        let one_stuck_one_parked =
            Sight { someone_parked: true, driver_is_attended: true, ..one_stuck };
        let all_stuck = Sight { stuck: 2, long_stuck: 0, ..one_stuck };
        let call = Decision { call: true, ..NOTHING };
        let attend_driver = Decision { attend_driver: true, ..NOTHING };
        let start_spare = Decision { start_spare: true, ..NOTHING };
        let retire_spares = Decision { retire_spares: true, ..NOTHING };
        let table = [
            ("busy workers are left alone", BUSY, NOTHING),
            (
                "so are idle ones",
                Sight { someone_parked: true, work_waits: false, ..BUSY },
                NOTHING,
            ),
            (
                "all busy, nobody in the driver",
                Sight { driver_is_attended: false, ..BUSY },
                Decision { look_around: true, ..NOTHING },
            ),
            (
                "the same without sockets and timers",
                Sight { driver_is_attended: false, driver_has_sources: false, ..BUSY },
                NOTHING,
            ),
            ("one stuck, one busy, work waits", one_stuck, start_spare),
            ("one stuck for a moment", Sight { long_stuck: 0, ..one_stuck }, NOTHING),
            ("one stuck, one busy, no work", Sight { work_waits: false, ..one_stuck }, NOTHING),
            ("one stuck, the other sleeps beside its work", one_stuck_one_parked, call),
            (
                "one stuck, the other searches",
                Sight { someone_searches: true, ..one_stuck_one_parked },
                NOTHING,
            ),
            (
                "one stuck, the other sleeps, nobody in the driver",
                Sight { work_waits: false, driver_is_attended: false, ..one_stuck_one_parked },
                attend_driver,
            ),
            ("all stuck, work waits", all_stuck, start_spare),
            ("all stuck, only sockets", Sight { work_waits: false, ..all_stuck }, start_spare),
            (
                "all stuck, nothing to do",
                Sight { work_waits: false, driver_has_sources: false, ..all_stuck },
                NOTHING,
            ),
            (
                "all stuck, one spare free",
                Sight {
                    spares: 1,
                    someone_parked: true,
                    work_waits: false,
                    driver_is_attended: true,
                    ..all_stuck
                },
                NOTHING,
            ),
            ("the spare is stuck too", Sight { spares: 1, stuck: 3, ..all_stuck }, start_spare),
            ("no more spares", Sight { spares: 4, stuck: 6, ..all_stuck }, NOTHING),
            ("switched off", Sight { max_spares: 0, ..all_stuck }, NOTHING),
            (
                "spares are kept for a while",
                Sight { spares: 2, quiet_for: WATCHFUL_FOR / 2, ..BUSY },
                NOTHING,
            ),
            ("then they go", Sight { spares: 2, quiet_for: WATCHFUL_FOR, ..BUSY }, retire_spares),
            ("not while one is stuck", Sight { spares: 2, stuck: 1, ..BUSY }, NOTHING),
        ];
        for (what, sight, decision) in table {
            assert_eq!(sight.decide(), decision, "{what}: {sight:?}");
        }
    }

    #[test]
    fn looks_are_frequent_while_something_is_stuck_and_for_a_while_after() {
        assert_eq!(BUSY.interval(), CALM);
        assert_eq!(Sight { stuck: 1, long_stuck: 1, ..BUSY }.interval(), WATCHFUL);
        assert_eq!(Sight { suspects: 1, ..BUSY }.interval(), SUSPECT_AFTER);
        assert_eq!(Sight { quiet_for: WATCHFUL_FOR / 2, ..BUSY }.interval(), WATCHFUL);
    }

    fn poll(polls: u64) -> Mark {
        Mark { polls, is_awake: true }
    }

    fn unasked() -> Probe {
        unreachable!("it is not suspected")
    }

    #[test]
    fn poll_that_sleeps_is_stuck_at_once_when_it_is_suspected() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let stuck = |millis| Verdict::Stuck(Duration::from_millis(millis));
        let parked = Mark { polls: 2, is_awake: false };
        let mut watched = Watched::default();
        assert_eq!(watched.look(poll(1), at(0), unasked), Verdict::Fine, "the first look");
        assert_eq!(watched.look(poll(1), at(1), unasked), Verdict::Fine, "too soon");
        assert_eq!(watched.look(poll(1), at(10), || Probe::Asleep), stuck(10));
        watched.is_reported = true;
        assert_eq!(watched.look(poll(1), at(20), unasked), stuck(20), "asked once a poll");
        assert!(watched.is_reported, "the same poll");
        assert_eq!(watched.look(poll(2), at(30), unasked), Verdict::Fine, "the next poll");
        assert!(!watched.is_reported);
        assert_eq!(watched.look(parked, at(40), unasked), Verdict::Fine);
        assert_eq!(watched.look(parked, at(90), unasked), Verdict::Fine, "still parked");
        assert_eq!(watched.look(poll(2), at(91), unasked), Verdict::Fine, "awake again");
        assert_eq!(watched.polls(), 2);
    }

    #[test]
    fn poll_that_computes_is_stuck_and_one_that_waits_for_a_core_is_not() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let used = |micros| move || Probe::Runnable(Duration::from_micros(micros));
        let mut watched = Watched::default();
        assert_eq!(watched.look(poll(7), at(0), unasked), Verdict::Fine);
        // It has used 500 us in its life, and gets no core.
        assert_eq!(watched.look(poll(7), at(10), used(500)), Verdict::Suspect);
        assert_eq!(watched.look(poll(7), at(60), used(500)), Verdict::Suspect);
        // Now it has one.
        assert_eq!(watched.look(poll(7), at(61), used(1_499)), Verdict::Suspect);
        let stuck = Verdict::Stuck(Duration::from_millis(62));
        assert_eq!(watched.look(poll(7), at(62), used(1_500)), stuck);
        assert_eq!(watched.look(poll(8), at(63), unasked), Verdict::Fine);
        // The next poll counts anew.
        assert_eq!(watched.look(poll(8), at(73), used(9_000)), Verdict::Suspect);
    }

    #[test]
    fn where_the_system_says_nothing_time_alone_counts() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut watched = Watched::default();
        // Also a worker that never polled before can be stuck: in its first poll.
        assert_eq!(watched.look(poll(0), at(0), unasked), Verdict::Fine);
        assert_eq!(watched.look(poll(0), at(5), || Probe::Unknown), Verdict::Suspect);
        let stuck = Verdict::Stuck(Duration::from_millis(10));
        assert_eq!(watched.look(poll(0), at(10), || Probe::Unknown), stuck);
    }
}
