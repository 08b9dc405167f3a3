//! Who waits at a registration: a reader, a writer, and a list of further waiters.
//!
//! Callers: `Readiness` and `Wait`, under the lock of the slot.
//! Invariants
//! W1  A node is reachable from the list exactly while its `queued` is true.
//! W2  Nodes are touched only under the lock.
//! W3  A node leaves the list before its memory goes away (`Wait::drop`).

use std::ptr::NonNull;
use std::task::Waker;

use filch_primitives::cell::UnsafeCell;

use super::wake::WakeBatch;
use super::{Direction, READ, WRITE};
use crate::Ready;

/// A node of the list, inside of a pinned `Wait`.
pub(super) struct Node {
    prev: Link,
    next: Link,
    waker: Option<Waker>,
    wanted: Ready,
    queued: bool,
}

pub(super) type Link = Option<NonNull<UnsafeCell<Node>>>;

impl Node {
    pub(super) fn new(wanted: Ready) -> Self {
        Node { prev: None, next: None, waker: None, wanted, queued: false }
    }
}

/// The waiters of one registration.
pub(super) struct Waiters {
    reader: Option<Waker>,
    writer: Option<Waker>,
    head: Link,
    tail: Link,
}

// SAFETY: the nodes behind the pointers hold wakers and plain data, all Send; they are touched only
// under the lock that holds the `Waiters` (W2).
unsafe impl Send for Waiters {}

impl Waiters {
    pub(super) fn new() -> Self {
        Waiters { reader: None, writer: None, head: None, tail: None }
    }

    /// Puts the waker of the one reader or writer; returns the one it replaces, to be dropped
    /// outside of the lock.
    #[must_use = "drop it outside of the lock"]
    pub(super) fn put(&mut self, direction: Direction, waker: Waker) -> Option<Waker> {
        let slot = match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        };
        match slot {
            // The same task: the one that is there will do.
            Some(there) if there.will_wake(&waker) => Some(waker),
            _ => slot.replace(waker),
        }
    }

    /// Queues the node, or gives it a new waker; returns a waker to be dropped outside of the lock.
    ///
    /// # Safety
    /// - `node` is alive and pinned until it has left the list (W3).
    /// - It belongs to this list only.
    #[must_use = "drop it outside of the lock"]
    pub(super) unsafe fn queue(
        &mut self,
        node: NonNull<UnsafeCell<Node>>,
        waker: Waker,
    ) -> Option<Waker> {
        let tail = self.tail;
        // SAFETY: alive by the caller's promise; exclusive by the lock (W2).
        let (replaced, was_queued) = unsafe { node.as_ref() }.with_mut(|n| unsafe {
            let n = &mut *n;
            let was_queued = std::mem::replace(&mut n.queued, true);
            if !was_queued {
                n.prev = tail;
                n.next = None;
            }
            match &n.waker {
                Some(there) if there.will_wake(&waker) => (Some(waker), was_queued),
                _ => (n.waker.replace(waker), was_queued),
            }
        });
        if !was_queued {
            match tail {
                // SAFETY: the tail is queued, hence alive (W1, W3); the lock is held (W2).
                Some(tail) => unsafe { set_next(tail, Some(node)) },
                None => self.head = Some(node),
            }
            self.tail = Some(node);
        }
        replaced
    }

    /// Takes the node off the list if it is there; returns its waker, to be dropped outside of the
    /// lock.
    ///
    /// # Safety
    /// `node` is alive and belongs to this list or to none.
    #[must_use = "drop it outside of the lock"]
    pub(super) unsafe fn unlink(&mut self, node: NonNull<UnsafeCell<Node>>) -> Option<Waker> {
        // SAFETY: alive by the caller's promise; exclusive by the lock (W2).
        let (prev, next, waker, was_queued) = unsafe { node.as_ref() }.with_mut(|n| unsafe {
            let n = &mut *n;
            let was_queued = std::mem::replace(&mut n.queued, false);
            (n.prev.take(), n.next.take(), n.waker.take(), was_queued)
        });
        if was_queued {
            // SAFETY: the neighbours are queued, hence alive (W1, W3); the lock is held (W2).
            unsafe {
                match prev {
                    Some(prev) => set_next(prev, next),
                    None => self.head = next,
                }
                match next {
                    Some(next) => set_prev(next, prev),
                    None => self.tail = prev,
                }
            }
        }
        waker
    }

    /// Moves the wakers that `ready` concerns to the batch. True if some did not fit.
    pub(super) fn take(&mut self, ready: Ready, batch: &mut WakeBatch) -> bool {
        for (slot, states) in [(&mut self.reader, READ), (&mut self.writer, WRITE)] {
            if ready.intersects(states) && slot.is_some() {
                if batch.is_full() {
                    return true;
                }
                batch.push(slot.take().expect("just asked"));
            }
        }
        let mut at = self.head;
        while let Some(node) = at {
            // SAFETY: it is on the list, hence alive (W1, W3); the lock is held (W2).
            let (next, wanted) =
                unsafe { node.as_ref() }.with(|n| unsafe { ((*n).next, (*n).wanted) });
            if ready.intersects(wanted) {
                if batch.is_full() {
                    return true;
                }
                // SAFETY: as above, and it is on this list.
                if let Some(waker) = unsafe { self.unlink(node) } {
                    batch.push(waker);
                }
            }
            at = next;
        }
        false
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.reader.is_none() && self.writer.is_none() && self.head.is_none()
    }
}

/// # Safety
/// `node` is alive and the lock is held.
unsafe fn set_next(node: NonNull<UnsafeCell<Node>>, next: Link) {
    // SAFETY: the caller's promise.
    unsafe { node.as_ref() }.with_mut(|n| unsafe { (*n).next = next });
}

/// # Safety
/// `node` is alive and the lock is held.
unsafe fn set_prev(node: NonNull<UnsafeCell<Node>>, prev: Link) {
    // SAFETY: the caller's promise.
    unsafe { node.as_ref() }.with_mut(|n| unsafe { (*n).prev = prev });
}
