//! The rows of the table: what is measured, how, and what filch must reach.

mod blocked;
mod http;
mod idle;
mod repetitions;
mod serve;
mod stuck;
mod throughput;

use std::io;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::rt::{Runtime, run_on};
pub(crate) use serve::Serve;

/// What one measurement yields, by name.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// What makes a task runnable.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wakes {
    /// It was spawned by a thread that is none of the runtime's.
    Outside,
    /// Its own timer.
    Timer,
    /// Its own socket.
    Socket,
}

impl Wakes {
    pub(crate) const ALL: [Wakes; 3] = [Wakes::Outside, Wakes::Timer, Wakes::Socket];
}

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// One worker spins, in a task that was spawned from outside.
    StuckOutside,
    /// One worker spins, in a task that its own timer woke.
    StuckTimer,
    /// One worker spins, in a task that its own socket woke.
    StuckSocket,
    /// Many short spins, each until a task that it made runnable has run; in the first round only.
    Repetitions,
    /// Every worker blocks in a system call.
    Blocked,
    /// A server where one request in a hundred blocks its worker for 50 ms.
    Http,
    /// Filch with the monitor against filch without it.
    Monitor,
    /// Nothing to do.
    Idle,
    /// Two tasks that wake each other.
    PingPong,
}

/// How long things last.
#[derive(Args, Clone, Debug)]
pub(crate) struct Sizes {
    /// Worker threads.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) workers: u8,
    /// Milliseconds for which one worker spins.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub(crate) spin_ms: u64,
    /// Milliseconds for which all workers block.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub(crate) block_ms: u64,
    /// Milliseconds of requests.
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(500..=600_000))]
    pub(crate) http_ms: u64,
    /// Milliseconds of idleness.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    pub(crate) idle_ms: u64,
    /// Short spins.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repetitions: u32,
    /// Pairs of turns with and without the monitor, for each workload.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pairs: u32,
}

impl Sizes {
    /// Those of a smoke test.
    pub(crate) fn quick(&mut self) {
        (self.spin_ms, self.block_ms, self.http_ms, self.idle_ms) = (300, 300, 1_000, 500);
        (self.repetitions, self.pairs) = (60, 3);
    }

    /// The same sizes, for the command line of another process.
    pub(crate) fn arguments(&self) -> Vec<String> {
        [
            ("workers", u64::from(self.workers)),
            ("spin-ms", self.spin_ms),
            ("block-ms", self.block_ms),
            ("http-ms", self.http_ms),
            ("idle-ms", self.idle_ms),
            ("repetitions", self.repetitions.into()),
            ("pairs", self.pairs.into()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [format!("--{name}"), value.to_string()])
        .collect()
    }
}

impl Row {
    /// The measurement itself, in this process.
    pub(crate) fn measure(self, runtime: Runtime, sizes: &Sizes) -> io::Result<Figures> {
        let workers = sizes.workers;
        let stuck = |woken_by| stuck::Stuck { woken_by, lasts: ms(sizes.spin_ms) };
        match self {
            Row::StuckOutside => run_on(runtime, workers, stuck(Wakes::Outside)),
            Row::StuckTimer => run_on(runtime, workers, stuck(Wakes::Timer)),
            Row::StuckSocket => run_on(runtime, workers, stuck(Wakes::Socket)),
            Row::Repetitions => {
                let program = repetitions::Repetitions { times: sizes.repetitions };
                run_on(runtime, workers, program)
            }
            Row::Blocked => {
                let program = blocked::Blocked { workers, lasts: ms(sizes.block_ms) };
                run_on(runtime, workers, program)
            }
            Row::Http => http::measure(runtime, workers, ms(sizes.http_ms)),
            Row::Monitor => throughput::on_against_off(workers, sizes.pairs),
            Row::Idle => run_on(runtime, workers, idle::Idle { lasts: ms(sizes.idle_ms) }),
            Row::PingPong => run_on(runtime, workers, throughput::PingPong),
        }
    }

    /// Whether that runtime has what is measured: no peer has a monitor to switch off.
    pub(crate) fn is_offered_by(self, runtime: Runtime) -> bool {
        self != Row::Monitor || runtime == Runtime::Filch
    }

    /// How often it is measured, of so many rounds.
    pub(crate) fn rounds(self, rounds: u32) -> u32 {
        if self == Row::Repetitions { 1 } else { rounds }
    }

    /// After so long a measurement is killed and counts as hung.
    pub(crate) fn limit(self, sizes: &Sizes) -> Duration {
        // What it takes when all goes well, and a margin for the machine and for hangs that the
        // measurement itself notices.
        let expected = match self {
            Row::StuckOutside | Row::StuckTimer | Row::StuckSocket => 2 * sizes.spin_ms,
            // A hang each of 5 s and, in the worst case, a monitor's tick or two for all the others.
            Row::Repetitions => 60_000 + u64::from(sizes.repetitions) * 25,
            Row::Blocked => sizes.block_ms,
            Row::Http => sizes.http_ms,
            Row::Monitor => u64::from(sizes.pairs) * 1_000,
            Row::Idle => sizes.idle_ms + 2_000,
            Row::PingPong => 2_000,
        };
        ms(expected) + Duration::from_secs(20)
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
