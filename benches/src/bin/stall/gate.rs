//! A gate that a task waits at: the least that every runtime's tasks can wake each other with.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};

/// Lets one waiter through each time it is opened. At most one task waits.
#[derive(Default)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    is_open: bool,
    waiter: Option<Waker>,
}

impl Gate {
    /// Opens it, and wakes who waits.
    pub(crate) fn open(&self) {
        let waiter = {
            let mut state = self.lock();
            state.is_open = true;
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Waits until it is open, and closes it.
    pub(crate) async fn pass(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if std::mem::take(&mut state.is_open) {
                return Poll::Ready(());
            }
            state.waiter = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Whether somebody waits.
    pub(crate) fn has_waiter(&self) -> bool {
        self.lock().waiter.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

/// Lets every other ready task run once.
pub(crate) async fn yield_now() {
    let mut is_second = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut is_second, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::Context;

    #[test]
    fn an_open_gate_lets_one_pass_through() {
        let gate = Gate::default();
        gate.open();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(gate.pass()).poll(&mut cx).is_ready());
        let mut second = pin!(gate.pass());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert!(gate.has_waiter());
        gate.open();
        assert!(!gate.has_waiter());
        assert!(second.poll(&mut cx).is_ready());
    }

    #[test]
    fn yielding_is_pending_once() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut yielding = pin!(yield_now());
        assert!(yielding.as_mut().poll(&mut cx).is_pending());
        assert!(yielding.poll(&mut cx).is_ready());
    }
}
