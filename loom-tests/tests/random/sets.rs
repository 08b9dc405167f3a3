//! Tasks in sets and scopes: each is given back once, and none outlives its scope.

use filch::task::{JoinSet, ScopeError, scope};
use filch_loom_tests::random::{between, chance, yields};

use crate::support::{Books, World, end, panic_value, panics};

/// A set whose tasks end, panic, and are aborted, one at a time or all at once, while the set is joined, or
/// dropped. (Then nobody awaits their panics, which is no fault.)
pub fn join_set_gives_back_each() {
    let world = World::new();
    let count = between(2, 8);
    let books = world.books.clone();
    world.runtime.block_on(async move {
        filch::spawn(async move {
            let mut set = JoinSet::new();
            let mut aborts = Vec::new();
            for number in 0..count {
                let entry = books.entry();
                let does_panic = chance(6);
                aborts.push(set.spawn(async move {
                    let _entry = entry;
                    yields(2).await;
                    if does_panic {
                        panics(number);
                    }
                    number
                }));
                if chance(5) {
                    aborts[between(0, number)].abort();
                }
            }
            let joined_before = between(0, count);
            let mut seen = vec![false; count];
            for joined in 0..count {
                if joined == joined_before {
                    match between(0, 3) {
                        0 => set.abort_all(),
                        1 => return set.shutdown().await,
                        2 => return drop(set),
                        _ => {}
                    }
                }
                let number = match set.join_next().await.expect("as many as were spawned") {
                    Ok(number) => number,
                    Err(error) if error.is_cancelled() => continue,
                    Err(error) => panic_value(error),
                };
                assert!(!std::mem::replace(&mut seen[number], true), "{number} came twice");
            }
            assert!(set.join_next().await.is_none());
        })
        .await
        .unwrap();
    });
    let World { runtime, books } = world;
    end(runtime);
    books.assert_closed();
}

/// Scopes within a scope, with children that end, fail, and are cancelled: when the outer one's future is
/// ready, or was dropped by an abort of its task, none of them is left.
pub fn scope_leaves_nothing_behind() {
    let world = World::new();
    let books = Books::default();
    let (inside, all) = (books.clone(), books.clone());
    let task = world.runtime.spawn(async move {
        let outcome: Result<usize, ScopeError<usize>> = scope(|scope| async move {
            for number in 0..between(1, 4) {
                let (entry, does_fail) = (books.entry(), chance(4));
                drop(scope.spawn(async move {
                    let _entry = entry;
                    yields(2).await;
                    if does_fail { Err(number) } else { Ok(number) }
                }));
            }
            if chance(3) {
                scope.cancel();
            }
            yields(1).await;
            Ok(7)
        })
        .await;
        match outcome {
            Ok(output) => assert_eq!(output, 7),
            Err(error) => assert!(!error.is_panic(), "{error:?}"),
        }
        inside.assert_closed();
    });
    if chance(3) {
        task.abort();
    }
    world.runtime.block_on(async {
        if let Err(error) = task.await {
            assert!(error.is_cancelled(), "{error:?}");
        }
    });
    world.end();
    all.close();
}
