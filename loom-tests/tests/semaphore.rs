//! The semaphore, steps SEM1 to SEM8 of docs/sync.md.
#![cfg(filch_loom)]

mod sync_support;

use filch_primitives::cell::UnsafeCell;
use filch_primitives::thread;
use filch_sync::{Semaphore, TryAcquireError};
use std::sync::Arc;
use sync_support::{block_on, model, poll_once};

/// A semaphore, and a cell that only a holder of its permit may touch.
struct Guarded {
    semaphore: Arc<Semaphore>,
    cell: UnsafeCell<usize>,
}

// SAFETY: `cell` is touched with a permit only; loom checks whether that is enough.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

impl Guarded {
    fn new(permits: usize) -> Arc<Self> {
        let semaphore = Arc::new(Semaphore::new(permits));
        Arc::new(Guarded { semaphore, cell: UnsafeCell::new(0) })
    }

    fn add(&self) {
        // SAFETY: by a permit's holder.
        self.cell.with_mut(|value| unsafe { *value += 1 });
    }

    fn get(&self) -> usize {
        // SAFETY: after all threads have ended, or by a permit's holder.
        self.cell.with(|value| unsafe { *value })
    }
}

/// SEM1 to SEM6: two threads and one permit.
#[test]
fn one_permit_excludes() {
    model(|| {
        let shared = Guarded::new(1);
        let theirs = shared.clone();
        let other = thread::spawn(move || {
            let _permit = block_on(theirs.semaphore.acquire()).unwrap();
            theirs.add();
        });
        {
            let _permit = block_on(shared.semaphore.acquire()).unwrap();
            shared.add();
        }
        other.join().unwrap();
        assert_eq!((shared.get(), shared.semaphore.available_permits()), (2, 1));
    });
}

/// SEM2, SEM4: a request for many gathers what two threads give back, and sees what both did.
#[test]
fn permits_gather_from_two_releases() {
    model(|| {
        let shared = Guarded::new(0);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || shared.semaphore.add_permits(1))
            })
            .collect();
        block_on(shared.semaphore.acquire_many(2)).unwrap().forget();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(shared.semaphore.available_permits(), 0);
    });
}

/// SEM3 with SEM1 and SEM2: a release publishes, also where the permit goes through the word in part.
#[test]
fn release_publishes_to_the_one_who_gathers() {
    model(|| {
        let shared = Guarded::new(0);
        let theirs = shared.clone();
        let other = thread::spawn(move || {
            theirs.add();
            theirs.semaphore.add_permits(1);
            theirs.semaphore.add_permits(1);
        });
        let permit = block_on(shared.semaphore.acquire_many(2)).unwrap();
        assert_eq!(shared.get(), 1);
        permit.forget();
        other.join().unwrap();
    });
}

/// SEM4, SEM8, SEM6: the grant, or the refusal, is seen by a poll that no wake-up brought about: it must
/// publish by itself.
#[test]
fn outcome_seen_without_a_wake_publishes() {
    for closes in [false, true] {
        model(move || {
            let shared = Guarded::new(0);
            let mut acquire = Box::pin(shared.semaphore.clone().acquire_owned());
            assert!(poll_once(acquire.as_mut()).is_none());
            let theirs = shared.clone();
            let waiter = thread::spawn(move || {
                // Held while we look: giving the permit back would order us after the rest of the release.
                let outcome = poll_once(acquire.as_mut());
                if outcome.is_some() {
                    assert_eq!(theirs.get(), 1);
                }
            });
            shared.add();
            if closes {
                shared.semaphore.close()
            } else {
                shared.semaphore.add_permits(1)
            }
            waiter.join().unwrap();
        });
    }
}

/// P6, SEM1, SEM2: taking a permit publishes, too: to one who takes another, or finds none. However it is taken:
/// at once, as a part of what is waited for, or for good.
#[test]
fn acquire_publishes_to_a_later_attempt() {
    let take: [fn(&Semaphore); 3] = [
        |semaphore| {
            let _ = semaphore.try_acquire().map(|permit| permit.forget());
        },
        |semaphore| {
            let mut acquire = Box::pin(semaphore.acquire_many(2));
            assert!(poll_once(acquire.as_mut()).is_none());
        },
        |semaphore| {
            semaphore.forget_permits(1);
        },
    ];
    for take in take {
        model(move || {
            let shared = Guarded::new(1);
            let theirs = shared.clone();
            let other = thread::spawn(move || {
                theirs.add();
                take(&theirs.semaphore);
            });
            if shared.semaphore.try_acquire().map(|permit| permit.forget()).is_err() {
                assert_eq!(shared.get(), 1);
            }
            other.join().unwrap();
        });
    }
}

