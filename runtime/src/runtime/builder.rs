//! Building a runtime.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use filch_primitives::atomic::Ordering;
use filch_primitives::atomic::statistic::AtomicUsize;

use super::common::{Common, Config, ThreadName};
use super::hooks::{Hooks, UnhandledPanic};
use super::{Handle, LocalOptions, LocalRuntime, Runtime};
use crate::driver::{self, Driver};
use crate::scheduler::multi_thread::monitor::{self, StuckTask};
use crate::scheduler::{current_thread, multi_thread};

/// The environment variable that sets the number of workers.
const WORKERS_VARIABLE: &str = "FILCH_WORKERS";

/// Blocking calls wait, so that many threads do no harm; 512 keeps their stacks' address space sane.
const MAX_BLOCKING_THREADS: usize = 512;

/// Long enough that a server's steady trickle of blocking calls reuses its threads, short enough that a
/// burst's threads go soon.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// asyncio's debug mode tells of callbacks that take as long.
const REPORT_STUCK_AFTER: Duration = Duration::from_millis(100);

/// A prime, so that it falls into step with no pattern of the program; 61 polls of a microsecond each keep a
/// socket's delay well below a tick. Small in a model, so that it is reached.
const EVENT_INTERVAL: u32 = if cfg!(filch_loom) { 3 } else { 61 };

/// Decides what a runtime has, then builds it. Setters do not fail; [`build`](Self::build) does.
///
/// | setting | default |
/// | --- | --- |
/// | workers | one per core that the process may use (affinity and cgroup quota count), or `FILCH_WORKERS` |
/// | I/O, time | off; `enable_all` |
/// | blocking threads | at most 512, each kept for 10 s when idle |
/// | blocking calls that wait for a thread | any number |
/// | compute threads | one per core |
/// | looks at sockets and timers | every 61 polls |
/// | thread names | `filch-worker` |
/// | stack size | the standard library's, 2 MiB |
/// | monitor | on; as many spare workers as workers, at least 4; a poll of 100 ms is reported |
/// | unhandled panics | reported on standard error |
#[derive(Clone)]
pub struct Builder {
    kind: Kind,
    workers: Option<usize>,
    io: bool,
    time: bool,
    start_paused: bool,
    name: Option<String>,
    thread_name: ThreadName,
    thread_stack_size: Option<usize>,
    max_blocking_threads: usize,
    max_blocking_queue: Option<usize>,
    thread_keep_alive: Duration,
    compute_threads: Option<usize>,
    max_io_events: (Option<usize>, Option<usize>),
    event_interval: u32,
    global_queue_interval: Option<u32>,
    monitor: monitor::Config,
    #[cfg(filch_loom)]
    model_workers: bool,
    hooks: Hooks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    CurrentThread,
    MultiThread,
}

impl Builder {
    /// A runtime whose tasks run inside of `block_on`, on its thread.
    pub fn new_current_thread() -> Builder {
        Builder::new(Kind::CurrentThread)
    }

    /// A runtime with worker threads that steal from each other.
    pub fn new_multi_thread() -> Builder {
        Builder::new(Kind::MultiThread)
    }

    fn new(kind: Kind) -> Builder {
        Builder {
            kind,
            workers: None,
            io: false,
            time: false,
            start_paused: false,
            name: None,
            thread_name: Arc::new(|| "filch-worker".to_owned()),
            thread_stack_size: None,
            max_blocking_threads: MAX_BLOCKING_THREADS,
            max_blocking_queue: None,
            thread_keep_alive: KEEP_ALIVE,
            compute_threads: None,
            max_io_events: (None, None),
            event_interval: EVENT_INTERVAL,
            global_queue_interval: None,
            monitor: monitor::Config {
                // No time passes in a model.
                enabled: !cfg!(filch_loom),
                max_spares: None,
                report_after: REPORT_STUCK_AFTER,
                on_stuck: None,
            },
            #[cfg(filch_loom)]
            model_workers: false,
            hooks: Hooks::default(),
        }
    }

    /// The workers are those of `filch::loom`, which take fewer steps.
    #[cfg(filch_loom)]
    pub(crate) fn model_workers(&mut self) -> &mut Self {
        self.model_workers = true;
        self
    }

    /// Enables sockets and timers.
    pub fn enable_all(&mut self) -> &mut Self {
        self.enable_io().enable_time()
    }

