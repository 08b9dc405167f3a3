//! The members of a scope: a slab, so that joining and leaving are O(1).
//!
//! Callers: `node.rs`, under its lock.
//! Data: slots, and a chain of the free ones. A key has a serial number, which is never given twice: a key
//! whose member has left finds nothing, also when its slot is used again.

use std::panic::Location;
use std::sync::{Arc, Weak};

use super::node::Node;
use crate::task::AbortHandle;

/// Names a member. Not used again when the member has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    index: usize,
    serial: u64,
}

/// Something that the scope waits for.
pub(super) struct Member {
    /// How to end it early. `None` until it was spawned, and once it was asked to end.
    pub(super) end: Option<End>,
    /// It was asked to end by its own handle: its end says nothing about the others.
    pub(super) aborted: bool,
    pub(super) location: &'static Location<'static>,
    pub(super) name: Option<Box<str>>,
}

/// How a member is ended early.
pub(super) enum End {
    Task(AbortHandle),
    /// Blocking work: taken back if it has not begun. Weak, since the work holds the member's ticket.
    Work(Weak<dyn Withdraw>),
    /// A scope or group inside of this one that has members or runs clean-up.
    Nested(Arc<Node>),
}

/// Work that waits for a thread.
pub(super) trait Withdraw: Send + Sync {
    /// Drops the work here and now if it has not begun.
    fn withdraw(&self);
}

/// All members.
#[derive(Default)]
pub(super) struct Members {
    slots: Vec<Slot>,
    /// The free slots, chained by `next_free`.
    first_free: Option<usize>,
    len: usize,
    /// Serial numbers given out so far.
    serials: u64,
}

struct Slot {
    serial: u64,
    member: Option<Member>,
    next_free: Option<usize>,
}

/// An empty scope keeps the memory of so many slots.
const KEPT_SLOTS: usize = 64;

impl Members {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, member: Member) -> Key {
        self.serials += 1;
        self.len += 1;
        let serial = self.serials;
        let slot = Slot { serial, member: Some(member), next_free: None };
        let index = match self.first_free {
            Some(index) => {
                self.first_free = self.slots[index].next_free;
                self.slots[index] = slot;
                index
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        Key { index, serial }
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Member> {
        let slot = self.slots.get_mut(key.index)?;
        if slot.serial == key.serial { slot.member.as_mut() } else { None }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Member> {
        let slot = self.slots.get_mut(key.index)?;
        if slot.serial != key.serial {
            return None;
        }
        let member = slot.member.take()?;
        slot.next_free = self.first_free.replace(key.index);
        self.len -= 1;
        if self.len == 0 {
            // As many steps as members joined since the last time.
            self.slots.clear();
            self.slots.shrink_to(KEPT_SLOTS);
            self.first_free = None;
        }
        Some(member)
    }

    /// Takes what ends each member: nobody is asked twice.
    pub(super) fn take_ends(&mut self) -> Vec<End> {
        let members = self.slots.iter_mut().filter_map(|slot| slot.member.as_mut());
        members.filter_map(|member| member.end.take()).collect()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    fn member() -> Member {
        Member { end: None, aborted: false, location: Location::caller(), name: None }
    }

    #[test]
    fn a_key_finds_its_member_only() {
        let mut members = Members::default();
        let (first, other) = (members.insert(member()), members.insert(member()));
        assert!(members.remove(first).is_some() && members.remove(first).is_none());
        let reused = members.insert(member());
        assert_eq!((reused.index, members.len()), (first.index, 2));
        assert!(members.get_mut(first).is_none() && members.remove(first).is_none());
        assert!(members.get_mut(reused).is_some() && members.get_mut(other).is_some());
    }

    #[test]
    fn an_empty_slab_gives_memory_back_and_forgets_no_serial() {
        let mut members = Members::default();
        let keys: Vec<_> = (0..1_000).map(|_| members.insert(member())).collect();
        for key in &keys {
            assert!(members.remove(*key).is_some());
        }
        assert_eq!(members.len(), 0);
        assert!(members.slots.capacity() <= KEPT_SLOTS);
        let next = members.insert(member());
        assert!(keys.iter().all(|key| *key != next));
        assert!(keys.iter().all(|key| members.get_mut(*key).is_none()));
    }
}
