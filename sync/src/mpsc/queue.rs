//! The queue under both channels: many producers, one consumer, unbounded, first in first out.
//!
//! Protocol: docs/sync.md, steps CH1 to CH7. Model: loom-tests/tests/mpsc.rs.
//!
//! A linked list of blocks of slots. A sender claims a slot by one fetch-and-add on the tail, fills it
//! and swaps its state to READY: two atomic read-modify-writes, no retry loop. The receiver reads slot
//! by slot; receiving is a load and plain stores. A receiver that finds the next slot empty marks it
//! WAITING, so that exactly the sender that fills it wakes: no flag is shared by all senders.
//!
//! Where the ideas are from: a tail moved by fetch-and-add, Morrison and Afek, "Fast Concurrent Queues
//! for x86 Processors", PPoPP 2013; segments of slots linked as in Michael and Scott, "Simple, Fast,
//! and Practical Non-Blocking and Blocking Concurrent Queue Algorithms", PODC 1996.
//!
//! Invariants
//! Q1  The tail counts claims. A position is claimed by one sender, and filled by it.
//! Q2  The receiver takes positions in order, each after it is READY. So a block whose slots are not all
//!     taken is alive.
//! Q3  Blocks are installed in order, each by the one sender that claimed slot INSTALL_AT of the block
//!     before, before it makes that slot READY. So two installations never overlap, and a receiver that
//!     has taken the last slot of a block finds the next one installed.
//! Q4  `blocks[p]` is the newest installed block whose number has parity p. A sender with a claim in block
//!     b finds there b or a later block, and by `prev` its way back to b: all of them are alive (Q2).
//! Q5  A sender's last access to a block is the swap of its slot's state.
//! Q6  After CLOSED there are no claims: what is claimed with CLOSED set is void, and never filled.
//! Q7  `spare` is set by the receiver only, when it is null, and emptied by an installing sender only.

use std::ptr::{NonNull, null_mut};

use filch_primitives::CachePadded;
use filch_primitives::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
use filch_primitives::cell::UnsafeCell;

use super::block::{Block, EMPTY, ENDED, READY, WAITING};
use super::position::{SLOTS, SPAN, STEP, block_start, distance, offset, parity, reached};
use crate::backoff::Backoff;

/// Lowest bit of the tail word: nothing can be claimed any more.
const CLOSED: usize = 1;

/// The slot whose sender installs the next block: halfway, so that it is there before it is needed.
const INSTALL_AT: usize = SLOTS / 2;

/// What the receiver found.
pub(super) enum Pop<T> {
    /// The next message.
    Value(T),
    /// The next slot is not filled.
    Empty,
    /// All messages were taken, and there will be no more.
    Ended,
}

/// See the module.
pub(super) struct Queue<T> {
    tail: CachePadded<Tail<T>>,
    /// The receiver's.
    head: CachePadded<UnsafeCell<Head<T>>>,
}

/// The senders' side. One cache line: the claim brings the rest along.
struct Tail<T> {
    /// The next position to claim, and CLOSED.
    position: AtomicUsize,
    /// The start of the newest installed block.
    installed: AtomicUsize,
    /// Q4.
    blocks: [AtomicPtr<Block<T>>; 2],
    /// A consumed block for the next installation (Q7).
    spare: AtomicPtr<Block<T>>,
}

/// The receiver's side.
struct Head<T> {
    /// The block of `position`.
    block: NonNull<Block<T>>,
    /// The next position to take.
    position: usize,
    /// Where the messages end, if the receiver closed the queue.
    end: Option<usize>,
}

