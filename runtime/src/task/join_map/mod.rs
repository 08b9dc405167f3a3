//! `JoinMap`: a `JoinSet` whose tasks have keys.
//!
//! The tasks are those of `join_set/tasks.rs`, each with its key as the mark. An index maps a key's hash to
//! the first task with that hash; tasks whose keys have the same hash are chained from mark to mark.
//!
//! Invariants
//! M1  The chains hold the places of exactly those tasks that have a mark; `len` counts them.
//! M2  No two of them have equal keys. A task whose key was given to a new one is aborted and has no mark:
//!     it is joined for nobody, so that `shutdown` still waits for it.

mod keys;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::task::{Context, Poll, ready};

pub use keys::JoinMapKeys;

use super::join_set::tasks::{Entry, Tasks};
use super::{Id, JoinError, JoinHandle, LocalSet};
use crate::runtime::Handle;

/// Tasks that are known by a key, joined in the order in which they end.
///
/// A key has one task at most: spawning another one under it aborts the first and forgets it. Dropping the map
/// aborts all tasks. Otherwise it is as a [`JoinSet`](super::JoinSet), whose costs it has, and that of a hash
/// map's entry.
///
/// # Examples
/// ```
/// use filch::task::JoinMap;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut mirrors = JoinMap::new();
/// mirrors.spawn("near", async { 12 });
/// mirrors.spawn("far", std::future::pending());
///
/// let (name, ping) = mirrors.join_next().await.unwrap();
/// assert_eq!((name, ping.unwrap()), ("near", 12));
///
/// assert!(mirrors.abort("far"));
/// let (name, ping) = mirrors.join_next().await.unwrap();
/// assert!(name == "far" && ping.unwrap_err().is_cancelled());
/// assert!(mirrors.join_next().await.is_none());
/// # }
/// ```
#[must_use = "dropping a JoinMap aborts its tasks"]
pub struct JoinMap<K, V, S = RandomState> {
    tasks: Tasks<V, Option<Mark<K>>>,
    /// The place of the first task for each hash.
    heads: HashMap<u64, usize, BuildHasherDefault<AlreadyHashed>>,
    hasher: S,
    /// M1.
    len: usize,
}

/// What the map knows of a task that has a key.
struct Mark<K> {
    key: K,
    hash: u64,
    /// The next task whose key has this hash.
    next: Option<usize>,
}

/// Hashes what is a hash by itself.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only hashes are hashed")
    }
}

impl<K, V> JoinMap<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        JoinMap::with_hasher(RandomState::new())
    }

    /// An empty map with room for `capacity` tasks in its index.
    pub fn with_capacity(capacity: usize) -> Self {
        JoinMap::with_capacity_and_hasher(capacity, RandomState::new())
    }
}

impl<K, V, S> JoinMap<K, V, S> {
    /// An empty map whose keys are hashed by `hash_builder`.
    pub fn with_hasher(hash_builder: S) -> Self {
        JoinMap::with_capacity_and_hasher(0, hash_builder)
    }

    /// An empty map with room for `capacity` tasks in its index, whose keys are hashed by `hash_builder`.
    pub fn with_capacity_and_hasher(capacity: usize, hash_builder: S) -> Self {
        JoinMap {
            tasks: Tasks::new(),
            heads: HashMap::with_capacity_and_hasher(capacity, BuildHasherDefault::default()),
            hasher: hash_builder,
            len: 0,
        }
    }

    /// How many keys are in the map: those of tasks that run, and of tasks that were not joined yet.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no key is in the map.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many tasks the index has room for.
    pub fn capacity(&self) -> usize {
        self.heads.capacity()
    }

    /// The keys, in no order.
    pub fn keys(&self) -> JoinMapKeys<'_, K, V> {
        JoinMapKeys::new(self.tasks.iter(), self.len)
    }

    /// Whether the map has a task with this number, under some key. Looks at each of them.
    pub fn contains_task(&self, task: &Id) -> bool {
        self.tasks.iter().any(|entry| entry.mark.is_some() && entry.id() == *task)
    }

    /// Aborts all tasks. They stay in the map, and are joined as cancelled.
    pub fn abort_all(&mut self) {
        self.tasks.abort_all();
    }

    /// Takes all tasks out of the map, without aborting them. A panic of one is reported from now on.
    pub fn detach_all(&mut self) {
        self.heads.clear();
        self.len = 0;
        self.tasks.detach_all();
    }
}

