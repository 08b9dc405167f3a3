//! The semaphore: order, permits, closing, cancellation, misuse, threads.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use common::{Calls, PanicsOnWake, ROUNDS, WakeCount, assert_panics_in, block_on, now, spawn};
use filch_sync::{Semaphore, TryAcquireError};

#[test]
fn permits_are_taken_and_given_back() {
    let semaphore = Semaphore::new(3);
    let one = now(semaphore.acquire()).unwrap();
    let two = now(semaphore.acquire_many(2)).unwrap();
    assert_eq!((one.num_permits(), two.num_permits(), semaphore.available_permits()), (1, 2, 0));
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    drop(two);
    assert_eq!(semaphore.available_permits(), 2);
    drop(one);
    assert_eq!(semaphore.available_permits(), 3);
    assert!(std::ptr::eq(semaphore.try_acquire().unwrap().semaphore(), &semaphore));
}

#[test]
fn waiters_get_permits_in_the_order_of_arrival() {
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..100).map(|_| spawn(semaphore.acquire())).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.is_pending()));
    semaphore.add_permits(40);
    for (i, waiter) in waiters.iter_mut().enumerate() {
        assert_eq!(waiter.wakes(), usize::from(i < 40));
        if i < 40 {
            waiter.ready().unwrap().forget();
        } else {
            assert!(waiter.is_pending());
        }
    }
    assert_eq!(semaphore.available_permits(), 0);
    semaphore.add_permits(100);
    assert_eq!(semaphore.available_permits(), 40);
}

