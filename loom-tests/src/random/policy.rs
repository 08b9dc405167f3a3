//! How the next thread is chosen: one way for the whole of a schedule.
//!
//! Callers: `scheduler`. Each way finds what the others hardly ever do. Uniform choices mix all threads,
//! and so interrupt everyone everywhere; long runs let one thread go through a whole operation while the
//! others stand at any point; priorities starve some threads for as long as others can run.
//!
//! # References
//! Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of
//! Finding Bugs", ASPLOS 2010: the priorities with change points.

use filch_primitives::rand::Rng;

/// A thread of the schedule, by its number.
pub(super) type Thread = usize;

#[derive(Debug)]
pub(super) enum Policy {
    /// Any thread that can go on, at each step anew.
    Uniform,
    /// The same thread for so many steps on average, then any.
    Runs { length: u32 },
    /// The thread with the highest priority that can go on.
    Priorities(Priorities),
}

impl Policy {
    pub(super) fn draw(rng: &Rng) -> Policy {
        match rng.below(4) {
            0 => Policy::Uniform,
            1 => Policy::Runs { length: 2 << rng.below(6) },
            _ => Policy::Priorities(Priorities::draw(rng)),
        }
    }

    /// One of `able`, which is not empty. `current` is the one that ran; it `yields` if it waits for another.
    pub(super) fn choose(
        &mut self,
        rng: &Rng,
        able: &[Thread],
        current: Option<Thread>,
        yields: bool,
    ) -> Thread {
        let any = able[rng.below(able.len() as u32) as usize];
        match self {
            Policy::Uniform => any,
            Policy::Runs { length } => match current {
                Some(current) if !yields && able.contains(&current) && rng.below(*length) > 0 => {
                    current
                }
                _ => any,
            },
            Policy::Priorities(priorities) => priorities.choose(rng, able, current, yields),
        }
    }
}

/// Drawn when a thread is first seen; lowered below all others at a few drawn steps, and by a yield.
#[derive(Debug)]
pub(super) struct Priorities {
    of: Vec<i64>,
    lowest: i64,
    /// How many steps from now the thread that runs then is lowered, the next one last.
    changes: Vec<u32>,
    step: u32,
}

impl Priorities {
    fn draw(rng: &Rng) -> Priorities {
        // The length of a schedule is not known in advance: so its order of magnitude is drawn, too.
        let within = 64 << rng.below(8);
        let mut changes: Vec<u32> = (0..rng.below(8)).map(|_| 1 + rng.below(within)).collect();
        changes.sort_unstable_by(|a, b| b.cmp(a));
        Priorities { of: Vec::new(), lowest: 0, changes, step: 0 }
    }

    fn choose(
        &mut self,
        rng: &Rng,
        able: &[Thread],
        current: Option<Thread>,
        yields: bool,
    ) -> Thread {
        self.step += 1;
        let newest = able.iter().copied().max().unwrap_or(0);
        while self.of.len() <= newest {
            self.of.push(i64::from(rng.below(1 << 30)));
        }
        let is_change = self.changes.last() == Some(&self.step);
        while self.changes.last().is_some_and(|&at| at <= self.step) {
            self.changes.pop();
        }
        if let Some(current) = current.filter(|_| yields || is_change) {
            self.lowest -= 1;
            self.of[current] = self.lowest;
        }
        able.iter().copied().max_by_key(|&thread| self.of[thread]).unwrap_or(able[0])
    }
}
