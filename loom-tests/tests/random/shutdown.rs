//! The end of a runtime in the middle of everything.

use std::sync::Arc;
use std::time::Duration;

use filch::sync::{Notify, mpsc};
use filch::task::JoinHandle;
use filch_loom_tests::block_on;
use filch_loom_tests::random::{below, between, chance, shuffle, yields};
use filch_primitives::thread;

use crate::support::{Books, World, await_all, let_others_run};

/// Tasks that spawn, wait, yield, sleep and call blocking functions; threads that spawn, wake, abort and wait:
/// while one of them ends the runtime. Every handle hears of the end, and every future is dropped once.
pub fn shutdown_in_the_middle_of_everything() {
    let World { runtime, books } = World::with(|builder| {
        builder.max_blocking_threads(between(1, 3));
    });
    let notify = Arc::new(Notify::new());
    let (sender, receiver) = mpsc::channel::<usize>(2);
    let mut joins = Vec::new();
    for _ in 0..between(2, 6) {
        joins.push(runtime.spawn(busy(books.clone(), notify.clone(), sender.clone())));
    }
    joins.push(runtime.spawn(drains(books.clone(), receiver)));
    drop(sender);
    let spawning = {
        let (handle, books, notify) = (runtime.handle().clone(), books.clone(), notify.clone());
        thread::spawn(move || {
            let mut joins: Vec<JoinHandle<usize>> = Vec::new();
            for _ in 0..between(1, 4) {
                let entry = books.entry();
                let notify = notify.clone();
                joins.push(handle.spawn(async move {
                    let _entry = entry;
                    notify.notified().await;
                    1
                }));
                let entry = books.entry();
                joins.push(handle.spawn_blocking(move || {
                    let _entry = entry;
                    let_others_run();
                    2
                }));
            }
            joins
        })
    };
    let waking = {
        let aborts: Vec<_> = joins.iter().map(JoinHandle::abort_handle).collect();
        thread::spawn(move || {
            for abort in aborts {
                match below(4) {
                    0 => abort.abort(),
                    1 => notify.notify_waiters(),
                    2 => notify.notify_one(),
                    _ => {}
                }
                let_others_run();
            }
        })
    };
    let mut waits = None;
    if chance(2) {
        // One of the handles is awaited while the end comes.
        shuffle(&mut joins);
        let join = joins.pop().expect("three at least");
        waits = Some(thread::spawn(move || drop(block_on(join))));
    }
    let_others_run();
    let ends_in_time = match below(4) {
        0 => {
            drop(runtime);
            true
        }
        1 => runtime.shutdown(Duration::from_secs(3_600)).is_clean(),
        2 => {
            runtime.shutdown_background();
            false
        }
        _ => {
            let _ = runtime.shutdown(Duration::ZERO);
            false
        }
    };
    joins.extend(spawning.join().unwrap());
    waking.join().unwrap();
    if let Some(waits) = waits {
        waits.join().unwrap();
    }
    await_all(joins);
    if ends_in_time {
        books.close();
    }
}

async fn busy(books: Books, notify: Arc<Notify>, sender: mpsc::Sender<usize>) -> usize {
    let _entry = books.entry();
    let mut children = Vec::new();
    for step in 0..below(4) {
        match below(5) {
            0 => notify.notified().await,
            1 => drop(sender.send(step).await),
            2 => yields(2).await,
            3 => {
                let entry = books.entry();
                drop(filch::task::spawn_blocking(move || drop(entry)).await);
            }
            _ => {
                let entry = books.entry();
                children.push(filch::spawn(async move {
                    yields(2).await;
                    drop(entry);
                }));
            }
        }
    }
    for child in children {
        let _ = child.await;
    }
    0
}

async fn drains(books: Books, mut receiver: mpsc::Receiver<usize>) -> usize {
    let _entry = books.entry();
    let mut received = 0;
    while receiver.recv().await.is_some() {
        received += 1;
    }
    received
}