// SAFETY: messages go from the senders' threads to the receiver's: T must be Send. Nothing gives a
// reference to a message to two threads.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as above; `head` is the receiver's by the contract of the methods that use it.
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Queue<T> {
    /// An empty queue: one block.
    pub(super) fn new() -> Self {
        let first = Block::allocate(0);
        Queue {
            tail: CachePadded::new(Tail {
                position: AtomicUsize::new(0),
                installed: AtomicUsize::new(0),
                blocks: [AtomicPtr::new(first.as_ptr()), AtomicPtr::new(null_mut())],
                spare: AtomicPtr::new(null_mut()),
            }),
            head: CachePadded::new(UnsafeCell::new(Head { block: first, position: 0, end: None })),
        }
    }

    /// Adds a message. Says whether the receiver waits for it, and must be woken.
    ///
    /// # Errors
    /// The message, if the queue is closed.
    #[inline]
    pub(super) fn push(&self, value: T) -> Result<bool, T> {
        // ordering: CH1. Relaxed: the claim publishes nothing, the swap below does. Claims of threads that
        // follow one another come in that order, since the word has one order of modification.
        let claimed = self.tail.position.fetch_add(STEP, Ordering::Relaxed);
        if claimed & CLOSED != 0 {
            // ordering: Acquire, pairs with the Release of `close`: who is refused sees what the closing
            // side did before. A fence, since only this rare path needs it.
            fence(Ordering::Acquire);
            return Err(value);
        }
        let block = self.find(block_start(claimed));
        // SAFETY: our claim keeps the block alive (Q2) until the swap below.
        let block_ref = unsafe { block.as_ref() };
        if offset(claimed) == INSTALL_AT {
            self.install_next(block, block_start(claimed).wrapping_add(SPAN));
        }
        let slot = &block_ref.slots[offset(claimed)];
        // SAFETY: the slot is ours by the claim (Q1), and the receiver reads it after READY only.
        slot.value.with_mut(|cell| unsafe { (*cell).write(value) });
        // ordering: CH2. Release, so that the receiver (Acquire, CH4) sees the message, and all our accesses to
        // the block before it is recycled (Q5). Acquire, so that with WAITING we find the waker (`wait`).
        Ok(slot.state.swap(READY, Ordering::AcqRel) == WAITING)
    }

    /// The block that starts at `start`. For one with a claim in it.
    #[inline]
    fn find(&self, start: usize) -> NonNull<Block<T>> {
        let mut backoff = Backoff::new();
        // ordering: CH3. Acquire, pairs with the Release in `install_next`: once the block is counted as
        // installed, its pointer is in `blocks`, or that of a later one.
        while !reached(self.tail.installed.load(Ordering::Acquire), start) {
            // Its installer has claimed its slot, half a block before ours, and is not there yet.
            backoff.wait();
        }
        // ordering: CH3. Acquire: the pointer may be of a later installation than the one that we have seen
        // counted: its fields must be visible.
        let mut block = self.tail.blocks[parity(start)].load(Ordering::Acquire);
        loop {
            // SAFETY: not null, since a block of this parity was installed; alive by Q4.
            let found = unsafe { &*block };
            // ordering: Relaxed, both. Written before the block was published, and not changed while we may
            // use it.
            if found.start.load(Ordering::Relaxed) == start {
                return NonNull::from(found);
            }
            block = found.prev.load(Ordering::Relaxed);
        }
    }

    /// Installs the block after `block` (Q3).
    #[cold]
    fn install_next(&self, block: NonNull<Block<T>>, start: usize) {
        let tail = &self.tail;
        // ordering: CH6. Acquire, pairs with the Release in `recycle`: the receiver's last accesses to the
        // block come before ours.
        let spare = tail.spare.load(Ordering::Acquire);
        let next = match NonNull::new(spare) {
            Some(next) => {
                // ordering: Relaxed. The receiver puts a block there only when it sees null (Q7), and nothing
                // else depends on it.
                tail.spare.store(null_mut(), Ordering::Relaxed);
                next
            }
            None => Block::allocate(start),
        };
        // SAFETY: a fresh block, or one that was recycled: nobody else has it.
        unsafe { next.as_ref() }.reset(start, block.as_ptr());
        // SAFETY: our claim keeps `block` alive.
        // ordering: Relaxed. The receiver reads it after it has taken our slot, which comes after (CH2).
        unsafe { block.as_ref() }.next.store(next.as_ptr(), Ordering::Relaxed);
        // ordering: CH3. Release, both: who finds the block by the pointer sees its fields, and who sees it
        // counted sees the pointer.
        tail.blocks[parity(start)].store(next.as_ptr(), Ordering::Release);
        tail.installed.store(start, Ordering::Release);
    }

    /// The last sender is gone: ends the queue after the last message. Says whether the receiver waits.
    pub(super) fn end(&self) -> bool {
        // ordering: CH7. Release, pairs with `is_closed`: who sees the end here sees what the senders did before
        // they went. (All sends come before, by the count of senders.)
        let before = self.tail.position.fetch_or(CLOSED, Ordering::Release);
        if before & CLOSED != 0 {
            // The receiver closed it, and knows where it ends.
            return false;
        }
        let block = self.find(block_start(before));
        // SAFETY: the slot at the tail has not been taken, so its block is alive (Q2).
        let slot = unsafe { &block.as_ref().slots[offset(before)] };
        // ordering: CH7. As CH2: the mark is the last message, and publishes what all senders did before (CH8).
        slot.state.swap(ENDED, Ordering::AcqRel) == WAITING
    }

    /// The receiver forbids further claims (Q6).
    ///
    /// # Safety
    /// By the receiver.
    pub(super) unsafe fn close(&self) {
        // ordering: Release, pairs with the fence in `push` and with `is_closed`.
        let before = self.tail.position.fetch_or(CLOSED, Ordering::Release);
        if before & CLOSED == 0 {
            // SAFETY: the receiver's own field, by the caller's promise.
            self.head.with_mut(|head| unsafe { (*head).end = Some(before) });
        }
    }

    /// Whether there can be no further claims.
    pub(super) fn is_closed(&self) -> bool {
        // ordering: Acquire, pairs with the Release of `close`: who sees it closed sees what the closing
        // side did before.
        self.tail.position.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Takes the next message.
    ///
    /// # Safety
    /// By the receiver, exclusively.
    #[inline]
    pub(super) unsafe fn pop(&self) -> Pop<T> {
        self.head.with_mut(|head| {
            // SAFETY: the receiver's, exclusively, by the caller's promise.
            let head = unsafe { &mut *head };
            if head.end == Some(head.position) {
                return Pop::Ended;
            }
            // SAFETY: the block of a position that was not taken is alive (Q2).
            let slot = unsafe { &head.block.as_ref().slots[offset(head.position)] };
            // ordering: CH4. Acquire, pairs with the swap at CH2: to see the message, and the sender's last access
            // to the block.
            match slot.state.load(Ordering::Acquire) {
                READY => {}
                ENDED => return Pop::Ended,
                _ => return Pop::Empty,
            }
            // SAFETY: READY: initialised, and the sender is done. Moved out once: the state changes below.
            let value = slot.value.with(|cell| unsafe { (*cell).assume_init_read() });
            // ordering: Relaxed. For the block's next use, which the recycling publishes (CH6).
            slot.state.store(EMPTY, Ordering::Relaxed);
            head.position = head.position.wrapping_add(STEP);
            if offset(head.position) == 0 {
                self.advance(head);
            }
            Pop::Value(value)
        })
    }

    /// All slots of the receiver's block were taken: goes to the next, recycles this one.
    fn advance(&self, head: &mut Head<T>) {
        let consumed = head.block;
        // ordering: Relaxed. Written before the slot INSTALL_AT became READY (Q3), which we have acquired.
        // SAFETY: alive until it is recycled below.
        let next = unsafe { consumed.as_ref() }.next.load(Ordering::Relaxed);
        head.block = NonNull::new(next).expect("installed before its last slot is filled");
        // ordering: Relaxed. Only we put blocks there; seeing one that was taken meanwhile costs a free.
        if self.tail.spare.load(Ordering::Relaxed).is_null() {
            // ordering: CH6. Release, so that our accesses to the block come before its next use.
            self.tail.spare.store(consumed.as_ptr(), Ordering::Release);
        } else {
            // SAFETY: all its slots were taken, and each sender's access ended before its slot was READY
            // (Q5); the installing one wrote `next` before that, too.
            unsafe { Block::free(consumed) };
        }
    }

    /// Marks the next slot: who fills it wakes. False if it has been filled, or the queue has ended.
    ///
    /// # Safety
    /// By the receiver, exclusively, after the waker is in place.
    pub(super) unsafe fn wait(&self) -> bool {
        self.head.with(|head| {
            // SAFETY: the receiver's, by the caller's promise.
            let head = unsafe { &*head };
            // SAFETY: the block of a position that was not taken is alive (Q2).
            let slot = unsafe { &head.block.as_ref().slots[offset(head.position)] };
            // ordering: CH5. Release, pairs with the Acquire of the swap (CH2, CH7): who finds the mark finds the
            // waker. What a failure has seen, `pop` looks at again, with Acquire.
            match slot.state.compare_exchange(EMPTY, WAITING, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => true,
                // Marked by an earlier poll, whose waker may have been used up by the sender of a message before.
                // ordering: Release, as above. An exchange of nothing and not the load that has just failed: it
                // sees the newest state, so whoever fills the slot does so before, or finds our waker.
                Err(WAITING) => slot.state.fetch_or(0, Ordering::Release) == WAITING,
                Err(_) => false,
            }
        })
    }

    /// How many messages are there or on their way.
    ///
    /// # Safety
    /// By the receiver.
    pub(super) unsafe fn len(&self) -> usize {
        // ordering: Relaxed. A sender whose `send` has returned before, by whatever order its thread and ours
        // have, is counted: the word has one order of modification.
        let tail = self.tail.position.load(Ordering::Relaxed) & !CLOSED;
        self.head.with(|head| {
            // SAFETY: the receiver's, by the caller's promise; only read.
            let head = unsafe { &*head };
            distance(head.position, head.end.unwrap_or(tail))
        })
    }

    /// Takes the next message; waits for one that is claimed and not filled yet.
    ///
    /// So a message whose sending has returned is always found, also where an earlier claim is slow.
    ///
    /// # Safety
    /// By the receiver, exclusively.
    pub(super) unsafe fn pop_claimed(&self) -> Pop<T> {
        let mut backoff = Backoff::new();
        loop {
            // SAFETY: the caller's promise.
            let found = unsafe { self.pop() };
            // SAFETY: the caller's promise.
            if !matches!(found, Pop::Empty) || unsafe { self.len() } == 0 {
                return found;
            }
            backoff.wait();
        }
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        /// Frees the blocks, also when a message's `Drop` panics.
        struct Blocks<'a, T>(&'a mut Queue<T>);
        impl<T> Drop for Blocks<'_, T> {
            fn drop(&mut self) {
                // A second panic aborts, as in any collection.
                // SAFETY: `&mut`: there is nobody else.
                while let Pop::Value(value) = unsafe { self.0.pop() } {
                    drop(value);
                }
                // ordering: Relaxed, both below. `&mut`: there is nobody else.
                let mut next = self.0.head.with(|head| {
                    // SAFETY: `&mut`: there is nobody else.
                    Some(unsafe { (*head).block })
                });
                while let Some(block) = next {
                    // SAFETY: from `allocate`; each block from the head on is freed once.
                    next = NonNull::new(unsafe { block.as_ref() }.next.load(Ordering::Relaxed));
                    // SAFETY: as above, and its successor has been read.
                    unsafe { Block::free(block) };
                }
                if let Some(spare) = NonNull::new(self.0.tail.spare.load(Ordering::Relaxed)) {
                    // SAFETY: the spare is in no list (Q7).
                    unsafe { Block::free(spare) };
                }
            }
        }
        let blocks = Blocks(self);
        // SAFETY: `&mut`: there is nobody else.
        while let Pop::Value(value) = unsafe { blocks.0.pop() } {
            drop(value);
        }
    }
}