/// SEM5: permits that are left over after the waiters publish, too: to a taker, and to one who forgets them.
#[test]
fn left_over_permits_publish() {
    for forgets in [false, true] {
        model(move || {
            let shared = Guarded::new(0);
            let mut acquire = Box::pin(shared.semaphore.acquire());
            assert!(poll_once(acquire.as_mut()).is_none());
            let theirs = shared.clone();
            let taker = thread::spawn(move || {
                let taken = if forgets {
                    theirs.semaphore.forget_permits(1) == 1
                } else {
                    theirs.semaphore.try_acquire().is_ok()
                };
                if taken {
                    assert_eq!(theirs.get(), 1);
                }
            });
            shared.add();
            shared.semaphore.add_permits(2);
            taker.join().unwrap();
        });
    }
}

/// SEM7 against SEM4: a waiter that is dropped while it is granted: the permit is not lost.
#[test]
fn cancel_races_release() {
    model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let theirs = semaphore.clone();
        let waiter = thread::spawn(move || drop(poll_once(theirs.acquire())));
        semaphore.add_permits(1);
        waiter.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// SEM7 with another waiter behind: what the dropped one had gathered wakes the next.
#[test]
fn cancel_passes_on_to_the_next() {
    model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let theirs = semaphore.clone();
        let other = thread::spawn(move || block_on(theirs.acquire()).unwrap().forget());
        drop(poll_once(semaphore.acquire_many(2)));
        other.join().unwrap();
        assert_eq!(semaphore.available_permits(), 0);
    });
}

/// SEM8 against SEM1, SEM2: everyone gets a permit or the refusal, nobody hangs, no permit is lost.
#[test]
fn close_races_acquire() {
    model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let theirs = semaphore.clone();
        let other = thread::spawn(move || {
            drop(block_on(theirs.acquire_many(2)));
            assert_eq!(theirs.try_acquire().unwrap_err(), TryAcquireError::Closed);
        });
        semaphore.close();
        other.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// SEM8 against SEM4 and SEM7.
#[test]
fn close_races_release_and_cancel() {
    model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let (a, b) = (semaphore.clone(), semaphore.clone());
        let waiter = thread::spawn(move || drop(poll_once(a.acquire_many(2))));
        let closer = thread::spawn(move || b.close());
        semaphore.add_permits(1);
        waiter.join().unwrap();
        closer.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// SEM8: three waiters are more than a batch of wakers.
#[test]
fn release_in_batches_races_cancel() {
    model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut waiters: Vec<_> = (0..3).map(|_| Box::pin(semaphore.acquire())).collect();
        for waiter in &mut waiters {
            assert!(poll_once(waiter.as_mut()).is_none());
        }
        let theirs = semaphore.clone();
        let releaser = thread::spawn(move || theirs.add_permits(3));
        drop(waiters.remove(1));
        for waiter in waiters {
            block_on(waiter).unwrap().forget();
        }
        releaser.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// SEM3, SEM8: who counts the permits, or asks whether it is closed, sees what was done before.
#[test]
fn counting_and_asking_synchronise() {
    for closes in [false, true] {
        model(move || {
            let shared = Guarded::new(0);
            let theirs = shared.clone();
            let asker = thread::spawn(move || {
                let done = if closes {
                    theirs.semaphore.is_closed()
                } else {
                    theirs.semaphore.available_permits() == 1
                };
                if done {
                    assert_eq!(theirs.get(), 1);
                }
            });
            shared.add();
            if closes {
                shared.semaphore.close()
            } else {
                shared.semaphore.add_permits(1)
            }
            asker.join().unwrap();
        });
    }
}

/// The models can fail: with two permits the holders are not exclusive.
#[test]
#[should_panic(expected = "Causality violation")]
fn two_permits_do_not_exclude() {
    model(|| {
        let shared = Guarded::new(2);
        let theirs = shared.clone();
        let other = thread::spawn(move || {
            let _permit = block_on(theirs.semaphore.acquire()).unwrap();
            theirs.add();
        });
        {
            let _permit = block_on(shared.semaphore.acquire()).unwrap();
            shared.add();
        }
        other.join().unwrap();
    });
}
