//! What the models of `filch-sync` share.

#![allow(dead_code, unused_imports, reason = "each model file uses its part")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub use filch_loom_tests::{block_on, block_on_and_keep, model};

/// Polls once with a waker that does nothing, and drops what is passed by value.
pub fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(out) => Some(out),
        Poll::Pending => None,
    }
}
