//! Wakes that race the end of what they wake: the task completes and is freed, the set or the whole runtime goes
//! away, while a thread is still inside of `wake`.
//!
//! Two classes of advisories: a schedule function that touches what it shares after it has published the task,
//! and wakers that are used after the runtime. The models: loom-tests/tests/shutdown.rs and task_state.rs. These
//! run on the real queues and drivers, best under a sanitizer (docs/sanitizers.md).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use filch::runtime::{LocalRuntime, Runtime};
use filch::task::{LocalSet, spawn_local, yield_now};
use filch_tests::PATIENCE;
use filch_tests::count::{Count, OnDrop};
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::{End, Kind};

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind(
        "nothing_is_left_behind",
        || drop(Kind::Workers.runtime()),
        &[
            task_is_freed_during_the_wake_that_completes_it,
            runtime_ends_during_wakes,
            local_tasks_home_ends_during_wakes,
            block_on_returns_during_its_wake,
        ],
    );
}

/// Gives its waker away at its first poll, and is ready when it was told so.
struct Once {
    give: Option<mpsc::Sender<Waker>>,
    is_ready: Arc<AtomicBool>,
    _on_drop: OnDrop,
}

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(give) = self.give.take() {
            give.send(cx.waker().clone()).unwrap();
        }
        match self.is_ready.load(Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// The wake consumes the last reference but the queue's: the worker frees the task as soon as it has polled it.
#[test]
fn task_is_freed_during_the_wake_that_completes_it() {
    const ROUNDS: usize = 300;
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let drops = Count::new();
        let (give, wakers) = mpsc::channel::<Waker>();
        let is_ready = Arc::new(AtomicBool::new(false));
        for _ in 0..ROUNDS {
            let (give, is_ready) = (Some(give.clone()), is_ready.clone());
            drop(runtime.spawn(Once { give, is_ready, _on_drop: drops.on_drop() }));
        }
        while runtime.metrics().num_alive_tasks() < ROUNDS {
            runtime.block_on(yield_now());
        }
        let waking = thread::spawn(move || {
            for _ in 0..ROUNDS {
                make_ready_and_wake(wakers.recv_timeout(PATIENCE).unwrap(), &is_ready);
            }
        });
        while drops.get() < ROUNDS {
            runtime.block_on(yield_now());
        }
        waking.join().unwrap();
        assert_eq!(drops.get(), ROUNDS, "{kind:?}");
    }
}

fn make_ready_and_wake(waker: Waker, is_ready: &AtomicBool) {
    is_ready.store(true, Ordering::Relaxed);
    waker.wake();
}

/// Never ready; gives a number of wakers away.
async fn give_wakers(count: usize, give: mpsc::Sender<Waker>, guard: OnDrop) {
    let _guard = guard;
    poll_fn(|cx| {
        for _ in 0..count {
            // The receiver is gone when its thread has seen enough.
            let _ = give.send(cx.waker().clone());
        }
        Poll::<()>::Pending
    })
    .await
}

/// Threads that wake, clone and drop the wakers that come, all at once with `start`, and go on until they are gone.
fn waking_threads(start: &Arc<Barrier>) -> (Vec<mpsc::Sender<Waker>>, Vec<thread::JoinHandle<()>>) {
    (0..2)
        .map(|number| {
            let (give, wakers) = mpsc::channel::<Waker>();
            let start = start.clone();
            let thread = thread::spawn(move || {
                start.wait();
                let wakers: Vec<Waker> = wakers.try_iter().collect();
                assert!(!wakers.is_empty());
                for waker in &wakers {
                    waker.wake_by_ref();
                }
                for (n, waker) in wakers.into_iter().enumerate() {
                    match (n + number) % 3 {
                        0 => waker.wake(),
                        1 => drop((waker.clone(), waker)),
                        _ => drop(waker),
                    }
                }
            });
            (give, thread)
        })
        .unzip()
}

#[test]
fn runtime_ends_during_wakes() {
    for kind in Kind::ALL {
        for end in End::ALL {
            for _ in 0..10 {
                let runtime = kind.runtime();
                let drops = Count::new();
                let start = Arc::new(Barrier::new(3));
                let (gives, threads) = waking_threads(&start);
                spawn_tasks(&runtime, &gives, &drops);
                start.wait();
                end.end(runtime);
                for thread in threads {
                    thread.join().unwrap();
                }
                // In the background the last worker may be on its way still.
                drops.wait_for(20);
            }
        }
    }
}

fn spawn_tasks(runtime: &Runtime, gives: &[mpsc::Sender<Waker>], drops: &Count) {
    let polled = Count::new();
    for n in 0..20 {
        let mut future = Box::pin(give_wakers(4, gives[n % 2].clone(), drops.on_drop()));
        let polled = polled.clone();
        let mut first = true;
        drop(runtime.spawn(poll_fn(move |cx| {
            let result = future.as_mut().poll(cx);
            if std::mem::take(&mut first) {
                polled.add();
            }
            result
        })));
    }
    while polled.get() < 20 {
        runtime.block_on(yield_now());
    }
}

#[test]
fn local_tasks_home_ends_during_wakes() {
    for set in [true, false] {
        for _ in 0..20 {
            let drops = Count::new();
            let start = Arc::new(Barrier::new(3));
            let (gives, threads) = waking_threads(&start);
            let spawn = async {
                for n in 0..20 {
                    let guard = drops.on_drop_here();
                    drop(spawn_local(give_wakers(4, gives[n % 2].clone(), guard)));
                }
                yield_now().await;
                yield_now().await;
            };
            if set {
                let runtime = Kind::CurrentThread.runtime();
                let home = LocalSet::new();
                home.block_on(&runtime, spawn);
                start.wait();
                drop(home);
            } else {
                let home = LocalRuntime::new().unwrap();
                home.block_on(spawn);
                start.wait();
                drop(home);
            }
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(drops.get(), 20, "set: {set}");
        }
    }
}

/// The waker of `block_on` belongs to the runtime or to the thread; both may be gone when its wake returns.
#[test]
fn block_on_returns_during_its_wake() {
    for kind in Kind::ALL {
        for _ in 0..100 {
            let (give, wakers) = mpsc::channel::<Waker>();
            let is_ready = Arc::new(AtomicBool::new(false));
            let drops = Count::new();
            let future =
                Once { give: Some(give), is_ready: is_ready.clone(), _on_drop: drops.on_drop() };
            let blocked = thread::spawn(move || {
                let runtime = kind.runtime();
                runtime.block_on(future);
                drop(runtime);
            });
            make_ready_and_wake(wakers.recv_timeout(PATIENCE).unwrap(), &is_ready);
            blocked.join().unwrap();
            assert_eq!(drops.get(), 1, "{kind:?}");
        }
    }
}