impl<K, V, S> JoinMap<K, V, S>
where
    K: Hash + Eq,
    V: 'static,
    S: BuildHasher,
{
    /// Spawns a task on the current runtime. If the key has one already, that one is aborted and forgotten.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, key: K, task: F)
    where
        F: Future<Output = V> + Send + 'static,
        V: Send,
    {
        self.insert(key, super::spawn(task));
    }

    /// Spawns a task on a runtime, as [`spawn`](Self::spawn) does on the current one.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, key: K, task: F, handle: &Handle)
    where
        F: Future<Output = V> + Send + 'static,
        V: Send,
    {
        self.insert(key, handle.spawn(task));
    }

    /// Spawns a task that need not be `Send` on the current `LocalSet` or local runtime.
    ///
    /// # Panics
    /// Outside of both.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, key: K, task: F)
    where
        F: Future<Output = V> + 'static,
    {
        self.insert(key, super::spawn_local(task));
    }

    /// Spawns a task that need not be `Send` on a `LocalSet`, which need not be the current one.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, key: K, task: F, local_set: &LocalSet)
    where
        F: Future<Output = V> + 'static,
    {
        self.insert(key, local_set.spawn_local(task));
    }

    /// Runs a function that may block; see [`spawn_blocking`](super::spawn_blocking). One that has begun
    /// cannot be aborted: not by a new task for its key either.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, key: K, f: F)
    where
        F: FnOnce() -> V + Send + 'static,
        V: Send,
    {
        self.insert(key, super::spawn_blocking(f));
    }

    /// Runs a function that may block, on a runtime's threads for such functions.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, key: K, f: F, handle: &Handle)
    where
        F: FnOnce() -> V + Send + 'static,
        V: Send,
    {
        self.insert(key, handle.spawn_blocking(f));
    }

    fn insert(&mut self, key: K, handle: JoinHandle<V>) {
        let hash = self.hasher.hash_one(&key);
        if let Some(place) = self.find(hash, &key) {
            self.unlink(place);
            if let Some(replaced) = self.tasks.get(place) {
                replaced.abort();
            }
        }
        let next = self.heads.get(&hash).copied();
        let (place, _) = self.tasks.insert(handle, Some(Mark { key, hash, next }));
        self.heads.insert(hash, place);
        self.len += 1;
    }

    /// The place of a key's task.
    fn find<Q>(&self, hash: u64, key: &Q) -> Option<usize>
    where
        Q: Eq + ?Sized,
        K: Borrow<Q>,
    {
        let mut next = self.heads.get(&hash).copied();
        while let Some(place) = next {
            let mark = self.tasks.get(place).and_then(|entry| entry.mark.as_ref())?;
            if mark.key.borrow() == key {
                return Some(place);
            }
            next = mark.next;
        }
        None
    }

    fn entry<Q>(&self, key: &Q) -> Option<&Entry<V, Option<Mark<K>>>>
    where
        Q: Hash + Eq + ?Sized,
        K: Borrow<Q>,
    {
        self.find(self.hasher.hash_one(key), key).and_then(|place| self.tasks.get(place))
    }

    /// Aborts a key's task, which stays in the map and is joined as cancelled. False if there is none.
    pub fn abort<Q>(&mut self, key: &Q) -> bool
    where
        Q: Hash + Eq + ?Sized,
        K: Borrow<Q>,
    {
        self.entry(key).map(Entry::abort).is_some()
    }

    /// Aborts the tasks whose keys `predicate` says yes to. They stay in the map.
    pub fn abort_matching(&mut self, mut predicate: impl FnMut(&K) -> bool) {
        for entry in self.tasks.iter() {
            if entry.mark.as_ref().is_some_and(|mark| predicate(&mark.key)) {
                entry.abort();
            }
        }
    }

    /// Whether the map has a task for this key: one that runs, or was not joined yet.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Eq + ?Sized,
        K: Borrow<Q>,
    {
        self.entry(key).is_some()
    }

    /// Makes room in the index for `additional` more tasks.
    ///
    /// # Panics
    /// If that is more than `usize::MAX` bytes.
    pub fn reserve(&mut self, additional: usize) {
        self.heads.reserve(additional);
    }

    /// Gives back what the index does not need.
    pub fn shrink_to_fit(&mut self) {
        self.heads.shrink_to_fit();
    }

    /// Gives back what the index does not need for `min_capacity` tasks.
    pub fn shrink_to(&mut self, min_capacity: usize) {
        self.heads.shrink_to(min_capacity);
    }
}

