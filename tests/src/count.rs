//! Counting polls and drops, and holding threads back.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};
use std::time::Instant;

/// A number that several threads add to.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    /// Zero.
    pub fn new() -> Count {
        Count::default()
    }

    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// How much it is now.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Something whose drop adds one.
    pub fn on_drop(&self) -> OnDrop {
        OnDrop { count: self.clone(), only_on: None }
    }

    /// As [`on_drop`](Self::on_drop), and the drop must happen on this thread.
    pub fn on_drop_here(&self) -> OnDrop {
        OnDrop { count: self.clone(), only_on: Some(thread::current().id()) }
    }

    /// Waits until it is `value`, which another thread is about to make it.
    ///
    /// # Panics
    /// If that takes longer than [`PATIENCE`](crate::PATIENCE), or if it is more.
    #[track_caller]
    pub fn wait_for(&self, value: usize) {
        let start = Instant::now();
        while self.get() < value {
            assert!(start.elapsed() < crate::PATIENCE, "still {} of {value}", self.get());
            thread::yield_now();
        }
        assert_eq!(self.get(), value);
    }
}

/// Adds one to its count when it is dropped.
#[derive(Debug)]
pub struct OnDrop {
    count: Count,
    only_on: Option<ThreadId>,
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.count.add();
        if let Some(thread) = self.only_on {
            // Not while unwinding: a second panic would hide the first.
            if !thread::panicking() {
                assert_eq!(thread, thread::current().id(), "dropped on another thread");
            }
        }
    }
}

/// Holds threads back until it is opened.
#[derive(Debug, Default)]
pub struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    /// A closed one.
    pub fn closed() -> Arc<Gate> {
        Arc::default()
    }

    /// Waits until it is open.
    ///
    /// # Panics
    /// If that takes longer than [`PATIENCE`](crate::PATIENCE).
    #[track_caller]
    pub fn pass(&self) {
        let closed = self.is_open.lock().expect("nobody panics with it");
        let (is_open, _) = self
            .opened
            .wait_timeout_while(closed, crate::PATIENCE, |open| !*open)
            .expect("nobody panics with it");
        assert!(*is_open, "nobody opened");
    }

    /// Lets everyone pass, from now on.
    pub fn open(&self) {
        *self.is_open.lock().expect("nobody panics with it") = true;
        self.opened.notify_all();
    }
}

/// Counts the polls of a future.
#[derive(Debug)]
pub struct CountPolls<F> {
    count: Count,
    inner: Pin<Box<F>>,
}

/// Wraps a future so that each poll adds one to `count`.
pub fn count_polls<F: Future>(count: &Count, inner: F) -> CountPolls<F> {
    CountPolls { count: count.clone(), inner: Box::pin(inner) }
}

impl<F: Future> Future for CountPolls<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.count.add();
        self.inner.as_mut().poll(cx)
    }
}

/// A future that is never ready, holds `guard`, and counts its polls.
pub fn forever<G: Send + 'static>(
    polls: &Count,
    guard: G,
) -> impl Future<Output = ()> + Send + use<G> {
    count_polls(polls, async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    })
}

/// Polls a future once, with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(std::task::Waker::noop()))
}
