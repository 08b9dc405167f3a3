//! A task's allocation and the functions that know its future's type.
//!
//! Everything here is called through [`VTable`] by the holder of a Runnable, a waker or a join handle.
//! The rules F1 to F9 are in docs/task-contract.md and `state.rs`; F1 is the one that matters most here:
//! only the holder of RUNNING touches the future, and only it, or after COMPLETE the join handle, the
//! output.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::any::Any;
use std::future::Future;
use std::mem::{ManuallyDrop, offset_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::{NonNull, addr_of_mut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use filch_primitives::cell::UnsafeCell;

use super::error::JoinError;
use super::header::{Header, Links, Meta, VTable, join_waker};
use super::id::Id;
use super::owner::Owner;
use super::state::{BeginPoll, EndPoll, Release, State};
use super::{Runnable, waker};
use crate::context;

type Output<F> = Result<<F as Future>::Output, JoinError>;

/// One allocation per task: head, future or output, join waker.
#[repr(C)]
struct Cell<F: Future> {
    header: Header,
    core: UnsafeCell<Core<F>>,
    /// Published by JOIN_WAKER (rule F9).
    join_waker: UnsafeCell<Option<Waker>>,
    /// Tells loom of the allocation, so that a model finds a task that is never freed.
    #[cfg(filch_loom)]
    allocation: filch_primitives::loom::alloc::Track<()>,
}

/// The future until COMPLETE, then the output until the join handle takes it or, if there is none, the
/// completing thread drops it. Which of them is alive needs no mark of its own: the state word and the
/// join handle know.
#[repr(C)]
union Core<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Output<F>>,
}

impl<F: Future> Cell<F> {
    const VTABLE: VTable = VTable {
        run: run::<F>,
        cancel: cancel::<F>,
        take_output: take_output::<F>,
        drop_output: drop_output::<F>,
        join_waker_offset: offset_of!(Cell<F>, join_waker),
        dealloc: free::<F>,
    };
}

/// Allocates a task around the future that `make` returns, in the state of [`State::new`]: one Runnable
/// and one join handle exist.
///
/// `make` is called after the allocation, and its result is moved straight into it. If it panics the
/// allocation is freed again.
#[inline]
pub(super) fn allocate<F: Future>(
    owner: Arc<Owner>,
    meta: Meta,
    id: Id,
    make: impl FnOnce() -> F,
) -> NonNull<Header> {
    /// Frees the memory if `make` panics.
    struct Unfinished<F: Future>(*mut Cell<F>);
    impl<F: Future> Drop for Unfinished<F> {
        fn drop(&mut self) {
            // SAFETY: allocated below with this layout, and nothing in it is initialised yet.
            unsafe { dealloc(self.0.cast(), Layout::new::<Cell<F>>()) }
        }
    }

    let layout = Layout::new::<Cell<F>>();
    // SAFETY: the layout is not empty: it has a header.
    let cell = unsafe { alloc(layout) }.cast::<Cell<F>>();
    if cell.is_null() {
        handle_alloc_error(layout);
    }
    let unfinished = Unfinished(cell);
    // SAFETY: `cell` is fresh memory of the cell's layout; each field is written once, through its own
    // pointer, so that no reference to uninitialised memory exists. `Data` is a union whose fields both
    // begin at its start, and `UnsafeCell` of the seam is transparent (loom's is written whole).
    unsafe {
        write_core(addr_of_mut!((*cell).core), make);
        std::mem::forget(unfinished);
        addr_of_mut!((*cell).join_waker).write(UnsafeCell::new(None));
        #[cfg(filch_loom)]
        addr_of_mut!((*cell).allocation).write(filch_primitives::loom::alloc::Track::new(()));
        addr_of_mut!((*cell).header).write(Header {
            state: State::new(),
            vtable: const { &Cell::<F>::VTABLE },
            owner,
            links: UnsafeCell::new(Links::default()),
            meta,
            id,
        });
        NonNull::new_unchecked(cell.cast())
    }
}

/// Writes the future into its place, without a second copy on the stack where the compiler can avoid
/// it.
///
/// # Safety
/// - `core` is valid for writes.
#[cfg(not(filch_loom))]
#[inline]
unsafe fn write_core<F: Future>(core: *mut UnsafeCell<Core<F>>, make: impl FnOnce() -> F) {
    let core = core.cast::<Core<F>>();
    // SAFETY: `UnsafeCell` is `repr(transparent)`, so that its pointer is the core's; the rest is the
    // caller's promise.
    unsafe {
        addr_of_mut!((*core).future).cast::<F>().write(make());
    }
}

/// loom's cells register themselves when they are made: no writing in place.
///
/// # Safety
/// - `core` is valid for writes.
#[cfg(filch_loom)]
unsafe fn write_core<F: Future>(core: *mut UnsafeCell<Core<F>>, make: impl FnOnce() -> F) {
    let future = ManuallyDrop::new(make());
    // SAFETY: the caller's promise.
    unsafe { core.write(UnsafeCell::new(Core { future })) }
}

/// The cell that a head belongs to.
///
/// # Safety
/// - `task` was made by `allocate::<F>` and is alive.
unsafe fn cell<'a, F: Future>(task: NonNull<Header>) -> &'a Cell<F> {
    // SAFETY: `repr(C)` puts the header first; the pointer was made from the whole allocation.
    unsafe { task.cast::<Cell<F>>().as_ref() }
}

/// F2: consumes a Runnable.
///
/// # Safety
/// - `task` was made by `allocate::<F>`, and the caller holds its Runnable.
unsafe fn run<F: Future>(task: NonNull<Header>) {
    // SAFETY: the Runnable keeps the task alive.
    let header = unsafe { task.as_ref() };
    match header.state.begin_poll() {
        // SAFETY: `begin_poll` just gave RUNNING to this thread.
        BeginPoll::Poll => unsafe { poll::<F>(task) },
        // SAFETY: as above. No NOTIFIED can be set: wakes do nothing on a cancelled task.
        BeginPoll::Cancel => unsafe { cancel::<F>(task, true) },
        BeginPoll::Gone => {}
        // SAFETY: `begin_poll` found nobody else who holds it.
        BeginPoll::Free => unsafe { free::<F>(task) },
    }
}

/// # Safety
/// - `task` was made by `allocate::<F>`, and the caller holds RUNNING.
unsafe fn poll<F: Future>(task: NonNull<Header>) {
    // SAFETY: RUNNING keeps the task alive.
    let this = unsafe { cell::<F>(task) };
    let polled = {
        let _task = context::enter_task(this.header.id);
        // A borrowed waker: RUNNING keeps the task alive as long as the poll lasts, so no count.
        // SAFETY: ManuallyDrop, so that the reference, which was not counted, is not given back.
        let waker = ManuallyDrop::new(unsafe { waker::borrowed(task) });
        let mut cx = Context::from_waker(&waker);
        // A panic of user code ends here and becomes the output.
        catch_unwind(AssertUnwindSafe(|| {
            this.core.with_mut(|core| {
                // SAFETY: exclusive access (F1): we hold RUNNING. The future is alive, since the task is
                // not COMPLETE. Pinning: the allocation never moves, the future is dropped in place.
                unsafe {
                    let future = addr_of_mut!((*core).future).cast::<F>();
                    Pin::new_unchecked(&mut *future).poll(&mut cx)
                }
            })
        }))
    };
    match polled {
        Ok(Poll::Pending) => match this.header.state.end_poll() {
            EndPoll::Idle => {}
            // SAFETY: `end_poll` handed us the Runnable. The task may be gone after this call.
            EndPoll::Requeue => Owner::requeue(unsafe { Runnable::from_raw(task) }),
            // SAFETY: `end_poll` left RUNNING with us.
            EndPoll::Cancel => unsafe { cancel::<F>(task, true) },
        },
        // SAFETY: we hold RUNNING.
        Ok(Poll::Ready(output)) => unsafe { complete::<F>(task, Ok(output), true) },
        Err(payload) => {
            let error = JoinError::panic(this.header.id, payload);
            // SAFETY: we hold RUNNING.
            unsafe { complete::<F>(task, Err(error), true) }
        }
    }
}

/// Drops the future and completes as cancelled.
///
/// # Safety
/// - `task` was made by `allocate::<F>`, and the caller holds RUNNING.
unsafe fn cancel<F: Future>(task: NonNull<Header>, owes_requeue: bool) {
    // SAFETY: RUNNING keeps the task alive.
    let id = unsafe { task.as_ref() }.id;
    // SAFETY: the caller's promise.
    unsafe { complete::<F>(task, Err(JoinError::cancelled(id)), owes_requeue) }
}

/// F4, F5: drops the future, stores the output, tells the join handle, leaves the owner's list, lets
/// go.
///
/// # Safety
/// - `task` was made by `allocate::<F>`, and the caller holds RUNNING.
unsafe fn complete<F: Future>(task: NonNull<Header>, output: Output<F>, owes_requeue: bool) {
    // SAFETY: RUNNING keeps the task alive.
    let this = unsafe { cell::<F>(task) };
    let _task = context::enter_task(this.header.id);

    let dropped = catch_unwind(AssertUnwindSafe(|| {
        this.core.with_mut(|core| {
            // SAFETY: exclusive access (F1). The future is alive, and dropped in place, once: even if the
            // destructor panics, this function goes on to COMPLETE, after which nobody drops it.
            unsafe { addr_of_mut!((*core).future).cast::<F>().drop_in_place() };
        });
    }));
    let output = match dropped {
        Ok(()) => output,
        // The poll's panic came first, and stays the output; the destructor's has nowhere to go.
        Err(payload) if matches!(&output, Err(error) if error.is_panic()) => {
            report_nested(&this.header, Err(payload));
            output
        }
        Err(payload) => {
            // The destructor's panic is the output; what it replaces may panic too when it goes.
            report_nested(&this.header, catch_unwind(AssertUnwindSafe(|| drop(output))));
            Err(JoinError::panic(this.header.id, payload))
        }
    };
    let panicked = matches!(&output, Err(error) if error.is_panic());
    this.core.with_mut(|core| {
        // SAFETY: exclusive access (F1), and the place is empty.
        unsafe { addr_of_mut!((*core).output).cast::<Output<F>>().write(output) };
    });

    let done = this.header.state.complete(owes_requeue);
    if !done.has_join_handle() {
        // SAFETY: COMPLETE without JOIN: nobody else will take the output.
        unsafe { drop_output::<F>(task) };
    } else if done.has_join_waker() {
        // SAFETY: the task is alive. F9: published before COMPLETE, only read from now on.
        let waker = unsafe { join_waker(task) };
        let woken = catch_unwind(AssertUnwindSafe(|| {
            waker.with(|waker| {
                // SAFETY: F9, as above: JOIN_WAKER and COMPLETE make the field read-only.
                if let Some(waker) = unsafe { &*waker } {
                    waker.wake_by_ref();
                }
            });
        }));
        report_nested(&this.header, woken);
    }
    if panicked {
        this.header.owner.task_panicked();
    }
    // SAFETY: the task is alive, and completes: nobody lists it again.
    unsafe { Owner::unlist(task) };
    if this.header.state.finish() == Release::Free {
        // SAFETY: `finish` found nobody else who holds it.
        unsafe { free::<F>(task) };
    }
}

/// Reports a panic that has no output to go to: of a waker, of a destructor of an output.
fn report_nested(header: &Header, result: Result<(), Box<dyn Any + Send>>) {
    if let Err(payload) = result {
        header.owner.report_panic(header, super::error::payload_text(&*payload));
        // The payload's own destructor is user code as well, and there is nowhere left to report to.
        let _ = catch_unwind(AssertUnwindSafe(move || drop(payload)));
    }
}

/// # Safety
/// - `task` was made by `allocate::<F>` and is COMPLETE; the caller is its join handle, and takes the
///   output for the first time.
/// - `place` points to a `Poll<Output<F>>`.
unsafe fn take_output<F: Future>(task: NonNull<Header>, place: *mut ()) {
    // SAFETY: JOIN keeps the task alive.
    let this = unsafe { cell::<F>(task) };
    let output = this.core.with_mut(|core| {
        // SAFETY: COMPLETE with JOIN: the output is the join handle's alone (F1), and still there.
        unsafe { addr_of_mut!((*core).output).cast::<Output<F>>().read() }
    });
    // SAFETY: the caller's promise about the place.
    unsafe { *place.cast::<Poll<Output<F>>>() = Poll::Ready(output) };
}

/// # Safety
/// - `task` was made by `allocate::<F>` and is COMPLETE; the caller alone may take its output, which
///   nobody took before.
unsafe fn drop_output<F: Future>(task: NonNull<Header>) {
    // SAFETY: RUNNING or JOIN, whichever the caller has, keeps the task alive.
    let this = unsafe { cell::<F>(task) };
    let output = this.core.with_mut(|core| {
        // SAFETY: exclusive access, and the output is there: the caller's promise.
        unsafe { addr_of_mut!((*core).output).cast::<Output<F>>().read() }
    });
    let _task = context::enter_task(this.header.id);
    if let Err(error) = &output {
        if let Some(message) = error.message() {
            this.header.owner.report_panic(&this.header, &message);
        }
    }
    report_nested(&this.header, catch_unwind(AssertUnwindSafe(|| drop(output))));
}

/// # Safety
/// - `task` was made by `allocate::<F>`, and nobody holds it any more.
unsafe fn free<F: Future>(task: NonNull<Header>) {
    let cell = task.cast::<Cell<F>>().as_ptr();
    // SAFETY: nobody else holds the task, so that this is exclusive. The future is gone (COMPLETE) and
    // the output was taken or dropped by the join handle or by `complete`; `Core` has no destructor of
    // its own. The waker's destructor is user code: caught, so that the memory is freed in any case.
    unsafe {
        #[cfg(filch_loom)]
        check_unshared(cell);
        let waker =
            catch_unwind(AssertUnwindSafe(|| addr_of_mut!((*cell).join_waker).drop_in_place()));
        report_nested(&(*cell).header, waker);
        #[cfg(filch_loom)]
        {
            addr_of_mut!((*cell).core).drop_in_place();
            addr_of_mut!((*cell).allocation).drop_in_place();
        }
        addr_of_mut!((*cell).header).drop_in_place();
        dealloc(cell.cast(), Layout::new::<Cell<F>>());
    }
}

/// Has loom check that everything done to the task happened before it is freed.
///
/// # Safety
/// - `cell` is alive and nobody holds it any more.
#[cfg(filch_loom)]
unsafe fn check_unshared<F: Future>(cell: *mut Cell<F>) {
    // SAFETY: the caller's promise.
    let cell = unsafe { &mut *cell };
    cell.header.state.check_unshared();
    cell.header.links.with_mut(|_| ());
    cell.core.with_mut(|_| ());
    cell.join_waker.with_mut(|_| ());
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_72_bytes_more_than_its_future() {
        struct Of<const N: usize>([u64; N]);
        impl<const N: usize> Future for Of<N> {
            type Output = ();
            fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
                Poll::Ready(())
            }
        }
        assert_eq!(size_of::<Cell<Of<8>>>(), size_of::<Of<8>>() + 72);
        assert_eq!(size_of::<Cell<Of<100>>>(), size_of::<Of<100>>() + 72);
    }
}
