//! The intrusive list of waiting tasks: nodes live in pinned futures, so waiting allocates nothing.
//!
//! Callers: [`semaphore`](crate::semaphore), [`notify`](crate::notify) and what is built on them.
//! Each keeps its list inside its own lock; node and list are touched under that lock only, except
//! for fields of the payload that say otherwise.
//!
//! Invariants
//! L1  A node is in at most one list, and `linked` says whether it is in one.
//! L2  A linked node does not move and is not freed: it sits in a pinned future whose `Drop` takes the
//!     lock and unlinks it. (A future that is forgotten never gives its memory back: that is Pin's
//!     guarantee.)
//! L3  Order is the order of `push_back`: the front has waited longest.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::ptr::NonNull;

type Link<T> = Cell<Option<NonNull<Node<T>>>>;

/// A place in a list, with the primitive's payload.
pub(crate) struct Node<T> {
    prev: Link<T>,
    next: Link<T>,
    linked: Cell<bool>,
    /// What the primitive keeps for a waiter.
    pub(crate) value: T,
    /// Neighbours point at this node: it must not move, and no `&mut` to its future may claim to be
    /// the only pointer to it.
    _pinned: PhantomPinned,
}

impl<T> Node<T> {
    /// A node that is in no list.
    pub(crate) const fn new(value: T) -> Self {
        Node {
            prev: Cell::new(None),
            next: Cell::new(None),
            linked: Cell::new(false),
            value,
            _pinned: PhantomPinned,
        }
    }

    /// Whether it is in a list. Under the list's lock only.
    pub(crate) fn is_linked(&self) -> bool {
        self.linked.get()
    }
}

/// A doubly linked list of nodes that it does not own.
pub(crate) struct WaitList<T> {
    head: Option<NonNull<Node<T>>>,
    tail: Option<NonNull<Node<T>>>,
}

// SAFETY: the list is pointers to nodes. Whoever has the list (through its lock) may reach the
// payloads from any thread: so T must be Send.
unsafe impl<T: Send> Send for WaitList<T> {}

impl<T> WaitList<T> {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        WaitList { head: None, tail: None }
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The node that has waited longest.
    pub(crate) fn front(&self) -> Option<NonNull<Node<T>>> {
        self.head
    }

    /// Adds a node at the back.
    ///
    /// # Safety
    /// - The node is alive, pinned, and in no list.
    /// - It is removed (by any of the methods below) before it is freed.
    /// - Every access to it is under the lock that holds this list.
    pub(crate) unsafe fn push_back(&mut self, node: NonNull<Node<T>>) {
        // SAFETY: alive by the caller's promise; shared access only, the links are Cells.
        let links = unsafe { node.as_ref() };
        debug_assert!(!links.is_linked(), "node is in a list already");
        links.prev.set(self.tail);
        links.next.set(None);
        links.linked.set(true);
        match self.tail {
            // SAFETY: linked nodes are alive (L2), and we have the lock.
            Some(tail) => unsafe { tail.as_ref() }.next.set(Some(node)),
            None => self.head = Some(node),
        }
        self.tail = Some(node);
    }

