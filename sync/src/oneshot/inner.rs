//! What the two halves share: the state word, the value, and a waker of each side.
//!
//! Protocol: docs/sync.md, steps ONE1 to ONE8. Model: loom-tests/tests/oneshot.rs.
//!
//! ```text
//! bit  name       set by    cleared by                    while set
//! 0    TX_DONE    sender    never                         it sent or gave up; it changes no other bit but TX_GONE
//! 1    VALUE      sender    never, with TX_DONE only      `value` is initialised, and the receiver's
//! 2    RX_WAKER   receiver  receiver, before TX_DONE      `rx_waker` is initialised; from TX_DONE on the sender's
//! 3    TX_GONE    sender    never                         the sender will not touch the allocation again
//! 4    RX_CLOSED  receiver  never                         nothing can be sent any more
//! 5    TX_WAKER   sender    sender, before RX_CLOSED      `tx_waker` is initialised; from RX_CLOSED on the receiver's
//! 6    RX_GONE    receiver  never                         the receiver will not touch the allocation again
//! ```
//!
//! Invariants
//! O1  VALUE and RX_CLOSED: whichever is set first decides. After RX_CLOSED there is no VALUE; a VALUE
//!     before it stays receivable.
//! O2  The sender is done with the allocation at TX_DONE if RX_WAKER was not set then, else at TX_GONE
//!     (`sender_is_done`). RX_WAKER does not change after TX_DONE, so both sides read the same.
//! O3  The half that is done last frees. By then the value and both wakers have been moved out.
//! O4  The owner of a waker's cell writes it only while the cell's bit is clear. Who takes the waker by
//!     the last row's "from … on" reads it out and writes nothing, so that the owner may compare it
//!     (`will_wake`) at the same time.

use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::task::Waker;

use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::cell::UnsafeCell;

pub(super) const TX_DONE: usize = 1;
pub(super) const VALUE: usize = 1 << 1;
pub(super) const RX_WAKER: usize = 1 << 2;
pub(super) const TX_GONE: usize = 1 << 3;
pub(super) const RX_CLOSED: usize = 1 << 4;
pub(super) const TX_WAKER: usize = 1 << 5;
pub(super) const RX_GONE: usize = 1 << 6;

/// The shared allocation.
pub(super) struct Inner<T> {
    pub(super) state: AtomicUsize,
    /// Initialised with VALUE, until the receiver takes it.
    value: UnsafeCell<MaybeUninit<T>>,
    /// Initialised with RX_WAKER.
    pub(super) rx_waker: WakerSlot,
    /// Initialised with TX_WAKER.
    pub(super) tx_waker: WakerSlot,
}

impl<T> Inner<T> {
    /// A fresh channel, for two halves.
    pub(super) fn allocate() -> NonNull<Inner<T>> {
        let inner = Box::new(Inner {
            state: AtomicUsize::new(0),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            rx_waker: WakerSlot::new(),
            tx_waker: WakerSlot::new(),
        });
        // `Box::into_raw` is never null.
        NonNull::from(Box::leak(inner))
    }

    /// Frees the allocation.
    ///
    /// # Safety
    /// Both halves are done with it (O3), and this is called once.
    pub(super) unsafe fn free(inner: NonNull<Inner<T>>) {
        // SAFETY: from `allocate`, and nobody else uses it, by the caller's promise.
        let inner = unsafe { Box::from_raw(inner.as_ptr()) };
        // Freeing is an access: loom checks here that all others come before it.
        inner.value.with_mut(|_| ());
        inner.rx_waker.0.with_mut(|_| ());
        inner.tx_waker.0.with_mut(|_| ());
        drop(inner);
    }

    /// The state, with what it publishes.
    #[inline]
    pub(super) fn load(&self) -> usize {
        // ordering: ONE3. Acquire: pairs with each exchange that sets a bit (AcqRel), so that the value or
        // the waker that the bit stands for can be read.
        self.state.load(Ordering::Acquire)
    }

    /// Replaces the state if it is still `seen`.
    #[inline]
    pub(super) fn exchange(&self, seen: usize, next: usize) -> Result<usize, usize> {
        // ordering: ONE2. Release, to publish the cell that the new bit stands for; Acquire, to read the
        // cells that the old bits stand for. On failure Acquire, as in `load`.
        self.state.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire)
    }

    /// Sets a bit that only this half sets, and returns what was before.
    #[inline]
    pub(super) fn set(&self, bit: usize) -> usize {
        // ordering: ONE6. Release, so that our last accesses come before the other half frees;
        // Acquire, so that the other half's come before we do.
        self.state.fetch_or(bit, Ordering::AcqRel)
    }

    /// Stores the value, before VALUE is set.
    ///
    /// # Safety
    /// The sender's, with TX_DONE clear.
    pub(super) unsafe fn put(&self, value: T) {
        // SAFETY: exclusive: the receiver reads it only after VALUE.
        self.value.with_mut(|cell| unsafe { (*cell).write(value) });
    }

    /// Moves the value out.
    ///
    /// # Safety
    /// Once. The receiver's with VALUE seen, or the sender's after `put`, if VALUE will not be set.
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: initialised, and moved out once, by the caller's promise.
        self.value.with(|cell| unsafe { (*cell).assume_init_read() })
    }
}

/// Whether the sender is done with the allocation (O2).
#[inline]
pub(super) fn sender_is_done(state: usize) -> bool {
    state & TX_DONE != 0 && (state & RX_WAKER == 0 || state & TX_GONE != 0)
}

/// A place for a waker, whose bit in the state says whether there is one (O4).
pub(super) struct WakerSlot(UnsafeCell<MaybeUninit<Waker>>);

impl WakerSlot {
    fn new() -> Self {
        WakerSlot(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// Stores a waker.
    ///
    /// # Safety
    /// The bit is clear and the caller is the slot's owner.
    pub(super) unsafe fn put(&self, waker: Waker) {
        // SAFETY: exclusive while the bit is clear (O4).
        self.0.with_mut(|slot| unsafe { (*slot).write(waker) });
    }

    /// Moves the waker out. Reads only (O4).
    ///
    /// # Safety
    /// It is initialised, and the caller has the right to it: the owner after clearing the bit, or the
    /// other half by the "from … on" of the table. Once.
    pub(super) unsafe fn take(&self) -> Waker {
        // SAFETY: initialised, and moved out once, by the caller's promise.
        self.0.with(|slot| unsafe { (*slot).assume_init_read() })
    }

    /// Whether the waker in the slot wakes the same task as `other`.
    ///
    /// # Safety
    /// The caller is the slot's owner and the bit was set at its last look. The other half may have
    /// moved the waker out since: only its two words are compared, nothing is called through them.
    pub(super) unsafe fn will_wake(&self, other: &Waker) -> bool {
        // SAFETY: only the owner writes the slot, and the owner is here. The words are a waker's still,
        // if one that was moved out: `will_wake` compares them and dereferences neither.
        self.0.with(|slot| unsafe { (*slot).assume_init_ref() }.will_wake(other))
    }
}

impl<T> fmt::Debug for Inner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.load();
        f.debug_struct("Channel")
            .field("is_sent", &(state & VALUE != 0))
            .field("is_sender_done", &(state & TX_DONE != 0))
            .field("is_closed", &(state & RX_CLOSED != 0))
            .field("is_receiver_waiting", &(state & RX_WAKER != 0))
            .field("is_sender_waiting", &(state & TX_WAKER != 0))
            .finish()
    }
}
