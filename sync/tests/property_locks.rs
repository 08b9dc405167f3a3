//! Random scripts on `Semaphore`, `Mutex` and `RwLock` against one model: a number of permits, and a queue.
//!
//! A request takes what is free if nobody waits; else it waits at the back. What comes free goes to the front,
//! also in part. A failure names the seed.

mod common;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use common::{Spawned, spawn};
use filch_primitives::rand::Rng;
use filch_sync::{Mutex, RwLock, Semaphore};

const SEEDS: u64 = if cfg!(miri) { 2 } else { 60 };
const STEPS: usize = if cfg!(miri) { 60 } else { 600 };

/// A request that waits.
struct Waiter {
    id: usize,
    asked: usize,
    needed: usize,
}

#[derive(Default)]
struct Model {
    free: usize,
    queue: VecDeque<Waiter>,
    /// Who has got everything, and was not polled since.
    granted: Vec<usize>,
}

impl Model {
    /// Whether a first poll gets everything at once.
    fn request(&mut self, id: usize, asked: usize) -> bool {
        if self.queue.is_empty() && self.free >= asked {
            self.free -= asked;
            return true;
        }
        // What is there is the front's already. (Nothing, if somebody waits.)
        let needed = asked - self.free;
        self.free = 0;
        self.queue.push_back(Waiter { id, asked, needed });
        false
    }

    fn release(&mut self, mut n: usize) {
        while let Some(front) = self.queue.front_mut() {
            let given = n.min(front.needed);
            front.needed -= given;
            n -= given;
            if front.needed > 0 {
                return;
            }
            self.granted.push(front.id);
            self.queue.pop_front();
        }
        self.free += n;
    }

    /// A request is given up.
    fn cancel(&mut self, id: usize, asked: usize) {
        if let Some(at) = self.granted.iter().position(|granted| *granted == id) {
            self.granted.remove(at);
            self.release(asked);
        } else {
            let at = self.queue.iter().position(|waiter| waiter.id == id).unwrap();
            let waiter = self.queue.remove(at).unwrap();
            self.release(waiter.asked - waiter.needed);
        }
    }
}

type Acquiring<G> = Spawned<Pin<Box<dyn Future<Output = G>>>>;

/// Runs a script on something with `permits`, of which requests take one of `sizes`.
fn check<G: 'static>(
    permits: usize,
    sizes: &[usize],
    make: impl Fn() -> Box<dyn Fn(usize) -> Pin<Box<dyn Future<Output = G>>>>,
) {
    for seed in 1..=SEEDS {
        let rng = Rng::new(seed);
        let below = |n: usize| rng.below(n as u32) as usize;
        let acquire = make();
        let mut model = Model { free: permits, ..Model::default() };
        let mut waiting: Vec<(usize, usize, Acquiring<G>)> = Vec::new();
        let mut held: Vec<(usize, G)> = Vec::new();
        for id in 0..STEPS {
            match below(8) {
                0..3 => {
                    let asked = sizes[below(sizes.len())];
                    let mut future = spawn(acquire(asked));
                    let outcome = future.poll();
                    assert_eq!(outcome.is_ready(), model.request(id, asked), "seed {seed}");
                    match outcome {
                        std::task::Poll::Ready(guard) => held.push((asked, guard)),
                        std::task::Poll::Pending => waiting.push((id, asked, future)),
                    }
                }
                3..6 if !held.is_empty() => {
                    let (n, guard) = held.swap_remove(below(held.len()));
                    drop(guard);
                    model.release(n);
                }
                6 if !waiting.is_empty() => {
                    let (id, asked, future) = waiting.remove(below(waiting.len()));
                    drop(future);
                    model.cancel(id, asked);
                }
                7 => {
                    for (_, _, future) in &mut waiting {
                        // A poll more changes nothing.
                        if future.wakes() == 0 {
                            assert!(future.is_pending(), "seed {seed}");
                        }
                    }
                }
                _ => {}
            }
            // Exactly those who were granted have been woken.
            for (id, _, future) in &waiting {
                let is_granted = model.granted.contains(id);
                assert_eq!(future.wakes(), usize::from(is_granted), "seed {seed}");
            }
            if below(3) == 0 {
                for id in model.granted.drain(..) {
                    let at = waiting.iter().position(|(waiting, ..)| *waiting == id).unwrap();
                    let (_, asked, mut future) = waiting.remove(at);
                    held.push((asked, future.ready()));
                }
            }
        }
    }
}

#[test]
fn semaphore_agrees_with_the_model() {
    check(5, &[1, 1, 2, 3, 5], || {
        let semaphore = Arc::new(Semaphore::new(5));
        Box::new(move |n| {
            let semaphore = semaphore.clone();
            Box::pin(async move { semaphore.acquire_many_owned(n as u32).await.unwrap() })
        })
    });
}

#[test]
fn mutex_agrees_with_the_model() {
    check(1, &[1], || {
        let mutex = Arc::new(Mutex::new(0));
        Box::new(move |_| Box::pin(mutex.clone().lock_owned()))
    });
}

#[test]
fn rwlock_agrees_with_the_model() {
    /// Either right.
    enum Guard {
        Read { _guard: filch_sync::OwnedRwLockReadGuard<u8> },
        Write { _guard: filch_sync::OwnedRwLockWriteGuard<u8> },
    }
    check(3, &[1, 1, 3], || {
        let lock = Arc::new(RwLock::with_max_readers(0, 3));
        Box::new(move |n| {
            let lock = lock.clone();
            Box::pin(async move {
                match n {
                    1 => Guard::Read { _guard: lock.read_owned().await },
                    _ => Guard::Write { _guard: lock.write_owned().await },
                }
            })
        })
    });
}

/// The model itself can refuse: it does not agree with a semaphore of another size.
#[test]
#[should_panic(expected = "seed 1")]
fn another_number_of_permits_is_noticed() {
    check(5, &[1, 2], || {
        let semaphore = Arc::new(Semaphore::new(4));
        Box::new(move |n| {
            let semaphore = semaphore.clone();
            Box::pin(async move { semaphore.acquire_many_owned(n as u32).await.unwrap() })
        })
    });
}
