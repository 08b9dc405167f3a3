//! A worked model of user code: the pool of connections of `src/worked/pool.rs`.
//!
//! What holds in every order of events, with time-outs that fire at every moment: no more connections
//! are open than there may be; who waits gets one that is given back; when all are given back, all can be
//! taken again. And the planted bug, which loom finds: a time-out between two steps loses a permit.

#![cfg(filch_loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use filch::loom::{Builder, block_on, model};
use filch::task::yield_now;
use filch_loom_tests::worked::pool::Pool;

const WAIT: Duration = Duration::from_secs(1);

/// Counts those that are open. std's counter: loom need not see it.
struct Socket(Arc<AtomicUsize>);

impl Socket {
    /// Takes two turns, so that the time may be over between them.
    async fn open(count: Arc<AtomicUsize>) -> Socket {
        yield_now().await;
        yield_now().await;
        assert_eq!(count.fetch_add(1, Ordering::Relaxed), 0, "one may be open");
        Socket(count)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One task takes a connection, for so long at most, and gives it back.
async fn one_takes<const PLANTED: bool>() {
    let (pool, open) = (Pool::<Socket, PLANTED>::new(1), Arc::new(AtomicUsize::new(0)));
    drop(pool.get(WAIT, || Socket::open(open.clone())).await);
    assert_eq!(pool.available(), 1, "a permit is lost");
}

#[test]
fn no_permit_is_lost() {
    model(|| block_on(one_takes::<false>()));
}

/// The bug that is planted in the pool: the time is over while the connection is opened.
#[test]
#[should_panic(expected = "a permit is lost")]
fn planted_bug_is_found() {
    model(|| block_on(one_takes::<true>()));
}

/// Two tasks, one connection. That no second one is opened is checked where it is.
#[test]
fn two_tasks_share_a_connection() {
    // Two tasks, two time-outs: with two preemptions it takes minutes.
    Builder::new().preemption_bound(1).check(|| {
        block_on(async {
            let (pool, open) = (Pool::<Socket>::new(1), Arc::new(AtomicUsize::new(0)));
            let other = {
                let (pool, open) = (pool.clone(), open.clone());
                filch::spawn(async move { pool.get(WAIT, || Socket::open(open)).await.is_ok() })
            };
            drop(pool.get(WAIT, || Socket::open(open.clone())).await);
            other.await.unwrap();
            assert_eq!(pool.available(), 1);
        });
    });
}