impl<K, V, S> JoinMap<K, V, S> {
    /// Waits until a task ends, and takes it out of the map. `None` if the map is empty.
    ///
    /// A task that was replaced by another one for its key is never returned, but waited for.
    ///
    /// # Errors
    /// The inner one is a [`JoinError`] if the task panicked or was aborted.
    /// # Cancel safety
    /// Nothing is lost: a task is taken out only where this returns it.
    pub async fn join_next(&mut self) -> Option<(K, Result<V, JoinError>)> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// Takes a task that has ended out of the map, without waiting. `None` if there is none.
    ///
    /// # Errors
    /// The inner one is a [`JoinError`] if the task panicked or was aborted.
    pub fn try_join_next(&mut self) -> Option<(K, Result<V, JoinError>)> {
        loop {
            let place = self.tasks.next_ready()?;
            if let Some(joined) = self.take(place) {
                return Some(joined);
            }
        }
    }

    /// The polling form of [`join_next`](Self::join_next). Only the waker of the last call is woken.
    ///
    /// # Errors
    /// The inner one is a [`JoinError`] if the task panicked or was aborted.
    pub fn poll_join_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(K, Result<V, JoinError>)>> {
        loop {
            let Some(place) = ready!(self.tasks.poll_ready(cx)) else { return Poll::Ready(None) };
            if let Some(joined) = self.take(place) {
                return Poll::Ready(Some(joined));
            }
        }
    }

    /// Takes the complete task in a place out. `None` if it was replaced (M2).
    fn take(&mut self, place: usize) -> Option<(K, Result<V, JoinError>)> {
        let mark = self.unlink(place);
        let entry = self.tasks.remove(place)?;
        // Without a key the handle goes as it is: if the task panicked, that is reported.
        let key = mark?.key;
        Some((key, entry.into_output().0))
    }

    /// Takes a task's mark, and takes it off its chain.
    fn unlink(&mut self, place: usize) -> Option<Mark<K>> {
        let mark = self.tasks.get_mut(place)?.mark.take()?;
        self.len -= 1;
        let head = self.heads.get(&mark.hash).copied();
        if head == Some(place) {
            match mark.next {
                Some(next) => self.heads.insert(mark.hash, next),
                None => self.heads.remove(&mark.hash),
            };
            return Some(mark);
        }
        let mut before = head;
        while let Some(link) = before.and_then(|before| self.tasks.get_mut(before)?.mark.as_mut()) {
            if link.next == Some(place) {
                link.next = mark.next;
                break;
            }
            before = link.next;
        }
        Some(mark)
    }

    /// Aborts all tasks and waits until they are gone. Their outputs are dropped, panics among them too.
    ///
    /// # Cancel safety
    /// The tasks are aborted at the first poll; those that have not ended stay in the map.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }
}

impl<K, V> Default for JoinMap<K, V> {
    fn default() -> Self {
        JoinMap::new()
    }
}

/// Each key with its task's number.
impl<K: fmt::Debug, V, S> fmt::Debug for JoinMap<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyed =
            self.tasks.iter().filter_map(|entry| Some((&entry.mark.as_ref()?.key, entry.id())));
        f.debug_map().entries(keyed).finish()
    }
}
