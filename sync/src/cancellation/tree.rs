//! The tree of tokens: an arena of entries under one lock.
//!
//! All tokens that descend from one root share its tree. Creating a child, dropping the last clone of a
//! token, and cancelling take the lock; asking and waiting do not.
//!
//! Invariants
//! T1  An entry exists from its node's creation to its node's drop; its `node` can be upgraded until the drop
//!     begins.
//! T2  `parent` and the children's lists agree. A node that is dropped hands its children to its parent: a
//!     cancelled ancestor still reaches them, and a chain of dropped tokens takes no memory.
//! T3  A cancelled node is alone: no parent, no children. It gets no children any more.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};
use std::sync::{Arc, Weak};

use filch_primitives::atomic::{AtomicBool, Ordering};
use filch_primitives::lock::Mutex;

use crate::Notify;

/// The key of an entry: its number plus one, so that a link takes four bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key(NonZeroU32);

impl Key {
    fn new(number: usize) -> Self {
        let key = u32::try_from(number + 1).ok().and_then(NonZeroU32::new);
        Key(key.expect("a tree of cancellation tokens has fewer than 2^32 of them"))
    }

    fn number(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// What the clones of one token share.
pub(super) struct Node {
    tree: Arc<Tree>,
    key: Key,
    is_cancelled: AtomicBool,
    /// Wakes those who wait for the cancellation.
    pub(super) cancelled: Notify,
}

struct Tree(Mutex<Arena>);

#[derive(Default)]
struct Arena {
    entries: Entries,
    /// Entries to use again, chained by `next`.
    free: Option<Key>,
}

/// How many entries lie in the tree itself: a token and a child of it, which is what most trees are.
const INLINE: usize = 2;

/// Entries by their keys.
#[derive(Default)]
struct Entries {
    first: [Entry; INLINE],
    /// How many of `first` were ever used.
    used: usize,
    further: Vec<Entry>,
}

impl Entries {
    /// A new entry.
    fn push(&mut self) -> Key {
        if self.used < INLINE {
            self.used += 1;
        } else {
            self.further.push(Entry::default());
        }
        Key::new(self.len() - 1)
    }

    fn len(&self) -> usize {
        self.used + self.further.len()
    }
}

impl Index<Key> for Entries {
    type Output = Entry;

    fn index(&self, key: Key) -> &Entry {
        match key.number().checked_sub(INLINE) {
            Some(number) => &self.further[number],
            None => &self.first[key.number()],
        }
    }
}

impl IndexMut<Key> for Entries {
    fn index_mut(&mut self, key: Key) -> &mut Entry {
        match key.number().checked_sub(INLINE) {
            Some(number) => &mut self.further[number],
            None => &mut self.first[key.number()],
        }
    }
}

#[derive(Default)]
struct Entry {
    node: Weak<Node>,
    parent: Option<Key>,
    first_child: Option<Key>,
    /// The neighbours among the parent's children.
    prev: Option<Key>,
    next: Option<Key>,
}

impl Arena {
    /// A new entry, in no list. Its node is filled in by the caller.
    fn insert(&mut self) -> Key {
        match self.free {
            Some(key) => {
                self.free = self.entries[key].next.take();
                key
            }
            None => self.entries.push(),
        }
    }

    /// Makes `child`, which has no parent, a child of `parent`.
    fn adopt(&mut self, parent: Key, child: Key) {
        let first = self.entries[parent].first_child.replace(child);
        if let Some(first) = first {
            self.entries[first].prev = Some(child);
        }
        let entry = &mut self.entries[child];
        entry.parent = Some(parent);
        entry.prev = None;
        entry.next = first;
    }

    /// Takes `child` out of its parent's list, if it has a parent, which is returned.
    fn orphan(&mut self, child: Key) -> Option<Key> {
        let entry = &mut self.entries[child];
        let (prev, next) = (entry.prev.take(), entry.next.take());
        let parent = entry.parent.take()?;
        match prev {
            Some(prev) => self.entries[prev].next = next,
            None => self.entries[parent].first_child = next,
        }
        if let Some(next) = next {
            self.entries[next].prev = prev;
        }
        Some(parent)
    }

    /// Takes `key` out of the tree; its children go to its parent (T2).
    fn remove(&mut self, key: Key) {
        let parent = self.orphan(key);
        while let Some(child) = self.entries[key].first_child {
            self.orphan(child);
            if let Some(parent) = parent {
                self.adopt(parent, child);
            }
        }
        self.entries[key] = Entry { next: self.free.replace(key), ..Entry::default() };
    }

    /// Takes `key` and all that descend from it apart (T3). Marks those that descend from it, and returns those
    /// of them that are alive; marking `key` itself is the caller's.
    fn cancel(&mut self, key: Key) -> Descendants {
        let mut nodes = Descendants::default();
        self.orphan(key);
        // Those whose children are to be taken off, chained by `next`: they are in no list any more.
        let mut stack = Some(key);
        while let Some(next) = stack {
            stack = self.entries[next].next.take();
            // One that is being dropped has nobody who waits or asks.
            let descendant = if next == key { None } else { self.entries[next].node.upgrade() };
            if let Some(node) = descendant {
                node.mark_cancelled();
                nodes.push(node);
            }
            while let Some(child) = self.entries[next].first_child {
                self.orphan(child);
                self.entries[child].next = stack.replace(child);
            }
        }
        nodes
    }
}

/// Nodes to notify, in the order of pushing. One of them takes no allocation.
#[derive(Default)]
struct Descendants {
    first: Option<Arc<Node>>,
    further: VecDeque<Arc<Node>>,
}

impl Descendants {
    fn push(&mut self, node: Arc<Node>) {
        if self.first.is_none() && self.further.is_empty() {
            self.first = Some(node);
        } else {
            self.further.push_back(node);
        }
    }

    fn pop(&mut self) -> Option<Arc<Node>> {
        self.first.take().or_else(|| self.further.pop_front())
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.further.is_empty()
    }
}

impl Tree {
    /// A node in this tree.
    fn insert(self: &Arc<Self>, arena: &mut Arena) -> Arc<Node> {
        let key = arena.insert();
        let node = Arc::new(Node {
            tree: self.clone(),
            key,
            is_cancelled: AtomicBool::new(false),
            cancelled: Notify::new(),
        });
        arena.entries[key].node = Arc::downgrade(&node);
        node
    }
}

impl Node {
    /// The root of a new tree.
    pub(super) fn root() -> Arc<Node> {
        let tree = Arc::new(Tree(Mutex::new(Arena::default())));
        let mut arena = tree.0.lock();
        tree.insert(&mut arena)
    }

    /// A child, cancelled already if this one is.
    pub(super) fn child(&self) -> Arc<Node> {
        let mut arena = self.tree.0.lock();
        let child = self.tree.insert(&mut arena);
        if self.is_cancelled() {
            // ordering: Relaxed. The child is not shared yet; whoever gives it away publishes it.
            child.is_cancelled.store(true, Ordering::Relaxed);
        } else {
            arena.adopt(self.key, child.key);
        }
        child
    }

    pub(super) fn is_cancelled(&self) -> bool {
        // ordering: Acquire, pairs with the Release in `cancel`.
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Under the tree's lock.
    fn mark_cancelled(&self) {
        // ordering: Release, pairs with `is_cancelled`: who sees it sees what the cancelling side did.
        self.is_cancelled.store(true, Ordering::Release);
    }

    /// Cancels this one and all that descend from it.
    pub(super) fn cancel(&self) {
        if self.is_cancelled() {
            return;
        }
        let descendants = {
            let mut arena = self.tree.0.lock();
            self.mark_cancelled();
            arena.cancel(self.key)
        };
        /// Notifies the rest, also where a waker panics.
        struct Rest(Descendants);
        impl Rest {
            fn run(&mut self) {
                while let Some(node) = self.0.pop() {
                    node.cancelled.notify_waiters();
                }
            }
        }
        impl Drop for Rest {
            fn drop(&mut self) {
                while !self.0.is_empty() {
                    // The first panic is being raised; a second one during it would abort.
                    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.run()));
                }
            }
        }
        let mut rest = Rest(descendants);
        self.cancelled.notify_waiters();
        rest.run();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tree.0.lock().remove(self.key);
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    fn in_use(tree: &Tree) -> usize {
        let arena = tree.0.lock();
        let mut free = 0;
        let mut next = arena.free;
        while let Some(key) = next {
            free += 1;
            next = arena.entries[key].next;
        }
        arena.entries.len() - free
    }

    #[test]
    fn a_chain_of_dropped_tokens_takes_no_memory_and_no_stack() {
        let root = Node::root();
        let mut last = root.child();
        for _ in 0..200_000 {
            last = last.child();
        }
        assert_eq!(in_use(&root.tree), 2);
        assert!(root.tree.0.lock().entries.len() <= 3);
        root.cancel();
        assert!(last.is_cancelled());
    }

    #[test]
    fn a_deep_tree_is_cancelled_without_recursion() {
        let nodes: Vec<_> =
            std::iter::successors(Some(Node::root()), |n| Some(n.child())).take(200_000).collect();
        nodes[1].cancel();
        assert!(!nodes[0].is_cancelled());
        assert!(nodes[1..].iter().all(|node| node.is_cancelled()));
    }

    /// Against a list of parents, by random children, drops and cancellations.
    #[test]
    fn agrees_with_a_model() {
        struct Modelled {
            node: Option<Arc<Node>>,
            parent: Option<usize>,
            is_cancelled: bool,
        }
        for seed in 0..20 {
            let rng = filch_primitives::rand::Rng::new(seed);
            let root = Node::root();
            let mut all =
                vec![Modelled { node: Some(root.clone()), parent: None, is_cancelled: false }];
            for _ in 0..400 {
                let at = rng.below(all.len() as u32) as usize;
                let Some(node) = all[at].node.clone() else { continue };
                match rng.below(20) {
                    0 => {
                        node.cancel();
                        // Who has a cancelled ancestor is cancelled: parents come before children.
                        all[at].is_cancelled = true;
                        for i in 0..all.len() {
                            let parent = all[i].parent;
                            all[i].is_cancelled |= parent.is_some_and(|p| all[p].is_cancelled);
                        }
                    }
                    1..8 => {
                        drop(node);
                        all[at].node = None;
                    }
                    _ => {
                        let is_cancelled = all[at].is_cancelled;
                        let node = Some(node.child());
                        all.push(Modelled { node, parent: Some(at), is_cancelled });
                    }
                }
                for modelled in &all {
                    if let Some(node) = &modelled.node {
                        assert_eq!(node.is_cancelled(), modelled.is_cancelled, "seed {seed}");
                    }
                }
            }
            let tree = root.tree.clone();
            drop((root, all));
            assert_eq!(in_use(&tree), 0);
        }
    }
}
