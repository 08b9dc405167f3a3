//! The other tasks in a trial's world: who waits behind the future, or before it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Wakes;

/// A task that is polled by hand.
pub struct Other<O> {
    future: Pin<Box<dyn Future<Output = O>>>,
    wakes: Arc<Wakes>,
    /// How often it had been woken when it was last polled, if it waits.
    waits_since: Option<usize>,
    output: Option<O>,
}

impl<O> Other<O> {
    /// Not polled yet.
    pub fn new(future: impl Future<Output = O> + 'static) -> Other<O> {
        Other { future: Box::pin(future), wakes: Arc::default(), waits_since: None, output: None }
    }

    /// Polls it, unless it has completed.
    pub fn poll(&mut self) {
        if self.output.is_some() {
            return;
        }
        let waker = Waker::from(self.wakes.clone());
        let before = self.wakes.get();
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => self.output = Some(output),
            Poll::Pending => self.waits_since = Some(before),
        }
    }

    /// Polls it if an executor would: if it is new or was woken. Its output, if it has completed.
    pub fn poll_if_woken(&mut self) -> Option<&O> {
        if self.waits_since.is_none_or(|since| self.wakes.get() > since) {
            self.poll();
        }
        self.output.as_ref()
    }

    /// Its output; it must have been woken for it.
    ///
    /// # Errors
    /// If it waits still.
    pub fn finish(mut self) -> Result<O, String> {
        self.poll_if_woken();
        self.output.take().ok_or_else(|| "another task waits in vain".into())
    }
}
