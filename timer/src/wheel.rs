//! The hierarchical timer wheel: which entries are due, and when to look again.
//!
//! Callers: `shard`, under its lock. The wheel knows ticks; exact deadlines matter only where the clock
//! is paused. Sizes and reasons: docs/timer.md.
//!
//! An entry due at `tick` is in the level of the highest digit (base 64) in which `tick` differs from
//! `elapsed`, in the slot of `tick`'s digit there. What differs above the top level waits in one more
//! list, `BEYOND`, until the next revolution of the wheel begins.
//!
//! Invariants
//! W1  No entry's tick is below `elapsed`.
//! W2  Every slot in use on level k > 0 begins after `elapsed`, within the same slot of level k + 1; on
//!     level 0 at `elapsed` or after it. So the slots of a lower level all come before those of a higher
//!     one, and a level's lowest bit is its earliest slot.
//! W3  A bit of `occupied` is set exactly while the slot's list is not empty.
//! W4  An entry is taken out by `fire` at the first advance to its tick or later, in the order of ticks,
//!     those of one tick in the order of their insertion.

use std::time::Instant;

use crate::batch::WakeBatch;
use crate::list::List;
use crate::node::{Node, State};
use crate::tick::{COARSE_TICKS, Tick};

/// Digits in base 64, so that a level's occupancy is one word; base 4 under loom.
const SLOT_BITS: u32 = if cfg!(filch_loom) { 2 } else { 6 };
/// Slots a level.
const SLOTS: usize = 1 << SLOT_BITS;
/// 64^8 ticks of 2^15 ns are 292 years; under loom 16 ticks, so that a model gets beyond.
const LEVELS: usize = if cfg!(filch_loom) { 2 } else { 8 };
/// The bits of a tick that the levels tell apart.
const WHEEL_BITS: u32 = SLOT_BITS * LEVELS as u32;
/// The list of entries due after this revolution of the wheel.
const BEYOND: usize = SLOTS * LEVELS;

/// How many entries of a higher level's slot are looked through for the earliest.
///
/// A slot with more has its beginning taken for it: an early look, which distributes its entries to
/// lower levels, is then shared by many. 16 nodes are fetched in about a microsecond.
const SCAN_LIMIT: usize = 16;

/// See the module's header.
pub(crate) struct Wheel {
    /// Every tick up to here has been seen to, but for entries inserted since.
    elapsed: Tick,
    len: usize,
    is_shutdown: bool,
    occupied: [u64; LEVELS],
    slots: [List; BEYOND + 1],
}

/// A slot in use.
#[derive(Clone, Copy)]
struct Slot {
    index: usize,
    /// Its first tick.
    begin: Tick,
}

