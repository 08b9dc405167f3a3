//! CancellationToken: the tree, the futures, the guards, threads.

mod common;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Waker};

use common::{Calls, PanicsOnWake, ROUNDS, block_on, now, spawn};
use filch_sync::{CancellationToken, Notify};

#[test]
fn cancelling_goes_down_and_not_up() {
    let root = CancellationToken::new();
    let (left, right) = (root.child_token(), root.child_token());
    let leaf = left.child_token();
    let mut waiting: Vec<_> =
        [&root, &left, &right, &leaf].map(|token| spawn(token.cancelled())).into();
    assert!(waiting.iter_mut().all(|wait| wait.is_pending()));
    left.cancel();
    left.cancel();
    assert_eq!(waiting.iter().map(|wait| wait.wakes()).collect::<Vec<_>>(), [0, 1, 0, 1]);
    assert!(leaf.is_cancelled() && !root.is_cancelled() && !right.is_cancelled());
    assert!(left.child_token().is_cancelled());
    root.cancel();
    assert_eq!(waiting.iter().map(|wait| wait.wakes()).collect::<Vec<_>>(), [1, 1, 1, 1]);
    waiting.iter_mut().for_each(|wait| wait.ready());
    now(right.cancelled());
}

#[test]
fn children_of_dropped_tokens_stay_connected() {
    let root = CancellationToken::new();
    let middle = root.child_token();
    let clone = middle.clone();
    let (one, other) = (middle.child_token(), middle.child_token());
    drop(middle);
    drop(clone);
    other.cancel();
    assert!(!one.is_cancelled());
    root.cancel();
    assert!(one.is_cancelled());
    let orphan = CancellationToken::new().child_token();
    assert!(!orphan.is_cancelled());
    orphan.cancel();
    assert!(orphan.is_cancelled());
}

#[test]
fn owned_futures_keep_the_token() {
    let token = CancellationToken::new();
    let mut wait = spawn(token.clone().cancelled_owned());
    let mut child = spawn(token.child_token().cancelled_owned());
    assert!(wait.is_pending() && child.is_pending());
    assert!(format!("{:?}", token.clone().cancelled_owned()).contains("is_cancelled: false"));
    token.cancel();
    assert_eq!((wait.wakes(), child.wakes()), (1, 1));
    wait.ready();
    wait.ready();
    child.ready();
}

#[test]
fn run_until_cancelled_ends_with_the_first() {
    let token = CancellationToken::new();
    assert_eq!(now(token.run_until_cancelled(async { 1 })), Some(1));
    let gate = Notify::new();
    let mut run = spawn(token.run_until_cancelled(gate.notified()));
    let mut owned = spawn(token.clone().run_until_cancelled_owned(std::future::pending::<()>()));
    assert!(run.is_pending() && owned.is_pending());
    gate.notify_one();
    token.cancel();
    assert_eq!(owned.wakes(), 1);
    assert_eq!(run.ready(), Some(()), "the future counts where both have come");
    assert_eq!(owned.ready(), None);
    assert_eq!(now(token.run_until_cancelled(async { panic!("polled") })), None::<()>);
}

#[test]
fn guards_cancel_unless_disarmed() {
    let token = CancellationToken::new();
    let guard = token.clone().drop_guard();
    assert_eq!(guard.token(), &token);
    assert_eq!(guard.disarm(), token);
    assert_eq!(token.drop_guard_ref().disarm(), &token);
    assert!(!token.is_cancelled());
    {
        let guard = token.drop_guard_ref();
        assert_eq!(guard.token(), &token);
        assert!(format!("{guard:?}").contains("DropGuardRef"));
    }
    assert!(token.is_cancelled());
    let token = CancellationToken::default();
    drop(token.clone().drop_guard());
    assert!(token.is_cancelled());
}

#[test]
#[expect(clippy::mutable_key_type, reason = "tokens hash by identity")]
fn clones_are_equal_and_children_are_not() {
    let token = CancellationToken::new();
    assert_eq!(token, token.clone());
    assert_ne!(token, token.child_token());
    let set: HashSet<_> = [token.clone(), token.clone(), token.child_token()].into();
    assert_eq!(set.len(), 2);
    assert_eq!(format!("{token:?}"), "CancellationToken { is_cancelled: false }");
}

#[test]
fn panicking_wakers_lose_no_other_wake() {
    let root = CancellationToken::new();
    let children: Vec<_> = (0..5).map(|_| root.child_token()).collect();
    let waker = Waker::from(Arc::new(PanicsOnWake));
    let mut bad: Vec<_> = children.iter().map(|child| Box::pin(child.cancelled())).collect();
    for wait in &mut bad {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let mut good: Vec<_> = children.iter().map(|child| spawn(child.cancelled())).collect();
    assert!(good.iter_mut().all(|wait| wait.is_pending()));
    assert!(catch_unwind(AssertUnwindSafe(|| root.cancel())).is_err());
    assert!(good.iter().all(|wait| wait.wakes() == 1));
}

#[test]
fn waker_that_uses_the_tree_inside_the_wake() {
    let root = CancellationToken::new();
    let child = root.child_token();
    let inside = root.clone();
    let waker = Waker::from(Arc::new(Calls(move || {
        assert!(inside.child_token().is_cancelled());
        inside.cancel();
    })));
    let mut wait = Box::pin(child.cancelled());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    root.cancel();
    now(wait);
}

#[test]
fn threads_make_drop_and_cancel() {
    for round in 0..ROUNDS / 100 {
        let root = CancellationToken::new();
        let threads: Vec<_> = (0..3)
            .map(|i| {
                let root = root.clone();
                std::thread::spawn(move || {
                    let mut tokens = vec![root];
                    for n in 0..20 {
                        let child = tokens[n % tokens.len()].child_token();
                        if (n + i + round) % 5 == 0 && tokens.len() > 2 {
                            tokens.swap_remove(1);
                        }
                        if (n + i) % 11 == 7 {
                            child.cancel();
                        }
                        tokens.push(child);
                    }
                    tokens.iter().for_each(|token| block_on(token.cancelled()));
                })
            })
            .collect();
        root.cancel();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
