//! The monitor: a thread that sees to it that a worker which is stuck in one poll strands nothing.
//!
//! Callers: workers wake it when they leave their park; `start` and `begin_shutdown` start and end it.
//! Data: marks that each worker writes anyway (how many polls it began, which task it polls), the idle
//! word, and the spare workers' cores.
//! Protocol: docs/monitor.md, steps M1 to M6. Models: loom-tests/tests/idle.rs (M1, M2), spare_workers.rs (M5).
//!
//! It looks every 10 ms while there is activity, every millisecond while a worker is stuck or was lately,
//! and not at all while every worker is parked.
//!
//! `decide` is what it concludes from what it sees, `spare` starts and ends spare workers, `report` tells
//! of stuck polls.

#[cfg(all(target_os = "linux", feature = "backtrace", not(filch_loom)))]
mod backtrace;
mod decide;
mod probe;
mod report;
mod spare;

use std::sync::Arc;
use std::time::{Duration, Instant};

use filch_primitives::atomic::Ordering;
use filch_primitives::atomic::statistic::AtomicU64;
use filch_primitives::park::{Parker, Unparker};
use filch_primitives::thread;

use super::{MAX_WORKERS, Shared};
use crate::driver::ATTENTION;
#[cfg(all(target_os = "linux", feature = "backtrace", not(filch_loom)))]
pub(super) use backtrace::{is_wanted as is_backtrace_wanted, of_thread as backtrace_of};
use decide::{CALM, Mark, Sight, Verdict, Watched};
use probe::Probe;
pub(super) use probe::ThreadId;
pub use report::StuckTask;
pub(super) use spare::Spares;

/// What the builder decided about the monitor.
#[derive(Clone)]
pub(crate) struct Config {
    /// Off: no thread, no spare workers, no reports.
    pub(crate) enabled: bool,
    /// How many spare workers there may be; by default as many as workers, and at least four.
    pub(crate) max_spares: Option<usize>,
    /// After how long a poll is reported.
    pub(crate) report_after: Duration,
    /// What it is reported to; standard error if it is none.
    pub(crate) on_stuck: Option<OnStuck>,
}

/// What a stuck poll is reported to.
pub(crate) type OnStuck = Arc<dyn Fn(&StuckTask) + Send + Sync>;

impl Config {
    pub(super) fn max_spares(&self, workers: usize) -> usize {
        if !self.enabled {
            // In a model the monitor has no thread, and what it would do is done by hand.
            let by_hand = self.max_spares.filter(|_| cfg!(filch_loom));
            return by_hand.unwrap_or(0);
        }
        self.max_spares.unwrap_or(workers.max(4)).min(MAX_WORKERS - workers)
    }
}

/// The monitor's part of what is shared.
pub(super) struct Monitor {
    /// Taken by the monitor's thread.
    unparker: Unparker,
    pub(super) spares: Spares,
    /// How many polls were stuck, ever.
    stuck_polls: AtomicU64,
}

impl Monitor {
    pub(super) fn new(spares: Spares) -> (Monitor, Parker) {
        let parker = Parker::new();
        let unparker = parker.unparker();
        (Monitor { unparker, spares, stuck_polls: AtomicU64::new(0) }, parker)
    }

    /// M2. Wakes the monitor's thread: there is activity, or the end.
    #[cold]
    pub(super) fn wake(&self) {
        self.unparker.unpark();
    }

    pub(super) fn stuck_polls(&self) -> u64 {
        // ordering: Relaxed, a statistic.
        self.stuck_polls.load(Ordering::Relaxed)
    }
}

/// M5. What the monitor's thread does when every worker is stuck; for models, which have no such thread.
#[cfg(filch_loom)]
pub(crate) fn start_spare(shared: &Arc<Shared>) {
    spare::start(shared);
}

/// M5. What it does when none has been stuck for long.
#[cfg(filch_loom)]
pub(crate) fn retire_spares(shared: &Shared) {
    shared.monitor.spares.retire();
}

/// Starts the monitor's thread.
pub(super) fn start_thread(
    shared: &Arc<Shared>,
    parker: Parker,
) -> std::io::Result<thread::JoinHandle<()>> {
    let shared = shared.clone();
    thread::Builder::new().name("filch-monitor".to_owned()).spawn(move || {
        let workers = shared.remotes.len();
        Watch {
            parker,
            watched: vec![Watched::default(); workers],
            stuck: vec![None; workers],
            last_stuck: None,
            reporter: report::Reporter::default(),
            shared,
        }
        .run();
    })
}

