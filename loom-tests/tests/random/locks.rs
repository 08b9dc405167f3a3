//! Semaphore, Notify, Mutex, RwLock, Barrier and OnceCell among many tasks, some of which give up.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use filch::sync::{Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore};
use filch_loom_tests::Count;
use filch_loom_tests::random::{between, chance, yields};

use crate::support::World;

/// Awaits `future`, or gives it up after a few yields: once in so many times it does not wait.
async fn or_gives_up<F: Future>(future: F, once_in: usize) -> Option<F::Output> {
    if !chance(once_in) {
        return Some(future.await);
    }
    let mut future = pin!(future);
    filch::select! {
        biased;
        output = &mut future => Some(output),
        () = yields(2) => None,
    }
}

/// Six tasks take one to three of up to four permits, keep them, split and forget some, or give up waiting. At
/// the end there are as many as there should be, and never were more out.
pub fn semaphore_loses_no_permit() {
    let world = World::new();
    let total = between(2, 4);
    let semaphore = Arc::new(Semaphore::new(total));
    let (out, forgotten) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let joins: Vec<_> = (0..between(3, 6))
        .map(|_| {
            let (semaphore, out, forgotten) = (semaphore.clone(), out.clone(), forgotten.clone());
            let entry = world.books.entry();
            world.runtime.spawn(async move {
                let _entry = entry;
                for _ in 0..between(1, 2) {
                    let wants = between(1, total.min(3));
                    let acquiring = semaphore.acquire_many(wants as u32);
                    let Some(permit) = or_gives_up(acquiring, 3).await else { continue };
                    let permit = permit.expect("never closed");
                    let now = out.fetch_add(wants, Ordering::SeqCst) + wants;
                    assert!(now <= total, "{now} of {total} permits are out");
                    yields(2).await;
                    out.fetch_sub(wants, Ordering::SeqCst);
                    if chance(4) {
                        permit.forget();
                        forgotten.fetch_add(wants, Ordering::SeqCst);
                        semaphore.add_permits(wants);
                    }
                }
            })
        })
        .collect();
    world.runtime.block_on(async {
        for join in joins {
            join.await.unwrap();
        }
    });
    assert_eq!(semaphore.available_permits(), total);
    world.end();
}

/// Tasks wait for a notification, some of them give up. So many `notify_one` as there are tasks, and each is
/// reached or has given up: what one that gave up had got goes on to another. Or all at once, by
/// `notify_waiters` until no one waits.
pub fn notify_reaches_whom_it_must() {
    let world = World::new();
    let notify = Arc::new(Notify::new());
    let count = between(3, 6);
    let ended = Count::new();
    let joins: Vec<_> = (0..count)
        .map(|_| {
            let (notify, ended, entry) = (notify.clone(), ended.clone(), world.books.entry());
            world.runtime.spawn(async move {
                let _entry = entry;
                let _ = or_gives_up(notify.notified(), 3).await;
                ended.add();
            })
        })
        .collect();
    let notifying = {
        let one_by_one = chance(2);
        world.runtime.spawn(async move {
            if one_by_one {
                // One is kept where nobody waits: so the next is given when somebody has ended.
                for goal in 1..=count {
                    notify.notify_one();
                    while ended.get() < goal {
                        filch::task::yield_now().await;
                        filch_primitives::thread::yield_now();
                    }
                }
            } else {
                while ended.get() < count {
                    notify.notify_waiters();
                    filch::task::yield_now().await;
                    filch_primitives::thread::yield_now();
                }
            }
        })
    };
    world.runtime.block_on(async {
        for join in joins {
            join.await.unwrap();
        }
        notifying.await.unwrap();
    });
    world.end();
}

/// What the holders of a lock do to it, in a place that no lock protects.
#[derive(Default)]
struct Inside {
    readers: AtomicUsize,
    writers: AtomicUsize,
}

impl Inside {
    async fn write(&self) {
        assert_eq!(self.writers.fetch_add(1, Ordering::SeqCst), 0, "two writers");
        assert_eq!(self.readers.load(Ordering::SeqCst), 0, "a writer among readers");
        yields(2).await;
        assert_eq!(self.readers.load(Ordering::SeqCst), 0, "a reader beside a writer");
        self.writers.fetch_sub(1, Ordering::SeqCst);
    }

