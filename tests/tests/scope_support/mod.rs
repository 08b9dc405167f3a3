//! What the tests of scopes share: how many futures are alive.

#![allow(dead_code, reason = "each test binary uses some of it")]

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use filch::sync::Notify;

/// How many [`Guard`]s there are.
#[derive(Clone, Debug, Default)]
pub struct Live {
    now: Arc<AtomicUsize>,
    ever: Arc<AtomicUsize>,
}

/// Counts as alive until it is dropped.
#[derive(Debug)]
pub struct Guard(Arc<AtomicUsize>);

impl Live {
    pub fn new() -> Live {
        Live::default()
    }

    pub fn guard(&self) -> Guard {
        self.now.fetch_add(1, Ordering::SeqCst);
        self.ever.fetch_add(1, Ordering::SeqCst);
        Guard(self.now.clone())
    }

    /// How many are alive.
    pub fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    /// How many were made.
    pub fn ever(&self) -> usize {
        self.ever.load(Ordering::SeqCst)
    }

    /// A task that ends only when it is cancelled.
    pub fn forever<E: Send + 'static>(
        &self,
    ) -> impl Future<Output = Result<(), E>> + Send + use<E> {
        let guard = self.guard();
        async move {
            let _guard = guard;
            pending::<()>().await;
            Ok(())
        }
    }

    /// As `forever`; says when it was polled for the first time.
    pub fn started<E: Send + 'static>(
        &self,
        started: &Arc<Notify>,
    ) -> impl Future<Output = Result<(), E>> + Send + use<E> {
        let (guard, started) = (self.guard(), started.clone());
        async move {
            let _guard = guard;
            started.notify_one();
            pending::<()>().await;
            Ok(())
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lets others run until `done` says so.
pub async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        filch::task::yield_now().await;
    }
}

/// Polls a future a number of times at most, then drops it.
pub async fn polled<F: Future>(future: F, mut polls: usize) {
    let mut future = Box::pin(future);
    poll_fn(|cx| {
        if polls == 0 {
            return Poll::Ready(());
        }
        polls -= 1;
        cx.waker().wake_by_ref();
        future.as_mut().poll(cx).map(|_| ())
    })
    .await;
}
