//! A server: accepts connections and runs a handler for each, through trouble and up to a graceful end.
//!
//! Start at [`serve`]. This module has its parts:
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Serve`] | the server before it runs, with its options; `.await` runs it |
//! | [`Running`] | the future that it becomes |
//! | [`Listener`] | where connections come from: TCP, Unix sockets, or a listener of one's own |
//! | [`Handler`], [`Outcome`] | what runs for each connection, and what it may return |
//! | [`Connection`] | what a handler knows of its connection |
//! | [`ServeHandle`], [`Counts`] | a look at it from outside |
//! | [`Report`] | what it did, when it has ended |
//!
//! # What a server does
//! *Accepts* until it is told to stop. At its limit of connections it accepts no more until one has
//! ended; others wait in the kernel's backlog, and are neither refused nor closed.
//!
//! *Lasts.* A connection that is gone before it is accepted (`ECONNABORTED`) is counted and passed over.
//! When descriptors or memory have run out (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`) it tries again after
//! 10 ms, then 20, and so on up to 1 s; clients wait meanwhile. With a
//! [reserve descriptor](Serve::reserve_descriptor) they are closed at once instead. A handler's panic
//! ends its connection only; it is counted, and reported as any panic of a task that nobody awaits.
//!
//! *Stops gracefully* when its [signal](Serve::graceful_shutdown) completes, or when the listener fails
//! for good: it closes the listener, tells the handlers ([`Connection::stopping`]), and waits for them
//! to end. Those that have not ended after the [grace](Serve::grace) are cut: their futures are dropped,
//! and so their sockets are closed.

mod accept;
mod connection;
mod counts;
mod handler;
mod listener;

use std::fmt;
use std::future::{Future, IntoFuture, Pending, pending, poll_fn};
use std::io;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use accept::{Options, accept_loop};
use counts::Shared;

pub use connection::Connection;
pub use counts::{Counts, ServeHandle};
pub use handler::{Handler, Outcome};
pub use listener::Listener;

/// Long enough for a request in flight, and less than the 30 s after which orchestrators kill.
const GRACE: Duration = Duration::from_secs(10);

/// Serves the connections of a listener: each in a task of its own that runs `handler`.
///
/// Nothing happens until the [`Serve`] is awaited. It then runs until it is told to
/// [stop](Serve::graceful_shutdown), and gives a [`Report`]. The [module](mod@crate::net::serve) says what it
/// does on the way.
///
/// `handler` is called with the connection and what is known of it, in the connection's task. It returns
/// nothing or a `Result`; an error is counted and dropped.
///
/// # Panics
/// The future panics outside of a runtime, or if time is not enabled there.
/// # Cancel safety
/// Dropping the future closes the listener and cuts all connections: their tasks are woken and drop their
/// handlers. Stop it by [`graceful_shutdown`](Serve::graceful_shutdown) instead.
/// # Cost
/// A connection costs one task, the text of its name, and a place in two lists of waiters.
/// # Examples
/// An echo server that stops on Ctrl-C:
/// ```no_run
/// use filch::net::{TcpListener, serve};
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:7007").await?;
/// let report = serve(listener, |mut stream, _connection| async move {
///     let (mut reader, mut writer) = stream.split();
///     filch::io::copy(&mut reader, &mut writer).await
/// })
/// .max_connections(10_000)
/// .graceful_shutdown(async {
///     let _ = filch::signal::ctrl_c().await;
/// })
/// .await;
/// println!("{:?}", report.counts());
/// # report.into_result().map(drop)
/// # }
/// ```
#[track_caller]
pub fn serve<L, H, F>(listener: L, handler: H) -> Serve<L, H>
where
    L: Listener,
    H: Fn(L::Io, Connection<L::Addr>) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: Outcome,
{
    let options = Options {
        name: "serve".to_owned(),
        location: Location::caller(),
        max_connections: None,
        has_reserve: false,
        on_shortage: None,
    };
    let shared = Arc::default();
    Serve { listener, handler, signal: pending(), grace: GRACE, options, shared }
}

/// A server with its options. From [`serve`](fn@crate::net::serve); runs when it is awaited.
#[must_use = "a server does nothing unless it is awaited"]
pub struct Serve<L, H, S = Pending<()>> {
    listener: L,
    handler: H,
    signal: S,
    grace: Duration,
    options: Options,
    shared: Arc<Shared>,
}

