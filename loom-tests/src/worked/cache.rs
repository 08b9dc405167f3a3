//! A bounded cache that loads each value once, however many tasks ask for it.
//!
//! The first task that asks for a key loads the value; those that ask meanwhile wait for it on a
//! `Notify`. If the first one is cancelled, one of them loads. The oldest value makes room for a new one.

use std::future::Future;
use std::sync::Arc;

use filch::sync::Notify;
use filch::sync::futures::OwnedNotified;

// All of the seam that this library needs: the lock comes from loom in a model.
#[cfg(filch_loom)]
use filch::loom::sync::Mutex;
#[cfg(not(filch_loom))]
use std::sync::Mutex;

/// See the module. `PLANTED` is the bug: with it a task may wait for ever.
pub struct Cache<K, V, const PLANTED: bool = false> {
    capacity: usize,
    /// A list and not a map of hashes, whose order would differ from run to run.
    slots: Mutex<Vec<(K, Slot<V>)>>,
}

enum Slot<V> {
    /// Some task loads the value, and notifies all others when it is there, or when it gives up.
    Loading(Arc<Notify>),
    Ready(V),
}

impl<K: Clone + PartialEq, V: Clone, const PLANTED: bool> Cache<K, V, PLANTED> {
    /// A cache for at most `capacity` values.
    pub fn new(capacity: usize) -> Self {
        Cache { capacity, slots: Mutex::new(Vec::new()) }
    }

    /// The value of `key`, if it is there.
    pub fn get(&self, key: &K) -> Option<V> {
        let slots = self.slots.lock().unwrap();
        match find(&slots, key) {
            Some(Slot::Ready(value)) => Some(value.clone()),
            _ => None,
        }
    }

    /// How many values are there.
    pub fn len(&self) -> usize {
        let slots = self.slots.lock().unwrap();
        slots.iter().filter(|(_, slot)| matches!(slot, Slot::Ready(_))).count()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of `key`, loaded by `load` if nobody has or does.
    ///
    /// Cancel safe: whoever loads may be dropped, and another one loads.
    pub async fn get_or_load<F: Future<Output = V>>(&self, key: K, load: impl FnOnce() -> F) -> V {
        loop {
            match self.look(&key) {
                Look::Value(value) => return value,
                Look::Wait(loaded) => loaded.await,
                Look::WaitPlanted(loaded) => loaded.notified().await,
                Look::Load(mut loading) => {
                    let value = load().await;
                    loading.value = Some(value.clone());
                    return value;
                }
            }
        }
    }

    fn look(&self, key: &K) -> Look<'_, K, V, PLANTED> {
        let mut slots = self.slots.lock().unwrap();
        match find(&slots, key) {
            Some(Slot::Ready(value)) => Look::Value(value.clone()),
            // The bug: nobody listens yet when the lock is free, and the notification may come right then.
            Some(Slot::Loading(loaded)) if PLANTED => Look::WaitPlanted(loaded.clone()),
            // The other way round: it hears what is notified from here on.
            Some(Slot::Loading(loaded)) => Look::Wait(loaded.clone().notified_owned()),
            None => {
                let loaded = Arc::new(Notify::new());
                slots.push((key.clone(), Slot::Loading(loaded.clone())));
                Look::Load(Loading { cache: self, key: key.clone(), loaded, value: None })
            }
        }
    }
}

/// What a task that asks for a value has to do.
enum Look<'a, K: Clone + PartialEq, V: Clone, const PLANTED: bool> {
    Value(V),
    Wait(OwnedNotified),
    WaitPlanted(Arc<Notify>),
    Load(Loading<'a, K, V, PLANTED>),
}

fn find<'a, K: PartialEq, V>(slots: &'a [(K, Slot<V>)], key: &K) -> Option<&'a Slot<V>> {
    slots.iter().find(|(of, _)| of == key).map(|(_, slot)| slot)
}

/// The right and the duty to load a value. Its drop tells those who wait, value or not.
struct Loading<'a, K: Clone + PartialEq, V: Clone, const PLANTED: bool> {
    cache: &'a Cache<K, V, PLANTED>,
    key: K,
    loaded: Arc<Notify>,
    value: Option<V>,
}

impl<K: Clone + PartialEq, V: Clone, const PLANTED: bool> Drop for Loading<'_, K, V, PLANTED> {
    fn drop(&mut self) {
        let mut slots = self.cache.slots.lock().unwrap();
        slots.retain(|(key, _)| *key != self.key);
        if let Some(value) = self.value.take() {
            slots.push((self.key.clone(), Slot::Ready(value)));
            let ready = slots.iter().filter(|(_, slot)| matches!(slot, Slot::Ready(_))).count();
            if ready > self.cache.capacity {
                if let Some(oldest) =
                    slots.iter().position(|(_, slot)| matches!(slot, Slot::Ready(_)))
                {
                    slots.remove(oldest);
                }
            }
        }
        drop(slots);
        self.loaded.notify_waiters();
    }
}