    /// Enables sockets and everything else that waits for descriptors.
    pub fn enable_io(&mut self) -> &mut Self {
        self.io = true;
        self
    }

    /// Enables timers.
    pub fn enable_time(&mut self) -> &mut Self {
        self.time = true;
        self
    }

    /// How many workers a multi-threaded runtime has. Overrides `FILCH_WORKERS`.
    ///
    /// # Panics
    /// If `count` is 0. More than 32,767 are refused by [`build`](Self::build).
    #[track_caller]
    pub fn worker_threads(&mut self, count: usize) -> &mut Self {
        assert!(count > 0, "Worker threads cannot be set to 0");
        self.workers = Some(count);
        self
    }

    /// How many threads there may be for blocking calls. Default 512.
    ///
    /// # Panics
    /// If `count` is 0.
    #[track_caller]
    pub fn max_blocking_threads(&mut self, count: usize) -> &mut Self {
        assert!(count > 0, "Max blocking threads cannot be set to 0");
        self.max_blocking_threads = count;
        self
    }

    /// How many blocking calls may wait for a thread. Default: any number.
    ///
    /// When so many wait, [`try_spawn_blocking`](crate::task::try_spawn_blocking) says so, and the handle
    /// of any other blocking call is cancelled at once: the queue does not grow without bound under
    /// overload.
    ///
    /// # Panics
    /// If `limit` is 0.
    #[track_caller]
    pub fn max_blocking_queue(&mut self, limit: usize) -> &mut Self {
        assert!(limit > 0, "Max blocking queue cannot be set to 0");
        self.max_blocking_queue = Some(limit);
        self
    }

    /// How many threads there are for [`spawn_compute`](crate::task::spawn_compute). Default: one per
    /// core.
    ///
    /// # Panics
    /// If `count` is 0.
    #[track_caller]
    pub fn compute_threads(&mut self, count: usize) -> &mut Self {
        assert!(count > 0, "Compute threads cannot be set to 0");
        self.compute_threads = Some(count);
        self
    }

