//! Random scripts on `Notify` and `Barrier` against simple models. A failure names the seed.

mod common;

use std::sync::Arc;

use common::{Spawned, spawn};
use filch_primitives::rand::Rng;
use filch_sync::futures::OwnedNotified;
use filch_sync::{Barrier, Notify};

const SEEDS: u64 = if cfg!(miri) { 2 } else { 60 };
const STEPS: usize = if cfg!(miri) { 60 } else { 600 };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    First,
    Last,
}

/// What is known of a future of `notified`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Not polled. Whether all were notified since it was made.
    Made {
        is_released: bool,
    },
    Waiting,
    /// By a notification of one, which goes on if the future is dropped.
    One(Which),
    All,
}

struct Modelled {
    state: State,
    /// It was polled, so it has left a waker (`enable` leaves none).
    has_waker: bool,
    future: Spawned<OwnedNotified>,
}

/// In the order in which they began to wait.
#[derive(Default)]
struct Model {
    permit: bool,
    futures: Vec<Modelled>,
}

impl Model {
    fn notify(&mut self, which: Which) {
        let mut waiting = self.futures.iter_mut().filter(|f| f.state == State::Waiting);
        let chosen = match which {
            Which::First => waiting.next(),
            Which::Last => waiting.next_back(),
        };
        match chosen {
            Some(chosen) => chosen.state = State::One(which),
            None => self.permit = true,
        }
    }

    fn notify_waiters(&mut self) {
        for future in &mut self.futures {
            future.state = match future.state {
                State::Made { .. } => State::Made { is_released: true },
                State::Waiting => State::All,
                notified => notified,
            };
        }
    }

    /// Whether a poll or an `enable` of the future at `at` completes it. One that begins to wait goes to
    /// the back.
    fn look(&mut self, at: usize) -> bool {
        match self.futures[at].state {
            State::Made { is_released } => {
                let completes = is_released || self.permit;
                if self.permit {
                    self.permit = false;
                } else if !is_released {
                    self.futures[at].state = State::Waiting;
                    let future = self.futures.remove(at);
                    self.futures.push(future);
                }
                completes
            }
            State::Waiting => false,
            State::One(_) | State::All => true,
        }
    }
}

#[test]
fn notify_agrees_with_the_model() {
    for seed in 1..=SEEDS {
        let rng = Rng::new(seed);
        let below = |n: usize| rng.below(n as u32) as usize;
        let notify = Arc::new(Notify::new());
        let mut model = Model::default();
        for _ in 0..STEPS {
            let at = below(model.futures.len().max(1));
            match below(10) {
                0..3 => model.futures.push(Modelled {
                    state: State::Made { is_released: false },
                    has_waker: false,
                    future: spawn(notify.clone().notified_owned()),
                }),
                3..6 if at < model.futures.len() => {
                    let is_poll = below(3) > 0;
                    let future = &mut model.futures[at];
                    let is_ready = match is_poll {
                        true => future.future.poll().is_ready(),
                        false => future.future.as_mut().enable(),
                    };
                    future.has_waker |= is_poll;
                    assert_eq!(is_ready, model.look(at), "seed {seed}");
                    if is_ready {
                        // It stays complete, and its drop gives nothing on.
                        let mut done = model.futures.remove(at);
                        assert!(done.future.poll().is_ready(), "seed {seed}");
                    }
                }
                6 if at < model.futures.len() => {
                    let dropped = model.futures.remove(at);
                    drop(dropped.future);
                    if let State::One(which) = dropped.state {
                        model.notify(which);
                    }
                }
                7 => {
                    notify.notify_one();
                    model.notify(Which::First);
                }
                8 => {
                    notify.notify_last();
                    model.notify(Which::Last);
                }
                9 => {
                    notify.notify_waiters();
                    model.notify_waiters();
                }
                _ => {}
            }
            for future in &model.futures {
                let is_notified = matches!(future.state, State::One(_) | State::All);
                let expected = usize::from(is_notified && future.has_waker);
                assert_eq!(future.future.wakes(), expected, "seed {seed}, {:?}", future.state);
            }
        }
    }
}

#[test]
fn barrier_agrees_with_the_model() {
    for seed in 1..=SEEDS {
        let rng = Rng::new(seed);
        let n = 1 + rng.below(5) as usize;
        let barrier = Barrier::new(n);
        let mut arrived = 0;
        // Those who wait, and whether their round has ended.
        let mut waiting = Vec::new();
        for _ in 0..STEPS {
            match rng.below(4) {
                0..2 => {
                    let mut wait = spawn(barrier.wait());
                    arrived += 1;
                    if arrived == n {
                        assert!(wait.ready().is_leader(), "seed {seed}");
                        arrived = 0;
                        waiting.iter_mut().for_each(|(_, has_ended)| *has_ended = true);
                    } else {
                        assert!(wait.is_pending(), "seed {seed}");
                        waiting.push((wait, false));
                    }
                }
                2 if !waiting.is_empty() => {
                    let at = rng.below(waiting.len() as u32) as usize;
                    let (mut wait, has_ended) = waiting.swap_remove(at);
                    assert_eq!(wait.wakes() > 0, has_ended, "seed {seed}");
                    match has_ended {
                        true => assert!(!wait.ready().is_leader(), "seed {seed}"),
                        false if rng.below(4) == 0 => drop(wait), // stays counted
                        false => {
                            assert!(wait.is_pending(), "seed {seed}");
                            waiting.push((wait, false));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
