//! The rounds: each on books of its own, with nothing left behind.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use filch_tests::process::{children, descriptors, resident_bytes, threads};

use crate::books::{self, Books};
use crate::context::Scarce;
use crate::ops;
use crate::random::fresh_seed;
use crate::script::{Kind, Plan, ROUNDS_FOR_ALL};
use crate::{ROUND_VARIABLE, SECONDS_VARIABLE, SEED_VARIABLE, TEST, driver, scarce, watchdog};

/// How long rounds are begun, if nobody says.
const SECONDS: u64 = 10;
/// How long threads and tasks of a runtime that nobody waited for may take to end.
const SETTLES_WITHIN: Duration = Duration::from_secs(30);

/// What happens in every run of [`ROUNDS_FOR_ALL`] rounds, beside a step of each kind.
const ALWAYS: [&str; 12] = [
    "connections: clean",
    "connections: reset by the client",
    "connections: reset by the server",
    "connections: half closed, then closed",
    "connections: the server panicked",
    "panics reported",
    "scarce descriptors",
    "scarce threads",
    "signals heard",
    "timers fired",
    "tasks joined: finished",
    "jobs joined: finished",
];

/// Runs rounds for the time that the environment gives.
pub fn rounds() -> ExitCode {
    let seed = number(SEED_VARIABLE).unwrap_or_else(fresh_seed);
    let seconds = number(SECONDS_VARIABLE).unwrap_or(SECONDS);
    let only = number(ROUND_VARIABLE);
    println!("\nrunning 1 test");
    println!("chaos: {SEED_VARIABLE}={seed:#x} {SECONDS_VARIABLE}={seconds}");
    println!("chaos: the seed replays the script; when the threads get to it is theirs");
    prepare(watchdog::ROUND);
    let baseline = Baseline::measure();
    let (begin, mut count) = (Instant::now(), 0);
    let enough = |count| {
        let all_kinds = only.is_some() || count >= ROUNDS_FOR_ALL;
        begin.elapsed() >= Duration::from_secs(seconds) && all_kinds
    };
    while count == 0 || !enough(count) {
        let round = only.unwrap_or(count);
        let plan = Plan::round(seed, round);
        if !play(&format!("round {round} of seed {seed:#x}"), &plan, &baseline) {
            println!("chaos: again: {SEED_VARIABLE}={seed:#x} {ROUND_VARIABLE}={round}");
            return failed();
        }
        count += 1;
    }
    let missing = if only.is_none() { missing() } else { Vec::new() };
    summary(count, begin.elapsed());
    if !missing.is_empty() {
        println!("chaos: never happened: {missing:?}");
        return failed();
    }
    println!("test {TEST} ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored\n");
    ExitCode::SUCCESS
}

fn failed() -> ExitCode {
    println!("test {TEST} ... FAILED\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n");
    ExitCode::FAILURE
}

/// What a child process does instead.
pub fn child(name: &str) -> ExitCode {
    if name == ops::SITTER {
        return ExitCode::from(ops::sit());
    }
    let scarce = [Scarce::Descriptors, Scarce::Threads]
        .into_iter()
        .find(|scarce| scarce::child_name(*scarce) == name);
    let (Some(scarce), Some(seed)) = (scarce, number(SEED_VARIABLE)) else {
        eprintln!("chaos: no such child: {name:?}, or no seed");
        return ExitCode::from(2);
    };
    prepare(watchdog::CHILD);
    let baseline = Baseline::measure();
    let plan = Plan::scarce(seed, scarce);
    match play(&format!("{name}, seed {seed:#x}"), &plan, &baseline) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Some(number.unwrap_or_else(|error| panic!("{variable}={text:?}: {error}")))
}

fn prepare(limit: Duration) {
    ops::count_inherited();
    ops::ignore_signals();
    books::watch_panics();
    watchdog::start(limit);
}

/// What the process has between two rounds.
struct Baseline {
    descriptors: usize,
    threads: usize,
}

impl Baseline {
    /// After one runtime has come and gone: what is made once is made then.
    fn measure() -> Baseline {
        let runtime = filch::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async { filch::spawn(async {}).await.expect("a task") });
        drop(runtime);
        // Their names are still there for a moment.
        filch_tests::process::wait_until_no_thread_is_named("filch-");
        Baseline { descriptors: descriptors(), threads: threads().len() }
    }

    /// Waits until everything has ended, and says what has not.
    fn settle(&self, books: &Books) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let now = (descriptors(), threads().len(), books.open_entries(), children().len());
            if now == (self.descriptors, self.threads, 0, 0) {
                return Vec::new();
            }
            if begin.elapsed() > SETTLES_WITHIN {
                let (descriptors, ..) = now;
                return vec![
                    format!("{descriptors} descriptors, in the beginning {}", self.descriptors),
                    format!("threads, in the beginning {}: {:?}", self.threads, threads()),
                    format!("children, in the beginning 0: {:?}", children()),
                ];
            }
            // The end of another thread can only be asked for again and again.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Plays one round, and balances its books.
fn play(name: &str, plan: &Plan, baseline: &Baseline) -> bool {
    let books = Arc::new(Books::default());
    watchdog::begin(name.to_owned(), format!("{plan:?}"), &books);
    driver::play(&books, plan, None);
    for left in baseline.settle(&books) {
        books.fault(left);
    }
    watchdog::end();
    if books::was_unexpected_panic() {
        books.fault("a panic that nobody made on purpose".to_owned());
    }
    let balances = books.faults().is_empty();
    if !balances {
        println!("chaos: {name} does not balance\n{plan:?}\n{}", books.describe());
    }
    balances
}

fn missing() -> Vec<&'static str> {
    let happened = books::tallied();
    let kinds = Kind::ALL.iter().map(|(kind, _)| kind.name());
    kinds.chain(ALWAYS).filter(|name| !happened.contains_key(name)).collect()
}

fn summary(rounds: u64, elapsed: Duration) {
    println!(
        "chaos: {rounds} rounds in {:.1} s, {} MiB in memory",
        elapsed.as_secs_f64(),
        resident_bytes() >> 20
    );
    for (what, count) in books::tallied() {
        println!("chaos: {count:>9}  {what}");
    }
}
