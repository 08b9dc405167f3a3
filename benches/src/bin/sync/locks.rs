//! Rows of `Mutex`, `RwLock`, `Semaphore`, `Barrier` and `OnceCell`.
//!
//! The crates name these alike, so one macro writes the work for each.

use std::sync::Arc;

use crate::executor::{Spawner, Task, yield_once};
use crate::row::{Peer, Row};

/// Tasks that compete.
const TASKS: u64 = 4;

/// Runs the work in some tasks and waits for all.
async fn in_tasks<F>(spawner: Spawner, work: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks: Vec<Task<()>> = (0..TASKS).map(|_| spawner.spawn(work())).collect();
    for task in tasks {
        task.await;
    }
}

/// The work of the primitives of one crate. `$permit` is what its semaphore's `acquire` returns, unwrapped.
macro_rules! work {
    ($module:ident, $krate:path, $permit:expr) => {
        mod $module {
            use super::*;
            use $krate as krate;

            /// Lock, add, unlock; nobody else wants it.
            pub async fn mutex_uncontended(_: Spawner, operations: u64) {
                let mutex = krate::Mutex::new(0);
                for _ in 0..operations {
                    *mutex.lock().await += 1;
                }
                assert_eq!(mutex.into_inner(), operations);
            }

            /// Several tasks; each keeps the lock over a yield, so that the others come to wait.
            pub async fn mutex_contended(spawner: Spawner, operations: u64) {
                let mutex = Arc::new(krate::Mutex::new(0));
                in_tasks(spawner, || {
                    let mutex = mutex.clone();
                    async move {
                        for _ in 0..operations / TASKS {
                            let mut count = mutex.lock().await;
                            yield_once().await;
                            *count += 1;
                        }
                    }
                })
                .await;
                assert_eq!(*mutex.lock().await, operations / TASKS * TASKS);
            }

            /// Several tasks; short sections, no yield.
            pub async fn mutex_shared(spawner: Spawner, operations: u64) {
                let mutex = Arc::new(krate::Mutex::new(0));
                in_tasks(spawner, || {
                    let mutex = mutex.clone();
                    async move {
                        for _ in 0..operations / TASKS {
                            *mutex.lock().await += 1;
                        }
                    }
                })
                .await;
                assert_eq!(*mutex.lock().await, operations / TASKS * TASKS);
            }

            /// Read locks, one after the other.
            pub async fn rwlock_read(_: Spawner, operations: u64) {
                let lock = krate::RwLock::new(1);
                let mut sum = 0;
                for _ in 0..operations {
                    sum += *lock.read().await;
                }
                assert_eq!(sum, operations);
            }

            /// Several tasks; one operation of sixteen writes.
            pub async fn rwlock_read_mostly(spawner: Spawner, operations: u64) {
                let lock = Arc::new(krate::RwLock::new(0));
                in_tasks(spawner, || {
                    let lock = lock.clone();
                    async move {
                        for i in 0..operations / TASKS {
                            if i % 16 == 0 {
                                let mut count = lock.write().await;
                                yield_once().await;
                                *count += 1;
                            } else {
                                assert!(*lock.read().await <= operations);
                            }
                        }
                    }
                })
                .await;
            }

            /// Take a permit and give it back; nobody else wants one.
            pub async fn semaphore_uncontended(_: Spawner, operations: u64) {
                let semaphore = krate::Semaphore::new(2);
                for _ in 0..operations {
                    drop($permit(semaphore.acquire().await));
                }
            }

            /// Several tasks and two permits, kept over a yield.
            pub async fn semaphore_contended(spawner: Spawner, operations: u64) {
                let semaphore = Arc::new(krate::Semaphore::new(2));
                in_tasks(spawner, || {
                    let semaphore = semaphore.clone();
                    async move {
                        for _ in 0..operations / TASKS {
                            let permit = $permit(semaphore.acquire().await);
                            yield_once().await;
                            drop(permit);
                        }
                    }
                })
                .await;
            }

            /// Several tasks meet, again and again: per meeting.
            pub async fn barrier(spawner: Spawner, operations: u64) {
                let barrier = Arc::new(krate::Barrier::new(TASKS as usize));
                in_tasks(spawner, || {
                    let barrier = barrier.clone();
                    async move {
                        for _ in 0..operations {
                            barrier.wait().await;
                        }
                    }
                })
                .await;
            }

            /// The value of a cell that has one.
            pub async fn once_cell_get(_: Spawner, operations: u64) {
                let cell = krate::OnceCell::new();
                for i in 0..operations {
                    let value = *cell.get_or_init(|| async { 7 }).await;
                    assert_eq!(value + i, 7 + i);
                }
            }
        }
    };
}

work!(ours, filch::sync, |permit: Result<_, filch::sync::AcquireError>| permit.expect("open"));
work!(tokios, tokio::sync, |permit: Result<_, tokio::sync::AcquireError>| permit.expect("open"));
work!(async_locks, async_lock, std::convert::identity);

/// All rows of this file.
pub fn rows() -> Vec<Row> {
    /// A row of the three crates.
    macro_rules! row {
        ($name:literal, $operations:literal, $work:ident) => {
            Row::new($name, $operations)
                .peer(Peer::Filch, ours::$work)
                .peer(Peer::Tokio, tokios::$work)
                .peer(Peer::AsyncLock, async_locks::$work)
        };
    }
    vec![
        row!("mutex/uncontended", 200_000, mutex_uncontended),
        row!("mutex/shared", 100_000, mutex_shared),
        row!("mutex/contended", 20_000, mutex_contended),
        row!("rwlock/read", 200_000, rwlock_read),
        row!("rwlock/read_mostly", 40_000, rwlock_read_mostly),
        row!("semaphore/uncontended", 200_000, semaphore_uncontended),
        row!("semaphore/contended", 20_000, semaphore_contended),
        row!("barrier/4_tasks", 10_000, barrier),
        row!("once_cell/get_or_init", 500_000, once_cell_get),
    ]
}