#[test]
fn a_large_request_is_not_overtaken() {
    let semaphore = Semaphore::new(2);
    let mut large = spawn(semaphore.acquire_many(5));
    assert!(large.is_pending());
    assert_eq!(semaphore.available_permits(), 0, "the large request gathers");
    let mut small = spawn(semaphore.acquire());
    assert!(small.is_pending());
    assert!(semaphore.try_acquire().is_err());
    semaphore.add_permits(2);
    assert!(large.is_pending() && small.is_pending());
    semaphore.add_permits(1);
    assert_eq!((large.wakes(), small.wakes()), (1, 0));
    drop(large.ready().unwrap());
    assert_eq!(small.wakes(), 1);
    assert_eq!(semaphore.available_permits(), 4);
    drop(small.ready().unwrap());
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn cancelled_waiter_passes_what_it_gathered() {
    let semaphore = Semaphore::new(3);
    let mut large = spawn(semaphore.acquire_many(5));
    let mut two = spawn(semaphore.acquire_many(2));
    let mut last = spawn(semaphore.acquire_many(2));
    assert!(large.is_pending() && two.is_pending() && last.is_pending());
    drop(large);
    assert_eq!((two.wakes(), last.wakes()), (1, 0));
    drop(last);
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(two.ready().unwrap().num_permits(), 2);
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn granted_and_cancelled_goes_to_the_next() {
    let semaphore = Semaphore::new(0);
    let mut first = spawn(semaphore.acquire());
    let mut second = spawn(semaphore.acquire());
    let mut third = spawn(semaphore.acquire());
    assert!(first.is_pending() && second.is_pending() && third.is_pending());
    drop(second);
    semaphore.add_permits(1);
    assert_eq!((first.wakes(), third.wakes()), (1, 0));
    drop(first);
    assert_eq!(third.wakes(), 1);
    third.ready().unwrap().forget();
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn the_last_polling_task_is_the_one_woken() {
    let semaphore = Semaphore::new(0);
    let (first, second) = (Arc::new(WakeCount::default()), Arc::new(WakeCount::default()));
    let mut acquire = spawn(semaphore.acquire());
    assert!(acquire.poll_with(&first).is_pending());
    assert!(acquire.poll_with(&second).is_pending());
    assert!(acquire.poll_with(&second).is_pending());
    assert_eq!(Arc::strong_count(&first), 1);
    semaphore.add_permits(1);
    assert_eq!((first.get(), second.get()), (0, 1));
    assert!(acquire.ready().is_ok());
}

#[test]
fn close_refuses_those_who_wait_and_those_who_come() {
    let semaphore = Arc::new(Semaphore::new(3));
    let held = semaphore.clone().try_acquire_owned().unwrap();
    let mut waiters: Vec<_> = (0..70).map(|_| spawn(semaphore.acquire_many(5))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.is_pending()));
    semaphore.close();
    semaphore.close();
    assert!(semaphore.is_closed());
    let (dropped, polled) = waiters.split_at_mut(35);
    for waiter in polled {
        assert_eq!(waiter.wakes(), 1);
        assert_eq!(waiter.ready().unwrap_err().to_string(), "semaphore closed");
    }
    assert!(dropped.iter().all(|waiter| waiter.wakes() == 1));
    drop(waiters);
    assert_eq!(semaphore.available_permits(), 2, "what was gathered is back");
    assert!(now(semaphore.acquire()).is_err());
    assert!(now(semaphore.acquire_many(0)).is_err());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    drop(held);
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn zero_permits_are_always_there() {
    let semaphore = Semaphore::new(0);
    assert_eq!(now(semaphore.acquire_many(0)).unwrap().num_permits(), 0);
    let mut waiting = spawn(semaphore.acquire());
    assert!(waiting.is_pending());
    assert!(semaphore.try_acquire_many(0).is_ok());
    semaphore.add_permits(0);
    assert!(waiting.is_pending());
}

#[test]
fn owned_permits_keep_the_semaphore() {
    let semaphore = Arc::new(Semaphore::new(4));
    let mut all = now(semaphore.clone().acquire_many_owned(3)).unwrap();
    let one = now(semaphore.clone().acquire_owned()).unwrap();
    assert!(semaphore.clone().try_acquire_owned().is_err());
    let split = all.split(2).unwrap();
    assert_eq!((all.num_permits(), split.num_permits()), (1, 2));
    assert!(all.split(2).is_none() && all.split(usize::MAX).is_none());
    all.merge(one);
    drop(split);
    assert_eq!(semaphore.available_permits(), 2);
    assert_eq!(semaphore.clone().try_acquire_many_owned(2).unwrap().num_permits(), 2);
    assert!(Arc::ptr_eq(all.semaphore(), &semaphore));
    all.forget();
    assert_eq!((semaphore.available_permits(), Arc::strong_count(&semaphore)), (2, 1));
}

#[test]
fn merge_and_split_keep_the_sum() {
    let semaphore = Semaphore::new(10);
    let mut a = semaphore.try_acquire_many(6).unwrap();
    let b = a.split(6).unwrap();
    assert_eq!((a.num_permits(), b.num_permits()), (0, 6));
    a.merge(b);
    assert_eq!(a.num_permits(), 6);
    let other = Semaphore::new(1);
    let foreign = other.try_acquire().unwrap();
    assert_panics_in(file!(), || a.merge(foreign));
    assert_eq!(other.available_permits(), 1);
    drop(a);
    assert_eq!(semaphore.available_permits(), 10);

    let (semaphore, other) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
    let mut own = semaphore.clone().try_acquire_owned().unwrap();
    let foreign = other.clone().try_acquire_owned().unwrap();
    assert_panics_in(file!(), || own.merge(foreign));
}

#[test]
fn forget_permits_takes_no_more_than_there_are() {
    let semaphore = Semaphore::new(5);
    let held = semaphore.try_acquire().unwrap();
    assert_eq!(semaphore.forget_permits(3), 3);
    assert_eq!(semaphore.forget_permits(3), 1);
    assert_eq!(semaphore.forget_permits(3), 0);
    drop(held);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn too_many_permits_panic_at_the_callers_line() {
    assert_panics_in(file!(), || {
        Semaphore::new(Semaphore::MAX_PERMITS + 1);
    });
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    assert_panics_in(file!(), || semaphore.add_permits(1));
    assert_panics_in(file!(), || semaphore.add_permits(usize::MAX));
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    semaphore.try_acquire().unwrap().forget();
    semaphore.add_permits(1);

    let semaphore = Semaphore::new(0);
    let mut waiting = spawn(semaphore.acquire());
    assert!(waiting.is_pending());
    assert_panics_in(file!(), || semaphore.add_permits(Semaphore::MAX_PERMITS + 1));
    assert!(waiting.is_pending());
    semaphore.add_permits(Semaphore::MAX_PERMITS);
    assert!(waiting.ready().is_ok());
}

#[test]
fn panicking_wakers_lose_no_other_wake_and_no_permit() {
    let semaphore = Semaphore::new(0);
    let waker = Waker::from(Arc::new(PanicsOnWake));
    let mut bad: Vec<_> = (0..40).map(|_| Box::pin(semaphore.acquire())).collect();
    for waiter in &mut bad {
        let poll = waiter.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
    }
    let mut good: Vec<_> = (0..40).map(|_| spawn(semaphore.acquire())).collect();
    assert!(good.iter_mut().all(|waiter| waiter.is_pending()));
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(81))).is_err());
    assert!(good.iter().all(|waiter| waiter.wakes() == 1));
    assert_eq!(semaphore.available_permits(), 1);
    drop(bad);
    assert_eq!(semaphore.available_permits(), 41);
    drop(good);
    assert_eq!(semaphore.available_permits(), 81);
}

#[test]
fn waker_that_uses_the_semaphore_inside_the_wake() {
    let semaphore = Arc::new(Semaphore::new(0));
    let inside = semaphore.clone();
    let waker = Waker::from(Arc::new(Calls(move || {
        inside.add_permits(1);
        drop(inside.try_acquire());
    })));
    let mut acquire = Box::pin(semaphore.acquire());
    assert!(acquire.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    semaphore.add_permits(1);
    drop(now(acquire).unwrap());
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn debug_names_permits() {
    let semaphore = Semaphore::new(2);
    assert!(format!("{semaphore:?}").contains("permits: 2"));
    assert!(format!("{:?}", semaphore.try_acquire().unwrap()).contains("permits: 1"));
    assert_eq!(TryAcquireError::NoPermits.to_string(), "no permits available");
    assert_eq!(TryAcquireError::Closed.to_string(), "semaphore closed");
}

/// As many at a time as there are permits, and all permits back in the end.
#[test]
fn threads_never_hold_more_than_there_is() {
    const PERMITS: usize = 5;
    let semaphore = Arc::new(Semaphore::new(PERMITS));
    let held = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4u32)
        .map(|id| {
            let (semaphore, held) = (semaphore.clone(), held.clone());
            std::thread::spawn(move || {
                let rng = filch_primitives::rand::Rng::new(id.into());
                for _ in 0..ROUNDS / 4 {
                    let n = 1 + rng.below(4);
                    let permit = match rng.below(5) {
                        0 => semaphore.try_acquire_many(n).ok(),
                        1 => {
                            // Polled once, then dropped: wherever it stands.
                            drop(spawn(semaphore.acquire_many(n)).poll());
                            None
                        }
                        2 => Some(semaphore.blocking_acquire_many(n).unwrap()),
                        _ => Some(block_on(semaphore.acquire_many(n)).unwrap()),
                    };
                    if let Some(permit) = permit {
                        let n = permit.num_permits();
                        assert!(held.fetch_add(n, Ordering::SeqCst) + n <= PERMITS);
                        held.fetch_sub(n, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(semaphore.available_permits(), PERMITS);
}

#[test]
fn close_races_acquire() {
    for _ in 0..ROUNDS / 100 {
        let semaphore = Arc::new(Semaphore::new(1));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let semaphore = semaphore.clone();
                std::thread::spawn(move || while block_on(semaphore.acquire()).is_ok() {})
            })
            .collect();
        semaphore.close();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(semaphore.available_permits(), 1);
    }
}
