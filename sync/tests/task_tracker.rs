//! TaskTracker: counting, closing, waiting.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Counted, ROUNDS, block_on, now, spawn};
use filch_sync::TaskTracker;

#[test]
fn open_and_closed() {
    let tracker = TaskTracker::new();
    assert!(!tracker.is_closed() && tracker.is_empty());
    assert!(tracker.close() && !tracker.close());
    assert!(tracker.is_closed());
    assert!(tracker.reopen() && !tracker.reopen());
    assert!(TaskTracker::ptr_eq(&tracker, &tracker.clone()));
    assert!(!TaskTracker::ptr_eq(&tracker, &TaskTracker::default()));
}

#[test]
fn wait_ends_when_closed_and_empty() {
    let tracker = TaskTracker::new();
    let mut wait = spawn(tracker.wait());
    assert!(wait.is_pending());
    let token = tracker.token();
    let second = token.clone();
    assert_eq!(token.task_tracker().len(), 2);
    tracker.close();
    assert!(wait.is_pending());
    drop(token);
    assert_eq!(wait.wakes(), 0);
    drop(second);
    assert_eq!(wait.wakes(), 1);
    wait.ready();
    wait.ready();
    now(tracker.wait());
}

#[test]
fn close_of_an_empty_one_wakes() {
    let tracker = TaskTracker::new();
    let mut wait = spawn(tracker.wait());
    assert!(wait.is_pending());
    tracker.close();
    assert_eq!(wait.wakes(), 1);
    wait.ready();
}

#[test]
fn one_moment_is_enough() {
    let tracker = TaskTracker::new();
    let mut before = spawn(tracker.wait());
    assert!(before.is_pending());
    let mut unpolled = spawn(tracker.wait());
    tracker.close();
    let mut while_closed = spawn(tracker.wait());
    tracker.reopen();
    let _token = tracker.token();
    before.ready();
    unpolled.ready();
    while_closed.ready();
    assert!(spawn(tracker.wait()).is_pending());
}

/// A tracked future counts until it has been dropped, its own destructor included.
#[test]
fn tracked_futures_count_until_they_are_dropped() {
    let tracker = TaskTracker::new();
    let drops = Arc::new(AtomicUsize::new(0));
    let value = Counted::new(&drops, 0);
    let mut tracked = spawn(tracker.track_future(async move {
        let _value = &value;
        5
    }));
    tracker.close();
    assert_eq!(tracker.len(), 1);
    assert_eq!(tracked.ready(), 5);
    assert_eq!(tracker.len(), 1);
    drop(tracked);
    assert!(tracker.is_empty());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn debug_names_the_count() {
    let tracker = TaskTracker::new();
    let future = tracker.track_future(std::future::ready(1));
    assert_eq!(format!("{tracker:?}"), "TaskTracker { is_closed: false, len: 1 }");
    assert!(format!("{future:?}").contains("TrackedFuture"));
    assert!(format!("{:?} {:?}", tracker.token(), tracker.wait()).contains("len: 2"));
}

#[test]
fn threads_end_before_wait_does() {
    for _ in 0..ROUNDS / 100 {
        let tracker = TaskTracker::new();
        let ended = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (token, ended) = (tracker.token(), ended.clone());
                std::thread::spawn(move || {
                    ended.fetch_add(1, Ordering::Relaxed);
                    drop(token);
                })
            })
            .collect();
        tracker.close();
        block_on(tracker.wait());
        assert_eq!(ended.load(Ordering::Relaxed), 3);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
