//! What the models share: how they wait, how they count.
//!
//! The counters are std's, which loom does not see: counting adds no ordering between the threads of a
//! model.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use filch_primitives::park::{Parker, Unparker};

struct Unpark(Unparker);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until ready, parking between the polls. A wake-up that is lost is a deadlock here, which loom
/// reports.
pub fn block_on<F: Future>(future: F) -> F::Output {
    block_on_and_keep(future).0
}

/// As [`block_on`], and gives the waker, too. While it lives no later one has its address: so each call is
/// another task to those who compare wakers, and not now and then the same one by chance.
pub fn block_on_and_keep<F: Future>(future: F) -> (F::Output, Waker) {
    let parker = Parker::new();
    let waker = Waker::from(Arc::new(Unpark(parker.unparker())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return (output, waker);
        }
        parker.park();
    }
}

/// Polls once, with a waker that nobody hears.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A counter that loom does not see.
#[derive(Clone, Default, Debug)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    /// A counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// What was counted.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A value that counts its drop.
    pub fn on_drop(&self) -> OnDrop {
        OnDrop(self.clone())
    }

    /// A waker that counts its wakes.
    pub fn on_wake(&self) -> Waker {
        struct OnWake(Count);
        impl Wake for OnWake {
            fn wake(self: Arc<Self>) {
                self.0.add();
            }
        }
        Waker::from(Arc::new(OnWake(self.clone())))
    }
}

/// Counts its drop. Made by [`Count::on_drop`].
#[derive(Debug)]
pub struct OnDrop(Count);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}