/// The monitor's own state.
struct Watch {
    shared: Arc<Shared>,
    parker: Parker,
    watched: Vec<Watched>,
    /// For how long each worker has been stuck, as of this look.
    stuck: Vec<Option<Duration>>,
    last_stuck: Option<Instant>,
    reporter: report::Reporter,
}

impl Watch {
    fn run(mut self) {
        while !self.shared.is_shutdown() {
            let polls_before = self.polls();
            let sight = self.look(Instant::now());
            let was_active = sight.stuck + sight.suspects > 0 || self.polls() != polls_before;
            self.act(&sight);
            // M1. Nothing ran since the last look, and every worker is parked: no look is needed before
            // one of them wakes up, which wakes this thread too.
            if !was_active && sight.spares == 0 && self.shared.idle.let_monitor_sleep() {
                if self.shared.is_shutdown() {
                    break;
                }
                self.parker.park();
            } else {
                self.parker.park_timeout(sight.interval());
            }
        }
    }

    fn polls(&self) -> u64 {
        self.watched.iter().fold(0, |sum, watched| sum.wrapping_add(watched.polls()))
    }

    /// M3. Compares each worker's mark with that of the last look.
    fn look(&mut self, now: Instant) -> Sight {
        let shared = &*self.shared;
        let active = shared.active();
        let spares = shared.monitor.spares.running();
        let mut work_waits = !shared.injector.is_empty();
        let (mut stuck, mut long_stuck, mut suspects) = (0, 0, 0);
        for (index, watched) in self.watched.iter_mut().enumerate() {
            let remote = &shared.remotes[index];
            // ordering: Relaxed, both: a mark that is missed is seen at the next look.
            let mark = Mark {
                polls: remote.polls.load(Ordering::Relaxed),
                is_awake: index < active && !remote.task.load(Ordering::Relaxed).is_null(),
            };
            let was_stuck = self.stuck[index].is_some();
            let probe = || remote.thread_id().map_or(Probe::Unknown, probe::probe);
            let lasted = match watched.look(mark, now, probe) {
                Verdict::Stuck(lasted) => lasted,
                verdict => {
                    suspects += usize::from(verdict == Verdict::Suspect);
                    self.stuck[index] = None;
                    continue;
                }
            };
            self.stuck[index] = Some(lasted);
            stuck += 1;
            if lasted >= CALM {
                long_stuck += 1;
            }
            if !was_stuck {
                // ordering: Relaxed, a statistic.
                shared.monitor.stuck_polls.fetch_add(1, Ordering::Relaxed);
            }
            work_waits |= !remote.stealer.is_empty() || !remote.lifo.peek().is_null();
        }
        if long_stuck > 0 {
            self.last_stuck = Some(now);
        }
        let idle = shared.idle.look();
        Sight {
            base: shared.workers(),
            spares,
            max_spares: shared.monitor.spares.max(),
            stuck,
            long_stuck,
            suspects,
            someone_parked: idle.parked > 0,
            someone_searches: idle.searching > 0,
            driver_is_attended: idle.in_driver > 0,
            driver_has_sources: shared.driver.has_sources(),
            work_waits,
            quiet_for: self
                .last_stuck
                .map_or(Duration::MAX, |at| now.saturating_duration_since(at)),
        }
    }

    fn act(&mut self, sight: &Sight) {
        let decision = sight.decide();
        // M4.
        if decision.call {
            self.shared.notify_one();
        }
        if decision.attend_driver {
            self.shared.attend_driver();
        }
        // M6.
        if decision.look_around {
            // ordering: Relaxed, a hint to whoever ends its poll next.
            self.shared.look_wanted.store(true, Ordering::Relaxed);
        }
        // M5.
        if decision.start_spare {
            spare::start(&self.shared);
        }
        if decision.retire_spares {
            self.shared.monitor.spares.retire();
        }
        if sight.spares > 0 {
            self.shared.monitor.spares.join_ended();
        }
        let config = self.shared.common.config();
        for (index, watched) in self.watched.iter_mut().enumerate() {
            let Some(lasted) = self.stuck[index] else { continue };
            if lasted >= config.monitor.report_after && !watched.is_reported {
                watched.is_reported = true;
                self.reporter.report(&self.shared, index, watched.polls(), lasted);
            }
        }
    }
}

// Spare workers wait no longer than this at a time, so that they notice that they are to end.
const _: () = assert!(ATTENTION.as_millis() <= 200);
