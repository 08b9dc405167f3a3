//! Runtimes of every kind, and their ends.

use std::future::Future;
use std::sync::{Arc, Barrier};

use filch::runtime::{Builder, Runtime};

/// A kind of runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Everything on the thread in `block_on`.
    CurrentThread,
    /// One worker.
    OneWorker,
    /// Several that steal from each other.
    Workers,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::CurrentThread, Kind::OneWorker, Kind::Workers];
    /// Those with threads of their own.
    pub const MULTI: [Kind; 2] = [Kind::OneWorker, Kind::Workers];

    /// How many workers it has.
    pub fn workers(self) -> usize {
        match self {
            Kind::CurrentThread | Kind::OneWorker => 1,
            Kind::Workers => 4,
        }
    }

    /// A builder for it, with everything enabled.
    pub fn builder(self) -> Builder {
        let mut builder = match self {
            Kind::CurrentThread => Builder::new_current_thread(),
            Kind::OneWorker | Kind::Workers => Builder::new_multi_thread(),
        };
        if self != Kind::CurrentThread {
            builder.worker_threads(self.workers());
        }
        builder.enable_all();
        builder
    }

    /// One of it.
    pub fn runtime(self) -> Runtime {
        self.builder().build().expect("a runtime")
    }
}

/// Runs the test on each kind of runtime, as a spawned task and so on a worker.
pub fn each_runtime<F>(test: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for kind in Kind::ALL {
        kind.runtime().block_on(async { filch::spawn(test()).await.expect("the test") });
    }
}

/// How a runtime is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By its destructor.
    Drop,
    /// By `shutdown_timeout`, with more time than it needs.
    Timeout,
    /// By `shutdown_background`.
    Background,
    /// By `shutdown`, with more time than it needs.
    Grace,
}

impl End {
    /// All of them.
    pub const ALL: [End; 4] = [End::Drop, End::Timeout, End::Background, End::Grace];

    /// Ends it.
    ///
    /// # Panics
    /// If `shutdown` reports that something did not end.
    #[track_caller]
    pub fn end(self, runtime: Runtime) {
        match self {
            End::Drop => drop(runtime),
            End::Timeout => runtime.shutdown_timeout(crate::PATIENCE),
            End::Background => runtime.shutdown_background(),
            End::Grace => {
                let report = runtime.shutdown(crate::PATIENCE);
                assert!(report.is_clean(), "{report}");
                assert_eq!(report.to_string(), "everything ended");
            }
        }
    }

    /// Whether the tasks are gone when it returns: not if workers end on their own.
    pub fn waits(self, kind: Kind) -> bool {
        self != End::Background || kind == Kind::CurrentThread
    }
}

/// Checks that every worker of a runtime is there and runs tasks: as many tasks as there are workers
/// meet, which they can only do all at once.
pub fn assert_all_workers_run(runtime: &Runtime) {
    let workers = runtime.metrics().num_workers();
    let meeting = Arc::new(Barrier::new(workers));
    let tasks: Vec<_> = (0..workers)
        .map(|_| {
            let meeting = meeting.clone();
            runtime.spawn(async move {
                meeting.wait();
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("a task that only meets others");
        }
    });
}

/// Drives a future to its end on a thread without any runtime.
pub fn block_on_elsewhere<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::task::Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        std::thread::park();
    }
}
