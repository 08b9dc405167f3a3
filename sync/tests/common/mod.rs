//! A scripted executor for the tests: polls by hand, and counts wakes.

#![allow(dead_code, reason = "each test file uses its part")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Counts how often it was woken.
#[derive(Default)]
pub struct WakeCount(AtomicUsize);

impl WakeCount {
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future that is polled by hand.
pub struct Spawned<F: Future> {
    future: Pin<Box<F>>,
    wakes: Arc<WakeCount>,
}

pub fn spawn<F: Future>(future: F) -> Spawned<F> {
    Spawned { future: Box::pin(future), wakes: Arc::default() }
}

impl<F: Future> Spawned<F> {
    pub fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polls with another waker than before.
    pub fn poll_with(&mut self, wakes: &Arc<WakeCount>) -> Poll<F::Output> {
        self.wakes = wakes.clone();
        self.poll()
    }

    pub fn is_pending(&mut self) -> bool {
        self.poll().is_pending()
    }

    #[track_caller]
    pub fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(out) => out,
            Poll::Pending => panic!("pending"),
        }
    }

    /// How often it was woken so far.
    pub fn wakes(&self) -> usize {
        self.wakes.get()
    }

    pub fn as_mut(&mut self) -> Pin<&mut F> {
        self.future.as_mut()
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(out) => return out,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The outcome of a future that must be ready at once.
#[track_caller]
pub fn now<F: Future>(future: F) -> F::Output {
    spawn(future).ready()
}

/// A value that counts its drops.
#[derive(Debug, Clone)]
pub struct Counted(pub Arc<AtomicUsize>, pub usize);

impl Counted {
    pub fn new(drops: &Arc<AtomicUsize>, id: usize) -> Self {
        Counted(drops.clone(), id)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that panics when it is woken.
pub struct PanicsOnWake;

impl Wake for PanicsOnWake {
    fn wake(self: Arc<Self>) {
        panic!("this waker panics");
    }
}

/// A waker that runs a closure.
pub struct Calls<F>(pub F);

impl<F: Fn() + Send + Sync + 'static> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// How many rounds a stress test makes.
pub const ROUNDS: usize = if cfg!(miri) { 50 } else { 20_000 };

/// Checks that `f` panics, and that the panic names `file`: the caller's, not the crate's.
#[track_caller]
pub fn assert_panics_in(file: &str, f: impl FnOnce()) {
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
    use std::sync::Once;

    thread_local!(static PANICKED_IN: RefCell<Option<String>> = const { RefCell::new(None) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            let file = info.location().map(|at| at.file().to_string());
            PANICKED_IN.with(|panicked_in| *panicked_in.borrow_mut() = file);
            before(info);
        }));
    });
    assert!(catch_unwind(AssertUnwindSafe(f)).is_err(), "it did not panic");
    let panicked_in = PANICKED_IN.with(|panicked_in| panicked_in.take());
    assert_eq!(panicked_in.as_deref(), Some(file));
}
