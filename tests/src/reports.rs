//! Panics that nobody awaits, as a runtime reports them.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;

use filch::runtime::{Runtime, UnhandledPanic};

use crate::runtimes::Kind;

/// A panic that nobody awaited.
#[derive(Debug)]
pub struct Report {
    /// The task's name.
    pub name: Option<String>,
    /// The file where it was spawned.
    pub file: &'static str,
    /// The line there.
    pub line: u32,
    /// What the panic said.
    pub message: String,
}

/// What a runtime reports.
#[derive(Debug)]
pub struct Reports(mpsc::Receiver<Report>);

/// A runtime, and what it will report.
pub fn reporting(kind: Kind) -> (Runtime, Reports) {
    let (report, reports) = mpsc::channel();
    let report = Mutex::new(report);
    let policy = UnhandledPanic::Call(Arc::new(move |info| {
        let sent = report.lock().expect("nobody panics with it").send(Report {
            name: info.name().map(str::to_owned),
            file: info.location().file(),
            line: info.location().line(),
            message: info.message().to_owned(),
        });
        // A test that has seen enough is gone.
        drop(sent);
    }));
    let runtime = kind.builder().unhandled_panic(policy).build().expect("a runtime");
    (runtime, Reports(reports))
}

impl Reports {
    /// Waits for the next one, which must say `message`. Drives the runtime meanwhile.
    ///
    /// # Panics
    /// If it says something else, or does not come within [`PATIENCE`](crate::PATIENCE).
    #[track_caller]
    pub fn next(&self, runtime: &Runtime, message: &str) -> Report {
        let start = Instant::now();
        loop {
            if let Ok(report) = self.0.try_recv() {
                assert_eq!(report.message, message);
                return report;
            }
            assert!(start.elapsed() < crate::PATIENCE, "no report of {message:?}");
            runtime.block_on(filch::task::yield_now());
        }
    }

    /// Whether there is none that was not asked for.
    pub fn is_empty(&self) -> bool {
        self.0.try_recv().is_err()
    }
}