    async fn read(&self) {
        self.readers.fetch_add(1, Ordering::SeqCst);
        assert_eq!(self.writers.load(Ordering::SeqCst), 0, "a reader beside a writer");
        yields(2).await;
        self.readers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Readers and writers, of whom some give up: a writer is alone. The same with a mutex.
pub fn locks_exclude() {
    let world = World::new();
    let rwlock = Arc::new(RwLock::new(0));
    let mutex = Arc::new(Mutex::new(0));
    let in_rwlock = Arc::new(Inside::default());
    let in_mutex = Arc::new(Inside::default());
    let written = Count::new();
    let joins: Vec<_> = (0..between(3, 6))
        .map(|_| {
            let (rwlock, mutex) = (rwlock.clone(), mutex.clone());
            let (in_rwlock, in_mutex) = (in_rwlock.clone(), in_mutex.clone());
            let (written, entry) = (written.clone(), world.books.entry());
            world.runtime.spawn(async move {
                let _entry = entry;
                for _ in 0..between(1, 3) {
                    match between(0, 2) {
                        0 => {
                            let Some(guard) = or_gives_up(rwlock.read(), 3).await else { continue };
                            in_rwlock.read().await;
                            drop(guard);
                        }
                        1 => {
                            let Some(mut guard) = or_gives_up(rwlock.write(), 3).await else {
                                continue;
                            };
                            in_rwlock.write().await;
                            *guard += 1;
                            written.add();
                            if chance(3) {
                                let guard = guard.downgrade();
                                in_rwlock.read().await;
                                drop(guard);
                            }
                        }
                        _ => {
                            let Some(mut guard) = or_gives_up(mutex.lock(), 3).await else {
                                continue;
                            };
                            in_mutex.write().await;
                            *guard += 1;
                            written.add();
                        }
                    }
                }
            })
        })
        .collect();
    world.runtime.block_on(async {
        for join in joins {
            join.await.unwrap();
        }
    });
    let of_rwlock = *rwlock.try_read().expect("nobody holds it");
    let of_mutex = *mutex.try_lock().expect("nobody holds it");
    assert_eq!(of_rwlock + of_mutex, written.get());
    world.end();
}

/// So many tasks as the barrier asks for, several times: each time one of them leads, and none goes early.
pub fn barrier_lets_all_go() {
    let world = World::new();
    let size = between(2, 6);
    let rounds = between(1, 3);
    let barrier = Arc::new(Barrier::new(size));
    let leaders = Count::new();
    let arrived = Count::new();
    let joins: Vec<_> = (0..size)
        .map(|_| {
            let (barrier, leaders, arrived) = (barrier.clone(), leaders.clone(), arrived.clone());
            let entry = world.books.entry();
            world.runtime.spawn(async move {
                let _entry = entry;
                for round in 1..=rounds {
                    yields(1).await;
                    arrived.add();
                    if barrier.wait().await.is_leader() {
                        leaders.add();
                    }
                    assert!(arrived.get() >= round * size, "let go before all had come");
                }
            })
        })
        .collect();
    world.runtime.block_on(async {
        for join in joins {
            join.await.unwrap();
        }
    });
    assert_eq!(leaders.get(), rounds);
    world.end();
}

/// Many want to set the cell; who begins may fail or give up, then another one does it: one value is set, and
/// all who get one get that.
pub fn once_cell_is_set_once() {
    let world = World::new();
    let cell = Arc::new(OnceCell::new());
    let count = between(3, 6);
    let joins: Vec<_> = (0..count)
        .map(|number| {
            let (cell, entry) = (cell.clone(), world.books.entry());
            world.runtime.spawn(async move {
                let _entry = entry;
                let setting = cell.get_or_try_init(|| async {
                    yields(2).await;
                    if chance(3) { Err(()) } else { Ok(number) }
                });
                or_gives_up(setting, 4).await.and_then(Result::ok).copied()
            })
        })
        .collect();
    let got: Vec<usize> = world.runtime.block_on(async {
        let mut got = Vec::new();
        for join in joins {
            got.extend(join.await.unwrap());
        }
        got
    });
    match cell.get() {
        Some(value) => assert!(got.iter().all(|other| other == value), "{got:?}, {value}"),
        None => assert!(got.is_empty()),
    }
    world.end();
}
