//! `use filch as tokio;`: code written for tokio, within `runtime`, `task`, `time`, `sync` and the macros,
//! compiles and does what it says. What is here is how such code looks, not every item: that nothing is
//! missing was checked against tokio's published items.

use filch as tokio;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};
use tokio::task::{JoinHandle, JoinSet, LocalSet};
use tokio::time::{Instant, MissedTickBehavior};

/// An actor: a task that owns its state, a handle that asks it.
mod actor {
    use super::*;

    enum Message {
        Add(u64),
        Get(oneshot::Sender<u64>),
    }

    #[derive(Clone)]
    pub struct Counter(mpsc::Sender<Message>);

    impl Counter {
        pub fn start() -> (Counter, JoinHandle<u64>) {
            let (sender, mut receiver) = mpsc::channel(8);
            let task = tokio::spawn(async move {
                let mut total = 0;
                while let Some(message) = receiver.recv().await {
                    match message {
                        Message::Add(n) => total += n,
                        Message::Get(answer) => drop(answer.send(total)),
                    }
                }
                total
            });
            (Counter(sender), task)
        }

        pub async fn add(&self, n: u64) {
            self.0.send(Message::Add(n)).await.expect("the actor lives");
        }

        pub async fn get(&self) -> u64 {
            let (answer, wait) = oneshot::channel();
            self.0.send(Message::Get(answer)).await.expect("the actor lives");
            wait.await.expect("the actor answers")
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actor_answers_and_ends_with_its_last_handle() {
    let (counter, task) = actor::Counter::start();
    let mut adding = JoinSet::new();
    for n in 1..=10 {
        let counter = counter.clone();
        adding.spawn(async move { counter.add(n).await });
    }
    while let Some(added) = adding.join_next().await {
        added.unwrap();
    }
    assert_eq!(counter.get().await, 55);
    drop(counter);
    assert_eq!(task.await.unwrap(), 55);
}

#[tokio::test(start_paused = true)]
async fn graceful_shutdown_by_watch_and_select() {
    let (stop, stopped) = watch::channel(false);
    let served = Arc::new(Mutex::new(Vec::new()));
    let workers: Vec<_> = (0..3)
        .map(|worker| {
            let (mut stopped, served) = (stopped.clone(), served.clone());
            tokio::spawn(async move {
                let mut ticks = tokio::time::interval(Duration::from_millis(10));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                loop {
                    tokio::select! {
                        biased;
                        _ = stopped.changed() => break,
                        at = ticks.tick() => served.lock().await.push((worker, at)),
                    }
                }
            })
        })
        .collect();
    let start = Instant::now();
    tokio::time::sleep(Duration::from_millis(45)).await;
    stop.send(true).unwrap();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::from_millis(45));
    // At 0, 10, 20, 30 and 40 ms.
    assert_eq!(served.lock().await.len(), 3 * 5);
}

#[tokio::test]
async fn limits_broadcasts_and_time_outs() {
    let permits = Arc::new(Semaphore::new(2));
    let (news, _) = broadcast::channel(16);
    let started = Arc::new(Barrier::new(5));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (permits, mut news, started) = (permits.clone(), news.subscribe(), started.clone());
            tokio::spawn(async move {
                started.wait().await;
                let _permit = permits.acquire_owned().await.unwrap();
                news.recv().await.unwrap()
            })
        })
        .collect();
    started.wait().await;
    news.send("hello").unwrap();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), "hello");
    }
    let never = tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>());
    assert!(never.await.is_err());
    let (one, two) = tokio::join!(async { 1 }, tokio::task::spawn_blocking(|| 2));
    assert_eq!((one, two.unwrap()), (1, 2));
    let failed: Result<((), ()), &str> = tokio::try_join!(async { Ok(()) }, async { Err("no") });
    assert_eq!(failed, Err("no"));
}

#[test]
fn runtimes_built_by_hand_locals_and_statics() {
    static CONFIG: OnceCell<u64> = OnceCell::const_new();
    tokio::task_local! {
        static REQUEST: u64;
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = LocalSet::new();
    let sum = local.block_on(&runtime, async {
        let shared = std::rc::Rc::new(RwLock::new(1));
        let theirs = shared.clone();
        let task = tokio::task::spawn_local(async move { *theirs.write().await += 1 });
        task.await.unwrap();
        let config = *CONFIG.get_or_init(|| async { 40 }).await;
        REQUEST.scope(config, async { REQUEST.get() + *shared.read().await }).await
    });
    assert_eq!(sum, 42);
    let notify = Arc::new(Notify::new());
    let notified = notify.clone();
    let waiting = runtime.spawn(async move { notified.notified().await });
    notify.notify_one();
    runtime.block_on(waiting).unwrap();
    let handle = runtime.handle().clone();
    assert_eq!(std::thread::spawn(move || handle.block_on(async { 7 })).join().unwrap(), 7);
    runtime.shutdown_timeout(Duration::from_secs(1));
}
