//! `JoinMap`: as `JoinSet`, and each task is known by its key; a key has one task at most.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::future::{Future, pending};
use std::hash::{BuildHasher, Hasher};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use filch::runtime::{Handle, UnhandledPanic};
use filch::sync::oneshot;
use filch::task::{self, JoinMap, LocalSet};
use filch_tests::count::{Count, Gate, forever};
use filch_tests::panics::{caught, expected, install_hook};
use filch_tests::runtimes::Kind;

/// Gives every key the same hash, or one of two.
#[derive(Clone, Copy)]
struct Collide {
    hashes: u64,
}

struct CollideHasher {
    hashes: u64,
    seen: u64,
}

impl BuildHasher for Collide {
    type Hasher = CollideHasher;
    fn build_hasher(&self) -> CollideHasher {
        CollideHasher { hashes: self.hashes, seen: 0 }
    }
}

impl Hasher for CollideHasher {
    fn finish(&self) -> u64 {
        self.seen % self.hashes
    }
    fn write(&mut self, bytes: &[u8]) {
        self.seen = bytes.iter().fold(self.seen, |seen, byte| seen.wrapping_add(u64::from(*byte)));
    }
}

fn current<F: Future>(future: F) -> F::Output {
    Kind::CurrentThread.runtime().block_on(future)
}

#[test]
fn tasks_come_back_with_their_keys_in_the_order_of_ends() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let mut map = JoinMap::new();
            let mut ends: Vec<_> = ["a", "b", "c", "d"]
                .into_iter()
                .map(|key| {
                    let (end, ended) = oneshot::channel::<()>();
                    map.spawn(key.to_owned(), async move {
                        let _ = ended.await;
                        key.len()
                    });
                    Some(end)
                })
                .collect();
            assert_eq!(map.len(), 4);
            for (n, key) in [(2, "c"), (0, "a"), (3, "d"), (1, "b")] {
                assert!(map.contains_key(key));
                ends[n].take().unwrap().send(()).unwrap();
                let (joined, output) = map.join_next().await.unwrap();
                assert_eq!((joined.as_str(), output.unwrap()), (key, 1));
                assert!(!map.contains_key(key) && !map.abort(key));
            }
            assert!(map.is_empty() && map.join_next().await.is_none());
        });
    }
}

/// A key that is given again: its first task is aborted, never joined, but waited for.
#[test]
fn a_new_task_for_a_key_replaces_the_old_one() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (polls, drops) = (Count::new(), Count::new());
            let mut map = JoinMap::new();
            let old = forever(&polls, drops.on_drop());
            map.spawn("key", async move {
                old.await;
                1
            });
            map.spawn("key", async { 2 });
            assert_eq!(map.len(), 1);
            let (key, output) = map.join_next().await.unwrap();
            assert_eq!((key, output.unwrap()), ("key", 2));
            assert!(map.is_empty());
            assert!(map.join_next().await.is_none());
            assert_eq!(
                drops.get(),
                1,
                "the old one's future is gone when the map says so: {kind:?}"
            );
        });
    }
}

#[test]
fn a_task_that_has_ended_can_be_replaced_too() {
    current(async {
        let mut map = JoinMap::new();
        map.spawn(1, async { "old" });
        task::yield_now().await;
        map.spawn(1, async { "new" });
        assert!(map.try_join_next().is_none());
        let (key, output) = map.join_next().await.unwrap();
        assert_eq!((key, output.unwrap()), (1, "new"));
        assert!(map.try_join_next().is_none() && map.join_next().await.is_none());
    });
}

/// A panic of a replaced task has nobody to go to: it is reported.
#[test]
fn the_panic_of_a_replaced_task_is_reported() {
    install_hook();
    let reports = Count::new();
    let runtime = Kind::CurrentThread
        .builder()
        .unhandled_panic(UnhandledPanic::Call(Arc::new({
            let reports = reports.clone();
            move |info| {
                assert_eq!(info.message(), "expected: replaced");
                reports.add();
            }
        })))
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut map = JoinMap::new();
        map.spawn("key", async { expected("replaced") });
        task::yield_now().await;
        map.spawn("key", async {});
        map.shutdown().await;
    });
    assert_eq!(reports.get(), 1);
}

