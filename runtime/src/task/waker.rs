//! Wakers of tasks: the task's own pointer, no allocation.
//!
//! A counted waker holds one reference in the state word. During a poll the task lends a waker that is
//! not counted (`borrowed`); a clone of it is.

use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::Runnable;
use super::header::Header;
use super::owner::Owner;
use super::state::{OnWake, Release};

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake_by_val, wake_by_ref, drop_waker);

/// A waker whose reference is not counted.
///
/// # Safety
/// - The task is alive as long as the waker is used.
/// - The waker is not dropped (wrap it in `ManuallyDrop`).
#[inline]
pub(super) unsafe fn borrowed(task: NonNull<Header>) -> Waker {
    // SAFETY: the functions of VTABLE keep the contract of `RawWaker`; the pointer is a live task.
    unsafe { Waker::from_raw(RawWaker::new(task.as_ptr().cast(), &VTABLE)) }
}

/// # Safety
/// - `data` is the pointer of a live task.
unsafe fn header<'a>(data: *const ()) -> (NonNull<Header>, &'a Header) {
    // SAFETY: made from a `NonNull` in `borrowed`; alive by the caller's promise.
    unsafe {
        let task = NonNull::new_unchecked(data.cast_mut().cast::<Header>());
        (task, &*task.as_ptr())
    }
}

/// # Safety
/// - The contract of `RawWakerVTable`: `data` is of a live waker of ours.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker that is cloned keeps the task alive.
    unsafe { header(data) }.1.state.clone_ref();
    RawWaker::new(data, &VTABLE)
}

/// # Safety
/// - The contract of `RawWakerVTable`; consumes the waker.
unsafe fn wake_by_val(data: *const ()) {
    // SAFETY: the waker keeps the task alive until the transition below.
    let (task, header) = unsafe { header(data) };
    match header.state.wake_by_val() {
        OnWake::Nothing => {}
        // SAFETY: the transition gave us the Runnable; the task may be gone after this call.
        OnWake::Enqueue => Owner::enqueue(unsafe { Runnable::from_raw(task) }),
        // SAFETY: the transition found nobody else who holds it.
        OnWake::Free => unsafe { (header.vtable.dealloc)(task) },
    }
}

/// # Safety
/// - The contract of `RawWakerVTable`.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker keeps the task alive during the call.
    let (task, header) = unsafe { header(data) };
    match header.state.wake_by_ref() {
        OnWake::Nothing | OnWake::Free => {}
        // SAFETY: the transition gave us the Runnable.
        OnWake::Enqueue => Owner::enqueue(unsafe { Runnable::from_raw(task) }),
    }
}

/// # Safety
/// - The contract of `RawWakerVTable`; consumes the waker.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker's reference is given back by `drop_ref`.
    unsafe {
        let (task, _) = header(data);
        drop_ref(task);
    }
}

/// Gives one counted reference back.
///
/// # Safety
/// - The caller owns a counted reference, and does not use the task after.
pub(super) unsafe fn drop_ref(task: NonNull<Header>) {
    // SAFETY: the reference keeps the task alive until the transition, and if nobody else holds it we
    // free it.
    unsafe {
        if task.as_ref().state.drop_ref() == Release::Free {
            (task.as_ref().vtable.dealloc)(task);
        }
    }
}
