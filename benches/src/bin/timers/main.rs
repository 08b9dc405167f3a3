//! Timers on filch and on tokio, side by side.
//!
//! `cargo run --release -p filch-benches --bin timers`. Two workloads, each in a fresh process per
//! runtime and round, alternated:
//! - `short`: one task sleeps 500 us, 1,000 times; how late it wakes, in microseconds;
//! - `spread`: 100,000 sleeps spread evenly over a second; how late each wakes, and the processor time
//!   that the whole process used, in milliseconds.
//!
//! A regression here means: more wake-ups than the wheel's ticks ask for, a lock that sleepers share, or
//! a wait that is longer than the earliest timer. It fails if a timer of filch is early.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};
use filch_benches::stats::{Spread, percentile};

/// How many sleeps the workload `spread` has.
const SLEEPS: u64 = 100_000;

/// Timers on filch and on tokio, side by side.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Task>,
    /// Rounds, each with a fresh process of each runtime.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Worker threads.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    workers: u16,
}

#[derive(Subcommand)]
enum Task {
    /// One measurement in this process; prints its figures.
    Measure { runtime: Runtime, workload: Workload },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Runtime {
    Filch,
    Tokio,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Workload {
    Short,
    Spread,
}

/// One measurement: lateness in microseconds, processor time in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Figures {
    median_us: f64,
    p99_us: f64,
    cpu_ms: f64,
}

/// One of the figures.
type Figure = fn(&Figures) -> f64;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Task::Measure { runtime, workload }) => {
            measure(runtime, workload, usize::from(arguments.workers))
        }
        None => compare(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("timers: {text}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &Arguments) -> Result<(), String> {
    for workload in [Workload::Short, Workload::Spread] {
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for _ in 0..arguments.rounds {
            ours.push(in_child(Runtime::Filch, workload, arguments.workers)?);
            theirs.push(in_child(Runtime::Tokio, workload, arguments.workers)?);
        }
        let Arguments { rounds, workers, .. } = arguments;
        println!("{workload:?}, {workers} workers, {rounds} rounds");
        println!("{:<20} {:<36} {:<36} ratio", "median (range)", "filch", "tokio");
        let rows: [(&str, Figure); 3] = [
            ("median late, us", |f| f.median_us),
            ("p99 late, us", |f| f.p99_us),
            ("processor, ms", |f| f.cpu_ms),
        ];
        for (name, figure) in rows {
            let ours: Vec<f64> = ours.iter().map(figure).collect();
            let theirs: Vec<f64> = theirs.iter().map(figure).collect();
            println!(
                "{name:<20} {:<36} {:<36} {:.2}",
                Spread::of(&ours).to_string(),
                Spread::of(&theirs).to_string(),
                Spread::of_ratios(&ours, &theirs),
            );
        }
    }
    Ok(())
}

/// Measures in a fresh process of this program.
fn in_child(runtime: Runtime, workload: Workload, workers: u16) -> Result<Figures, String> {
    let name = |value: &dyn ValueName| value.name();
    let output = Command::new(std::env::current_exe().map_err(|e| e.to_string())?)
        .args(["--workers", &workers.to_string(), "measure", &name(&runtime), &name(&workload)])
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [median_us, p99_us, cpu_ms] => Ok(Figures { median_us, p99_us, cpu_ms }),
        _ => Err(format!("no figures in {text:?}")),
    }
}

/// The name by which the command line knows a value.
trait ValueName {
    fn name(&self) -> String;
}

impl<T: ValueEnum> ValueName for T {
    fn name(&self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

fn measure(runtime: Runtime, workload: Workload, workers: usize) -> Result<(), String> {
    let mut late = match runtime {
        Runtime::Filch => {
            let runtime = filch::runtime::Builder::new_multi_thread()
                .worker_threads(workers)
                .enable_time()
                .build()
                .map_err(|e| e.to_string())?;
            match workload {
                Workload::Short => runtime.block_on(short(filch::spawn, filch::time::sleep)),
                Workload::Spread => runtime.block_on(spread(filch::spawn, filch::time::sleep)),
            }
        }
        Runtime::Tokio => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(workers)
                .enable_time()
                .build()
                .map_err(|e| e.to_string())?;
            match workload {
                Workload::Short => runtime.block_on(short(tokio::spawn, tokio::time::sleep)),
                Workload::Spread => runtime.block_on(spread(tokio::spawn, tokio::time::sleep)),
            }
        }
    };
    if late.iter().any(|&late| late < 0) {
        return Err(format!("{runtime:?}: a timer was early"));
    }
    late.sort_unstable();
    let micros = |nanos: i64| nanos as f64 / 1e3;
    println!(
        "{} {} {}",
        micros(percentile(&late, 50.0)),
        micros(percentile(&late, 99.0)),
        processor_time().as_secs_f64() * 1e3
    );
    Ok(())
}

/// How late a sleep until `due` is over, in nanoseconds; negative if it is early.
fn lateness(due: Instant) -> i64 {
    let now = Instant::now();
    match now.checked_duration_since(due) {
        Some(late) => late.as_nanos() as i64,
        None => -(due.duration_since(now).as_nanos() as i64),
    }
}

async fn short<J, S>(
    spawn: impl Fn(std::pin::Pin<Box<dyn Future<Output = Vec<i64>> + Send>>) -> J,
    sleep: fn(Duration) -> S,
) -> Vec<i64>
where
    J: Future<Output: Joined<Vec<i64>>>,
    S: Future<Output = ()> + Send + 'static,
{
    spawn(Box::pin(async move {
        let mut late = Vec::new();
        for _ in 0..1_000 {
            let pause = Duration::from_micros(500);
            let due = Instant::now() + pause;
            sleep(pause).await;
            late.push(lateness(due));
        }
        late
    }))
    .await
    .joined()
}

async fn spread<J, S>(
    spawn: impl Fn(std::pin::Pin<Box<dyn Future<Output = i64> + Send>>) -> J,
    sleep: fn(Duration) -> S,
) -> Vec<i64>
where
    J: Future<Output: Joined<i64>>,
    S: Future<Output = ()> + Send + 'static,
{
    let tasks: Vec<J> = (0..SLEEPS)
        .map(|i| {
            spawn(Box::pin(async move {
                // From 10 us to 1 s, so that setting them up (some 50 ms) is over before most are due.
                let pause = Duration::from_secs(1) * (i + 1) as u32 / SLEEPS as u32;
                let due = Instant::now() + pause;
                sleep(pause).await;
                lateness(due)
            }))
        })
        .collect();
    let mut late = Vec::with_capacity(tasks.len());
    for task in tasks {
        late.push(task.await.joined());
    }
    late
}

/// The output of a joined task, on either runtime.
trait Joined<T> {
    fn joined(self) -> T;
}

impl<T, E: std::fmt::Debug> Joined<T> for Result<T, E> {
    fn joined(self) -> T {
        self.expect("no task of a measurement fails")
    }
}

/// The processor time that this process has used.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
