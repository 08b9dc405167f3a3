//! `Wait`: the future of one of any number of waiters.

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, ready};

use filch_primitives::cell::UnsafeCell;
use filch_primitives::coop;

use super::Readiness;
use super::waiters::Node;
use crate::{Ready, ReadyEvent};

/// Waits until the registration is ready for some of `wanted`. Made by [`Readiness::wait`].
///
/// Spends one unit of the cooperative budget when it completes.
///
/// # Cancel safety
/// Dropping it unlinks its node; no readiness is lost, since waiting takes none away.
#[must_use = "a future does nothing unless it is polled"]
pub struct Wait<'a> {
    readiness: &'a Readiness,
    wanted: Ready,
    /// Whether the node was ever queued: if not, dropping needs no lock.
    queued_once: bool,
    /// Touched under the lock of `readiness` only (W2).
    node: UnsafeCell<Node>,
    _pin: PhantomPinned,
}

// SAFETY: the raw pointers in `node` are followed only under the lock of `readiness`; the rest is
// Send by itself.
unsafe impl Send for Wait<'_> {}

// SAFETY: `&Wait` gives access to nothing.
unsafe impl Sync for Wait<'_> {}

impl<'a> Wait<'a> {
    pub(super) fn new(readiness: &'a Readiness, wanted: Ready) -> Self {
        Wait {
            readiness,
            wanted,
            queued_once: false,
            node: UnsafeCell::new(Node::new(wanted)),
            _pin: PhantomPinned,
        }
    }
}

impl Future for Wait<'_> {
    type Output = io::Result<ReadyEvent>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        let coop = ready!(coop::poll_proceed(cx));
        let (readiness, wanted) = (this.readiness, this.wanted);

        let mut done = readiness.check(wanted);
        if done.is_pending() {
            // Cloned before the lock is taken: cloning is the user's code.
            let waker = cx.waker().clone();
            let mut waiters = readiness.waiters.lock();
            done = readiness.check(wanted);
            let spare = if done.is_pending() {
                this.queued_once = true;
                // SAFETY: pinned, and `drop` unlinks it before its memory goes away (W3); it only
                // ever meets this list.
                unsafe { waiters.queue(NonNull::from(&this.node), waker) }
            } else {
                Some(waker)
            };
            drop(waiters);
            drop(spare);
        }
        if done.is_ready() {
            coop.made_progress();
        }
        done
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.queued_once {
            let node = NonNull::from(&self.node);
            // SAFETY: alive, and it met no list but this one.
            let waker = unsafe { self.readiness.waiters.lock().unlink(node) };
            drop(waker);
        }
    }
}
