//! The timers against a sorted map of deadlines, over 100 years, with one far timer always there.
//!
//! The wheel by itself, tick by tick, is checked in its unit tests; here it is rounding, shards, paused and
//! running clocks, through the public functions. The seeds are below: a failure names its seed.
#![cfg(not(filch_loom))]

mod common;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use common::{entry, is_pending};
use filch_primitives::rand::Rng;
use filch_timer::{Clock, PollTimer, TimerEntry, Timers};

const SEEDS: [u64; 8] = [1, 2, 3, 42, 1_987, 65_537, 0xF11C_F11C, u64::MAX];
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// The rounding of a coarse timer: 32 ticks of 2^15 ns, and one for rounding up.
const COARSEST: Duration = Duration::from_nanos(33 << 15);

/// A span whose size is spread evenly over the powers of two up to 100 years; often next to the beginning
/// of a slot of some level.
fn span(rng: &Rng) -> Duration {
    let nanos = match rng.below(3) {
        0 => {
            let boundary = 1u64 << (15 + 6 * rng.below(8)).min(61);
            (boundary + u64::from(rng.below(70_000))).saturating_sub(35_000)
        }
        _ => rng.next_u64() >> (2 + rng.below(50)),
    };
    Duration::from_nanos(nanos).min(100 * YEAR)
}

struct Checked {
    timers: Timers,
    rng: Rng,
    entries: BTreeMap<u64, Pin<Box<TimerEntry>>>,
    made: u64,
    now: Instant,
    paused: bool,
}

impl Checked {
    fn arm(&mut self, deadline: Instant) {
        let mut entry = entry(deadline);
        let mut cx = Context::from_waker(Waker::noop());
        let shard = self.rng.below(3) as usize;
        match entry.as_mut().poll_at(&self.timers, shard, self.now, &mut cx) {
            PollTimer::Elapsed => assert!(deadline <= self.now),
            poll => assert!(is_pending(poll) && deadline > self.now),
        }
        if !entry.is_elapsed() {
            self.made += 1;
            self.entries.insert(self.made, entry);
        }
    }

    fn some(&self) -> Option<u64> {
        let nth = self.rng.below(self.entries.len() as u32) as usize;
        self.entries.keys().nth(nth).copied()
    }

    fn earliest(&self) -> Option<Instant> {
        self.entries.values().map(|entry| entry.deadline()).min()
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.timers.clock().advance_to(self.now);
        let fired = self.timers.fire_due(self.now);
        let before = self.entries.len();
        let (now, paused) = (self.now, self.paused);
        self.entries.retain(|_, entry| {
            let (deadline, elapsed) = (entry.deadline(), entry.is_elapsed());
            assert!(!elapsed || deadline <= now, "early");
            let must = if paused { deadline <= now } else { deadline + COARSEST <= now };
            assert!(elapsed || !must, "missed");
            !elapsed
        });
        assert_eq!(fired, before - self.entries.len());
    }

    fn check(&self) {
        assert_eq!(self.timers.len(), self.entries.len());
        let Some(earliest) = self.earliest() else { return };
        let next = self.timers.next_expiry().expect("entries are armed");
        if self.paused {
            assert_eq!(next, earliest);
        } else {
            assert!(next <= earliest + COARSEST, "too late by {:?}", next - earliest);
        }
    }
}

fn run(seed: u64, paused: bool) {
    let timers = Timers::new(3, Clock::new(paused));
    let now = timers.clock().now();
    let end = now + 100 * YEAR;
    let rng = Rng::new(seed);
    let mut it = Checked { timers, rng, entries: BTreeMap::new(), made: 0, now, paused };
    it.arm(end + 200 * YEAR);
    for _ in 0..3_000 {
        if it.now > end {
            break;
        }
        match it.rng.below(10) {
            0..=4 => it.arm(it.now + span(&it.rng)),
            5 => {
                if let Some(id) = it.some().filter(|&id| id != 1) {
                    it.entries.remove(&id);
                }
            }
            6 => {
                if let Some(id) = it.some().filter(|&id| id != 1) {
                    let deadline = it.now + span(&it.rng);
                    let entry = it.entries.get_mut(&id).unwrap();
                    let told = entry.as_mut().reset(deadline);
                    assert!(!paused || told == Some(deadline));
                }
            }
            7 | 8 if it.entries.len() == 1 => {} // The far one is for the end.
            7 => {
                // As a driver does: look when told to.
                let at = it.timers.next_expiry().unwrap();
                it.advance(at);
            }
            8 => {
                let earliest = it.earliest().unwrap();
                it.advance(earliest - Duration::from_nanos(1));
                it.advance(earliest);
            }
            _ => {
                let by = span(&it.rng) / 256;
                it.advance(it.now + by);
            }
        }
        it.check();
    }
    assert!(it.entries.contains_key(&1), "seed {seed}: the far timer is gone");
    it.advance(end + 200 * YEAR + COARSEST);
    assert!(it.entries.is_empty(), "seed {seed}");
    assert!(it.timers.next_expiry().is_none());
}

#[test]
fn paused_timers_fire_exactly_and_next_expiry_is_the_earliest_deadline() {
    for seed in SEEDS {
        run(seed, true);
    }
}

#[test]
fn running_timers_are_never_early_and_late_by_the_rounding_only() {
    for seed in SEEDS {
        run(seed, false);
    }
}

/// What a driver does with one far timer present: it looks when told, time jumps there, and nothing that
/// is armed on the way is missed at any level.
#[test]
fn every_level_fires_in_time_with_a_far_timer_present() {
    let timers = Timers::new(1, Clock::new(false));
    let mut now = timers.clock().now();
    let mut cx = Context::from_waker(Waker::noop());
    // Later than all of what follows, three times 2^61 ns.
    let mut far = entry(now + 250 * YEAR);
    assert!(is_pending(far.as_mut().poll_at(&timers, 0, now, &mut cx)));
    for exponent in 0..61 {
        for nanos in [(1u64 << exponent) - 1, 1 << exponent, (1 << exponent) + 1] {
            let deadline = now + Duration::from_nanos(nanos);
            let mut entry = entry(deadline);
            if entry.as_mut().poll_at(&timers, 0, now, &mut cx) == PollTimer::Elapsed {
                continue;
            }
            let mut looks = 0;
            while !entry.is_elapsed() {
                let next = timers.next_expiry().unwrap();
                assert!(next < deadline + COARSEST, "2^{exponent} ns: waits until {next:?}");
                now = now.max(next);
                timers.fire_due(now);
                looks += 1;
            }
            assert!(now >= deadline && looks <= 2, "2^{exponent} ns: {looks} looks");
            assert!(!far.is_elapsed());
        }
    }
}
