//! A block of the queue: a run of slots and the links to its neighbours.
//!
//! Who may touch what: invariants Q1 to Q7 in `queue.rs`.

use std::mem::MaybeUninit;
use std::ptr::{NonNull, addr_of_mut, null_mut};

use filch_primitives::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering};
use filch_primitives::cell::UnsafeCell;

use super::position::SLOTS;

/// Slot state: neither filled nor awaited.
pub(super) const EMPTY: u8 = 0;
/// Slot state: the receiver waits for this slot: who fills it wakes the receiver.
pub(super) const WAITING: u8 = 1;
/// Slot state: the value is there.
pub(super) const READY: u8 = 2;
/// Slot state: no value will come, here or later: the last sender is gone.
pub(super) const ENDED: u8 = 3;

/// A place for one message. Value and state lie side by side: a send touches one cache line.
pub(super) struct Slot<T> {
    pub(super) state: AtomicU8,
    /// Initialised while the state is READY.
    pub(super) value: UnsafeCell<MaybeUninit<T>>,
}

/// A run of [`SLOTS`] slots.
pub(super) struct Block<T> {
    /// The position of its first slot.
    pub(super) start: AtomicUsize,
    /// The block before. Valid for whoever may still use a slot of it (Q4).
    pub(super) prev: AtomicPtr<Block<T>>,
    /// The block after, once it is installed.
    pub(super) next: AtomicPtr<Block<T>>,
    pub(super) slots: [Slot<T>; SLOTS],
}

impl<T> Block<T> {
    /// A block with empty slots. One allocation; the values are not touched.
    pub(super) fn allocate(start: usize) -> NonNull<Block<T>> {
        let mut block = Box::<Block<T>>::new_uninit();
        let at = block.as_mut_ptr();
        // Field by field, so that a block of large messages is never on the stack.
        // SAFETY: `at` points to memory for a Block, ours alone; each field is written once.
        unsafe {
            addr_of_mut!((*at).start).write(AtomicUsize::new(start));
            addr_of_mut!((*at).prev).write(AtomicPtr::new(null_mut()));
            addr_of_mut!((*at).next).write(AtomicPtr::new(null_mut()));
            for i in 0..SLOTS {
                let slot = addr_of_mut!((*at).slots[i]);
                addr_of_mut!((*slot).state).write(AtomicU8::new(EMPTY));
                // In an ordinary build this writes nothing.
                addr_of_mut!((*slot).value).write(UnsafeCell::new(MaybeUninit::uninit()));
            }
        }
        // SAFETY: every field was written above.
        NonNull::from(Box::leak(unsafe { block.assume_init() }))
    }

    /// Makes a consumed block ready for another place in the queue. Its slots are EMPTY already.
    pub(super) fn reset(&self, start: usize, prev: *mut Block<T>) {
        // ordering: Relaxed, all three. Nobody else has the block now; the installing stores publish them.
        self.start.store(start, Ordering::Relaxed);
        self.prev.store(prev, Ordering::Relaxed);
        self.next.store(null_mut(), Ordering::Relaxed);
    }

    /// Frees a block. Values in it are not dropped.
    ///
    /// # Safety
    /// From `allocate`, nobody uses it any more, and this is called once.
    pub(super) unsafe fn free(block: NonNull<Block<T>>) {
        // SAFETY: the caller's promise.
        let block = unsafe { Box::from_raw(block.as_ptr()) };
        for slot in &block.slots {
            // Freeing is an access: loom checks here that all others come before it.
            slot.value.with_mut(|_| ());
        }
        drop(block);
    }
}
