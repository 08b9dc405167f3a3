//! The script of a round: which operations, in which order, on which runtimes. A function of the seed alone.
//!
//! What the operations do in detail follows from the seeds inside of them. When the threads get to it does
//! not: a seed replays the script, not the interleaving.

use std::fmt;
use std::time::Duration;

use crate::context::Scarce;
use crate::random::Random;

/// What an operation does. `ops/` has a file for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Tasks that finish, panic, never end; joined, detached, aborted, kept.
    Tasks,
    /// Polls that sleep, compute, and hold a lock that others want.
    StuckPolls,
    /// `spawn_blocking`, `spawn_compute`, `block_in_place`.
    Jobs,
    /// Connections to an echo server: clean ones, and cut in every way.
    Sockets,
    /// Processes that are killed, asked to end, or end by themselves.
    Children,
    /// SIGUSR1 and SIGUSR2 to this process.
    Signals,
    /// Sleeps, time-outs, intervals.
    Timers,
    /// mpsc, oneshot, broadcast, watch.
    Channels,
    /// Semaphore, mutex, read-write lock, notify, barrier.
    Locks,
    /// A `LocalSet`, on a thread of the blocking pool.
    Local,
    /// A runtime inside of this one's time, with a script of its own.
    Runtime,
    /// A runtime that is dropped, or shut down, in async code.
    DropInside,
    /// A process of its own that has too few descriptors.
    ScarceDescriptors,
    /// A process of its own that has too few threads.
    ScarceThreads,
}

impl Kind {
    /// All, and how often each of them comes.
    pub const ALL: [(Kind, u64); 14] = [
        (Kind::Tasks, 20),
        (Kind::StuckPolls, 6),
        (Kind::Jobs, 12),
        (Kind::Sockets, 14),
        (Kind::Children, 4),
        (Kind::Signals, 5),
        (Kind::Timers, 10),
        (Kind::Channels, 14),
        (Kind::Locks, 10),
        (Kind::Local, 4),
        (Kind::Runtime, 4),
        (Kind::DropInside, 3),
        (Kind::ScarceDescriptors, 1),
        (Kind::ScarceThreads, 1),
    ];

    /// The name in the summary.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Tasks => "step: tasks",
            Kind::StuckPolls => "step: stuck polls",
            Kind::Jobs => "step: jobs",
            Kind::Sockets => "step: sockets",
            Kind::Children => "step: children",
            Kind::Signals => "step: signals",
            Kind::Timers => "step: timers",
            Kind::Channels => "step: channels",
            Kind::Locks => "step: locks",
            Kind::Local => "step: local set",
            Kind::Runtime => "step: runtime",
            Kind::DropInside => "step: drop inside",
            Kind::ScarceDescriptors => "step: scarce descriptors",
            Kind::ScarceThreads => "step: scarce threads",
        }
    }

    /// Whether it may be in the script of a runtime that is itself a step, or that has too little of something.
    fn is_inner(self) -> bool {
        !matches!(self, Kind::Runtime | Kind::ScarceDescriptors | Kind::ScarceThreads)
    }
}

/// One step of a script.
#[derive(Clone)]
pub struct Step {
    pub kind: Kind,
    /// The operation's own.
    pub seed: u64,
    /// How long after the step before it.
    pub after: Duration,
    /// Its task is aborted after so long.
    pub abort_after: Option<Duration>,
    /// The script of a `Kind::Runtime`.
    pub inner: Option<Box<Plan>>,
}

/// How a runtime is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Drop,
    Timeout,
    Background,
    Grace,
}

/// A runtime and its script.
#[derive(Clone)]
pub struct Plan {
    /// 0 for a current-thread runtime.
    pub workers: usize,
    pub monitor: bool,
    /// The script runs in a spawned task, and not in `block_on` itself.
    pub in_task: bool,
    pub steps: Vec<Step>,
    /// The runtime ends after so long, whatever is under way.
    pub cut_after: Option<Duration>,
    pub end: End,
    pub scarce: Option<Scarce>,
}

/// Every kind comes at least once in so many rounds.
pub const ROUNDS_FOR_ALL: u64 = 7;

