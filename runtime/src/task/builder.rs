//! Spawning tasks with a name.

use std::future::Future;
use std::io;
use std::panic::Location;

use super::header::Meta;
use super::{JoinHandle, LocalSet, local_set, spawn};
use crate::context;
use crate::runtime::Handle;

/// Spawns tasks with a name, which reports and dumps show.
///
/// ```
/// # filch::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let task = filch::task::Builder::new().name("accountant").spawn(async { 42 })?;
/// assert_eq!(task.await.unwrap(), 42);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[must_use = "nothing is spawned until one of the spawning methods is called"]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// A builder without a name.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Names the task. Costs it one more allocation.
    pub fn name(self, name: &'a str) -> Self {
        Builder { name: Some(name) }
    }

    #[track_caller]
    fn meta(self) -> Meta {
        Meta::new(Location::caller(), self.name)
    }

    /// Spawns a task on the current runtime.
    ///
    /// # Errors
    /// None today.
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(spawn::spawn_with(self.meta(), || future))
    }

    /// Spawns the task whose future `make` returns: it is called when the task's memory is there already,
    /// and its result goes straight into it.
    ///
    /// For futures too big for this thread's stack: one of more than 16 KiB is made on a thread whose
    /// stack is big enough for it, which costs that thread's start; smaller ones are made right here.
    ///
    /// # Errors
    /// The system's, if it refuses that thread.
    /// # Panics
    /// Outside of a runtime. If `make` panics.
    #[track_caller]
    pub fn spawn_in_place<F, M>(self, make: M) -> io::Result<JoinHandle<F::Output>>
    where
        M: FnOnce() -> F + Send,
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        const ON_THIS_STACK: usize = 16 * 1024;
        let (handle, meta) = (context::current(), self.meta());
        if size_of::<F>() <= ON_THIS_STACK {
            return Ok(handle.spawn_with(meta, make));
        }
        // Without optimisation the future is copied a few times on its way.
        let stack = size_of::<F>().saturating_mul(8).saturating_add(64 * 1024);
        std::thread::scope(|scope| {
            let maker = std::thread::Builder::new()
                .name("filch-maker".to_owned())
                .stack_size(stack)
                .spawn_scoped(scope, || handle.spawn_with(meta, make))?;
            match maker.join() {
                Ok(join) => Ok(join),
                Err(payload) => std::panic::resume_unwind(payload),
            }
        })
    }

    /// Spawns a task on a runtime.
    ///
    /// # Errors
    /// None today.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(handle.spawn_with(self.meta(), || future))
    }

    /// Spawns a task that need not be `Send` on the current `LocalSet` or local runtime.
    ///
    /// # Errors
    /// None today.
    /// # Panics
    /// Outside of both.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(local_set::spawn_local_with(self.meta(), future))
    }

    /// Spawns a task that need not be `Send` on a `LocalSet`, which need not be the current one.
    ///
    /// # Errors
    /// None today.
    #[track_caller]
    pub fn spawn_local_on<F>(
        self,
        future: F,
        local_set: &LocalSet,
    ) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(local_set.spawn_with(self.meta(), future))
    }

    /// Runs a function that may block; see [`spawn_blocking`](super::spawn_blocking).
    ///
    /// # Errors
    /// None today.
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, R>(self, f: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_blocking_on(f, &context::current())
    }

    /// Runs a function that may block, on a runtime's threads for such functions.
    ///
    /// # Errors
    /// None today.
    #[track_caller]
    pub fn spawn_blocking_on<F, R>(self, f: F, handle: &Handle) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        Ok(handle.common().blocking().spawn_blocking(self.meta(), handle.driver(), f))
    }

    /// Runs a computation; see [`spawn_compute`](super::spawn_compute).
    ///
    /// # Errors
    /// None today.
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_compute<F, R>(self, f: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let handle = context::current();
        Ok(handle.common().blocking().spawn_compute(self.meta(), handle.driver(), f))
    }
}
