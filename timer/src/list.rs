//! A circular, doubly linked list of nodes: one slot of the wheel, first in, first out.
//!
//! Callers: `wheel`, under the shard's lock.
//!
//! Invariants
//! L1  Every node in the list is pinned, ARMED, and stays so until it is taken out.
//! L2  `head.prev` is the last node: one pointer a slot serves both ends.

use std::ptr;

use crate::node::Node;

/// One slot of the wheel.
pub(crate) struct List {
    /// The first node; null if there is none.
    head: *const Node,
}

impl List {
    pub(crate) const fn new() -> List {
        List { head: ptr::null() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// The first node; null if there is none.
    #[inline]
    pub(crate) fn front(&self) -> *const Node {
        self.head
    }

    /// Empties the list into another.
    pub(crate) fn take(&mut self) -> List {
        std::mem::replace(self, List::new())
    }

    /// Appends `node`.
    ///
    /// # Safety
    /// The lock is held; `node` is pinned, in no list, and unlinked before it is freed (L1).
    #[inline]
    pub(crate) unsafe fn push_back(&mut self, node: *const Node) {
        if self.head.is_null() {
            // SAFETY: alive (the caller's word), and the lock is held.
            unsafe { (*node).update_place(|p| (p.prev, p.next) = (node, node)) };
            self.head = node;
            return;
        }
        let first = self.head;
        // SAFETY: `first` is in the list, so it is alive (L1), and so is its neighbour; the lock is held.
        unsafe {
            let last = (*first).place().prev;
            (*node).update_place(|p| (p.prev, p.next) = (last, first));
            (*last).update_place(|p| p.next = node);
            (*first).update_place(|p| p.prev = node);
        }
    }

    /// Takes `node` out.
    ///
    /// # Safety
    /// The lock is held, and `node` is in this list.
    #[inline]
    pub(crate) unsafe fn remove(&mut self, node: *const Node) {
        // SAFETY: in the list, so it and its neighbours are alive (L1); the lock is held.
        unsafe {
            let place = (*node).place();
            if place.next == node {
                self.head = ptr::null();
                return;
            }
            (*place.prev).update_place(|p| p.next = place.next);
            (*place.next).update_place(|p| p.prev = place.prev);
            if self.head == node {
                self.head = place.next;
            }
        }
    }

    /// Calls `visit` with each node, first to last, until it returns `false`. `visit` may take the node
    /// out that it was given, and put it into another list.
    ///
    /// # Safety
    /// The lock is held; `visit` takes no other node out of this list, and puts none in.
    pub(crate) unsafe fn visit(first: *const Node, mut visit: impl FnMut(*const Node) -> bool) {
        if first.is_null() {
            return;
        }
        // SAFETY: in the list, so alive (L1); the lock is held.
        let last = unsafe { (*first).place().prev };
        let mut node = first;
        loop {
            // SAFETY: as above. Read before the visitor may relink the node.
            let next = unsafe { (*node).place().next };
            if !visit(node) || node == last {
                return;
            }
            node = next;
        }
    }
}
