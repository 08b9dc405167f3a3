//! Where the futures are polled.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use filch::net::UdpSocket;
use filch::runtime::{Builder, Runtime};

/// What a future needs around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing: it is polled with no runtime at all.
    Anywhere,
    /// A runtime whose clock stands still between the events.
    PausedClock,
    /// A runtime with an I/O driver.
    Sockets,
}

/// A place in use, for all scripts of a trial.
///
/// The runtime runs only while something happens: then its tasks run, and its driver looks for events.
pub struct Env {
    runtime: Option<Runtime>,
    /// Sent through after an event: when it has arrived the driver has seen what became ready before.
    marker: Option<(UdpSocket, UdpSocket)>,
}

impl Env {
    pub(super) fn new(place: Place) -> Env {
        if place == Place::Anywhere {
            return Env { runtime: None, marker: None };
        }
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(place == Place::PausedClock).build();
        let runtime = runtime.expect("a runtime");
        let marker = (place == Place::Sockets).then(|| {
            runtime.block_on(async {
                let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
                let receiver = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
                let addr = receiver.local_addr().expect("its address");
                sender.connect(addr).await.expect("a connected socket");
                (sender, receiver)
            })
        });
        Env { runtime: Some(runtime), marker }
    }

    /// Runs `f` in the runtime's context.
    pub(super) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let _context = self.runtime.as_ref().map(Runtime::enter);
        f()
    }

    /// Lets something happen, and the runtime see it.
    pub(super) fn happen(&self, event: impl FnOnce()) {
        self.enter(event);
        self.settle();
    }

    /// Lets the tasks run, and the driver see what is ready.
    pub fn settle(&self) {
        let Some(runtime) = &self.runtime else { return };
        runtime.block_on(async {
            if let Some((sender, receiver)) = &self.marker {
                let mut buf = [0];
                let mut arrived = pin!(receiver.recv(&mut buf));
                // Waits before it is sent: so it arrives by way of the driver.
                let first = poll_fn(|cx| Poll::Ready(arrived.as_mut().poll(cx))).await;
                assert!(first.is_pending(), "a second marker");
                sender.send(b"!").await.expect("the marker");
                arrived.await.expect("the marker");
            }
            // Tasks may wake one another; no world has longer chains.
            for _ in 0..8 {
                filch::task::yield_now().await;
            }
        });
    }

    /// Runs a future to its end, in the runtime.
    ///
    /// # Panics
    /// If there is none.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.as_ref().expect("a place with a runtime").block_on(future)
    }

    /// Moves the paused clock.
    pub fn advance(&self, ms: u64) {
        self.block_on(filch::time::advance(Duration::from_millis(ms)));
    }
}
