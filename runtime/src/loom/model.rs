//! Exploring: loom's own builder, with bounds that suit async code.
//!
//! Callers: tests of filch's users. Data: the options, and `rt`'s list of panics that nobody awaited.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use super::rt::Unawaited;

/// Two, as the authors of loom recommend: more bugs need more, but few do, and each doubles the time and
/// more.
const PREEMPTIONS: usize = 2;

/// A task's way through a channel takes tens of steps, so loom's own thousand are soon used up.
const BRANCHES: usize = 10_000;

/// Runs `f` in every order of the steps that its threads and tasks take, with at most two preemptions in
/// each run.
///
/// `Builder::new().check(f)`; see [`Builder`] for the bounds, and for the environment variables that set
/// them.
///
/// # Panics
/// At the first run in which `f` panics, a task panics and nobody awaits it, all threads wait for each
/// other, memory of a task is left behind, or the model exceeds a bound of loom's: five threads, and as many
/// steps as [`Builder::max_branches`] says.
#[track_caller]
pub fn model(f: impl Fn() + Send + Sync + 'static) {
    Builder::new().check(f);
}

/// How a model is explored.
///
/// Each option has an environment variable, so that a failing test can be replayed without a change to
/// it. What is set here wins, except over `LOOM_MAX_PREEMPTIONS`: a model that says how many it can bear
/// is bounded by the lower of the two.
///
/// | option | variable | default |
/// | --- | --- | --- |
/// | [`preemption_bound`](Self::preemption_bound) | `LOOM_MAX_PREEMPTIONS` | 2 |
/// | [`max_branches`](Self::max_branches) | `LOOM_MAX_BRANCHES` | 10,000 |
/// | [`max_permutations`](Self::max_permutations) | `LOOM_MAX_PERMUTATIONS` | none |
/// | [`max_duration`](Self::max_duration) | `LOOM_MAX_DURATION` (seconds) | none |
/// | [`checkpoint_file`](Self::checkpoint_file) | `LOOM_CHECKPOINT_FILE` | none |
/// | [`checkpoint_interval`](Self::checkpoint_interval) | `LOOM_CHECKPOINT_INTERVAL` | 20,000 runs |
/// | [`location`](Self::location) | `LOOM_LOCATION` | off |
/// | [`log`](Self::log) | `LOOM_LOG` (a filter: `trace`) | off |
pub struct Builder {
    inner: ::loom::model::Builder,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The defaults, and what the environment says.
    ///
    /// # Panics
    /// If a variable is no number where one is wanted.
    pub fn new() -> Self {
        let mut inner = ::loom::model::Builder::new();
        inner.preemption_bound.get_or_insert(PREEMPTIONS);
        if std::env::var_os("LOOM_MAX_BRANCHES").is_none() {
            inner.max_branches = BRANCHES;
        }
        Builder { inner }
    }

    /// How often in one run a thread may be interrupted that could go on. (A thread that waits gives way
    /// for nothing.) Bugs that need three are rare; models that end with three are small.
    #[must_use]
    pub fn preemption_bound(mut self, bound: usize) -> Self {
        let from_environment = std::env::var_os("LOOM_MAX_PREEMPTIONS").is_some();
        let others = self.inner.preemption_bound.filter(|_| from_environment);
        self.inner.preemption_bound = Some(others.map_or(bound, |others| others.min(bound)));
        self
    }

    /// After how many steps a run is given up, as one that has no end: a loop that waits for another
    /// thread without yielding.
    #[must_use]
    pub fn max_branches(mut self, branches: usize) -> Self {
        self.inner.max_branches = branches;
        self
    }

    /// Ends the exploration, as if it had found nothing, when so many runs were made. Looked at every
    /// [`checkpoint_interval`](Self::checkpoint_interval) runs.
    #[must_use]
    pub fn max_permutations(mut self, runs: usize) -> Self {
        self.inner.max_permutations = Some(runs);
        self
    }

    /// Ends the exploration, as if it had found nothing, when it has taken so long. Looked at every
    /// [`checkpoint_interval`](Self::checkpoint_interval) runs.
    #[must_use]
    pub fn max_duration(mut self, duration: Duration) -> Self {
        self.inner.max_duration = Some(duration);
        self
    }

    /// Where the order of the present run is kept. If the file exists, the exploration begins with the
    /// run that it describes.
    #[must_use]
    pub fn checkpoint_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.inner.checkpoint_file = Some(file.into());
        self
    }

    /// Every how many runs that file is written.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    #[must_use]
    pub fn checkpoint_interval(mut self, runs: usize) -> Self {
        assert!(runs > 0, "`checkpoint_interval` must be greater than 0");
        self.inner.checkpoint_interval = runs;
        self
    }

    /// Whether loom's messages name the line of each access. Slow: for one run that is replayed.
    #[must_use]
    pub fn location(mut self, wanted: bool) -> Self {
        self.inner.location = wanted;
        self
    }

    /// Whether each change of threads is printed, and with `LOOM_LOG=trace` each step. For one run that
    /// is replayed.
    #[must_use]
    pub fn log(mut self, wanted: bool) -> Self {
        self.inner.log = wanted;
        self
    }

    /// Explores `f`. Returns how many runs that took; a model with one run has proved nothing.
    ///
    /// # Panics
    /// As [`model`].
    pub fn check(self, f: impl Fn() + Send + Sync + 'static) -> usize {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        let body = move || {
            // ordering: Relaxed. loom's threads are one thread of the system.
            counted.fetch_add(1, Ordering::Relaxed);
            Unawaited::forget();
            f();
            Unawaited::assert_none();
        };
        let _logging = self.inner.log.then(|| {
            let filter = EnvFilter::try_from_env("LOOM_LOG");
            tracing_subscriber::fmt()
                .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("info")))
                .with_test_writer()
                .with_ansi(false)
                .without_time()
                .set_default()
        });
        self.inner.check(body);
        // ordering: Relaxed. As above.
        runs.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
