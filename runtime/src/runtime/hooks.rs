//! What a program hangs into its runtime: thread hooks, and what happens to panics nobody awaits.

use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use crate::task::Id;
use crate::task::header::Meta;

/// A hook without arguments.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// What happens when a task panics.
///
/// A panic is never lost: awaiting the task's [`JoinHandle`](crate::task::JoinHandle) gives it as a
/// [`JoinError`](crate::task::JoinError). This says what happens to one that nobody awaits.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// Report it on standard error: the task's name or number, where it was spawned, the message. The
    /// default, and what tokio calls `Ignore`.
    #[default]
    Ignore,
    /// Shut the runtime down at the first panic of a spawned task, awaited or not. On a current-thread
    /// runtime `block_on` panics.
    ShutdownRuntime,
    /// Abort the process, after the report.
    Abort,
    /// Call a function instead of reporting.
    Call(Arc<dyn Fn(&UnhandledPanicInfo<'_>) + Send + Sync>),
}

impl fmt::Debug for UnhandledPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UnhandledPanic::Ignore => "Ignore",
            UnhandledPanic::ShutdownRuntime => "ShutdownRuntime",
            UnhandledPanic::Abort => "Abort",
            UnhandledPanic::Call(_) => "Call(..)",
        })
    }
}

/// A panic that nobody awaits.
pub struct UnhandledPanicInfo<'a> {
    id: Id,
    meta: &'a Meta,
    message: &'a str,
}

impl UnhandledPanicInfo<'_> {
    /// The task's number.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The task's name, if it was spawned with one.
    pub fn name(&self) -> Option<&str> {
        self.meta.name()
    }

    /// Where the task was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.meta.location()
    }

    /// The panic's message.
    pub fn message(&self) -> &str {
        self.message
    }
}

impl fmt::Debug for UnhandledPanicInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnhandledPanicInfo")
            .field("id", &self.id)
            .field("name", &self.name())
            .field("location", &self.location())
            .field("message", &self.message)
            .finish()
    }
}

/// All hooks of a runtime.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_thread_start: Option<Hook>,
    pub(crate) on_thread_stop: Option<Hook>,
    pub(crate) on_thread_park: Option<Hook>,
    pub(crate) on_thread_unpark: Option<Hook>,
    pub(crate) unhandled_panic: UnhandledPanic,
}

/// Calls a hook. A panic in it is reported and ends there: no hook may take a thread with it.
fn call(what: &str, hook: Option<&Hook>) {
    let Some(hook) = hook else { return };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook())) {
        eprintln!("filch: {what} panicked: {}", crate::task::payload_text(&*payload));
    }
}

impl Hooks {
    /// Runs a thread's body between its hooks.
    pub(crate) fn around_thread(&self, body: impl FnOnce()) {
        call("on_thread_start", self.on_thread_start.as_ref());
        body();
        call("on_thread_stop", self.on_thread_stop.as_ref());
    }

    pub(crate) fn before_park(&self) {
        call("on_thread_park", self.on_thread_park.as_ref());
    }

    pub(crate) fn after_park(&self) {
        call("on_thread_unpark", self.on_thread_unpark.as_ref());
    }

    pub(crate) fn shutdown_on_panic(&self) -> bool {
        matches!(self.unhandled_panic, UnhandledPanic::ShutdownRuntime)
    }

    /// A panic that no join handle will give to anybody.
    pub(crate) fn unhandled_panic(&self, id: Id, meta: &Meta, message: &str) {
        let info = UnhandledPanicInfo { id, meta, message };
        if let UnhandledPanic::Call(function) = &self.unhandled_panic {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| function(&info))) {
                let text = crate::task::payload_text(&*payload);
                eprintln!("filch: the unhandled-panic function panicked: {text}");
            }
            return;
        }
        let name = info.name().map(|name| format!(" {name:?}")).unwrap_or_default();
        eprintln!(
            "filch: task {id}{name}, spawned at {}, panicked and nobody awaits it: {message}",
            info.location()
        );
        if let UnhandledPanic::Abort = self.unhandled_panic {
            std::process::abort();
        }
    }
}
