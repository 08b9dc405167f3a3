//! What the models share: how they are run, how they wait, how they count.
//!
//! The counters are std's, which loom does not see: counting adds no ordering between the threads of a
//! model.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use filch_primitives::loom;
use filch_primitives::park::{Parker, Unparker};

/// Explores `f` with at most two preemptions, unless `LOOM_MAX_PREEMPTIONS` says otherwise.
///
/// Prints how many executions that took; shown with `--nocapture`.
///
/// # Panics
/// If an execution does, and if there is only one: such a model would prove nothing.
pub fn model(f: impl Fn() + Send + Sync + 'static) {
    let builder = loom::model::Builder::new();
    let preemptions = builder.preemption_bound.unwrap_or(2);
    explore(builder, preemptions, f);
}

/// As [`model`], for one whose executions are too many for two preemptions: at most so many.
pub fn model_bounded(preemptions: usize, f: impl Fn() + Send + Sync + 'static) {
    let builder = loom::model::Builder::new();
    let preemptions = builder.preemption_bound.map_or(preemptions, |bound| bound.min(preemptions));
    explore(builder, preemptions, f);
}

fn explore(
    mut builder: loom::model::Builder,
    preemptions: usize,
    f: impl Fn() + Send + Sync + 'static,
) {
    builder.preemption_bound = Some(preemptions);
    // Whole runtimes take more steps than loom allows by default.
    builder.max_branches = builder.max_branches.max(10_000);
    let executions = Count::new();
    let counted = executions.clone();
    builder.check(move || {
        counted.add();
        f();
    });
    println!("{} executions with at most {preemptions} preemptions", executions.get());
    assert!(executions.get() > 1, "nothing was explored");
}

struct Unpark(Unparker);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until ready, parking between the polls. A wake-up that is lost is a deadlock here, which loom
/// reports.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let parker = Parker::new();
    let waker = Waker::from(Arc::new(Unpark(parker.unparker())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        parker.park();
    }
}

/// Polls once, with a waker that nobody hears.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A counter that loom does not see.
#[derive(Clone, Default, Debug)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    /// A counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// What was counted.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A value that counts its drop.
    pub fn on_drop(&self) -> OnDrop {
        OnDrop(self.clone())
    }

    /// A waker that counts its wakes.
    pub fn on_wake(&self) -> Waker {
        struct OnWake(Count);
        impl Wake for OnWake {
            fn wake(self: Arc<Self>) {
                self.0.add();
            }
        }
        Waker::from(Arc::new(OnWake(self.clone())))
    }
}

/// Counts its drop. Made by [`Count::on_drop`].
#[derive(Debug)]
pub struct OnDrop(Count);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}
