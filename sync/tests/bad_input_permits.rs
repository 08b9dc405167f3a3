//! Permits, readers and tasks that can't be counted: each panics at the caller's line, and what was asked
//! stays usable.

mod common;

use std::sync::Arc;

use common::{assert_panics_in, now, spawn};
use filch_sync::{Barrier, RwLock, Semaphore, TryAcquireError};

const MAX: usize = Semaphore::MAX_PERMITS;

#[test]
fn too_many_permits_panic_and_leave_the_semaphore_as_it_was() {
    assert_panics_in(file!(), || {
        let _ = Semaphore::new(MAX + 1);
    });
    assert_panics_in(file!(), || {
        let _ = Semaphore::const_new(MAX + 1);
    });
    let semaphore = Semaphore::new(MAX);
    assert_panics_in(file!(), || semaphore.add_permits(1));
    assert_panics_in(file!(), || semaphore.add_permits(usize::MAX));
    assert_eq!(semaphore.available_permits(), MAX);
    now(semaphore.acquire()).unwrap().forget();
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), MAX);
}

#[test]
fn too_many_permits_for_those_who_wait() {
    let semaphore = Semaphore::new(0);
    let mut waiter = spawn(semaphore.acquire());
    assert!(waiter.is_pending());
    assert_panics_in(file!(), || semaphore.add_permits(MAX + 1));
    assert!(waiter.is_pending());
    assert_eq!(waiter.wakes(), 0);
    semaphore.add_permits(MAX);
    let permit = waiter.ready().unwrap();
    assert_eq!(semaphore.available_permits(), MAX - 1);
    drop(permit);
    assert_eq!(semaphore.available_permits(), MAX);
}

#[test]
fn requests_that_can_never_be_met_wait_and_can_be_given_up() {
    let semaphore = Arc::new(Semaphore::new(1));
    assert_eq!(semaphore.try_acquire_many(u32::MAX).unwrap_err(), TryAcquireError::NoPermits);
    let mut absurd = spawn(semaphore.acquire_many(u32::MAX));
    let mut behind = spawn(semaphore.clone().acquire_owned());
    assert!(absurd.is_pending() && behind.is_pending());
    drop(absurd);
    assert_eq!(behind.wakes(), 1);
    drop(behind.ready().unwrap());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn permits_of_two_semaphores_do_not_merge() {
    let (a, b) = (Arc::new(Semaphore::new(2)), Arc::new(Semaphore::new(2)));
    assert_panics_in(file!(), || {
        let mut permit = a.try_acquire().unwrap();
        permit.merge(b.try_acquire().unwrap());
    });
    assert_panics_in(file!(), || {
        let mut permit = a.clone().try_acquire_owned().unwrap();
        permit.merge(b.clone().try_acquire_owned().unwrap());
    });
    assert_eq!((a.available_permits(), b.available_permits()), (2, 2));
    let mut two = a.try_acquire_many(2).unwrap();
    assert!(two.split(3).is_none());
    assert_eq!(two.num_permits(), 2);
}

#[test]
fn closed_semaphore_refuses_and_takes_back() {
    let semaphore = Semaphore::new(2);
    let permit = semaphore.try_acquire().unwrap();
    semaphore.close();
    semaphore.close();
    assert!(semaphore.is_closed());
    assert!(now(semaphore.acquire()).is_err() && semaphore.blocking_acquire().is_err());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    // Also a request for nothing.
    assert!(now(semaphore.acquire_many(0)).is_err());
    drop(permit);
    semaphore.add_permits(1);
    assert_eq!((semaphore.available_permits(), semaphore.forget_permits(9)), (3, 3));
}

/// With no reader a writer would need no permit, and two could write at once.
#[test]
fn numbers_of_readers_out_of_range_panic_at_the_callers_line() {
    for readers in [0, (u32::MAX >> 3) + 1, u32::MAX] {
        assert_panics_in(file!(), || {
            let _ = RwLock::with_max_readers(0, readers);
        });
        assert_panics_in(file!(), || {
            let _ = RwLock::const_with_max_readers(0, readers);
        });
    }
    let lock = RwLock::with_max_readers(0, 1);
    let reader = lock.try_read().unwrap();
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    drop(reader);
    *lock.try_write().unwrap() += 1;
    assert_eq!(lock.into_inner(), 1);
}

#[test]
fn barrier_for_nobody_is_one_for_one() {
    let barrier = Barrier::new(0);
    for _ in 0..3 {
        assert!(now(barrier.wait()).is_leader());
    }
}

#[test]
fn barrier_has_one_leader_a_round_the_one_that_came_last() {
    let barrier = Barrier::new(3);
    for _ in 0..3 {
        let mut first = spawn(barrier.wait());
        let mut second = spawn(barrier.wait());
        assert!(first.is_pending() && second.is_pending());
        assert!(now(barrier.wait()).is_leader());
        assert_eq!((first.wakes(), second.wakes()), (1, 1));
        assert!(!first.ready().is_leader() && !second.ready().is_leader());
    }
}
