//! The wheel against a sorted map, in ticks, where every firing is exact.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use filch_primitives::rand::Rng;

use super::*;

/// 100 years of ticks: 2^46.4.
const CENTURY: u64 = 100 * 365 * 24 * 3600 * (1_000_000_000 >> 15);

struct Fired {
    id: u64,
    log: Arc<Mutex<Vec<u64>>>,
}

impl Wake for Fired {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push(self.id);
    }
}

/// A wheel, the nodes in it, and the map that says what it must do.
struct Checked {
    wheel: Wheel,
    /// By id, in the order of arming.
    nodes: BTreeMap<u64, Box<Node>>,
    /// By tick and time of insertion.
    model: BTreeMap<(Tick, u64), u64>,
    place: BTreeMap<u64, (Tick, u64)>,
    log: Arc<Mutex<Vec<u64>>>,
    inserted: u64,
    now: Tick,
}

impl Checked {
    fn new() -> Checked {
        Checked {
            wheel: Wheel::new(),
            nodes: BTreeMap::new(),
            model: BTreeMap::new(),
            place: BTreeMap::new(),
            log: Arc::default(),
            inserted: 0,
            now: Tick(0),
        }
    }

    fn insert(&mut self, tick: Tick) -> u64 {
        self.inserted += 1;
        let id = self.inserted;
        let node = Box::new(Node::new(Instant::now()));
        let waker = Waker::from(Arc::new(Fired { id, log: self.log.clone() }));
        // SAFETY: one thread, which owns the node and the wheel; boxed, so pinned; `Drop` unlinks.
        unsafe {
            node.put_waker(waker);
            node.set_state(State::Armed);
            let counts = self.wheel.insert(&raw const *node, tick);
            assert_eq!(counts, tick.max(self.now), "never before its tick");
            self.note(id, counts);
        }
        self.nodes.insert(id, node);
        id
    }

    fn note(&mut self, id: u64, tick: Tick) {
        self.inserted += 1;
        self.model.insert((tick, self.inserted), id);
        self.place.insert(id, (tick, self.inserted));
    }

    fn forget(&mut self, id: u64) {
        let place = self.place.remove(&id).unwrap();
        assert_eq!(self.model.remove(&place), Some(id));
    }

    fn cancel(&mut self, id: u64) {
        let node = self.nodes.remove(&id).unwrap();
        // SAFETY: one thread; the node is linked.
        unsafe {
            self.wheel.remove(&raw const *node);
            drop(node.take_waker());
        }
        self.forget(id);
    }

    fn reset(&mut self, id: u64, tick: Tick) {
        self.forget(id);
        let node = &raw const *self.nodes[&id];
        // SAFETY: one thread; the node is linked.
        let counts = unsafe {
            self.wheel.remove(node);
            self.wheel.insert(node, tick)
        };
        self.note(id, counts);
    }

    /// Advances, and checks that exactly what is due fires, in order.
    fn advance(&mut self, now: Tick) {
        let mut batch = WakeBatch::new();
        while !self.wheel.advance(now, &mut batch) {
            batch.wake_all();
        }
        batch.wake_all();
        self.now = self.now.max(now);
        let later = self.model.split_off(&(Tick(now.0 + 1), 0));
        let due: Vec<u64> = std::mem::replace(&mut self.model, later).into_values().collect();
        let fired = std::mem::take(&mut *self.log.lock().unwrap());
        assert_eq!(fired, due, "advance to {now:?}");
        for id in due {
            assert_eq!(self.nodes.remove(&id).unwrap().state(), State::Fired);
            self.place.remove(&id);
        }
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.wheel.len(), self.model.len());
        let look = self.wheel.next_look();
        match self.model.first_key_value() {
            None => assert_eq!(look, Tick::NEVER),
            Some((&(earliest, _), _)) => {
                assert!(look <= earliest, "looks at {look:?}, too late for {earliest:?}");
                assert!(look >= self.now, "looks again at {look:?}, before {:?}", self.now);
            }
        }
    }

    fn earliest(&self) -> Option<Tick> {
        self.model.first_key_value().map(|(&(tick, _), _)| tick)
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        let mut batch = WakeBatch::new();
        while !self.wheel.shut_down(&mut batch) {
            batch.wake_all();
        }
        batch.wake_all();
    }
}

/// A distance whose size is spread evenly over the powers of two, often next to a power of 64.
fn distance(rng: &Rng) -> u64 {
    match rng.below(4) {
        0 => {
            let boundary = 1u64 << (6 * rng.below(8));
            (boundary + u64::from(rng.below(5))).saturating_sub(2)
        }
        1 => u64::from(rng.below(200)),
        _ => rng.next_u64() >> (64 - rng.below(48)).min(63),
    }
    .min(CENTURY)
}

