//! What surrounds a scope's task: its future, or its function on a thread for such.
//!
//! Callers: `builder.rs` makes them; task cells and the blocking pools run them.
//!
//! The order at the end is what the scope's promise rests on (N1): the future is dropped, then a failure
//! stops the scope, then the handle gets the value or the value is dropped, then the ticket goes.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use filch_primitives::lock::Mutex;
use filch_sync::oneshot;
use pin_project_lite::pin_project;

use super::ambient;
use super::error::{NoValue, TaskPanic};
use super::members::Withdraw;
use super::node::{Failure, Ticket};

pub(super) type Payload = Box<dyn Any + Send>;

/// The last part of a task.
pub(super) struct Finish<T> {
    handle: oneshot::Sender<Result<T, NoValue>>,
    ticket: Ticket,
}

impl<T> Finish<T> {
    pub(super) fn new(handle: oneshot::Sender<Result<T, NoValue>>, ticket: Ticket) -> Self {
        Finish { handle, ticket }
    }

    /// The future or function is gone, and left this.
    fn settle<E: Send + 'static>(self, outcome: Result<Result<T, E>, Payload>) {
        let Finish { handle, mut ticket } = self;
        // The failure first: whoever hears of it by the handle must not come before it.
        let value = match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                fail(&ticket, Failure::Error(Box::new(error)));
                Err(NoValue::Failed)
            }
            Err(payload) => {
                panicked(&ticket, payload);
                Err(NoValue::Panicked)
            }
        };
        if let Err(unwanted) = handle.send(value) {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(unwanted))) {
                panicked(&ticket, payload);
            }
        }
        ticket.finished = true;
    }
}

fn fail(ticket: &Ticket, failure: Failure) {
    if let Some(node) = &ticket.node {
        node.fail(failure);
    }
}

/// User code of a task panicked.
fn panicked(ticket: &Ticket, payload: Payload) {
    let Some(node) = &ticket.node else { return };
    let (location, name) = node.describe(ticket.key);
    node.fail(Failure::Panic(TaskPanic::here(location, name, payload)));
    TaskPanic::tell_runtime();
}

pin_project! {
    /// A task's future.
    pub(super) struct Scoped<F, T> {
        // `None` once it has been dropped.
        #[pin]
        future: Option<F>,
        // `None` once the task has come to its end.
        finish: Option<Finish<T>>,
    }

    impl<F, T> PinnedDrop for Scoped<F, T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(finish) = this.finish.take() else { return };
            // Cancelled. A panic here is a panic of the task, not of who cancels.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| this.future.set(None))) {
                panicked(&finish.ticket, payload);
            }
        }
    }
}

impl<F, T> Scoped<F, T> {
    pub(super) fn new(future: F, finish: Finish<T>) -> Self {
        Scoped { future: Some(future), finish: Some(finish) }
    }
}

impl<F, T, E> Future for Scoped<F, T>
where
    F: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(finish) = this.finish else { return Poll::Ready(()) };
        let mut outcome = {
            let _inside = ambient::enter(&mut finish.ticket.node);
            match this.future.as_mut().as_pin_mut() {
                Some(future) => match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(result)) => Ok(result),
                    Err(payload) => Err(payload),
                },
                None => return Poll::Ready(()),
            }
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| this.future.set(None))) {
            // What it replaces may panic as well when it goes, and has nowhere to go.
            let before = std::mem::replace(&mut outcome, Err(payload));
            drop(catch_unwind(AssertUnwindSafe(|| drop(before))));
        }
        if let Some(finish) = this.finish.take() {
            finish.settle(outcome);
        }
        Poll::Ready(())
    }
}

/// A function that waits for a thread. Whoever takes it out of the lock runs it, or drops it.
pub(super) struct Work<F, T>(Mutex<Option<(F, Finish<T>)>>);

impl<F, T> Work<F, T> {
    pub(super) fn new(f: F, finish: Finish<T>) -> Arc<Self> {
        Arc::new(Work(Mutex::new(Some((f, finish)))))
    }

    fn take(&self) -> Option<(F, Finish<T>)> {
        self.0.lock().take()
    }
}

impl<F, T> Work<F, T> {
    /// Runs it here, unless it was withdrawn.
    pub(super) fn run<E>(&self)
    where
        F: FnOnce() -> Result<T, E>,
        E: Send + 'static,
    {
        let Some((f, mut finish)) = self.take() else { return };
        let outcome = {
            let _inside = ambient::enter(&mut finish.ticket.node);
            catch_unwind(AssertUnwindSafe(f))
        };
        finish.settle(outcome);
    }

    fn cancel(&self) {
        let Some((f, finish)) = self.take() else { return };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(f))) {
            panicked(&finish.ticket, payload);
        }
    }
}

impl<F: Send, T: Send> Withdraw for Work<F, T> {
    fn withdraw(&self) {
        self.cancel();
    }
}

impl<F, T> Drop for Work<F, T> {
    fn drop(&mut self) {
        // The pool has let go of it unrun: the runtime is gone.
        self.cancel();
    }
}
