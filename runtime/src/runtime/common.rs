//! What both schedulers have: configuration, hooks, the pools for blocking and CPU work.

use std::sync::Arc;
use std::time::Duration;

use filch_primitives::thread;

use super::blocking_work::BlockingWork;
use super::hooks::Hooks;
use super::parks::Parks;
use crate::context;
use crate::driver::Wait;

/// A source of thread names.
pub(crate) type ThreadName = Arc<dyn Fn() -> String + Send + Sync>;

/// What the builder decided.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) time: bool,
    pub(crate) name: Option<String>,
    pub(crate) thread_name: ThreadName,
    pub(crate) thread_stack_size: Option<usize>,
    pub(crate) max_blocking_threads: usize,
    /// How many blocking calls may wait for a thread; any number if it is none.
    pub(crate) max_blocking_queue: Option<usize>,
    pub(crate) thread_keep_alive: Duration,
    pub(crate) monitor: crate::scheduler::multi_thread::monitor::Config,
    #[cfg_attr(filch_loom, expect(dead_code, reason = "the blocking pool does both in a model"))]
    pub(crate) compute_threads: usize,
    pub(crate) workers: usize,
    /// Polls between two looks at the driver.
    pub(crate) event_interval: u32,
    /// Polls between two looks at the injector, if it was chosen.
    pub(crate) injector_interval: Option<u32>,
    /// The workers are those of `filch::loom`.
    #[cfg(filch_loom)]
    pub(crate) model_workers: bool,
}

/// One per runtime, inside of its scheduler's shared part.
pub(crate) struct Common {
    config: Config,
    hooks: Arc<Hooks>,
    blocking: BlockingWork,
    id: super::Id,
    parks: Parks,
}

impl Common {
    pub(crate) fn new(config: Config, hooks: Hooks) -> Self {
        let hooks = Arc::new(hooks);
        Common {
            blocking: BlockingWork::new(&config, &hooks),
            hooks,
            parks: Parks::new(config.workers),
            config,
            id: super::Id::next(),
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn hooks(&self) -> &Arc<Hooks> {
        &self.hooks
    }

    pub(crate) fn blocking(&self) -> &BlockingWork {
        &self.blocking
    }

    pub(crate) fn id(&self) -> super::Id {
        self.id
    }

    /// A builder for a worker's thread.
    pub(crate) fn thread_builder(&self) -> thread::Builder {
        let builder = thread::Builder::new().name((self.config.thread_name)());
        match self.config.thread_stack_size {
            Some(bytes) => builder.stack_size(bytes),
            None => builder,
        }
    }

    pub(super) fn parks(&self) -> &Parks {
        &self.parks
    }

    /// Runs a wait between its hooks, if it is one that may last, and counts it for the worker that this is.
    #[inline]
    pub(crate) fn around_park<R>(&self, wait: Wait, body: impl FnOnce() -> R) -> R {
        if wait == Wait::Poll {
            return body();
        }
        self.hooks.before_park();
        let worker = context::worker_index();
        if let Some(worker) = worker {
            self.parks.park(worker);
        }
        let result = body();
        if let Some(worker) = worker {
            self.parks.unpark(worker);
        }
        self.hooks.after_park();
        result
    }
}
