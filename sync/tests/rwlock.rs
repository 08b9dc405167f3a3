//! The read-write lock: sharing, exclusion, order, guards and their parts, threads.

mod common;

use std::sync::Arc;

use common::{ROUNDS, assert_panics_in, block_on, now, spawn};
use filch_sync::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};

#[test]
fn readers_share_and_writers_exclude() {
    let lock = RwLock::new(1);
    let (one, other) = (now(lock.read()), lock.try_read().unwrap());
    assert_eq!(*one + *other, 2);
    assert!(lock.try_write().is_err());
    let mut write = spawn(lock.write());
    assert!(write.is_pending());
    assert!(lock.try_read().is_err(), "a writer waits");
    let mut read = spawn(lock.read());
    assert!(read.is_pending());
    drop(one);
    assert_eq!(write.wakes(), 0);
    drop(other);
    assert_eq!((write.wakes(), read.wakes()), (1, 0));
    let mut guard = write.ready();
    *guard += 1;
    assert!(lock.try_read().is_err());
    drop(guard);
    assert_eq!(read.wakes(), 1);
    assert_eq!(*read.ready(), 2);
}

#[test]
fn cancelled_writer_lets_readers_in() {
    let lock = RwLock::new(());
    let reader = now(lock.read());
    let mut write = spawn(lock.write());
    let mut read = spawn(lock.read());
    assert!(write.is_pending() && read.is_pending());
    drop(write);
    assert_eq!(read.wakes(), 1);
    drop(read.ready());
    drop(reader);
    assert!(lock.try_write().is_ok());
}

#[test]
fn readers_up_to_the_given_number() {
    let lock = RwLock::with_max_readers(1, 2);
    let (one, _other) = (now(lock.read()), now(lock.read()));
    assert!(lock.try_read().is_err());
    drop(one);
    assert!(lock.try_read().is_ok());
    assert_panics_in(file!(), || {
        RwLock::with_max_readers((), u32::MAX);
    });
}

#[test]
fn parts_of_the_value() {
    let lock = RwLock::new((1, [2, 3]));
    let guard = RwLockReadGuard::map(now(lock.read()), |value| &value.1);
    let guard = RwLockReadGuard::try_map(guard, |_| None::<&u8>).unwrap_err();
    let guard = RwLockReadGuard::try_map(guard, |array| array.get(1)).unwrap();
    assert_eq!(format!("{guard:?} {guard}"), "3 3");
    drop(guard);
    let guard = RwLockWriteGuard::try_map(now(lock.write()), |_| None::<&mut u8>).unwrap_err();
    let guard = RwLockWriteGuard::try_map(guard, |value| Some(&mut value.1)).unwrap();
    let guard = RwLockMappedWriteGuard::try_map(guard, |_| None::<&mut u8>).unwrap_err();
    let guard = RwLockMappedWriteGuard::try_map(guard, |array| array.get_mut(0)).unwrap();
    let mut guard = RwLockMappedWriteGuard::map(guard, |n| n);
    *guard += 10;
    assert_eq!(format!("{guard:?} {guard}"), "12 12");
    assert!(lock.try_read().is_err());
    drop(guard);
    let mut guard = RwLockWriteGuard::into_mapped(now(lock.write()));
    guard.0 = 1;
    drop(guard);
    assert_eq!(*lock.try_write().unwrap(), (1, [12, 3]));
}

#[test]
fn owned_parts_of_the_value() {
    let lock = Arc::new(RwLock::new((1, [2, 3])));
    let guard = OwnedRwLockReadGuard::map(now(lock.clone().read_owned()), |value| &value.1);
    let guard = OwnedRwLockReadGuard::try_map(guard, |_| None::<&u8>).unwrap_err();
    let guard = OwnedRwLockReadGuard::try_map(guard, |array| array.get(1)).unwrap();
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&guard), &lock));
    assert_eq!(format!("{guard:?} {guard}"), "3 3");
    drop(guard);
    let guard = now(lock.clone().write_owned());
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&guard), &lock));
    let guard = OwnedRwLockWriteGuard::try_map(guard, |_| None::<&mut u8>).unwrap_err();
    let guard = OwnedRwLockWriteGuard::try_map(guard, |value| Some(&mut value.1)).unwrap();
    let guard = OwnedRwLockMappedWriteGuard::try_map(guard, |_| None::<&mut u8>).unwrap_err();
    let guard = OwnedRwLockMappedWriteGuard::try_map(guard, |a| a.get_mut(0)).unwrap();
    let mut guard = OwnedRwLockMappedWriteGuard::map(guard, |n| n);
    assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&guard), &lock));
    *guard += 10;
    assert_eq!(format!("{guard:?} {guard}"), "12 12");
    drop(guard);
    let mut guard = OwnedRwLockWriteGuard::into_mapped(lock.clone().try_write_owned().unwrap());
    guard.0 = 7;
    assert!(lock.clone().try_read_owned().is_err() && lock.clone().try_write_owned().is_err());
    drop(guard);
    assert_eq!(*lock.clone().try_read_owned().unwrap(), (7, [12, 3]));
    assert!(lock.try_write().is_ok());
    assert_eq!(Arc::strong_count(&lock), 1);
}

