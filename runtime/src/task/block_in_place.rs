//! Blocking in the middle of a task.

use filch_primitives::{coop, entered};

use crate::context::{self, Scheduler};
use crate::runtime::RuntimeFlavor;
use crate::scheduler::multi_thread;

/// Runs a function that may block, on this thread, after handing the worker's other tasks to another
/// thread.
///
/// Inside, `block_on` is allowed. Outside of a runtime it just calls `f`. Other branches of the same task
/// (in a `join!`, say) wait with it: unlike [`spawn_blocking`](super::spawn_blocking), which this costs no
/// `Send` and `'static`.
///
/// # Panics
/// In async code of a current-thread runtime, which has no other thread to hand its tasks to.
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    match context::scheduler() {
        Scheduler::MultiThread(cx) => {
            // SAFETY: the pointer is to a value on the stack below us, which outlives this call.
            multi_thread::block_in_place(unsafe { &*cx }, f)
        }
        Scheduler::CurrentThread(_) if entered::is_entered() => {
            panic!("can call blocking only when running on the multi-threaded runtime")
        }
        _ => {
            // A `block_on` of a multi-threaded runtime: no worker stands still.
            let multi = context::try_current()
                .is_none_or(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
            if entered::is_entered() && !multi {
                panic!("can call blocking only when running on the multi-threaded runtime");
            }
            let _exited = entered::exit();
            let _unconstrained = coop::unconstrained();
            f()
        }
    }
}
