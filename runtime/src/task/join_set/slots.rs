//! Places with a number for a set's tasks: insert, look up and remove in O(1).
//!
//! A free place keeps the number of the next free one, so that nothing is searched and no memory is given
//! back before the set goes: it stays as large as the set was at its largest.

/// Numbered places.
pub(in crate::task) struct Slots<E> {
    slots: Vec<Slot<E>>,
    /// The place freed last, which is taken next.
    free: Option<usize>,
    len: usize,
}

enum Slot<E> {
    Taken(E),
    Free { next: Option<usize> },
}

impl<E> Slots<E> {
    pub(in crate::task) const fn new() -> Self {
        Slots { slots: Vec::new(), free: None, len: 0 }
    }

    pub(in crate::task) fn len(&self) -> usize {
        self.len
    }

    /// Puts an entry somewhere, and says where.
    pub(in crate::task) fn insert(&mut self, entry: E) -> usize {
        self.len += 1;
        let Some(key) = self.free else {
            self.slots.push(Slot::Taken(entry));
            return self.slots.len() - 1;
        };
        match std::mem::replace(&mut self.slots[key], Slot::Taken(entry)) {
            Slot::Free { next } => self.free = next,
            Slot::Taken(_) => unreachable!("a taken place in the list of free ones"),
        }
        key
    }

    pub(in crate::task) fn get(&self, key: usize) -> Option<&E> {
        match self.slots.get(key)? {
            Slot::Taken(entry) => Some(entry),
            Slot::Free { .. } => None,
        }
    }

    pub(in crate::task) fn get_mut(&mut self, key: usize) -> Option<&mut E> {
        match self.slots.get_mut(key)? {
            Slot::Taken(entry) => Some(entry),
            Slot::Free { .. } => None,
        }
    }

    pub(in crate::task) fn remove(&mut self, key: usize) -> Option<E> {
        let slot = self.slots.get_mut(key)?;
        if let Slot::Free { .. } = slot {
            return None;
        }
        match std::mem::replace(slot, Slot::Free { next: self.free }) {
            Slot::Taken(entry) => {
                self.free = Some(key);
                self.len -= 1;
                Some(entry)
            }
            Slot::Free { .. } => unreachable!("looked at above"),
        }
    }

    /// All entries, in no order.
    pub(in crate::task) fn iter(&self) -> Iter<'_, E> {
        Iter(self.slots.iter())
    }
}

/// The taken places.
pub(in crate::task) struct Iter<'a, E>(std::slice::Iter<'a, Slot<E>>);

impl<E> Clone for Iter<'_, E> {
    fn clone(&self) -> Self {
        Iter(self.0.clone())
    }
}

impl<'a, E> Iterator for Iter<'a, E> {
    type Item = &'a E;

    fn next(&mut self) -> Option<&'a E> {
        self.0.find_map(|slot| match slot {
            Slot::Taken(entry) => Some(entry),
            Slot::Free { .. } => None,
        })
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_found_by_number() {
        let mut slots = Slots::new();
        let keys: Vec<_> = (0..5).map(|n| slots.insert(n)).collect();
        assert_eq!(keys, [0, 1, 2, 3, 4]);
        assert_eq!((slots.remove(1), slots.remove(3), slots.remove(3)), (Some(1), Some(3), None));
        assert_eq!((slots.len(), slots.get(1), slots.get(9)), (3, None, None));
        assert_eq!((slots.insert(30), slots.insert(10), slots.insert(50)), (3, 1, 5));
        *slots.get_mut(5).unwrap() += 1;
        assert_eq!(slots.iter().copied().collect::<Vec<_>>(), [0, 10, 2, 30, 4, 51]);
        assert_eq!(slots.len(), 6);
    }
}