#[test]
fn downgrade_lets_readers_in_and_no_writer() {
    let lock = RwLock::new((1, 2));
    let mut guard = now(lock.write());
    guard.0 = 5;
    let mut read = spawn(lock.read());
    let mut write = spawn(lock.write());
    assert!(read.is_pending() && write.is_pending());
    let guard = guard.downgrade();
    assert_eq!((read.wakes(), write.wakes()), (1, 0));
    assert_eq!(read.ready().0, guard.0);
    drop(guard);
    assert_eq!(write.wakes(), 1);
    let guard = write.ready();
    let guard = RwLockWriteGuard::try_downgrade_map(guard, |_| None::<&u8>).unwrap_err();
    assert_eq!(format!("{guard:?}"), "(5, 2)");
    let guard = RwLockWriteGuard::try_downgrade_map(guard, |value| Some(&value.1)).unwrap();
    assert_eq!((*guard, lock.try_read().unwrap().0), (2, 5));
    drop(guard);
    let guard = RwLockWriteGuard::downgrade_map(now(lock.write()), |value| &value.0);
    assert!(lock.try_read().is_ok() && lock.try_write().is_err());
    drop(guard);
    assert!(lock.try_write().is_ok());
}

#[test]
fn owned_downgrade() {
    let lock = Arc::new(RwLock::new((1, 2)));
    let guard = now(lock.clone().write_owned()).downgrade();
    assert_eq!((guard.0, lock.try_read().unwrap().1), (1, 2));
    assert!(lock.try_write().is_err());
    drop(guard);
    let guard = lock.clone().try_write_owned().unwrap();
    let guard = OwnedRwLockWriteGuard::try_downgrade_map(guard, |_| None::<&u8>).unwrap_err();
    let guard = OwnedRwLockWriteGuard::try_downgrade_map(guard, |v| Some(&v.1)).unwrap();
    assert_eq!(*guard, 2);
    drop(guard);
    let guard = lock.clone().try_write_owned().unwrap();
    assert_eq!(*OwnedRwLockWriteGuard::downgrade_map(guard, |value| &value.0), 1);
    assert!(lock.try_write().is_ok());
    assert_eq!(Arc::strong_count(&lock), 1);
}

#[test]
fn constructors_and_debug() {
    static LIMIT: RwLock<u32> = RwLock::const_with_max_readers(1, 5);
    *LIMIT.blocking_write() += 1;
    assert_eq!(*LIMIT.blocking_read(), 2);
    let mut lock = RwLock::from("a");
    *lock.get_mut() = "b";
    assert_eq!(format!("{lock:?}"), "RwLock { data: \"b\" }");
    let guard = now(lock.write());
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
    assert_eq!(format!("{guard:?} {guard}"), "\"b\" b");
    drop(guard);
    assert_eq!(lock.into_inner(), "b");
    assert_eq!(RwLock::<u8>::default().into_inner(), 0);
    let unsized_value: Arc<RwLock<[u8]>> = Arc::new(RwLock::new([1, 2]));
    now(unsized_value.write())[0] = 4;
    assert_eq!(&*now(unsized_value.read_owned()), [4, 2]);
}

#[test]
fn threads_read_whole_values() {
    let lock = Arc::new(RwLock::new((0usize, 0usize)));
    let threads: Vec<_> = (0..4)
        .map(|i| {
            let lock = lock.clone();
            std::thread::spawn(move || {
                for n in 0..ROUNDS / 4 {
                    match (i + n) % 4 {
                        0 => {
                            let mut pair = block_on(lock.write());
                            pair.0 += 1;
                            pair.1 += 1;
                        }
                        1 => {
                            // Polled once and dropped, wherever it stands.
                            drop(spawn(lock.write()).poll());
                        }
                        _ => {
                            let pair = block_on(lock.read());
                            assert_eq!(pair.0, pair.1);
                        }
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(now(lock.read()).0, ROUNDS / 4);
}
