//! OnceCell and SetOnce: one value, who makes it, who waits for it.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Counted, ROUNDS, block_on, now, spawn};
use filch_sync::{Notify, OnceCell, SetError, SetOnce, SetOnceError};

#[test]
fn one_initialises_and_the_others_wait() {
    let cell = OnceCell::new();
    let gate = Notify::new();
    let mut one = spawn(cell.get_or_init(|| async {
        gate.notified().await;
        5
    }));
    assert!(one.is_pending());
    let mut other = spawn(cell.get_or_init(|| async { panic!("a second initialiser") }));
    assert!(other.is_pending());
    assert_eq!(cell.get(), None);
    let error = cell.set(6).unwrap_err();
    assert_eq!(error, SetError::InitializingError(6));
    assert!(error.is_initializing_err() && !error.is_already_init_err());
    gate.notify_one();
    assert_eq!(*one.ready(), 5);
    assert_eq!(other.wakes(), 1);
    assert_eq!(*other.ready(), 5);
    assert!(cell.initialized());
    let error = cell.set(6).unwrap_err();
    assert!(error.is_already_init_err() && !error.is_initializing_err());
    assert_eq!(error.to_string(), "OnceCell is already initialized");
    assert_eq!(
        SetError::InitializingError(1).to_string(),
        "OnceCell is currently being initialized"
    );
}

#[test]
fn failure_panic_and_cancellation_let_the_next_try() {
    let cell = OnceCell::<u8>::new();
    let mut cancelled = spawn(cell.get_or_init(std::future::pending));
    let mut failing = spawn(cell.get_or_try_init(|| async { Err("no") }));
    let mut panicking = spawn(cell.get_or_init(|| async { panic!("in the initialiser") }));
    let mut last = spawn(cell.get_or_try_init(|| async { Ok::<_, ()>(4) }));
    assert!(cancelled.is_pending() && failing.is_pending());
    assert!(panicking.is_pending() && last.is_pending());
    drop(cancelled);
    assert_eq!(failing.wakes(), 1);
    assert_eq!(failing.ready(), Err("no"));
    assert_eq!(panicking.wakes(), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| panicking.is_pending())).is_err());
    drop(panicking);
    assert_eq!(last.wakes(), 1);
    assert_eq!(last.ready(), Ok(&4));
}

#[test]
fn once_cell_values_are_dropped_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let mut cell = OnceCell::from(Counted::new(&drops, 1));
    assert!(cell.set(Counted::new(&drops, 2)).is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    cell.get_mut().unwrap().1 = 3;
    assert_eq!(cell.take().map(|value| value.1), Some(3));
    assert_eq!(drops.load(Ordering::SeqCst), 2);
    assert!(cell.take().is_none() && cell.get_mut().is_none());
    cell.set(Counted::new(&drops, 4)).unwrap();
    let copy = cell.clone();
    drop(cell);
    assert_eq!(drops.load(Ordering::SeqCst), 3);
    assert_eq!(copy.into_inner().map(|value| value.1), Some(4));
    assert_eq!(drops.load(Ordering::SeqCst), 4);
}

#[test]
fn once_cell_constructors_and_traits() {
    static EMPTY: OnceCell<u8> = OnceCell::const_new();
    static FULL: OnceCell<u8> = OnceCell::const_new_with(3);
    assert_eq!((EMPTY.get(), FULL.get()), (None, Some(&3)));
    assert!(FULL.set(4).unwrap_err().is_already_init_err());
    assert_eq!(*now(FULL.get_or_init(|| async { 9 })), 3);
    assert_eq!(OnceCell::new_with(Some(3)), FULL);
    assert_ne!(OnceCell::new_with(None), FULL);
    assert_eq!(OnceCell::<u8>::default().into_inner(), None);
    assert_eq!(
        format!("{FULL:?} {EMPTY:?}"),
        "OnceCell { value: Some(3) } OnceCell { value: None }"
    );
}

#[test]
fn threads_initialise_once() {
    for _ in 0..ROUNDS / 100 {
        let cell = Arc::new(OnceCell::new());
        let made = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..3)
            .map(|i| {
                let (cell, made) = (cell.clone(), made.clone());
                std::thread::spawn(move || {
                    *block_on(cell.get_or_init(|| async {
                        made.fetch_add(1, Ordering::SeqCst);
                        i
                    }))
                })
            })
            .collect();
        let seen: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(made.load(Ordering::SeqCst), 1);
        assert!(seen.iter().all(|value| Some(value) == cell.get()));
    }
}

#[test]
fn set_once_wakes_all_who_wait() {
    let cell = SetOnce::new();
    let mut waiting: Vec<_> = (0..40).map(|_| spawn(cell.wait())).collect();
    assert!(waiting.iter_mut().all(|wait| wait.is_pending()));
    assert!(!cell.initialized());
    cell.set(7).unwrap();
    for wait in &mut waiting {
        assert_eq!(wait.wakes(), 1);
        assert_eq!(*wait.ready(), 7);
    }
    assert_eq!(*now(cell.wait()), 7);
    let error = cell.set(8).unwrap_err();
    assert_eq!((error.to_string().as_str(), error), ("SetOnceError", SetOnceError(8)));
}

#[test]
fn set_once_values_are_dropped_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let cell = SetOnce::from(Counted::new(&drops, 1));
    drop(cell.set(Counted::new(&drops, 2)));
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    let copy = cell.clone();
    drop(cell);
    assert_eq!(drops.load(Ordering::SeqCst), 2);
    assert_eq!(copy.into_inner().map(|value| value.1), Some(1));
    assert_eq!(drops.load(Ordering::SeqCst), 3);
}

#[test]
fn set_once_constructors_and_traits() {
    static EMPTY: SetOnce<u8> = SetOnce::const_new();
    static FULL: SetOnce<u8> = SetOnce::const_new_with(3);
    assert_eq!((EMPTY.get(), FULL.get()), (None, Some(&3)));
    assert_eq!(SetOnce::new_with(Some(3)), FULL);
    assert_ne!(SetOnce::new_with(None), FULL);
    assert_eq!(SetOnce::<u8>::default().into_inner(), None);
    assert_eq!(format!("{FULL:?}"), "SetOnce { value: Some(3) }");
}

#[test]
fn threads_set_once() {
    for _ in 0..ROUNDS / 100 {
        let cell = Arc::new(SetOnce::new());
        let waiter = {
            let cell = cell.clone();
            std::thread::spawn(move || *block_on(cell.wait()))
        };
        let setters: Vec<_> = (0..2)
            .map(|i| {
                let cell = cell.clone();
                std::thread::spawn(move || {
                    let is_set = cell.set(i).is_ok();
                    // Also after the error of one who was a moment too late.
                    assert!(cell.get().is_some());
                    is_set
                })
            })
            .collect();
        let won = setters.into_iter().map(|s| s.join().unwrap());
        assert_eq!(won.filter(|&won| won).count(), 1);
        assert_eq!(Some(&waiter.join().unwrap()), cell.get());
    }
}