    /// Takes the node that has waited longest.
    pub(crate) fn pop_front(&mut self) -> Option<NonNull<Node<T>>> {
        let node = self.head?;
        // SAFETY: it is the head of this list.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// Takes the node that came last.
    pub(crate) fn pop_back(&mut self) -> Option<NonNull<Node<T>>> {
        let node = self.tail?;
        // SAFETY: it is the tail of this list.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// Takes a node out.
    ///
    /// # Safety
    /// It is in this list, and not in another one.
    pub(crate) unsafe fn remove(&mut self, node: NonNull<Node<T>>) {
        // SAFETY: linked nodes are alive (L2), and we have the lock.
        let links = unsafe { node.as_ref() };
        debug_assert!(links.is_linked(), "node is in no list");
        let (prev, next) = (links.prev.take(), links.next.take());
        links.linked.set(false);
        match prev {
            // SAFETY: a neighbour is linked, so alive (L2).
            Some(prev) => unsafe { prev.as_ref() }.next.set(next),
            None => self.head = next,
        }
        match next {
            // SAFETY: a neighbour is linked, so alive (L2).
            Some(next) => unsafe { next.as_ref() }.prev.set(prev),
            None => self.tail = prev,
        }
    }

    /// Moves all nodes of `other` to the back of this list.
    pub(crate) fn append(&mut self, other: &mut WaitList<T>) {
        let (Some(head), Some(tail)) = (other.head.take(), other.tail.take()) else { return };
        match self.tail {
            Some(last) => {
                // SAFETY: both are linked, so alive (L2), and the caller has the lock of both lists.
                unsafe { last.as_ref() }.next.set(Some(head));
                // SAFETY: as above.
                unsafe { head.as_ref() }.prev.set(Some(last));
            }
            None => self.head = Some(head),
        }
        self.tail = Some(tail);
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// They stay where they are: a boxed slice does not move its elements.
    fn nodes(n: usize) -> Box<[Node<usize>]> {
        (0..n).map(Node::new).collect()
    }

    fn ptr(node: &Node<usize>) -> NonNull<Node<usize>> {
        NonNull::from(node)
    }

    fn value(node: NonNull<Node<usize>>) -> usize {
        // SAFETY: the tests keep their nodes alive.
        unsafe { node.as_ref() }.value
    }

    #[test]
    fn first_in_first_out_and_last() {
        let nodes = nodes(4);
        let mut list = WaitList::new();
        for node in &nodes[..] {
            // SAFETY: boxed, alive until the end, in no list.
            unsafe { list.push_back(ptr(node)) };
        }
        assert_eq!(list.front().map(value), Some(0));
        assert_eq!(list.pop_front().map(value), Some(0));
        assert_eq!(list.pop_back().map(value), Some(3));
        assert_eq!(list.pop_front().map(value), Some(1));
        assert_eq!(list.pop_front().map(value), Some(2));
        assert!(list.pop_front().is_none() && list.pop_back().is_none() && list.is_empty());
        assert!(nodes.iter().all(|node| !node.is_linked()));
    }

    #[test]
    fn append_keeps_order_and_empties_the_other() {
        let nodes = nodes(5);
        let (mut a, mut b) = (WaitList::new(), WaitList::new());
        for (i, node) in nodes.iter().enumerate() {
            let list = if i < 2 { &mut a } else { &mut b };
            // SAFETY: boxed, alive until the end, in no list.
            unsafe { list.push_back(ptr(node)) };
        }
        a.append(&mut b);
        assert!(b.is_empty());
        a.append(&mut b);
        b.append(&mut a);
        let order: Vec<_> = std::iter::from_fn(|| b.pop_front()).map(value).collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }

    /// Against a `VecDeque`, with removals from anywhere.
    #[test]
    fn agrees_with_a_deque_under_random_operations() {
        let nodes = nodes(16);
        let mut list = WaitList::new();
        let mut model: VecDeque<usize> = VecDeque::new();
        let rng = filch_primitives::rand::Rng::new(1);
        for _ in 0..20_000 {
            let i = rng.below(16) as usize;
            match rng.below(4) {
                0 | 1 if !nodes[i].is_linked() => {
                    // SAFETY: boxed, alive until the end, in no list.
                    unsafe { list.push_back(ptr(&nodes[i])) };
                    model.push_back(i);
                }
                0 | 1 => {
                    // SAFETY: linked, and there is one list.
                    unsafe { list.remove(ptr(&nodes[i])) };
                    model.retain(|&x| x != i);
                }
                2 => assert_eq!(list.pop_front().map(value), model.pop_front()),
                _ => assert_eq!(list.pop_back().map(value), model.pop_back()),
            }
            assert_eq!(list.front().map(value), model.front().copied());
            assert_eq!(list.is_empty(), model.is_empty());
        }
    }
}
