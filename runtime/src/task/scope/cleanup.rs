//! Deferred clean-up: asynchronous work after the last task has ended.
//!
//! Callers: `Scope::defer`, `TaskGroup::defer` register; leaving a scope, in whichever way, starts it.
//!
//! It runs in a task of its own, spawned when the scope is left, so that nothing that happens to the
//! scope's future from then on stops it half-way. That task keeps the scope a member of the scope around it
//! (N4), which therefore does not end before.

use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::error::TaskPanic;
use super::node::Node;
use super::task::Payload;
use crate::context;
use crate::runtime::WeakHandle;
use crate::task::header::Meta;
use crate::time::timeout;

/// Which ways of leaving the scope it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    Stopped,
    Always,
}

/// One registered clean-up.
pub(super) struct Cleanup {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    limit: Duration,
    when: When,
    location: &'static Location<'static>,
    runtime: WeakHandle,
}

/// Registers clean-up; starts it at once if the scope was left already.
#[track_caller]
pub(super) fn defer(
    node: &Arc<Node>,
    when: When,
    limit: Duration,
    future: impl Future<Output = ()> + Send + 'static,
) {
    // Here rather than later, in a task of ours: it panics if there are no timers.
    drop(context::time_handle());
    let cleanup = Cleanup {
        future: Box::pin(future),
        limit,
        when,
        location: Location::caller(),
        runtime: context::current().downgrade(),
    };
    if let Some(late) = node.defer(cleanup) {
        Batch { cleanups: vec![late], node: Cleaning(node.clone()) }.start();
    }
}

/// The scope is left: starts what was registered for this way of leaving it, and drops the rest.
pub(super) fn clean_up(node: &Arc<Node>) {
    let Some((cleanups, stopped)) = node.begin_clean_up() else { return };
    let mut batch =
        Batch { cleanups: Vec::with_capacity(cleanups.len()), node: Cleaning(node.clone()) };
    for cleanup in cleanups {
        if stopped || cleanup.when == When::Always {
            batch.cleanups.push(cleanup);
        } else {
            cleanup.discard();
        }
    }
    if !batch.cleanups.is_empty() {
        batch.start();
    }
}

/// Counts as clean-up of its scope while it lives.
struct Cleaning(Arc<Node>);

impl Drop for Cleaning {
    fn drop(&mut self) {
        self.0.end_clean_up();
    }
}

/// What one task runs. Dropped in this order: the scope is not clean before the futures are gone.
struct Batch {
    cleanups: Vec<Cleanup>,
    node: Cleaning,
}

impl Batch {
    fn start(self) {
        let runtime = self.cleanups.last().and_then(|cleanup| cleanup.runtime.upgrade());
        // Without its runtime nothing can run: the futures are dropped.
        let Some(runtime) = runtime else { return };
        let node = &self.node.0;
        let mut name = String::from("clean-up");
        if let Some(of) = node.name() {
            // Writing to a string does not fail.
            let _ = write!(name, " of {of}");
        }
        let meta = Meta::new(node.location(), Some(&name));
        drop(runtime.spawn_with(meta, || self.run()));
    }

    async fn run(mut self) {
        self.node.0.until_ended().await;
        while let Some(cleanup) = self.cleanups.pop() {
            cleanup.run().await;
        }
    }
}

impl Cleanup {
    async fn run(mut self) {
        let (limit, location) = (self.limit, self.location);
        let future = &mut self.future;
        let caught =
            poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
                Err(payload) => Poll::Ready(Err(payload)),
            });
        match timeout(limit, caught).await {
            Ok(Ok(())) => {}
            Ok(Err(payload)) => panicked(location, payload),
            Err(_) => eprintln!(
                "filch: clean-up deferred at {location} did not end within {limit:?}, and is dropped"
            ),
        }
        self.discard();
    }

    /// Drops it; a panic in its destructor is reported, and stops nobody.
    fn discard(self) {
        let Cleanup { future, location, .. } = self;
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
            panicked(location, payload);
        }
    }
}

fn panicked(location: &'static Location<'static>, payload: Payload) {
    TaskPanic::here(location, Some("clean-up".into()), payload).report();
    TaskPanic::tell_runtime();
}