/// A plan gets this many kinds that are not left to chance, in every round that is not cut.
const FORCED: usize = 3;

impl Plan {
    /// The plan of a round. One round in four is cut.
    pub fn round(seed: u64, round: u64) -> Plan {
        let mut random = Random::part(seed, round);
        let mut plan = Plan::with_steps(&mut random, 8, 28, |_| true);
        if round % 4 == 3 {
            plan.cut_after = Some(Duration::from_micros(random.below(60_000)));
        } else {
            // The rounds that are not cut, counted.
            let whole = (round / 4 * 3 + round % 4) as usize;
            for n in 0..FORCED {
                let kind = Kind::ALL[(whole * FORCED + n) % Kind::ALL.len()].0;
                let mut step = Step::new(&mut random, kind);
                step.abort_after = None;
                let place = random.below(plan.steps.len() as u64 + 1) as usize;
                plan.steps.insert(place, step);
            }
        }
        plan
    }

    /// The plan of a process that has too little of something.
    pub fn scarce(seed: u64, scarce: Scarce) -> Plan {
        let mut random = Random::new(seed);
        let fits = |kind: Kind| match scarce {
            Scarce::Descriptors => kind.is_inner() && kind != Kind::Children,
            // These need threads that are theirs alone, or processes.
            Scarce::Threads => {
                kind.is_inner() && !matches!(kind, Kind::Children | Kind::DropInside)
            }
        };
        let mut plan = Plan::with_steps(&mut random, 6, 14, fits);
        plan.end = random.pick(&[End::Drop, End::Grace]);
        plan.scarce = Some(scarce);
        plan
    }

    fn with_steps(random: &mut Random, low: u64, high: u64, fits: impl Fn(Kind) -> bool) -> Plan {
        let count = random.between(low, high);
        let total: u64 = Kind::ALL.iter().map(|(_, weight)| weight).sum();
        let mut steps = Vec::new();
        while (steps.len() as u64) < count {
            let mut left = random.below(total);
            let at = |(_, weight): &&(Kind, u64)| match left.checked_sub(*weight) {
                Some(less) => {
                    left = less;
                    false
                }
                None => true,
            };
            let (kind, _) = Kind::ALL.iter().find(at).copied().expect("less than the total");
            if fits(kind) {
                steps.push(Step::new(random, kind));
            }
        }
        Plan {
            workers: random.below(5) as usize,
            monitor: !random.one_in(5),
            in_task: random.one_in(2),
            steps,
            cut_after: None,
            end: random.pick(&[End::Drop, End::Drop, End::Timeout, End::Background, End::Grace]),
            scarce: None,
        }
    }
}

impl Step {
    fn new(random: &mut Random, kind: Kind) -> Step {
        let inner = (kind == Kind::Runtime).then(|| {
            let mut plan = Plan::with_steps(random, 2, 8, Kind::is_inner);
            if random.one_in(3) {
                plan.cut_after = Some(Duration::from_micros(random.below(20_000)));
            }
            Box::new(plan)
        });
        Step {
            kind,
            seed: random.next(),
            after: match random.below(3) {
                0 => Duration::from_micros(random.below(3000)),
                _ => Duration::ZERO,
            },
            abort_after: random.one_in(5).then(|| Duration::from_micros(random.below(20_000))),
            inner,
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} seed {:#x} after {:?}", self.kind, self.seed, self.after)?;
        if let Some(after) = self.abort_after {
            write!(f, ", aborted after {after:?}")?;
        }
        if let Some(inner) = &self.inner {
            write!(f, ", {inner:?}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.workers {
            0 => f.write_str("current-thread runtime")?,
            workers => write!(f, "runtime of {workers} workers")?,
        }
        let monitor = if self.monitor { "" } else { ", no monitor" };
        let place = if self.in_task { "in a task" } else { "in block_on" };
        write!(f, "{monitor}, script {place}, cut after {:?}, end {:?}", self.cut_after, self.end)?;
        for step in &self.steps {
            write!(f, "\n    {step:?}")?;
        }
        Ok(())
    }
}
