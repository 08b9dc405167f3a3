//! Forgetting futures and guards, as `mem::forget` does.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::ptr::{from_ref, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::task::{Context, Waker};

/// A value that is neither dropped nor freed, and the place of the one that was forgotten before it.
struct Forgotten<T> {
    before: AtomicPtr<()>,
    _value: ManuallyDrop<T>,
}

/// Forgets a value, at a place that the process remembers: nothing that a leak check would report.
pub fn forget<T>(value: T) {
    static LAST: AtomicPtr<()> = AtomicPtr::new(null_mut());
    let _value = ManuallyDrop::new(value);
    let here = Box::leak(Box::new(Forgotten { before: AtomicPtr::new(null_mut()), _value }));
    let before = LAST.swap(from_ref(here).cast_mut().cast(), Ordering::Relaxed);
    here.before.store(before, Ordering::Relaxed);
}

/// Polls a future once with `waker`, and forgets it.
///
/// # Panics
/// If it is ready.
#[track_caller]
pub fn forget_pending<F: Future>(future: F, waker: &Waker) {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(waker)).is_pending(), "ready");
    forget(future);
}
