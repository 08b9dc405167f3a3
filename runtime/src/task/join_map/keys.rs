//! The keys of a `JoinMap`, one after the other.

use std::fmt;
use std::iter::FusedIterator;

use super::super::join_set::slots::Iter;
use super::{Entry, Mark};

/// The keys of a [`JoinMap`](super::JoinMap), in no order. From [`JoinMap::keys`](super::JoinMap::keys).
pub struct JoinMapKeys<'a, K, V> {
    entries: Iter<'a, Entry<V, Option<Mark<K>>>>,
    left: usize,
}

impl<'a, K, V> JoinMapKeys<'a, K, V> {
    pub(super) fn new(entries: Iter<'a, Entry<V, Option<Mark<K>>>>, left: usize) -> Self {
        JoinMapKeys { entries, left }
    }
}

impl<'a, K, V> Iterator for JoinMapKeys<'a, K, V> {
    type Item = &'a K;

    fn next(&mut self) -> Option<&'a K> {
        let key = self.entries.find_map(|entry| Some(&entry.mark.as_ref()?.key))?;
        self.left -= 1;
        Some(key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V> ExactSizeIterator for JoinMapKeys<'_, K, V> {}

impl<K, V> FusedIterator for JoinMapKeys<'_, K, V> {}

impl<K, V> Clone for JoinMapKeys<'_, K, V> {
    fn clone(&self) -> Self {
        JoinMapKeys { entries: self.entries.clone(), left: self.left }
    }
}

impl<K: fmt::Debug, V> fmt::Debug for JoinMapKeys<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
