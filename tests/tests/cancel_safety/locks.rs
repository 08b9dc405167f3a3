//! `sync`: the locks and the semaphore.

use std::sync::Arc;

use filch::sync::{
    Mutex, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit,
    RwLock, Semaphore,
};
use filch_tests::cancel_safety::Place::Anywhere;
use filch_tests::cancel_safety::Promise::Safe;
use filch_tests::cancel_safety::{Case, Env, Kept, Other, Trial, same};

const PLACE: &str = "its place in the queue is given up; a lock that it was given goes to the next";
const PERMITS: &str =
    "its place in the queue is given up; permits that it was given go to the next";

pub fn cases() -> Vec<Case> {
    let mut cases = mutexes();
    cases.extend(rwlocks());
    cases.extend(semaphores());
    cases
}

/// Who has the lock, and who wants it.
struct Locked<G> {
    held: Option<G>,
    other: Other<()>,
}

impl<G> Locked<G> {
    fn other_queues(&mut self, _: &Env) {
        self.other.poll();
    }

    fn release(&mut self, _: &Env) {
        self.held = None;
    }
}

fn locked_mutex() -> (Arc<Mutex<u8>>, Locked<OwnedMutexGuard<u8>>) {
    let mutex = Arc::new(Mutex::new(0));
    let held = Some(mutex.clone().try_lock_owned().unwrap());
    let wanted = mutex.clone();
    (mutex, Locked { held, other: Other::new(async move { drop(wanted.lock().await) }) })
}

fn check_mutex(mutex: &Mutex<u8>, locked: Locked<OwnedMutexGuard<u8>>) -> Kept {
    locked.other.finish()?;
    same(mutex.try_lock().is_ok(), true)
}

fn mutexes() -> Vec<Case> {
    vec![
        Case::new(
            "sync::Mutex::lock",
            Safe(PLACE),
            Trial {
                place: Anywhere,
                world: |_| locked_mutex(),
                future: |mutex| Box::pin(async { drop(mutex.lock().await) }),
                events: [Locked::other_queues, Locked::release],
                check: |mutex, p, _, _| check_mutex(&mutex, p),
            },
        ),
        Case::new(
            "sync::Mutex::lock_owned",
            Safe(PLACE),
            Trial {
                place: Anywhere,
                world: |_| locked_mutex(),
                future: |mutex| Box::pin(async { drop(mutex.clone().lock_owned().await) }),
                events: [Locked::other_queues, Locked::release],
                check: |mutex, p, _, _| check_mutex(&mutex, p),
            },
        ),
    ]
}

/// Written to, and another task wants to write.
fn written() -> (Arc<RwLock<u8>>, Locked<OwnedRwLockWriteGuard<u8>>) {
    let lock = Arc::new(RwLock::new(0));
    let held = Some(lock.clone().try_write_owned().unwrap());
    let wanted = lock.clone();
    (lock, Locked { held, other: Other::new(async move { drop(wanted.write().await) }) })
}

/// Read, and another task wants to read.
fn read() -> (Arc<RwLock<u8>>, Locked<OwnedRwLockReadGuard<u8>>) {
    let lock = Arc::new(RwLock::new(0));
    let held = Some(lock.clone().try_read_owned().unwrap());
    let wanted = lock.clone();
    (lock, Locked { held, other: Other::new(async move { drop(wanted.read().await) }) })
}

/// The other task gets on, and nobody has the lock then.
fn check_rwlock<G>(lock: &RwLock<u8>, locked: Locked<G>) -> Kept {
    let Locked { held, other } = locked;
    other.finish()?;
    drop(held);
    same(lock.try_write().is_ok(), true)
}

