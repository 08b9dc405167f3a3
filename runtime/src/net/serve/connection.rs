//! One connection: what its handler knows of it, and the task that runs the handler.
//!
//! Callers: the accept loop spawns.
//!
//! Invariants
//! K1  Whatever becomes of the handler, its end is counted once, after its future is gone and before the
//!     tracker knows that the task has ended.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use filch_sync::{CancellationToken, OwnedSemaphorePermit, WaitForCancellationFuture};

use super::counts::{End, Shared};
use super::handler::{Handler, Outcome};
use crate::context;
use crate::task::header::Meta;

/// What a handler knows of its connection.
pub struct Connection<A> {
    peer: A,
    number: u64,
    shared: Arc<Shared>,
}

impl<A> Connection<A> {
    /// Who the connection is with, as the listener says.
    pub fn peer(&self) -> &A {
        &self.peer
    }

    /// How many connections this server had accepted before.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Waits until the server is about to stop: then the handler should come to an end within the
    /// [grace](super::Serve::grace).
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub fn stopping(&self) -> WaitForCancellationFuture<'_> {
        self.shared.stop.cancelled()
    }

    /// Whether the server is about to stop.
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.is_cancelled()
    }

    /// A token that is cancelled when the server is about to stop, to be handed on. Cancelling it concerns
    /// nobody else.
    pub fn stop_token(&self) -> CancellationToken {
        self.shared.stop.child_token()
    }
}

impl<A: fmt::Debug> fmt::Debug for Connection<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .field("number", &self.number)
            .field("is_stopping", &self.is_stopping())
            .finish()
    }
}

/// Counts the end of a connection when it is dropped, and lets the next one in.
struct Open {
    shared: Arc<Shared>,
    /// `None` until the handler has returned or was cut.
    end: Option<End>,
    /// Its share of the limit.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let unwinds = std::thread::panicking();
        let end = self.end.unwrap_or(if unwinds { End::Panicked } else { End::Cut });
        self.shared.ended(end); // keeps K1
    }
}

/// Spawns the task of a connection, under the name of the server and the peer.
pub(super) fn spawn<H, Io, A>(
    shared: &Arc<Shared>,
    handler: &Arc<H>,
    (io, peer): (Io, A),
    permit: Option<OwnedSemaphorePermit>,
    (name, location): (&str, &'static Location<'static>),
) where
    H: Handler<Io, A>,
    Io: Send + 'static,
    A: fmt::Debug + Send + Sync + 'static,
{
    let meta = Meta::new(location, Some(&format!("{name} {peer:?}")));
    let open = Open { shared: shared.clone(), end: None, _permit: permit };
    let connection = Connection { peer, number: shared.accepted(), shared: shared.clone() };
    let handler = handler.clone();
    let run = async move {
        // First in, so last out: what the handler held is gone before the end is counted.
        let mut open = open;
        let shared = open.shared.clone();
        let outcome =
            until_cut(&shared.cut, async move { handler.call(io, connection).await }).await;
        open.end = Some(match outcome {
            None => End::Cut,
            Some(outcome) if outcome.is_failure() => End::Failed,
            Some(_) => End::Finished,
        });
    };
    // Nobody joins it: a panic is reported by the runtime's rule for panics that nobody awaits.
    drop(context::current().spawn_with(meta, || shared.tasks.track_future(run)));
}

/// Runs the future to its end, or until the token is cancelled: then it is dropped.
///
/// Leaner than `run_until_cancelled`, which takes the lock that all waiters share at each poll: a task has
/// one waker as long as it lives, so that it is enough to leave it there once.
async fn until_cut<F: Future>(cut: &CancellationToken, future: F) -> Option<F::Output> {
    let mut cancelled = pin!(cut.cancelled());
    let mut future = pin!(future);
    let mut waits = false;
    poll_fn(|cx| {
        let is_cut =
            if waits { cut.is_cancelled() } else { cancelled.as_mut().poll(cx).is_ready() };
        waits = true;
        if is_cut {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}