    /// How long an idle thread for blocking calls is kept. Default 10 s.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.thread_keep_alive = duration;
        self
    }

    /// The runtime's name, for metrics and reports.
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.name = Some(name.into());
        self
    }

    /// The name of every thread of the runtime; those for
    /// [`spawn_compute`](crate::task::spawn_compute) have `-compute` after it. Default `filch-worker`.
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        self.thread_name = Arc::new(move || name.clone());
        self
    }

    /// A function that names each thread of the runtime; `-compute` is added as in
    /// [`thread_name`](Self::thread_name).
    pub fn thread_name_fn<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.thread_name = Arc::new(f);
        self
    }

    /// The stack size of the runtime's threads, in bytes. Default: that of `std::thread`.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.thread_stack_size = Some(bytes);
        self
    }

    /// Called by each thread of the runtime before it does anything else. A panic in it is reported.
    pub fn on_thread_start<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.hooks.on_thread_start = Some(Arc::new(f));
        self
    }

    /// Called by each thread of the runtime before it ends. A panic in it is reported.
    pub fn on_thread_stop<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.hooks.on_thread_stop = Some(Arc::new(f));
        self
    }

    /// Called before a worker goes to sleep. A panic in it is reported.
    pub fn on_thread_park<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.hooks.on_thread_park = Some(Arc::new(f));
        self
    }

    /// Called when a worker wakes up. A panic in it is reported.
    pub fn on_thread_unpark<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.hooks.on_thread_unpark = Some(Arc::new(f));
        self
    }

    /// Whether a monitor watches the workers of a multi-threaded runtime. Default: yes.
    ///
    /// The monitor is a thread that looks at the workers every 10 ms while they are active, and not at all
    /// while they are idle. A worker that is stuck in one poll, because a task blocks or computes, strands
    /// nothing then: the tasks in its queue, sockets and timers are served by the others, or by spare
    /// workers, and the stuck poll is reported.
    pub fn enable_monitor(&mut self, enabled: bool) -> &mut Self {
        self.monitor.enabled = enabled && !cfg!(filch_loom);
        self
    }

    /// How many spare workers there may be, in the place of workers that are stuck in a poll. Default: as
    /// many as workers, and at least 4. With 0 a runtime whose workers are all stuck stands still.
    ///
    /// A spare worker is started when all workers are stuck, or when work waits and fewer than
    /// [`worker_threads`](Self::worker_threads) are free; it ends half a second after the last stuck poll.
    pub fn max_spare_workers(&mut self, count: usize) -> &mut Self {
        self.monitor.max_spares = Some(count);
        self
    }

    /// After how long a poll is reported as stuck. Default: 100 ms. Less than 10 ms are not told apart.
    pub fn stuck_threshold(&mut self, duration: Duration) -> &mut Self {
        self.monitor.report_after = duration;
        self
    }

    /// Called once for each poll that is stuck for longer than the threshold, on the monitor's thread; it
    /// should be quick. Instead of the report on standard error, which comes at most once a second. A
    /// panic in it is reported.
    ///
    /// # Examples
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use filch::runtime::Builder;
    ///
    /// let (stuck, reports) = mpsc::channel();
    /// let runtime = Builder::new_multi_thread()
    ///     .worker_threads(1)
    ///     .stuck_threshold(Duration::from_millis(20))
    ///     .on_stuck(move |task| drop(stuck.send(task.to_string())))
    ///     .build()?;
    /// let (done, wait) = mpsc::channel::<()>();
    /// let blocks = runtime.spawn(async move { wait.recv() });
    /// println!("{}", reports.recv().unwrap());
    /// drop(done);
    /// runtime.block_on(blocks).unwrap().unwrap_err();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn on_stuck<F: Fn(&StuckTask) + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.monitor.on_stuck = Some(Arc::new(f));
        self
    }

    /// What happens to a task's panic that nobody awaits. Default: it is reported.
    pub fn unhandled_panic(&mut self, policy: UnhandledPanic) -> &mut Self {
        self.hooks.unhandled_panic = policy;
        self
    }

    /// The clock starts paused, and jumps to the next timer whenever there is nothing else to do.
    ///
    /// # Panics
    /// [`build`](Self::build) panics if the runtime is multi-threaded: what is idle there is not one
    /// thread's to say.
    pub fn start_paused(&mut self, start_paused: bool) -> &mut Self {
        self.start_paused = start_paused;
        self
    }

    /// After how many polls a thread that has tasks to run looks at sockets and timers. Default 61.
    ///
    /// Smaller where polls are long: what becomes ready waits for fewer of them. Larger where they are short: a
    /// look costs a system call.
    ///
    /// # Panics
    /// If `polls` is 0.
    #[track_caller]
    pub fn event_interval(&mut self, polls: u32) -> &mut Self {
        assert!(polls > 0, "event_interval must be greater than 0");
        self.event_interval = polls;
        self
    }

    /// How many I/O events a wait takes at the most; more stay with the system until the next one. Default: 32,
    /// few enough that what the events touch stays in the caches until their tasks run.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[track_caller]
    pub fn max_io_events_per_tick(&mut self, capacity: usize) -> &mut Self {
        assert!(capacity > 0, "max_io_events_per_tick must be greater than 0");
        self.max_io_events.0 = Some(capacity);
        self
    }

    /// The same for a thread that has tasks to run, and looks without waiting. Default, and at most: as
    /// [`max_io_events_per_tick`](Self::max_io_events_per_tick). Linux only.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[track_caller]
    pub fn max_io_events_per_busy_tick(&mut self, capacity: usize) -> &mut Self {
        assert!(capacity > 0, "max_io_events_per_busy_tick must be greater than 0");
        self.max_io_events.1 = Some(capacity);
        self
    }

    /// After how many polls a thread that has tasks of its own looks at the queue that all share, where tasks
    /// from other threads wait. Default: 30 for a current-thread runtime, else as
    /// [`event_interval`](Self::event_interval). A worker of a multi-threaded runtime looks at both at once, at
    /// the smaller interval of the two.
    ///
    /// # Panics
    /// If `polls` is 0.
    #[track_caller]
    pub fn global_queue_interval(&mut self, polls: u32) -> &mut Self {
        assert!(polls > 0, "global_queue_interval must be greater than 0");
        self.global_queue_interval = Some(polls);
        self
    }

    /// Builds the runtime.
    ///
    /// # Errors
    /// `InvalidInput` for a count of workers outside of 1 to 32,767, from `worker_threads` or from the
    /// environment. Else the system's, if it refuses a thread or a descriptor; nothing is left behind.
    /// # Panics
    /// With a paused clock on a multi-threaded runtime.
    #[track_caller]
    pub fn build(&mut self) -> io::Result<Runtime> {
        let workers = match self.kind {
            Kind::CurrentThread => 1,
            Kind::MultiThread => self.worker_count()?,
        };
        assert!(
            !(self.start_paused && self.kind == Kind::MultiThread),
            "a paused clock needs a current-thread runtime: `start_paused` cannot be used with \
             `new_multi_thread`"
        );
        // For `mpsc::Sender::send_timeout`, which belongs to a crate that knows no timers.
        filch_sync::hooks::set_sleep(|duration| Box::pin(crate::time::sleep(duration)));
        let driver = Arc::new(Driver::new(driver::Config {
            io: self.io,
            start_paused: self.start_paused,
            events: self.max_io_events,
            workers,
            #[cfg(filch_loom)]
            model_timers: self.model_workers,
        })?);
        let common = Common::new(
            Config {
                time: self.time,
                name: self.name.clone(),
                thread_name: self.thread_name.clone(),
                thread_stack_size: self.thread_stack_size,
                max_blocking_threads: self.max_blocking_threads,
                max_blocking_queue: self.max_blocking_queue,
                thread_keep_alive: self.thread_keep_alive,
                compute_threads: self.compute_threads.unwrap_or_else(cores),
                workers,
                event_interval: self.event_interval,
                injector_interval: self.global_queue_interval,
                monitor: self.monitor.clone(),
                #[cfg(filch_loom)]
                model_workers: self.model_workers,
            },
            self.hooks.clone(),
        );
        let (handle, threads) = match self.kind {
            Kind::CurrentThread => {
                let shared = current_thread::Shared::new(driver, common);
                (Handle::current_thread(shared), Vec::new())
            }
            Kind::MultiThread => {
                let (shared, threads) = multi_thread::start(workers, driver, common)?;
                (Handle::multi_thread(shared), threads)
            }
        };
        handle.common().blocking().serve(handle.downgrade());
        Ok(Runtime::from_parts(handle, threads))
    }

    /// Builds a runtime that cannot leave this thread, and so runs futures that are not `Send`.
    ///
    /// # Errors
    /// The system's, if it refuses a descriptor.
    /// # Panics
    /// If the builder was made by [`new_multi_thread`](Self::new_multi_thread).
    #[track_caller]
    pub fn build_local(&mut self, options: LocalOptions) -> io::Result<LocalRuntime> {
        let _ = options;
        assert!(
            self.kind == Kind::CurrentThread,
            "Only the current-thread scheduler can be built as a local runtime"
        );
        Ok(LocalRuntime::from_runtime(self.build()?))
    }

    fn worker_count(&self) -> io::Result<usize> {
        let invalid = |from: &str, value: &dyn fmt::Display| {
            let range = format!("1 to {}", multi_thread::MAX_WORKERS);
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{from} must be {range}, but is {value}"),
            )
        };
        let count = match self.workers {
            Some(count) => count,
            None => match std::env::var(WORKERS_VARIABLE) {
                Ok(text) => match text.trim().parse::<usize>() {
                    Ok(count) if (1..=multi_thread::MAX_WORKERS).contains(&count) => count,
                    _ => return Err(invalid(WORKERS_VARIABLE, &format_args!("{text:?}"))),
                },
                Err(std::env::VarError::NotPresent) => cores(),
                Err(error) => return Err(invalid(WORKERS_VARIABLE, &error)),
            },
        };
        if count > multi_thread::MAX_WORKERS {
            return Err(invalid("the number of workers", &count));
        }
        Ok(count)
    }
}

/// How many cores the process may use: affinity mask and cgroup quota count. Asked once.
fn cores() -> usize {
    static CORES: AtomicUsize = AtomicUsize::new(0);
    // ordering: Relaxed, both. Every thread that asks finds the same answer.
    match CORES.load(Ordering::Relaxed) {
        0 => {
            let cores = num_cpus::get().max(1);
            CORES.store(cores, Ordering::Relaxed);
            cores
        }
        cores => cores,
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("kind", &self.kind)
            .field("workers", &self.workers)
            .field("io", &self.io)
            .field("time", &self.time)
            .field("start_paused", &self.start_paused)
            .field("name", &self.name)
            .field("max_blocking_threads", &self.max_blocking_threads)
            .finish_non_exhaustive()
    }
}
