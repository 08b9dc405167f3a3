//! Wakes whose panics go no further than the panic hook.
//!
//! Callers: the batches of wakers of the timer and of the I/O driver. Who wakes many, one after the other, owes
//! each its wake whatever the others do.

#[cfg(not(filch_loom))]
pub use real::wake_quietly;

#[cfg(filch_loom)]
pub use model::wake_quietly;

#[cfg(not(filch_loom))]
mod real {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::Waker;

    /// Wakes. A waker that panics costs its caller nothing: the panic hook has reported it, the payload is dropped.
    pub fn wake_quietly(waker: Waker) {
        // Unwind safety: the waker is consumed, nobody sees it after the panic.
        let mut result = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        // The payload is the user's too, and its drop may panic in turn.
        while let Err(payload) = result {
            result = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        }
    }
}

#[cfg(filch_loom)]
mod model {
    use std::task::Waker;

    /// Wakes. A model's own failures are panics: they pass.
    pub fn wake_quietly(waker: Waker) {
        waker.wake();
    }
}
