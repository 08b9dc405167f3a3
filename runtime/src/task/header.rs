//! The part of a task that does not depend on its future, and the table of what does.

use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

use filch_primitives::cell::UnsafeCell;

use super::id::Id;
use super::owner::Owner;
use super::state::State;

/// The head of every task's allocation.
///
/// 56 bytes. With the join waker (16) a task is 72 bytes more than its future, which leaves the
/// allocator's own word and rounding under the budget of 96.
#[repr(C)]
pub(crate) struct Header {
    /// The state word: see its table.
    pub(crate) state: State,
    /// What depends on the future's type.
    pub(crate) vtable: &'static VTable,
    /// Where it is queued and listed. Counted: an `Arc` per worker, so that the count's cache line
    /// stays with the worker that spawns.
    pub(crate) owner: Arc<Owner>,
    /// Links of the owner's list. Guarded by the owner's lock.
    pub(crate) links: UnsafeCell<Links>,
    /// Where and as what it was spawned.
    pub(crate) meta: Meta,
    /// Its number, unique in the process.
    pub(crate) id: Id,
}

/// Links of the intrusive list of an owner's tasks.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) prev: Option<NonNull<Header>>,
    pub(crate) next: Option<NonNull<Header>>,
}

/// Where a task was spawned and what it is called, in one word.
///
/// Most tasks have no name: then it is the location's address. Else it is the address of a box with
/// both, and the lowest bit is set.
pub(crate) struct Meta(NonNull<()>);

struct Named {
    name: Box<str>,
    location: &'static Location<'static>,
}

const NAMED: usize = 1;
const _: () = assert!(align_of::<Location<'static>>() > NAMED && align_of::<Named>() > NAMED);

// SAFETY: what the word points to is immutable, and `Send + Sync` itself.
unsafe impl Send for Meta {}
// SAFETY: as above.
unsafe impl Sync for Meta {}

impl Meta {
    pub(crate) fn new(location: &'static Location<'static>, name: Option<&str>) -> Self {
        let Some(name) = name else {
            return Meta(NonNull::from(location).cast());
        };
        let named = Box::new(Named { name: name.into(), location });
        let address = NonNull::from(Box::leak(named)).cast::<()>();
        Meta(address.map_addr(|address| address | NAMED))
    }

    fn named(&self) -> Option<NonNull<Named>> {
        let address = self.0.addr().get();
        if address & NAMED == 0 {
            return None;
        }
        NonNull::new(self.0.as_ptr().map_addr(|address| address & !NAMED).cast())
    }

    pub(crate) fn name(&self) -> Option<&str> {
        // SAFETY: a tagged word is the box leaked in `new`, freed only in `drop`.
        self.named().map(|named| unsafe { &*(*named.as_ptr()).name })
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        match self.named() {
            // SAFETY: as in `name`.
            Some(named) => unsafe { (*named.as_ptr()).location },
            // SAFETY: an untagged word is the `&'static Location` given to `new`.
            None => unsafe { self.0.cast().as_ref() },
        }
    }
}

impl Drop for Meta {
    fn drop(&mut self) {
        if let Some(named) = self.named() {
            // SAFETY: leaked in `new`, and freed here only.
            drop(unsafe { Box::from_raw(named.as_ptr()) });
        }
    }
}

/// The functions that know the future's type. All take the pointer that the allocation had.
pub(crate) struct VTable {
    /// Polls once, or cancels: consumes a Runnable.
    pub(crate) run: unsafe fn(NonNull<Header>),
    /// Drops the future of a task that the caller runs (holds RUNNING), and completes it as cancelled.
    /// The flag says whether NOTIFIED is the caller's own debt (`State::complete`).
    pub(crate) cancel: unsafe fn(NonNull<Header>, bool),
    /// Moves the output out, to the place that the pointer names: `*mut Poll<Result<T, JoinError>>`.
    pub(crate) take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Drops a stored output that nobody took; a panic among them is reported.
    pub(crate) drop_output: unsafe fn(NonNull<Header>),
    /// The distance of the join waker from the head, in bytes.
    pub(crate) join_waker_offset: usize,
    /// Frees the allocation.
    pub(crate) dealloc: unsafe fn(NonNull<Header>),
}

/// The join waker's place. Rule F9 says who may touch it.
///
/// # Safety
/// - `task` points to a live task.
pub(crate) unsafe fn join_waker<'a>(task: NonNull<Header>) -> &'a UnsafeCell<Option<Waker>> {
    // SAFETY: the offset is that of the field in this very allocation (see `cell::Cell::VTABLE`), and
    // the pointer was made from the whole allocation.
    unsafe {
        let offset = task.as_ref().vtable.join_waker_offset;
        task.byte_add(offset).cast().as_ref()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_56_bytes() {
        assert_eq!(size_of::<Header>(), 56);
    }

    #[test]
    fn a_name_and_its_location_fit_one_word() {
        let here = Location::caller();
        let plain = Meta::new(here, None);
        assert_eq!((plain.name(), plain.location()), (None, here));
        let named = Meta::new(here, Some("acceptor"));
        assert_eq!((named.name(), named.location()), (Some("acceptor"), here));
    }
}
