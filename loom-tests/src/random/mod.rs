//! Random schedules: programs too large for loom, run by shuttle in drawn orders.
//!
//! Callers: `tests/random`. Data: the seeds, one per schedule; everything else follows from the seed.
//! Commands, and what this can find and what it can't: docs/random-schedules.md.
//!
//! Invariants
//! R1  a schedule depends on its seed and the program alone: it can be run again.
//! R2  after each schedule every thread has ended, and every task's memory is freed.

mod draw;
mod policy;
mod scheduler;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Once};
use std::time::Instant;

use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

pub use draw::{below, between, chance, shuffle, yields};
use scheduler::{Drawn, Progress};

/// How many schedules all scenarios together run, unless `FILCH_SCHEDULES` says otherwise.
const SCHEDULES: u64 = 10_000;

/// A schedule that takes more steps has no end: two threads wait for each other without sleeping. The
/// longest of those that end take a tenth of it.
const MAX_STEPS: usize = 500_000;

/// Enough for a panic's report in a debug build. Only what is used takes memory.
const STACK_BYTES: usize = 1 << 19;

/// How the scenarios are run; as in docs/random-schedules.md.
const COMMAND: &str = "RUSTFLAGS=\"--cfg filch_loom --cfg filch_shuttle\" CARGO_PROFILE_DEV_OPT_LEVEL=1 \
                       cargo test -p filch-loom-tests --target-dir target/shuttle --test random";

/// Runs `scenario` under its share of the schedules, one `of` so many.
///
/// With `FILCH_SCHEDULE_SEED` only that one is run.
///
/// # Panics
/// If a schedule does, deadlocks, has no end, or leaves memory of a task behind. Its seed is printed.
pub fn run(name: &str, of: u64, scenario: fn()) {
    let (first, count) = match number("FILCH_SCHEDULE_SEED") {
        Some(seed) => (seed, 1),
        None => {
            let all = number("FILCH_SCHEDULES").unwrap_or(SCHEDULES);
            (fresh_seed(), all.div_ceil(of).max(2))
        }
    };
    run_seeds(name, first, count, scenario);
}

/// Runs `scenario` under `count` schedules, beginning with the seed `first`.
///
/// # Panics
/// As [`run`].
pub fn run_seeds(name: &str, first: u64, count: u64, scenario: fn()) {
    tell_the_seed_of_a_panic();
    let progress = Arc::new(Progress::default());
    let scheduler = Drawn::new(first, count, progress.clone());
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| Runner::new(scheduler, config()).run(scenario)));
    if let Err(panic) = outcome {
        eprintln!(
            "\n`{name}` fails under the schedule with the seed {seed}. The same once more:\n\
             FILCH_SCHEDULE_SEED={seed} {COMMAND} {name}\n",
            seed = progress.seed(),
        );
        resume_unwind(panic);
    }
    println!(
        "{name}: {} schedules of {} steps on average, {} at most, in {:.1?}",
        progress.schedules(),
        progress.steps() / progress.schedules().max(1),
        progress.longest(),
        began.elapsed(),
    );
}

/// Runs the schedule of one seed twice, and says whether both took the same steps.
pub fn is_repeatable(seed: u64, scenario: fn()) -> bool {
    let traces = [(), ()].map(|()| {
        let progress = Arc::new(Progress::default());
        let scheduler = Drawn::new(seed, 1, progress.clone());
        Runner::new(scheduler, config()).run(scenario);
        progress.trace()
    });
    traces[0] == traces[1]
}

/// With the panic itself, since a second one may end the process before [`run_seeds`] says it. (To see it then:
/// `--nocapture`.)
fn tell_the_seed_of_a_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if let Some(seed) = scheduler::seed_of_this_thread() {
                eprintln!("under the schedule with the seed {seed}:");
            }
            before(info);
        }));
    });
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    // The seed says it all, in fewer digits.
    config.failure_persistence = FailurePersistence::None;
    // That orderings are not looked at is known: loom does that.
    config.silence_warnings = true;
    config
}

/// # Panics
/// If the variable is set to anything else.
fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    let Ok(number) = value.replace('_', "").parse() else {
        panic!("{variable} is no number: {value}")
    };
    Some(number)
}

/// Short enough to be read aloud.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish() >> 24
}
