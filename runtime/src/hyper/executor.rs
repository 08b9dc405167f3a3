//! hyper's `Executor`: where the tasks of a connection run.

use std::future::Future;

use crate::runtime::Handle;

/// Spawns hyper's tasks on the current runtime, that is the one that calls.
///
/// A [`Handle`] is an executor too: it spawns on its own runtime, wherever it is called.
///
/// # Panics
///
/// [`execute`](::hyper::rt::Executor::execute) panics outside of a runtime.
///
/// # Examples
///
/// ```
/// use hyper::rt::Executor as _;
///
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (sender, receiver) = filch::sync::oneshot::channel();
/// filch::hyper::Executor::new().execute(async { sender.send(7) });
/// assert_eq!(receiver.await, Ok(7));
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Executor;

impl Executor {
    /// An executor. It holds nothing.
    pub const fn new() -> Self {
        Executor
    }
}

impl<F> ::hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        crate::task::spawn(future);
    }
}

impl<F> ::hyper::rt::Executor<F> for Handle
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        self.spawn(future);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Builder;
    use ::hyper::rt::Executor as _;

    #[test]
    fn executor_spawns_on_the_runtime_that_calls() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let (sender, receiver) = crate::sync::oneshot::channel();
        runtime.block_on(async {
            Executor::new().execute(async move { sender.send(Handle::current().id()) });
            assert_eq!(receiver.await, Ok(runtime.handle().id()));
        });
    }

    #[test]
    fn handle_spawns_on_its_own_runtime() {
        let (one, two) = (
            Builder::new_multi_thread().worker_threads(1).build().unwrap(),
            Builder::new_current_thread().build().unwrap(),
        );
        let (sender, receiver) = crate::sync::oneshot::channel();
        two.block_on(async {
            one.handle().execute(async move { sender.send(Handle::current().id()) });
            assert_eq!(receiver.await, Ok(one.handle().id()));
        });
    }

    #[test]
    #[should_panic(expected = "there is no reactor running")]
    fn executor_outside_of_a_runtime_panics() {
        Executor::new().execute(async {});
    }
}