fn rwlocks() -> Vec<Case> {
    vec![
        Case::new(
            "sync::RwLock::read",
            Safe(PLACE),
            Trial {
                place: Anywhere,
                world: |_| written(),
                future: |lock| Box::pin(async { drop(lock.read().await) }),
                events: [Locked::other_queues, Locked::release],
                check: |lock, p, _, _| check_rwlock(&lock, p),
            },
        ),
        Case::new(
            "sync::RwLock::read_owned",
            Safe(PLACE),
            Trial {
                place: Anywhere,
                world: |_| written(),
                future: |lock| Box::pin(async { drop(lock.clone().read_owned().await) }),
                events: [Locked::other_queues, Locked::release],
                check: |lock, p, _, _| check_rwlock(&lock, p),
            },
        ),
        Case::new(
            "sync::RwLock::write",
            Safe(PLACE),
            Trial {
                place: Anywhere,
                world: |_| read(),
                future: |lock| Box::pin(async { drop(lock.write().await) }),
                events: [Locked::other_queues, Locked::release],
                check: |lock, p, _, _| check_rwlock(&lock, p),
            },
        )
        // A reader that waited behind the writer reads beside the first one, which stays.
        .also(Trial {
            place: Anywhere,
            world: |_| read(),
            future: |lock| Box::pin(async { drop(lock.write().await) }),
            events: [Locked::other_queues],
            check: |lock, p, _, _| check_rwlock(&lock, p),
        }),
        Case::new(
            "sync::RwLock::write_owned",
            Safe(PLACE),
            Trial {
                place: Anywhere,
                world: |_| read(),
                future: |lock| Box::pin(async { drop(lock.clone().write_owned().await) }),
                events: [Locked::other_queues, Locked::release],
                check: |lock, p, _, _| check_rwlock(&lock, p),
            },
        ),
    ]
}

/// Two permits that are out, and a task that wants one.
struct Permits {
    held: Vec<OwnedSemaphorePermit>,
    other: Other<()>,
}

fn permits() -> (Arc<Semaphore>, Permits) {
    let semaphore = Arc::new(Semaphore::new(2));
    let held = (0..2).map(|_| semaphore.clone().try_acquire_owned().unwrap()).collect();
    let wanted = semaphore.clone();
    let other = Other::new(async move { drop(wanted.acquire().await.unwrap()) });
    (semaphore, Permits { held, other })
}

impl Permits {
    fn other_queues(&mut self, _: &Env) {
        self.other.poll();
    }

    fn release(&mut self, _: &Env) {
        self.held.pop();
    }

    fn check(self, semaphore: &Semaphore) -> Kept {
        let Permits { held, other } = self;
        other.finish()?;
        drop(held);
        same(semaphore.available_permits(), 2)
    }
}

fn semaphores() -> Vec<Case> {
    vec![
        Case::new(
            "sync::Semaphore::acquire",
            Safe(PERMITS),
            Trial {
                place: Anywhere,
                world: |_| permits(),
                future: |semaphore| Box::pin(async { drop(semaphore.acquire().await.unwrap()) }),
                // The second permit stays out.
                events: [Permits::other_queues, Permits::release],
                check: |semaphore, p, _, _| p.check(&semaphore),
            },
        ),
        Case::new(
            "sync::Semaphore::acquire_many",
            Safe(PERMITS),
            Trial {
                place: Anywhere,
                world: |_| permits(),
                future: |semaphore| {
                    Box::pin(async { drop(semaphore.acquire_many(2).await.unwrap()) })
                },
                events: [Permits::other_queues, Permits::release, Permits::release],
                check: |semaphore, p, _, _| p.check(&semaphore),
            },
        )
        // What it has gathered goes to the other task although the second permit stays out.
        .also(Trial {
            place: Anywhere,
            world: |_| permits(),
            future: |semaphore| Box::pin(async { drop(semaphore.acquire_many(2).await.unwrap()) }),
            events: [Permits::other_queues, Permits::release],
            check: |semaphore, p, _, _| p.check(&semaphore),
        }),
        Case::new(
            "sync::Semaphore::acquire_owned",
            Safe(PERMITS),
            Trial {
                place: Anywhere,
                world: |_| permits(),
                future: |semaphore| {
                    Box::pin(async { drop(semaphore.clone().acquire_owned().await.unwrap()) })
                },
                events: [Permits::other_queues, Permits::release],
                check: |semaphore, p, _, _| p.check(&semaphore),
            },
        ),
        Case::new(
            "sync::Semaphore::acquire_many_owned",
            Safe(PERMITS),
            Trial {
                place: Anywhere,
                world: |_| permits(),
                future: |semaphore| {
                    Box::pin(async { drop(semaphore.clone().acquire_many_owned(2).await.unwrap()) })
                },
                events: [Permits::other_queues, Permits::release, Permits::release],
                check: |semaphore, p, _, _| p.check(&semaphore),
            },
        ),
    ]
}
