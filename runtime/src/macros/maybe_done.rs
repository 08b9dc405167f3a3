//! A future beside its output: what a `join!` polls until all are done.
//!
//! Callers: the expansions of `join!` and `try_join!`, which hold one for each branch in a tuple.
//!
//! Invariant
//! M1  A future is dropped as soon as it is ready, before its siblings are polled on.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

pin_project! {
    /// A future that keeps its output until it is taken.
    #[project = MaybeDoneProj]
    #[project_replace = MaybeDoneOwned]
    #[must_use = "futures do nothing unless awaited"]
    pub enum MaybeDone<F: Future> {
        /// Not ready yet.
        Future {
            #[pin]
            future: F,
        },
        /// Ready.
        Done {
            output: F::Output,
        },
        /// The output was taken.
        Taken,
    }
}

/// Wraps what a branch gave.
pub fn maybe_done<F: IntoFuture>(future: F) -> MaybeDone<F::IntoFuture> {
    MaybeDone::Future { future: future.into_future() }
}

impl<F: Future> MaybeDone<F> {
    /// The output, once.
    ///
    /// # Panics
    /// If it is not there: an error in the macro.
    pub fn take_output(self: Pin<&mut Self>) -> F::Output {
        match self.project_replace(MaybeDone::Taken) {
            MaybeDoneOwned::Done { output } => output,
            _ => unreachable!("a branch's output is taken once, when all are done"),
        }
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> MaybeDone<F> {
    /// The error that the branch ended with, if it did.
    pub fn take_error(mut self: Pin<&mut Self>) -> Option<E> {
        if !matches!(self.as_mut().project(), MaybeDoneProj::Done { output: Err(_) }) {
            return None;
        }
        self.take_output().err()
    }

    /// The value of a branch that ended well.
    ///
    /// # Panics
    /// If it did not: an error in the macro.
    pub fn take_value(self: Pin<&mut Self>) -> T {
        match self.take_output() {
            Ok(value) => value,
            Err(_) => unreachable!("an error was returned as soon as it was there"),
        }
    }
}

impl<F: Future> Future for MaybeDone<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let MaybeDoneProj::Future { future } = self.as_mut().project() {
            let output = ready!(future.poll(cx));
            self.set(MaybeDone::Done { output });
        }
        Poll::Ready(())
    }
}
