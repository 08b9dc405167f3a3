//! Rows of `broadcast`, `watch`, `Notify` and `CancellationToken`.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use crate::executor::{Spawner, Task, yield_once};
use crate::row::{Peer, Row};

/// Receivers of a broadcast.
const RECEIVERS: u64 = 4;
/// Messages that are sent in a row; then the receivers catch up.
const BURST: u64 = 32;

/// The work of the two crates whose channels are called alike.
macro_rules! work {
    ($module:ident, $krate:path, $token:path) => {
        mod $module {
            use super::*;
            use $krate as krate;
            use $token as Token;

            /// One sends in bursts, several receive: per message.
            pub async fn broadcast(spawner: Spawner, operations: u64) {
                let (sender, receiver) = krate::broadcast::channel(4 * BURST as usize);
                let caught_up = Arc::new(AtomicU64::new(0));
                let mut tasks: Vec<Task<()>> = Vec::new();
                for _ in 0..RECEIVERS {
                    let mut receiver = receiver.resubscribe();
                    let caught_up = caught_up.clone();
                    tasks.push(spawner.spawn(async move {
                        let mut received = 0;
                        while receiver.recv().await.is_ok() {
                            received += 1;
                            if received % BURST == 0 {
                                caught_up.fetch_add(1, Ordering::Release);
                            }
                        }
                        assert_eq!(received, operations / BURST * BURST, "messages were lost");
                    }));
                }
                drop(receiver);
                for burst in 0..operations / BURST {
                    for i in 0..BURST {
                        sender.send(i).expect("there are receivers");
                    }
                    while caught_up.load(Ordering::Acquire) < (burst + 1) * RECEIVERS {
                        yield_once().await;
                    }
                }
                drop(sender);
                for task in tasks {
                    task.await;
                }
            }

            /// Two tasks, each waiting for the other's change: per pair of changes.
            pub async fn watch_ping_pong(spawner: Spawner, operations: u64) {
                let (ping, mut pinged) = krate::watch::channel(0);
                let (pong, mut ponged) = krate::watch::channel(0);
                let other = spawner.spawn(async move {
                    while pinged.changed().await.is_ok() {
                        let value = *pinged.borrow_and_update();
                        pong.send(value).expect("the receiver is there");
                    }
                });
                for i in 1..=operations {
                    ping.send(i).expect("the receiver is there");
                    ponged.changed().await.expect("the sender is there");
                    assert_eq!(*ponged.borrow_and_update(), i);
                }
                drop(ping);
                other.await;
            }

            /// Looks at a value that has not changed.
            pub async fn watch_borrow(_: Spawner, operations: u64) {
                let (sender, receiver) = krate::watch::channel(1);
                let mut sum = 0;
                for _ in 0..operations {
                    sum += *receiver.borrow();
                }
                assert_eq!(sum, operations);
                drop(sender);
            }

            /// Two tasks, each waiting for the other's notification: per pair.
            pub async fn notify_ping_pong(spawner: Spawner, operations: u64) {
                let ping = Arc::new(krate::Notify::new());
                let pong = Arc::new(krate::Notify::new());
                let other = {
                    let (ping, pong) = (ping.clone(), pong.clone());
                    spawner.spawn(async move {
                        for _ in 0..operations {
                            ping.notified().await;
                            pong.notify_one();
                        }
                    })
                };
                for _ in 0..operations {
                    ping.notify_one();
                    pong.notified().await;
                }
                other.await;
            }

            /// Leaves a permit and takes it.
            pub async fn notify_permit(_: Spawner, operations: u64) {
                let notify = krate::Notify::new();
                for _ in 0..operations {
                    notify.notify_one();
                    notify.notified().await;
                }
            }

            /// A parent with a child that waits; the parent is cancelled.
            pub async fn cancel_child(_: Spawner, operations: u64) {
                for _ in 0..operations {
                    let parent = Token::new();
                    let child = parent.child_token();
                    let mut cancelled = pin!(child.cancelled());
                    poll_fn(|cx| {
                        assert!(cancelled.as_mut().poll(cx).is_pending());
                        Poll::Ready(())
                    })
                    .await;
                    parent.cancel();
                    cancelled.await;
                }
            }

            /// A child that comes and goes without being cancelled: a request's.
            pub async fn child_token(_: Spawner, operations: u64) {
                let parent = Token::new();
                for _ in 0..operations {
                    let child = parent.child_token();
                    assert!(!child.is_cancelled());
                }
            }
        }
    };
}

work!(ours, filch::sync, filch::sync::CancellationToken);
work!(tokios, tokio::sync, tokio_util::sync::CancellationToken);

/// `notify_ping_pong` of event-listener: an event keeps no permit, so each listens before it notifies.
async fn event_ping_pong(spawner: Spawner, operations: u64) {
    let ping = Arc::new(event_listener::Event::new());
    let pong = Arc::new(event_listener::Event::new());
    let mut pinged = ping.listen();
    let other = {
        let (ping, pong) = (ping.clone(), pong.clone());
        spawner.spawn(async move {
            for _ in 0..operations {
                pinged.await;
                pinged = ping.listen();
                pong.notify(1);
            }
        })
    };
    for _ in 0..operations {
        let ponged = pong.listen();
        ping.notify(1);
        ponged.await;
    }
    other.await;
}

/// All rows of this file.
pub fn rows() -> Vec<Row> {
    /// A row of the two crates.
    macro_rules! row {
        ($name:literal, $operations:literal, $work:ident) => {
            Row::new($name, $operations)
                .peer(Peer::Filch, ours::$work)
                .peer(Peer::Tokio, tokios::$work)
        };
    }
    vec![
        row!("broadcast/1_to_4", 20_000, broadcast),
        row!("watch/ping_pong", 20_000, watch_ping_pong),
        row!("watch/borrow", 500_000, watch_borrow),
        row!("notify/ping_pong", 20_000, notify_ping_pong)
            .peer(Peer::EventListener, event_ping_pong),
        row!("notify/permit", 200_000, notify_permit),
        row!("cancellation/cancel_child", 20_000, cancel_child),
        row!("cancellation/child_token", 50_000, child_token),
    ]
}