#[test]
fn random_steps_agree_with_a_sorted_map() {
    for seed in [1, 2, 3, 0x5EED, 0xF11C, 20_240_601, u64::MAX, 0xDEAD_BEEF] {
        let rng = Rng::new(seed);
        let mut wheel = Checked::new();
        // One far timer that is always there.
        let far = wheel.insert(Tick(CENTURY * 3));
        for _ in 0..4_000 {
            if wheel.now.0 > CENTURY {
                break;
            }
            let chosen = || -> Option<u64> {
                let nth = rng.below(wheel.nodes.len() as u32) as usize;
                wheel.nodes.keys().nth(nth).copied().filter(|&id| id != far)
            };
            match rng.below(10) {
                0..=4 => {
                    let tick = wheel.now.0 + distance(&rng);
                    wheel.insert(Tick(tick));
                }
                5 => {
                    if let Some(id) = chosen() {
                        wheel.cancel(id);
                    }
                }
                6 => {
                    if let Some(id) = chosen() {
                        let tick = (wheel.now.0 + distance(&rng)).saturating_sub(3);
                        wheel.reset(id, Tick(tick));
                    }
                }
                7 => {
                    let earliest = wheel.earliest().unwrap();
                    if wheel.model.len() == 1 {
                        continue; // The far one is for the end.
                    }
                    wheel.advance(Tick(earliest.0 - 1).max(wheel.now));
                    wheel.advance(earliest);
                }
                8 => wheel.advance(Tick(wheel.now.0 + distance(&rng) / 64)),
                _ => wheel.advance(Tick(wheel.now.0 + distance(&rng) / (1 << 12))),
            }
            wheel.check();
        }
        assert!(wheel.nodes.contains_key(&far), "seed {seed}: the far timer fired early");
        wheel.advance(Tick(CENTURY * 3));
        assert!(wheel.nodes.is_empty(), "seed {seed}");
    }
}

#[test]
fn every_level_boundary_fires_on_its_tick() {
    for shift in 0..=47 {
        for around in 0..5 {
            let tick = Tick(((1u64 << shift) + around).saturating_sub(2));
            for start in [0, 1, 63, 64, 4095, (1 << 30) - 1] {
                let mut wheel = Checked::new();
                wheel.insert(Tick(1 << 60));
                wheel.advance(Tick(start));
                let target = Tick(start + tick.0);
                wheel.insert(target);
                if target.0 > start {
                    wheel.advance(Tick(target.0 - 1));
                }
                wheel.advance(target);
                assert_eq!(wheel.nodes.len(), 1);
            }
        }
    }
}

#[test]
fn looking_only_when_told_meets_every_tick_with_few_looks() {
    let mut wheel = Checked::new();
    wheel.insert(Tick(1 << 47));
    for day in 1..=10u64 {
        let tick = Tick(day * 86_400 * (1_000_000_000 >> 15));
        wheel.insert(tick);
        let mut looks = 0;
        while wheel.earliest() == Some(tick) {
            let look = wheel.wheel.next_look();
            wheel.advance(look);
            looks += 1;
        }
        assert_eq!(wheel.now, tick);
        assert_eq!(looks, 1, "a slot with few entries is looked at when its first is due");
    }
}

#[test]
fn crowded_slot_is_looked_at_once_a_level() {
    let mut wheel = Checked::new();
    let tick = Tick(64 * 64 * 5 + 64 * 7 + 11);
    for _ in 0..=SCAN_LIMIT {
        wheel.insert(tick);
    }
    let mut looks = Vec::new();
    while wheel.earliest().is_some() {
        let look = wheel.wheel.next_look();
        looks.push(look.0);
        wheel.advance(look);
    }
    assert_eq!(looks, [64 * 64 * 5, 64 * 64 * 5 + 64 * 7, tick.0]);
}

#[test]
fn beyond_the_wheel_waits_for_its_revolution() {
    let mut wheel = Checked::new();
    let revolution = 1u64 << WHEEL_BITS;
    let ticks = [revolution - 1, revolution, revolution + 1, 5 * revolution + 77, Tick::LAST.0];
    for tick in ticks {
        wheel.insert(Tick(tick));
    }
    assert!(!wheel.wheel.slots[BEYOND].is_empty());
    for tick in ticks {
        wheel.advance(Tick(tick - 1));
        assert_eq!(wheel.earliest(), Some(Tick(tick)));
        wheel.advance(Tick(tick));
    }
    assert!(wheel.nodes.is_empty());
}

#[test]
fn cancelling_beyond_the_wheel_leaves_the_others() {
    let mut wheel = Checked::new();
    let first = wheel.insert(Tick(1 << 50));
    let second = wheel.insert(Tick(1 << 51));
    wheel.cancel(first);
    wheel.check();
    wheel.reset(second, Tick(3));
    wheel.advance(Tick(3));
    assert!(wheel.nodes.is_empty());
}

#[test]
fn an_empty_wheel_catches_up_and_others_do_not() {
    let mut wheel = Checked::new();
    wheel.wheel.catch_up(Tick(1_000_000));
    wheel.now = Tick(1_000_000);
    let id = wheel.insert(Tick(5));
    assert_eq!(wheel.earliest(), Some(Tick(1_000_000)), "due at once");
    wheel.wheel.catch_up(Tick(2_000_000));
    wheel.advance(Tick(1_000_000));
    assert!(!wheel.nodes.contains_key(&id));
}
