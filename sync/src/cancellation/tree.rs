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

use std::sync::{Arc, Weak};

use filch_primitives::atomic::{AtomicBool, Ordering};
use filch_primitives::lock::Mutex;

use crate::Notify;

/// The key of an entry.
type Key = usize;

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
    entries: Vec<Entry>,
    /// Entries to use again, chained by `next`.
    free: Option<Key>,
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
            None => {
                self.entries.push(Entry::default());
                self.entries.len() - 1
            }
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

    /// Takes `key` and all that descend from it apart (T3), and marks them. Returns those that are alive.
    fn cancel(&mut self, key: Key) -> Vec<Arc<Node>> {
        let mut nodes = Vec::new();
        let mut keys = vec![key];
        while let Some(key) = keys.pop() {
            while let Some(child) = self.entries[key].first_child {
                self.orphan(child);
                keys.push(child);
            }
            self.orphan(key);
            // One that is being dropped has nobody who waits or asks.
            if let Some(node) = self.entries[key].node.upgrade() {
                // ordering: Release, pairs with `is_cancelled`: who sees it sees what the cancelling side did.
                node.is_cancelled.store(true, Ordering::Release);
                nodes.push(node);
            }
        }
        nodes
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

    /// Cancels this one and all that descend from it.
    pub(super) fn cancel(&self) {
        if self.is_cancelled() {
            return;
        }
        let nodes = self.tree.0.lock().cancel(self.key);
        /// Notifies the rest, also where a waker panics.
        struct Rest(std::vec::IntoIter<Arc<Node>>);
        impl Rest {
            fn run(&mut self) {
                for node in self.0.by_ref() {
                    node.cancelled.notify_waiters();
                }
            }
        }
        impl Drop for Rest {
            fn drop(&mut self) {
                while self.0.len() > 0 {
                    // The first panic is being raised; a second one during it would abort.
                    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.run()));
                }
            }
        }
        Rest(nodes.into_iter()).run();
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
