//! The mutex: exclusion, order, guards and their parts, cancellation.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use common::{ROUNDS, block_on, now, spawn};
use filch_sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};

#[test]
fn lock_is_exclusive_and_in_order() {
    let mutex = Mutex::new(1);
    let mut guard = now(mutex.lock());
    *guard += 1;
    assert_eq!(mutex.try_lock().unwrap_err().to_string(), "operation would block");
    let mut first = spawn(mutex.lock());
    let mut second = spawn(mutex.lock());
    assert!(first.is_pending() && second.is_pending());
    drop(guard);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert!(mutex.try_lock().is_err(), "the lock is the first waiter's");
    assert_eq!(*first.ready(), 2);
    assert_eq!(second.wakes(), 1);
    assert_eq!(*second.ready(), 2);
    drop((first, second));
    assert_eq!(mutex.into_inner(), 2);
}

#[test]
fn cancelled_lock_passes_its_turn_on() {
    let mutex = Mutex::new(());
    let guard = now(mutex.lock());
    let mut first = spawn(mutex.lock());
    let mut second = spawn(mutex.lock());
    assert!(first.is_pending() && second.is_pending());
    drop(guard);
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.ready());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_panic_unlocks_without_poison() {
    let mutex = Mutex::new(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = now(mutex.lock());
        *guard = 2;
        panic!("while locked");
    }));
    assert!(panicked.is_err());
    assert_eq!(*now(mutex.lock()), 2);
}

#[test]
fn parts_of_the_value() {
    let mutex = Mutex::new((1, [2, 3]));
    let guard = MutexGuard::map(now(mutex.lock()), |value| &mut value.1);
    let mut guard = MappedMutexGuard::map(guard, |array| &mut array[1]);
    *guard += 10;
    assert!(mutex.try_lock().is_err());
    assert_eq!(format!("{guard:?} {guard}"), "13 13");
    let guard = MappedMutexGuard::try_map(guard, |_| None::<&mut u8>).unwrap_err();
    let guard = MappedMutexGuard::try_map(guard, |n| Some(n)).unwrap();
    drop(guard);
    let guard = MutexGuard::try_map(now(mutex.lock()), |_| None::<&mut u8>).unwrap_err();
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    drop(MutexGuard::try_map(guard, |value| Some(&mut value.0)).unwrap());
    assert_eq!(*mutex.try_lock().unwrap(), (1, [2, 13]));
}

#[test]
fn owned_parts_of_the_value() {
    let mutex = Arc::new(Mutex::new((1, [2, 3])));
    let guard = OwnedMutexGuard::map(now(mutex.clone().lock_owned()), |value| &mut value.1);
    let mut guard = OwnedMappedMutexGuard::map(guard, |array| &mut array[1]);
    *guard += 10;
    assert!(mutex.clone().try_lock_owned().is_err());
    assert_eq!(format!("{guard:?} {guard}"), "13 13");
    let guard = OwnedMappedMutexGuard::try_map(guard, |_| None::<&mut u8>).unwrap_err();
    let guard = OwnedMappedMutexGuard::try_map(guard, |n| Some(n)).unwrap();
    drop(guard);
    let guard = mutex.clone().try_lock_owned().unwrap();
    let guard = OwnedMutexGuard::try_map(guard, |_| None::<&mut u8>).unwrap_err();
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    drop(OwnedMutexGuard::try_map(guard, |value| Some(&mut value.0)).unwrap());
    assert_eq!(*mutex.clone().blocking_lock_owned(), (1, [2, 13]));
    assert_eq!(Arc::strong_count(&mutex), 1);
}

/// A closure that panics while it maps: the lock is free again.
#[test]
fn panic_in_map_unlocks() {
    let mutex = Arc::new(Mutex::new(1));
    for _ in 0..2 {
        let guard = now(mutex.lock());
        let map = || drop(MutexGuard::map(guard, |_| -> &mut u8 { panic!("in map") }));
        assert!(catch_unwind(AssertUnwindSafe(map)).is_err());
        let guard = now(mutex.clone().lock_owned());
        let map = || drop(OwnedMutexGuard::map(guard, |_| -> &mut u8 { panic!("in map") }));
        assert!(catch_unwind(AssertUnwindSafe(map)).is_err());
    }
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn unsized_values() {
    let mutex: Arc<Mutex<[u8]>> = Arc::new(Mutex::new([1, 2, 3]));
    now(mutex.lock())[1] = 7;
    assert_eq!(&*now(mutex.clone().lock_owned()), [1, 7, 3]);
    let dynamic: Box<Mutex<dyn std::fmt::Debug + Send>> = Box::new(Mutex::new(5));
    assert_eq!(format!("{dynamic:?}"), "Mutex { data: 5 }");
}

#[test]
fn constructors_and_debug() {
    static COUNT: Mutex<usize> = Mutex::const_new(1);
    *COUNT.blocking_lock() += 1;
    assert_eq!(*COUNT.blocking_lock(), 2);
    let mut mutex = Mutex::from("a");
    *mutex.get_mut() = "b";
    assert_eq!(format!("{mutex:?}"), "Mutex { data: \"b\" }");
    let guard = now(mutex.lock());
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    assert_eq!(format!("{guard:?} {guard}"), "\"b\" b");
    drop(guard);
    assert_eq!(Mutex::<u8>::default().into_inner(), 0);
}

#[test]
#[should_panic(expected = "Cannot block the current thread from within a runtime")]
fn blocking_lock_panics_inside_async_code() {
    let _entered = filch_primitives::entered::enter();
    drop(Mutex::new(()).blocking_lock());
}

#[test]
fn threads_count_together() {
    let mutex = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..4)
        .map(|i| {
            let mutex = mutex.clone();
            std::thread::spawn(move || {
                for n in 0..ROUNDS / 4 {
                    match (i + n) % 4 {
                        0 => *mutex.blocking_lock() += 1,
                        1 => *block_on(mutex.clone().lock_owned()) += 1,
                        2 => {
                            // Polled once and dropped, wherever it stands.
                            drop(spawn(mutex.lock()).poll());
                            *block_on(mutex.lock()) += 1;
                        }
                        _ => *block_on(mutex.lock()) += 1,
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*now(mutex.lock()), ROUNDS / 4 * 4);
}
