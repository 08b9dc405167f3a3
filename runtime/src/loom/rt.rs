//! The runtime of a model: started, used, ended.
//!
//! Callers: users' models. Data: what tasks panicked with that nobody awaited, so that `model` can fail.
//!
//! loom's threads are coroutines on the one thread of the test, so that a thread-local of std's belongs to
//! all of them.

use std::cell::RefCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::coop;

use super::thread::{Thread, current, park};
use crate::context;
use crate::runtime::{Builder, Runtime, UnhandledPanic, UnhandledPanicInfo};

/// Two tasks that run at the same time are what most bugs need. A third worker would leave one thread for
/// the clock and none for anything else.
const WORKERS: usize = 2;

std::thread_local! {
    static UNAWAITED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Panics of tasks that no join handle gave to anybody.
pub(super) struct Unawaited;

impl Unawaited {
    /// For the next run.
    pub(super) fn forget() {
        UNAWAITED.with(|panics| panics.borrow_mut().clear());
    }

    fn note(info: &UnhandledPanicInfo<'_>) {
        let text = format!("the task spawned at {} panicked: {}", info.location(), info.message());
        UNAWAITED.with(|panics| panics.borrow_mut().push(text));
    }

    /// # Panics
    /// If there are any.
    pub(super) fn assert_none() {
        let panics = UNAWAITED.with(RefCell::take);
        assert!(panics.is_empty(), "nobody awaited it, but {}", panics.join("; and "));
    }
}

/// Runs a future on a runtime with two workers, inside of a [`model`](super::model), and ends the runtime
/// when it is ready.
///
/// The future itself is polled by this thread, tasks by the workers: three threads that run at the same
/// time. A fourth is started for the clock when the first timer is armed, and a fifth for the first
/// `spawn_blocking`. More than five is more than loom has.
///
/// Starting and ending the runtime is not explored, so that it costs no time: what tasks do after the
/// future is ready is cut off, at one moment or another. Await them, or use [`runtime`].
///
/// # Panics
/// If the future does. Outside of a model.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    super::stop_exploring();
    // Neither is dropped by a panic: where loom finds a deadlock, a destructor that needs loom would end the
    // process before the test could fail.
    let runtime = ManuallyDrop::new(runtime(WORKERS));
    let mut future = ManuallyDrop::new(Box::pin(future));
    super::explore();
    let main = Arc::new(Main::new());
    let waker = Waker::from(main.clone());
    let output = loop {
        let polled = {
            let _handle = runtime.enter();
            let _entered = context::enter_blocking("`loom::block_on`");
            let _budget = coop::fresh();
            future.as_mut().poll(&mut Context::from_waker(&waker))
        };
        match polled {
            Poll::Ready(output) => break output,
            Poll::Pending => main.park(),
        }
    };
    super::stop_exploring();
    {
        let _handle = runtime.enter();
        drop(ManuallyDrop::into_inner(future));
    }
    drop(ManuallyDrop::into_inner(runtime));
    super::explore();
    output
}

/// The model's main thread, where it waits for its future to be woken.
///
/// One step of the model for a wake, and one for a look; the lock is std's, which loom does not see.
struct Main {
    turn: AtomicUsize,
    state: StdMutex<MainState>,
    thread: Thread,
}

#[derive(Default)]
struct MainState {
    is_woken: bool,
    is_parked: bool,
}

impl Main {
    fn new() -> Self {
        Main { turn: AtomicUsize::new(0), state: StdMutex::default(), thread: current() }
    }

    fn state(&self) -> MutexGuard<'_, MainState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the future was woken since the last call.
    fn park(&self) {
        loop {
            // ordering: Acquire; pairs with `wake`. What was done before the wake is seen by the poll.
            self.turn.fetch_add(1, Ordering::Acquire);
            let mut state = self.state();
            if std::mem::take(&mut state.is_woken) {
                return;
            }
            state.is_parked = true;
            drop(state);
            park();
        }
    }
}

impl Wake for Main {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ordering: Release; pairs with `park`.
        self.turn.fetch_add(1, Ordering::Release);
        let mut state = self.state();
        state.is_woken = true;
        if std::mem::take(&mut state.is_parked) {
            drop(state);
            self.thread.unpark();
        }
    }
}

/// A runtime for a [`model`](super::model) that uses its [`Handle`](crate::runtime::Handle), that shuts it
/// down, or that wants another number of workers.
///
/// With one worker tasks take turns, and what is explored is the order of their polls: a much smaller
/// model, good for a first look. All of it is explored, its start and its end as well.
///
/// # Panics
/// If `workers` is 0, or there are more than loom has threads for (two with timers, a thread of your own
/// or `spawn_blocking`; four without). Outside of a model.
#[track_caller]
pub fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .max_blocking_threads(1)
        .unhandled_panic(UnhandledPanic::Call(Arc::new(Unawaited::note)))
        .model_workers()
        .build()
        .expect("a model refuses no thread")
}