impl<L, H, S> Serve<L, H, S> {
    /// Names the connections' tasks: this, a space, and the peer. Default: `serve`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = name.into();
        self
    }

    /// Has at most so many connections at once. Default: no limit.
    ///
    /// Beyond it connections wait in the kernel's backlog until one has ended; they are not refused, unless
    /// the backlog is full.
    ///
    /// # Panics
    /// If it is 0, or more than [`Semaphore::MAX_PERMITS`](crate::sync::Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn max_connections(mut self, connections: usize) -> Self {
        let most = filch_sync::Semaphore::MAX_PERMITS;
        assert!(
            (1..=most).contains(&connections),
            "a server's limit of connections must be from 1 to {most}, not {connections}"
        );
        self.options.max_connections = Some(connections);
        self
    }

    /// Keeps one descriptor (`/dev/null`) for the time when there is no other. Default: no.
    ///
    /// Whoever connects in such a time is then accepted with it and closed at once, and
    /// [counted](Counts::turned_away): the client sees that at once, where it would otherwise wait until
    /// there is a descriptor. Choose it if clients can go to another server.
    pub fn reserve_descriptor(mut self, keep: bool) -> Self {
        self.options.has_reserve = keep;
        self
    }

    /// Calls `f` with the error when the system begins to lack descriptors or memory for the next
    /// connection; not again until a connection has been accepted. To write a line to a log.
    ///
    /// # Panics
    /// A panic of `f` is the server's: it ends as if it had been dropped.
    pub fn on_shortage(mut self, f: impl FnMut(&io::Error) + Send + 'static) -> Self {
        self.options.on_shortage = Some(Box::new(f));
        self
    }

    /// Stops when `signal` completes. Default: never.
    ///
    /// A [`CancellationToken`](crate::sync::CancellationToken) is such a signal by its
    /// [`cancelled_owned`](crate::sync::CancellationToken::cancelled_owned).
    pub fn graceful_shutdown<T: Future<Output = ()>>(self, signal: T) -> Serve<L, H, T> {
        let Serve { listener, handler, signal: _, grace, options, shared } = self;
        Serve { listener, handler, signal, grace, options, shared }
    }

    /// How long the handlers may take to end after it has stopped. Default: 10 s, enough for a request in
    /// flight and less than the 30 s after which orchestrators kill.
    ///
    /// Those that are left are cut at their next pause: a poll that is running cannot be interrupted, and
    /// is waited for.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Looks at it from outside while it runs.
    pub fn handle(&self) -> ServeHandle {
        ServeHandle { shared: self.shared.clone() }
    }
}

impl<L, H, S> Serve<L, H, S>
where
    L: Listener,
    H: Handler<L::Io, L::Addr>,
    S: Future<Output = ()>,
{
    async fn run(self) -> Report {
        // Panics now where there is no timer, and not on the day of the first shortage.
        drop(crate::time::sleep(Duration::ZERO));
        let Serve { mut listener, handler, signal, grace, options, shared } = self;
        let handler = Arc::new(handler);
        let _cuts_on_drop = shared.cut.drop_guard_ref();
        let error = {
            let mut accepts = pin!(accept_loop(&mut listener, &handler, &shared, options));
            let mut signal = pin!(signal);
            poll_fn(|cx| match signal.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => accepts.as_mut().poll(cx).map(Some),
            })
            .await
        };
        drop(listener);
        shared.stop.cancel();
        shared.tasks.close();
        if crate::time::timeout(grace, shared.tasks.wait()).await.is_err() {
            shared.cut.cancel();
            shared.tasks.wait().await;
        }
        Report { counts: shared.counts(), error }
    }
}

impl<L, H, S> IntoFuture for Serve<L, H, S>
where
    L: Listener,
    H: Handler<L::Io, L::Addr>,
    S: Future<Output = ()> + Send + 'static,
{
    type Output = Report;
    type IntoFuture = Running;

    fn into_future(self) -> Running {
        Running { future: Box::pin(self.run()) }
    }
}

impl<L: fmt::Debug, H, S> fmt::Debug for Serve<L, H, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("name", &self.options.name)
            .field("max_connections", &self.options.max_connections)
            .field("reserve_descriptor", &self.options.has_reserve)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// A server that runs. From [`Serve`]'s `into_future`.
///
/// # Cancel safety
/// Dropping it closes the listener and cuts all connections.
#[must_use = "a server does nothing unless it is polled"]
pub struct Running {
    future: Pin<Box<dyn Future<Output = Report> + Send>>,
}

impl Future for Running {
    type Output = Report;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Report> {
        self.future.as_mut().poll(cx)
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

/// What a server did, from its start to its end. No connection is active any more.
#[derive(Debug)]
#[must_use = "it may have stopped because the listener failed"]
pub struct Report {
    counts: Counts,
    error: Option<io::Error>,
}

impl Report {
    /// What it did.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Why the listener was of no use any more, if it was not the signal that stopped the server.
    pub fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// What it did, if it was told to stop.
    ///
    /// # Errors
    /// [`error`](Self::error).
    pub fn into_result(self) -> io::Result<Counts> {
        match self.error {
            None => Ok(self.counts),
            Some(error) => Err(error),
        }
    }
}
