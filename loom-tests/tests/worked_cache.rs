//! A worked model of user code: the cache of `src/worked/cache.rs`.
//!
//! What holds in every order of events: a value that two tasks ask for is loaded once; a load that is cut
//! off is done by the other one; the cache holds no more than it may. And the planted bug, which loom finds:
//! a task that waits for a notification which has come already.

#![cfg(filch_loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use filch::loom::{block_on, model};
use filch::task::yield_now;
use filch_loom_tests::worked::cache::Cache;

/// Two tasks ask for one value. Counting is std's: loom need not see it.
async fn two_ask_for_one<const PLANTED: bool>() {
    let loads = Arc::new(AtomicUsize::new(0));
    let cache = Arc::new(Cache::<&str, usize, PLANTED>::new(1));
    let ask = |cache: Arc<Cache<&'static str, usize, PLANTED>>, loads: Arc<AtomicUsize>| async move {
        let load = || async move { loads.fetch_add(1, Ordering::Relaxed) + 7 };
        cache.get_or_load("key", load).await
    };
    let other = filch::spawn(ask(cache.clone(), loads.clone()));
    assert_eq!(ask(cache.clone(), loads.clone()).await, 7);
    assert_eq!(other.await.unwrap(), 7);
    assert_eq!(loads.load(Ordering::Relaxed), 1, "loaded twice");
}

#[test]
fn value_is_loaded_once() {
    model(|| block_on(two_ask_for_one::<false>()));
}

/// The bug that is planted in the cache: one task waits, and nobody is left to wake it.
#[test]
#[should_panic(expected = "deadlock")]
fn planted_bug_is_found() {
    model(|| block_on(two_ask_for_one::<true>()));
}

#[test]
fn another_task_loads_if_the_first_is_aborted() {
    model(|| {
        block_on(async {
            let cache = Arc::new(Cache::<&str, usize>::new(1));
            let first = {
                let cache = cache.clone();
                filch::spawn(async move {
                    let load = || async {
                        yield_now().await;
                        1
                    };
                    cache.get_or_load("key", load).await
                })
            };
            let second = {
                let cache = cache.clone();
                filch::spawn(async move { cache.get_or_load("key", || async { 2 }).await })
            };
            first.abort();
            let value = second.await.unwrap();
            if let Ok(first) = first.await {
                assert_eq!(first, value, "two values for one key");
            }
            assert_eq!(cache.get(&"key"), Some(value));
        });
    });
}

#[test]
fn cache_is_bounded() {
    model(|| {
        block_on(async {
            let cache = Arc::new(Cache::<usize, usize>::new(1));
            let other = {
                let cache = cache.clone();
                filch::spawn(async move { cache.get_or_load(1, || async { 1 }).await })
            };
            assert_eq!(cache.get_or_load(2, || async { 2 }).await, 2);
            assert_eq!(other.await.unwrap(), 1);
            assert_eq!(cache.len(), 1);
        });
    });
}
