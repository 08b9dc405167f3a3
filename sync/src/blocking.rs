//! Waiting for a future with a plain thread: what the `blocking_` forms do.
//!
//! The thread parks until the future's waker leaves a token. No allocation where the future is ready
//! at once.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use filch_primitives::entered::is_entered;
use filch_primitives::park::{Parker, Unparker};

/// A waker that unparks a thread.
struct ThreadWaker(Unparker);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, parking it while the future waits.
///
/// # Panics
/// On a thread that is polling async code: the wait would stop the tasks that it waits for.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    assert!(
        !is_entered(),
        "Cannot block the current thread from within a runtime. This thread is polling async code: \
         await the operation instead, or move the blocking call to `spawn_blocking` or \
         `block_in_place`."
    );
    let mut future = pin!(future);
    // The first poll needs no parker: a wake between it and the next poll is seen by the next poll.
    if let Poll::Ready(out) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return out;
    }
    let parker = Parker::new();
    let waker = Waker::from(Arc::new(ThreadWaker(parker.unparker())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(out) = future.as_mut().poll(&mut cx) {
            return out;
        }
        parker.park();
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn waits_for_a_wake_from_another_thread() {
        let mut polls = 0;
        let out = block_on(std::future::poll_fn(|cx| {
            polls += 1;
            if polls < 4 {
                let waker = cx.waker().clone();
                std::thread::spawn(move || waker.wake());
                // The first waker does nothing: the second poll follows at once.
                return Poll::Pending;
            }
            Poll::Ready(polls)
        }));
        assert_eq!(out, 4);
    }

    #[test]
    #[should_panic(expected = "Cannot block the current thread from within a runtime")]
    fn panics_inside_async_code() {
        let _entered = filch_primitives::entered::enter();
        block_on(async {});
    }

    #[test]
    fn is_allowed_again_in_a_blocking_section() {
        let _entered = filch_primitives::entered::enter();
        let _blocking = filch_primitives::entered::exit();
        assert_eq!(block_on(async { 5 }), 5);
    }
}