/// The index, with keys whose hashes are all the same, against a plain set of keys.
#[test]
fn keys_with_the_same_hash_are_told_apart() {
    for hashes in [1, 2, u64::MAX] {
        current(async {
            let mut map = JoinMap::with_hasher(Collide { hashes });
            let mut keys = HashSet::new();
            for n in 0..200_u32 {
                let key = n.wrapping_mul(2_654_435_761) % 37;
                match n % 5 {
                    0..=2 => {
                        map.spawn(key, pending::<()>());
                        keys.insert(key);
                    }
                    3 => assert_eq!(map.abort(&key), keys.contains(&key), "{key}"),
                    _ => {
                        task::yield_now().await;
                        while let Some((key, output)) = map.try_join_next() {
                            assert!(output.unwrap_err().is_cancelled());
                            assert!(keys.remove(&key), "{key} is joined once");
                        }
                    }
                }
                assert_eq!(map.len(), keys.len());
                assert_eq!(map.keys().copied().collect::<HashSet<_>>(), keys);
                for key in 0..37 {
                    assert_eq!(map.contains_key(&key), keys.contains(&key), "{key}");
                }
            }
            map.shutdown().await;
            assert!(map.is_empty() && map.keys().next().is_none());
        });
    }
}

#[test]
fn aborting_by_key_and_by_predicate() {
    current(async {
        let mut map = JoinMap::new();
        for n in 0..6 {
            map.spawn(n, pending::<()>());
        }
        assert!(map.abort(&0) && !map.abort(&6));
        let (key, output) = map.join_next().await.unwrap();
        assert!(key == 0 && output.unwrap_err().is_cancelled());
        map.abort_matching(|key| key % 2 == 1);
        let mut aborted = Vec::new();
        for _ in 0..3 {
            let (key, output) = map.join_next().await.unwrap();
            assert!(output.unwrap_err().is_cancelled());
            aborted.push(key);
        }
        aborted.sort_unstable();
        assert_eq!(aborted, [1, 3, 5]);
        assert_eq!(map.len(), 2);
        map.abort_all();
        while let Some((key, output)) = map.join_next().await {
            assert!(key % 2 == 0 && output.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_panic_comes_back_with_its_key() {
    install_hook();
    current(async {
        let mut map = JoinMap::new();
        map.spawn("bad", async { expected("with a key") });
        let (key, output) = map.join_next().await.unwrap();
        assert!(key == "bad" && output.unwrap_err().is_panic());
    });
}

#[test]
fn drop_aborts_detach_does_not() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (polls, drops) = (Count::new(), Count::new());
            let mut map = JoinMap::new();
            map.spawn(0, forever(&polls, drops.on_drop()));
            map.spawn(1, forever(&polls, drops.on_drop()));
            drop(map);
            while drops.get() < 2 {
                task::yield_now().await;
            }
            let (end, ended) = oneshot::channel::<()>();
            let (done, is_done) = oneshot::channel();
            let mut map = JoinMap::new();
            map.spawn(0, async move {
                let _ = ended.await;
                done.send(()).unwrap();
            });
            map.detach_all();
            assert!(map.is_empty() && !map.contains_key(&0) && map.join_next().await.is_none());
            map.spawn(0, async {});
            assert_eq!(map.join_next().await.unwrap().0, 0);
            drop(map);
            end.send(()).unwrap();
            is_done.await.unwrap();
        });
    }
}

#[test]
fn shutdown_waits_for_replaced_tasks_too() {
    Kind::Workers.runtime().block_on(async {
        let (gate, ended) = (Gate::closed(), Count::new());
        let (began, has_begun) = oneshot::channel();
        let mut map = JoinMap::new();
        map.spawn_blocking("key", {
            let (gate, ended) = (gate.clone(), ended.clone());
            move || {
                began.send(()).unwrap();
                gate.pass();
                ended.add();
            }
        });
        has_begun.await.unwrap();
        map.spawn("key", pending());
        {
            let mut shutdown = pin!(map.shutdown());
            let mut cx = Context::from_waker(Waker::noop());
            for _ in 0..10 {
                assert!(shutdown.as_mut().poll(&mut cx).is_pending());
                task::yield_now().await;
            }
        }
        gate.open();
        map.shutdown().await;
        assert_eq!(ended.get(), 1);
    });
}

#[test]
fn every_way_to_spawn() {
    let other = Kind::OneWorker.builder().name("other").build().unwrap();
    let runtime = Kind::CurrentThread.builder().name("here").build().unwrap();
    let name = || Handle::current().name().unwrap().to_owned();
    LocalSet::new().block_on(&runtime, async {
        let inner = LocalSet::new();
        let shared = Rc::new(name);
        let mut map = JoinMap::with_capacity(8);
        assert!(map.capacity() >= 8);
        map.spawn("spawn", async move { name() });
        map.spawn_on("spawn_on", async move { name() }, other.handle());
        map.spawn_blocking("spawn_blocking", name);
        map.spawn_blocking_on("spawn_blocking_on", name, other.handle());
        map.spawn_local("spawn_local", {
            let shared = shared.clone();
            async move { shared() }
        });
        map.spawn_local_on("spawn_local_on", async move { shared() }, &inner);
        inner.await;
        assert_eq!(map.len(), 6);
        while let Some((key, output)) = map.join_next().await {
            let is_other = matches!(key, "spawn_on" | "spawn_blocking_on");
            assert_eq!(output.unwrap() == "other", is_other, "{key}");
        }
    });
}

#[test]
fn spawning_outside_of_a_runtime_panics_at_the_callers_line() {
    let mut map = JoinMap::new();
    let caught = caught(|| map.spawn("key", async {}));
    assert!(caught.message.contains("no reactor running"), "{}", caught.message);
    assert_eq!((caught.file.as_str(), caught.line), (file!(), line!() - 2));
    assert!(map.is_empty());
}

#[test]
fn keys_capacity_ids_and_debug() {
    current(async {
        let mut map: JoinMap<&str, ()> = JoinMap::default();
        map.reserve(100);
        assert!(map.capacity() >= 100);
        map.shrink_to(10);
        assert!(map.capacity() >= 10 && map.capacity() < 100);
        map.shrink_to_fit();
        map.spawn("one", pending());
        let mut keys = map.keys();
        assert_eq!((keys.len(), keys.size_hint()), (1, (1, Some(1))));
        assert_eq!(format!("{:?} {:?}", keys.clone(), keys), "[\"one\"] [\"one\"]");
        assert_eq!((keys.next(), keys.next(), keys.len()), (Some(&"one"), None, 0));
        assert!(format!("{map:?}").starts_with("{\"one\": Id("), "{map:?}");
        let outside = filch::spawn(pending::<()>()).abort_on_drop();
        assert!(!map.contains_task(&outside.id()));
        let inside = {
            let (sender, receiver) = oneshot::channel();
            map.spawn("two", async move { sender.send(task::id()).unwrap() });
            receiver.await.unwrap()
        };
        assert!(map.contains_task(&inside), "ended, not joined");
        map.spawn("two", pending());
        assert!(!map.contains_task(&inside), "replaced");
        let _ = JoinMap::<u8, u8>::with_capacity_and_hasher(4, RandomState::new());
    });
}

#[test]
fn polling_by_hand() {
    current(async {
        let mut map = JoinMap::new();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(map.poll_join_next(&mut cx), Poll::Ready(None)));
        map.spawn("key", async { 3 });
        assert!(map.poll_join_next(&mut cx).is_pending());
        task::yield_now().await;
        let Poll::Ready(Some(("key", Ok(3)))) = map.poll_join_next(&mut cx) else {
            panic!("it has ended")
        };
    });
}

/// Replacing and aborting from the joining task while workers complete tasks.
#[test]
fn stress() {
    let rounds: u32 = if cfg!(miri) { 20 } else { 5_000 };
    Kind::Workers.runtime().block_on(async {
        let drops = Count::new();
        let mut map = JoinMap::new();
        let mut joined = 0_usize;
        for n in 0..rounds {
            let guard = drops.on_drop();
            map.spawn(n % 64, async move {
                let _guard = guard;
                if n % 3 == 0 {
                    task::yield_now().await;
                }
                n
            });
            if n % 7 == 0 {
                map.abort(&(n % 11));
            }
            if n % 2 == 0 {
                if let Some((key, output)) = map.join_next().await {
                    joined += 1;
                    assert!(output.is_err() || output.is_ok_and(|n| n % 64 == key));
                }
            }
            assert!(map.len() <= 64);
        }
        while map.join_next().await.is_some() {
            joined += 1;
        }
        assert!(joined >= rounds as usize / 2);
        assert_eq!(drops.get(), rounds as usize, "none is left when join_next gives None");
    });
}
