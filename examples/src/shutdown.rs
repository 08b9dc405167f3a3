//! Graceful shutdown: tell every connection to finish, then wait until the last one has.
//!
//! Callers: the example servers. One [`Shutdown`] per server; each connection holds a [`Guard`].
//!
//! Invariants
//! G1  Whoever waits in [`Shutdown::requested`], or comes there later, learns of [`Shutdown::request`].
//! G2  [`Shutdown::drained`] returns once no guard is alive, and not before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use filch::sync::Notify;

use crate::race::{First, race};

/// A server's stop signal, and its count of open connections. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    requested: AtomicBool,
    on_request: Notify,
    open: AtomicUsize,
    on_last_closed: Notify,
}

/// Counts as one open connection until it is dropped; a panic drops it too.
#[derive(Debug)]
#[must_use = "the connection counts as closed when this is dropped"]
pub struct Guard(Arc<Shared>);

impl Shutdown {
    /// Starts with no connection, and no request to stop.
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Asks everyone to finish. Doing so again changes nothing.
    pub fn request(&self) {
        // ordering: Release pairs with the Acquire in `requested`. A waiter that registered before
        // `notify_waiters` is woken by it; one that comes after it takes the lock that
        // `notify_waiters` has released, and so sees this store.
        self.shared.requested.store(true, Ordering::Release);
        self.shared.on_request.notify_waiters();
    }

    /// Waits until [`request`](Self::request) has been called.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping it.
    pub async fn requested(&self) {
        // Registered before the flag is read: a request in between wakes it. Keeps G1.
        let mut woken = std::pin::pin!(self.shared.on_request.notified());
        woken.as_mut().enable();
        // ordering: Acquire, see `request`.
        if !self.shared.requested.load(Ordering::Acquire) {
            woken.await;
        }
    }

    /// Counts one more connection.
    pub fn guard(&self) -> Guard {
        // ordering: Relaxed, a count; the accept loop that adds also decides when to wait for zero.
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        Guard(Arc::clone(&self.shared))
    }

    /// The number of connections open now.
    pub fn open(&self) -> usize {
        // ordering: Acquire pairs with the Release in `Guard::drop`: after zero, what the
        // connections did is visible.
        self.shared.open.load(Ordering::Acquire)
    }

    /// Waits until no connection is open, at most for `bound`.
    ///
    /// # Errors
    /// The number of connections that are still open after `bound`.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping it.
    pub async fn drained(&self, bound: Duration) -> Result<(), usize> {
        let drained = async {
            while self.open() > 0 {
                // A permit stored by a guard that went in between is found here. Keeps G2.
                self.shared.on_last_closed.notified().await;
            }
        };
        match race(drained, filch::time::sleep(bound)).await {
            First::Left(()) => Ok(()),
            First::Right(()) => Err(self.open()),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // ordering: Release, so that who sees zero sees what this connection did. Pairs with the
        // Acquire in `open`.
        if self.0.open.fetch_sub(1, Ordering::Release) == 1 {
            self.0.on_last_closed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[filch::test]
    async fn a_request_reaches_those_who_wait_and_those_who_come_later() {
        let shutdown = Shutdown::new();
        let waiting = filch::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        });
        filch::task::yield_now().await;
        assert!(!waiting.is_finished());
        shutdown.request();
        waiting.await.unwrap();
        shutdown.requested().await;
    }

    #[filch::test(start_paused = true)]
    async fn drained_waits_for_the_last_guard() {
        let shutdown = Shutdown::new();
        let guards = [shutdown.guard(), shutdown.guard()];
        assert_eq!(shutdown.drained(Duration::from_secs(10)).await, Err(2));
        let waiting = filch::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.drained(Duration::from_secs(10)).await }
        });
        for guard in guards {
            filch::task::yield_now().await;
            assert!(!waiting.is_finished());
            drop(guard);
        }
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!(shutdown.open(), 0);
    }

    #[filch::test]
    async fn a_panic_counts_as_closed() {
        let shutdown = Shutdown::new();
        let guard = shutdown.guard();
        let task = filch::spawn(async move {
            let _guard = guard;
            panic!("this panic is part of the test");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(shutdown.drained(Duration::from_secs(10)).await, Ok(()));
    }
}
