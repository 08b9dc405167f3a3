//! A pool of connections: so many at a time, and whoever waits too long is told so.
//!
//! A `Semaphore` has a permit for each connection that may be open. A connection that is given back lies
//! in a list until somebody takes it; a new one is opened when the list is empty.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use filch::sync::{OwnedSemaphorePermit, Semaphore};
use filch::time::timeout;

#[cfg(filch_loom)]
use filch::loom::sync::Mutex;
#[cfg(not(filch_loom))]
use std::sync::Mutex;

/// See the module. `PLANTED` is the bug: with it a time-out at the wrong moment costs a permit.
pub struct Pool<C, const PLANTED: bool = false> {
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<C>>,
}

/// No connection was free, or could be opened, in time.
#[derive(Debug, PartialEq, Eq)]
pub struct Exhausted;

impl<C, const PLANTED: bool> Pool<C, PLANTED> {
    /// A pool of at most `size` connections.
    pub fn new(size: usize) -> Arc<Self> {
        Arc::new(Pool { permits: Arc::new(Semaphore::new(size)), idle: Mutex::new(Vec::new()) })
    }

    /// How many connections could be taken now.
    pub fn available(&self) -> usize {
        self.permits.available_permits()
    }

    /// A connection, waited for and if need be opened within `wait`.
    ///
    /// # Errors
    /// [`Exhausted`] if that takes longer.
    pub async fn get<F: Future<Output = C>>(
        self: &Arc<Self>,
        wait: Duration,
        open: impl FnOnce() -> F,
    ) -> Result<Connection<C, PLANTED>, Exhausted> {
        let found = timeout(wait, async {
            let permit = self.permits.clone().acquire_owned().await.expect("never closed");
            let permit = if PLANTED {
                // The bug. "The connection's drop gives it back": but there is none yet, and the time-out
                // may end this block at the `await` below.
                permit.forget();
                None
            } else {
                // The other way round: what is dropped with the block gives the permit back.
                Some(permit)
            };
            let idle = self.idle.lock().unwrap().pop();
            let inner = match idle {
                Some(inner) => inner,
                None => open().await,
            };
            Connection { inner: Some(inner), permit, pool: self.clone() }
        });
        found.await.map_err(|_elapsed| Exhausted)
    }
}

/// A connection that goes back to its pool when it is dropped.
pub struct Connection<C, const PLANTED: bool> {
    /// None while it is dropped.
    inner: Option<C>,
    permit: Option<OwnedSemaphorePermit>,
    pool: Arc<Pool<C, PLANTED>>,
}

impl<C, const PLANTED: bool> std::ops::Deref for Connection<C, PLANTED> {
    type Target = C;

    fn deref(&self) -> &C {
        self.inner.as_ref().expect("there until it is dropped")
    }
}

impl<C, const PLANTED: bool> Drop for Connection<C, PLANTED> {
    fn drop(&mut self) {
        // Before the permit: who has one and finds the list empty opens a connection more.
        self.pool.idle.lock().unwrap().extend(self.inner.take());
        match self.permit.take() {
            Some(permit) => drop(permit),
            None => self.pool.permits.add_permits(1),
        }
    }
}
