//! Blocking in the middle of a task: the worker goes on elsewhere.

use std::ptr::null;
use std::sync::Arc;

use filch_primitives::lock::Mutex;
use filch_primitives::{coop, entered};

use super::worker::{Core, WorkerContext, drive};

/// Runs `f`, which may block, on this worker's thread, after handing the worker to another one.
pub(crate) fn block_in_place<R>(cx: &WorkerContext, f: impl FnOnce() -> R) -> R {
    /// Where the core waits for whoever comes first: the new thread, or us after `f`.
    struct Handoff(Mutex<Option<CorePointer>>);
    struct CorePointer(*const Core);
    // SAFETY: the core goes to the thread that takes it out of the lock, whole.
    unsafe impl Send for CorePointer {}

    let core = cx.core.replace(null());
    if core.is_null() {
        // In a `block_on` inside of an outer call, say: the worker is handed over already.
        let _exited = entered::exit();
        let _unconstrained = coop::unconstrained();
        return f();
    }
    let handoff = Arc::new(Handoff(Mutex::new(Some(CorePointer(core)))));
    let (shared, theirs) = (cx.shared.clone(), handoff.clone());
    cx.shared.common.blocking().run_detached(Box::new(move || {
        let taken = theirs.0.lock().take();
        if let Some(CorePointer(core)) = taken {
            // SAFETY: from `Box::into_raw` in `drive`, and taken out of the lock once.
            drive(shared, unsafe { Box::from_raw(core.cast_mut()) });
        }
    }));
    /// Takes the core back, if nobody has it yet: after `f`, also when it panics.
    struct TakeBack<'a>(&'a WorkerContext, &'a Handoff);
    impl Drop for TakeBack<'_> {
        fn drop(&mut self) {
            let taken = self.1.0.lock().take();
            if let Some(CorePointer(core)) = taken {
                self.0.core.set(core);
            }
        }
    }
    let _back = TakeBack(cx, &handoff);
    let _exited = entered::exit();
    let _unconstrained = coop::unconstrained();
    f()
}
