//! shuttle's scheduler for us: one seed per schedule, and a way of choosing that the seed draws.
//!
//! Callers: `random::run`. Data: the seeds still to run, two generators, and the books that outlive a
//! failure.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use filch_primitives::loom::alloc;
use filch_primitives::rand::Rng;
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

use super::policy::{Policy, Thread};

std::thread_local! {
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The seed of the schedule that this thread of the system runs, or ran last.
pub(super) fn seed_of_this_thread() -> Option<u64> {
    SEED.get()
}

/// What became of the schedules so far. std's atomics: nothing here is a step.
#[derive(Debug, Default)]
pub(super) struct Progress {
    seed: AtomicU64,
    schedules: AtomicU64,
    steps: AtomicU64,
    longest: AtomicU64,
    trace: AtomicU64,
}

impl Progress {
    /// The seed of the schedule that is run now, or was last.
    pub(super) fn seed(&self) -> u64 {
        self.seed.load(Ordering::Relaxed)
    }

    pub(super) fn schedules(&self) -> u64 {
        self.schedules.load(Ordering::Relaxed)
    }

    /// Of all schedules together.
    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Steps of the longest one.
    pub(super) fn longest(&self) -> u64 {
        self.longest.load(Ordering::Relaxed)
    }

    /// Which threads ran, when which could have: all of it in one number.
    pub(super) fn trace(&self) -> u64 {
        self.trace.load(Ordering::Relaxed)
    }
}

/// See the module.
pub(super) struct Drawn {
    next_seed: u64,
    left: u64,
    /// For the choice of the next thread, and for what the scenario draws.
    choices: Rng,
    data: Rng,
    policy: Policy,
    steps: u64,
    trace: DefaultHasher,
    /// Filled anew at each step.
    able: Vec<Thread>,
    progress: Arc<Progress>,
}

impl Drawn {
    pub(super) fn new(first_seed: u64, count: u64, progress: Arc<Progress>) -> Drawn {
        Drawn {
            next_seed: first_seed,
            left: count,
            choices: Rng::new(0),
            data: Rng::new(0),
            policy: Policy::Uniform,
            steps: 0,
            trace: DefaultHasher::new(),
            able: Vec::new(),
            progress,
        }
    }

    /// R2, after each schedule that ended by itself.
    fn finish(&mut self) {
        if self.steps == 0 {
            return;
        }
        let progress = &self.progress;
        progress.schedules.fetch_add(1, Ordering::Relaxed);
        progress.steps.fetch_add(self.steps, Ordering::Relaxed);
        progress.longest.fetch_max(self.steps, Ordering::Relaxed);
        progress.trace.store(self.trace.finish(), Ordering::Relaxed);
        assert_eq!(alloc::live(), 0, "tasks that were never freed");
    }
}

impl Scheduler for Drawn {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.finish();
        self.left = self.left.checked_sub(1)?;
        let seed = self.next_seed;
        self.next_seed = seed.wrapping_add(1);
        self.progress.seed.store(seed, Ordering::Relaxed);
        SEED.set(Some(seed));
        self.choices = Rng::new(seed);
        self.data = Rng::new(self.choices.next_u64());
        self.policy = Policy::draw(&self.choices);
        self.steps = 0;
        self.trace = DefaultHasher::new();
        Some(Schedule::new(seed))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        self.steps += 1;
        self.able.clear();
        self.able.extend(runnable.iter().map(|task| Thread::from(task.id())));
        let current = current.map(Thread::from);
        let next = self.policy.choose(&self.choices, &self.able, current, is_yielding);
        self.trace.write_usize(self.able.len());
        self.trace.write_usize(next);
        Some(TaskId::from(next))
    }

    fn next_u64(&mut self) -> u64 {
        self.data.next_u64()
    }
}