impl Wheel {
    pub(crate) fn new() -> Wheel {
        Wheel {
            elapsed: Tick(0),
            len: 0,
            is_shutdown: false,
            occupied: [0; LEVELS],
            slots: [const { List::new() }; BEYOND + 1],
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn is_shutdown(&self) -> bool {
        self.is_shutdown
    }

    /// Tells an empty wheel how late it is, so that the next entries need not come down the levels.
    #[inline]
    pub(crate) fn catch_up(&mut self, now: Tick) {
        if self.len == 0 {
            // keeps W1, W2: there are no entries.
            self.elapsed = self.elapsed.max(now);
        }
    }

    /// Links `node`, due at `tick`, or at once if that is over. Returns the tick that counts.
    ///
    /// # Safety
    /// The lock is held; `node` is pinned, in no list, and taken out before it is freed.
    #[inline]
    pub(crate) unsafe fn insert(&mut self, node: *const Node, tick: Tick) -> Tick {
        // keeps W1
        let tick = tick.max(self.elapsed);
        // SAFETY: the caller's word.
        unsafe { self.link(node, tick) };
        self.len += 1;
        tick
    }

    /// Unlinks `node`.
    ///
    /// # Safety
    /// The lock is held, and `node` is in this wheel.
    #[inline]
    pub(crate) unsafe fn remove(&mut self, node: *const Node) {
        // SAFETY: in the wheel, so alive; the lock is held.
        let index = usize::from(unsafe { (*node).place() }.slot);
        // SAFETY: the node's slot says that it is in this list.
        unsafe { self.slots[index].remove(node) };
        if self.slots[index].is_empty() && index != BEYOND {
            // keeps W3
            self.occupied[index / SLOTS] &= !(1 << (index % SLOTS));
        }
        self.len -= 1;
    }

    /// Fires what is due at `now`, until the batch is full. Returns whether nothing due is left.
    pub(crate) fn advance(&mut self, now: Tick, batch: &mut WakeBatch) -> bool {
        while let Some(slot) = self.slots_in_order().next() {
            if slot.begin > now {
                break;
            }
            debug_assert!(slot.begin >= self.elapsed, "a slot was passed over");
            self.elapsed = slot.begin;
            if slot.index >= SLOTS {
                self.distribute(slot.index);
                continue;
            }
            while !self.slots[slot.index].is_empty() {
                if batch.is_full() {
                    return false;
                }
                self.fire(self.slots[slot.index].front(), State::Fired, batch);
            }
        }
        // keeps W2: the first slot in use begins after `now`.
        self.elapsed = self.elapsed.max(now);
        true
    }

    /// Fires what [`advance`](Wheel::advance) leaves to the end of its tick, but whose exact deadline has
    /// come, until the batch is full. Returns whether nothing due is left. For paused clocks.
    pub(crate) fn fire_exactly(&mut self, now: Tick, at: Instant, batch: &mut WakeBatch) -> bool {
        // An exact deadline may lie by a rounding, or a coarse one, before its tick.
        let limit = Tick(now.0.saturating_add(COARSE_TICKS));
        for slot in self.slots_in_order().take_while(|slot| slot.begin <= limit) {
            let mut has_room = true;
            // SAFETY: the lock is held (we are in the wheel); the visitor takes the given node out, no
            // other. Linked, so alive, and its deadline readable under the lock.
            unsafe {
                List::visit(self.slots[slot.index].front(), |node| {
                    if (*node).deadline() <= at {
                        has_room = !batch.is_full();
                        if has_room {
                            self.fire(node, State::Fired, batch);
                        }
                    }
                    has_room
                });
            }
            if !has_room {
                return false;
            }
        }
        true
    }

    /// Refuses entries from now on, and ends those that are there, until the batch is full. Returns
    /// whether none is left.
    pub(crate) fn shut_down(&mut self, batch: &mut WakeBatch) -> bool {
        self.is_shutdown = true;
        while let Some(slot) = self.slots_in_order().next() {
            if batch.is_full() {
                return false;
            }
            self.fire(self.slots[slot.index].front(), State::Shutdown, batch);
        }
        true
    }

    /// The earliest tick at which an entry may be due: a lower bound, exact where it is cheap.
    pub(crate) fn next_look(&self) -> Tick {
        let Some(slot) = self.slots_in_order().next() else { return Tick::NEVER };
        if slot.index < SLOTS || slot.index == BEYOND {
            return slot.begin;
        }
        let (mut earliest, mut seen) = (Tick::NEVER, 0);
        // SAFETY: the lock is held; the visitor changes nothing.
        unsafe {
            List::visit(self.slots[slot.index].front(), |node| {
                earliest = earliest.min((*node).place().tick);
                seen += 1;
                seen <= SCAN_LIMIT
            });
        }
        if seen > SCAN_LIMIT { slot.begin } else { earliest }
    }

    /// The earliest exact deadline. For paused clocks: it looks through all entries of the first slots.
    pub(crate) fn earliest_deadline(&self) -> Option<Instant> {
        let mut earliest: Option<Instant> = None;
        let mut limit = Tick::NEVER;
        for slot in self.slots_in_order() {
            if slot.begin > limit {
                break;
            }
            // SAFETY: the lock is held; the visitor changes nothing.
            unsafe {
                List::visit(self.slots[slot.index].front(), |node| {
                    let at = (*node).deadline();
                    if earliest.is_none_or(|earliest| at < earliest) {
                        earliest = Some(at);
                        // A coarse entry's exact deadline may precede this one's, though its tick
                        // follows: by less than a coarse tick.
                        limit = Tick((*node).place().tick.0.saturating_add(COARSE_TICKS));
                    }
                    true
                });
            }
        }
        earliest
    }

    /// The slots in use, earliest first (W2).
    #[inline]
    fn slots_in_order(&self) -> SlotsInOrder {
        SlotsInOrder {
            elapsed: self.elapsed,
            occupied: self.occupied,
            level: 0,
            beyond: !self.slots[BEYOND].is_empty(),
        }
    }

    /// Puts `node` into the slot of `tick`, which is not below `elapsed`.
    ///
    /// # Safety
    /// As for [`insert`](Wheel::insert).
    #[inline]
    unsafe fn link(&mut self, node: *const Node, tick: Tick) {
        debug_assert!(tick >= self.elapsed && tick <= Tick::LAST);
        let differing = (self.elapsed.0 ^ tick.0) | (SLOTS as u64 - 1);
        let level = ((u64::BITS - 1 - differing.leading_zeros()) / SLOT_BITS) as usize;
        let index = if level < LEVELS {
            let digit = (tick.0 >> (level as u32 * SLOT_BITS)) as usize % SLOTS;
            // keeps W3
            self.occupied[level] |= 1 << digit;
            level * SLOTS + digit
        } else {
            BEYOND
        };
        // SAFETY: the caller's word. No list's invariant depends on these two.
        unsafe {
            (*node).update_place(|place| {
                place.tick = tick;
                place.slot = index as u16;
            });
            self.slots[index].push_back(node);
        }
    }

    /// Hands the entries of a slot that has just begun to the levels below, in their order.
    fn distribute(&mut self, index: usize) {
        let mut list = self.slots[index].take();
        if index != BEYOND {
            // keeps W3
            self.occupied[index / SLOTS] &= !(1 << (index % SLOTS));
        }
        // SAFETY: the lock is held; each node is taken out of `list` by the visitor that was given it,
        // and is then in no list, as `link` wants it. keeps W1: the slot's first tick is `elapsed`.
        unsafe {
            List::visit(list.front(), |node| {
                list.remove(node);
                let tick = (*node).place().tick;
                self.link(node, tick);
                true
            });
        }
    }

    /// Takes `node` out and its waker into the batch, which has room.
    fn fire(&mut self, node: *const Node, state: State, batch: &mut WakeBatch) {
        // SAFETY: linked in this wheel, whose lock is held.
        unsafe { self.remove(node) };
        // SAFETY: just unlinked; not touched again.
        batch.push(unsafe { Node::end(node, state) });
    }
}

/// See [`Wheel::slots_in_order`].
struct SlotsInOrder {
    elapsed: Tick,
    /// The bits not yet returned.
    occupied: [u64; LEVELS],
    level: usize,
    beyond: bool,
}

impl Iterator for SlotsInOrder {
    type Item = Slot;

    #[inline]
    fn next(&mut self) -> Option<Slot> {
        while self.level < LEVELS {
            let bits = self.occupied[self.level];
            if bits == 0 {
                self.level += 1;
                continue;
            }
            self.occupied[self.level] &= bits - 1;
            let digit = bits.trailing_zeros() as usize;
            let shift = self.level as u32 * SLOT_BITS;
            let above = self.elapsed.0 >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
            let begin = Tick(above | (digit as u64) << shift);
            return Some(Slot { index: self.level * SLOTS + digit, begin });
        }
        // In the last revolution that 64 bits can count, nothing lies beyond: no overflow here.
        std::mem::take(&mut self.beyond).then(|| Slot {
            index: BEYOND,
            begin: Tick(((self.elapsed.0 >> WHEEL_BITS) + 1) << WHEEL_BITS),
        })
    }
}

// SAFETY: the pointers lead to nodes that are `Send` and `Sync`, and are followed under the shard's lock.
unsafe impl Send for Wheel {}

#[cfg(all(test, not(filch_loom)))]
mod tests;
