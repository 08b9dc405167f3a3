//! What the scenarios share: a drawn runtime, and books about what was begun and what ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use filch::runtime::{Builder, Runtime, UnhandledPanic};
use filch::task::{JoinError, JoinHandle};
use filch_loom_tests::random::{below, between, chance};
use filch_loom_tests::{Count, OnDrop, block_on};

/// A runtime of 3 to 6 workers, and what its tasks are accountable for.
pub struct World {
    pub runtime: Runtime,
    pub books: Books,
}

/// Who began and who was dropped. Clones are the same books.
#[derive(Clone, Default)]
pub struct Books {
    begun: Arc<AtomicUsize>,
    dropped: Count,
    panics: Count,
}

impl Books {
    /// Goes into a future or a closure, which must be dropped once.
    pub fn entry(&self) -> OnDrop {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.dropped.on_drop()
    }

    /// All that began was dropped, once.
    #[track_caller]
    pub fn assert_closed(&self) {
        assert_eq!(
            self.dropped.get(),
            self.begun.load(Ordering::SeqCst),
            "dropped, of all that began"
        );
    }

    /// All that began was dropped, once, and no panic went unheard.
    #[track_caller]
    pub fn close(self) {
        self.assert_closed();
        assert_eq!(self.panics.get(), 0, "panics that nobody awaited");
    }
}

impl World {
    pub fn new() -> World {
        World::with(|_| ())
    }

    /// With further settings.
    pub fn with(set: impl FnOnce(&mut Builder)) -> World {
        let books = Books::default();
        let panics = books.panics.clone();
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(between(3, 6))
            .enable_all()
            .unhandled_panic(UnhandledPanic::Call(Arc::new(move |_| panics.add())));
        set(&mut builder);
        World { runtime: builder.build().expect("a schedule refuses no thread"), books }
    }

    /// Ends the runtime in one of its ways, and closes the books when all its threads have ended.
    ///
    /// For programs whose tasks and blocking calls end by themselves.
    #[track_caller]
    pub fn end(self) {
        end(self.runtime);
        self.books.close();
    }
}

/// Drops the runtime, or waits for its end with a limit that it does not reach.
pub fn end(runtime: Runtime) {
    if chance(2) {
        drop(runtime);
    } else {
        let report = runtime.shutdown(Duration::from_secs(3_600));
        assert!(report.is_clean(), "{report:?}");
    }
}

/// Awaits each, in this thread. A cancelled one counts as such.
pub fn await_all<T>(joins: impl IntoIterator<Item = JoinHandle<T>>) -> (Vec<T>, usize) {
    let (mut outputs, mut cancelled) = (Vec::new(), 0);
    for join in joins {
        match block_on(join) {
            Ok(output) => outputs.push(output),
            Err(error) => {
                assert!(error.is_cancelled(), "{error:?}");
                cancelled += 1;
            }
        }
    }
    (outputs, cancelled)
}

/// The panic's own value, which [`panics`] left.
#[track_caller]
pub fn panic_value(error: JoinError) -> usize {
    *error.into_panic().downcast::<usize>().expect("`panics` panicked")
}

/// A panic that no hook hears of: a schedule's report would tell of each.
pub fn panics(value: usize) -> ! {
    std::panic::resume_unwind(Box::new(value))
}

/// A short while, for whoever runs meanwhile.
pub fn let_others_run() {
    for _ in 0..below(4) {
        filch_primitives::thread::yield_now();
    }
}
