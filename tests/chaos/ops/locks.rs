//! Locks and notification: what they protect is protected, and what an aborted task held comes back.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Context as TaskContext, Waker};
use std::time::Duration;

use filch::sync::{Barrier, Mutex, Notify, RwLock, Semaphore};

use crate::books::tally;
use crate::context::{Context, dither};
use crate::life::{Ended, Spawned};
use crate::random::Random;

pub async fn run(context: &Context, mut random: Random) {
    match random.below(5) {
        0 => semaphore(context, random).await,
        1 => mutex(context, random).await,
        2 => read_write(context, random).await,
        3 => baton(context, random).await,
        _ => barrier(context, random).await,
    }
}

/// Starts tasks, aborts some of them in the middle, and waits for all.
async fn some_aborted(tasks: Vec<Spawned>, mut random: Random) {
    for task in &tasks {
        if random.one_in(4) {
            dither(&mut random).await;
            task.abort();
        }
    }
    for task in tasks {
        task.join().await;
    }
}

/// Notes who is inside, and how many that may be.
struct Inside(Arc<AtomicU64>, u64);

impl Inside {
    fn enter(context: &Context, count: &Arc<AtomicU64>, weight: u64, most: u64) -> Inside {
        let now = count.fetch_add(weight, SeqCst) + weight;
        if now > most {
            context.fault(format!("{now} inside of what holds {most}"));
        }
        tally("locks taken");
        Inside(count.clone(), weight)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, SeqCst);
    }
}

async fn semaphore(context: &Context, mut random: Random) {
    let permits = random.between(1, 5);
    let semaphore = Arc::new(Semaphore::new(permits as usize));
    let inside = Arc::new(AtomicU64::new(0));
    let tasks = (0..random.between(2, 24))
        .map(|_| {
            let (context, semaphore, inside) = (context.clone(), semaphore.clone(), inside.clone());
            let mut random = Random::new(random.next());
            context.clone().spawn(async move {
                for _ in 0..random.between(1, 8) {
                    let weight = random.between(1, permits);
                    let wait = Duration::from_micros(random.below(500));
                    let acquire = semaphore.acquire_many(weight as u32);
                    // Some give up and come again.
                    let held = match filch::time::timeout(wait, acquire).await {
                        Ok(held) => held,
                        Err(_) => semaphore.acquire_many(weight as u32).await,
                    };
                    let Ok(_held) = held else {
                        return context.fault("nobody closes this semaphore".to_owned());
                    };
                    let _inside = Inside::enter(&context, &inside, weight, permits);
                    dither(&mut random).await;
                }
            })
        })
        .collect();
    some_aborted(tasks, random).await;
    let left = semaphore.available_permits() as u64;
    if left != permits {
        context.fault(format!("{left} of {permits} permits came back"));
    }
}

async fn mutex(context: &Context, mut random: Random) {
    let mutex = Arc::new(Mutex::new(()));
    let inside = Arc::new(AtomicU64::new(0));
    let tasks = (0..random.between(2, 16))
        .map(|_| {
            let (context, mutex, inside) = (context.clone(), mutex.clone(), inside.clone());
            let mut random = Random::new(random.next());
            context.clone().spawn(async move {
                for _ in 0..random.between(1, 8) {
                    let _held = mutex.lock().await;
                    let _inside = Inside::enter(&context, &inside, 1, 1);
                    dither(&mut random).await;
                }
            })
        })
        .collect();
    some_aborted(tasks, random).await;
    if mutex.try_lock().is_err() {
        context.fault("a mutex is held by nobody".to_owned());
    }
}

async fn read_write(context: &Context, mut random: Random) {
    const MOST: u64 = 1 << 20;
    let lock = Arc::new(RwLock::new(0_u64));
    let inside = Arc::new(AtomicU64::new(0));
    let tasks = (0..random.between(2, 16))
        .map(|n| {
            let (context, lock, inside) = (context.clone(), lock.clone(), inside.clone());
            let mut random = Random::new(random.next());
            context.clone().spawn(async move {
                for _ in 0..random.between(1, 8) {
                    if n % 3 == 0 {
                        let mut held = lock.write().await;
                        // A writer weighs as much as may be inside.
                        let _inside = Inside::enter(&context, &inside, MOST, MOST);
                        *held += 1;
                        dither(&mut random).await;
                    } else {
                        let _held = lock.read().await;
                        let _inside = Inside::enter(&context, &inside, 1, MOST);
                        dither(&mut random).await;
                    }
                }
            })
        })
        .collect();
    some_aborted(tasks, random).await;
    if lock.try_write().is_err() {
        context.fault("a read-write lock is held by nobody".to_owned());
    }
}

/// One notification that goes from task to task: whoever is aborted with it hands it on.
async fn baton(context: &Context, mut random: Random) {
    let notify = Arc::new(Notify::new());
    let tasks: Vec<_> = (0..random.between(2, 24))
        .map(|_| {
            let (notify, mut random) = (notify.clone(), Random::new(random.next()));
            context.spawn(async move {
                for _ in 0..random.between(1, 6) {
                    dither(&mut random).await;
                    notify.notified().await;
                    tally("notifications");
                    notify.notify_one();
                }
            })
        })
        .collect();
    notify.notify_one();
    some_aborted(tasks, random).await;
    let mut notified = pin!(notify.notified());
    if notified.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending() {
        context.fault("a notification was lost".to_owned());
    }
}

async fn barrier(context: &Context, mut random: Random) {
    let count = random.between(1, 8);
    let barrier = Arc::new(Barrier::new(count as usize));
    let rounds = random.between(1, 8);
    let leaders = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (barrier, leaders) = (barrier.clone(), leaders.clone());
            let mut random = Random::new(random.next());
            context.spawn(async move {
                for _ in 0..rounds {
                    dither(&mut random).await;
                    if barrier.wait().await.is_leader() {
                        leaders.fetch_add(1, SeqCst);
                        tally("barriers passed");
                    }
                }
            })
        })
        .collect();
    let mut all_passed = true;
    for task in tasks {
        // Nobody aborts one; the runtime may end.
        all_passed &= task.join().await == Ended::Finished;
    }
    let leaders = leaders.load(SeqCst);
    if all_passed && leaders != rounds {
        context.fault(format!("{leaders} leaders in {rounds} rounds of a barrier"));
    }
}
