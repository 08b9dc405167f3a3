//! `mem::forget` of what a destructor would have undone: timers, waits for readiness, join handles, guards.
//! It costs what was forgotten, and nobody else anything; nothing that the runtime frees is touched again.
//!
//! A class of advisories: what is sound only because a destructor runs is not sound. (The futures and guards of
//! `sync` alone: sync/tests/forgotten.rs. Scopes: scope_cancel.rs.)

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use filch::net::{TcpListener, TcpStream, UdpSocket};
use filch::sync::oneshot;
use filch::task::{JoinSet, LocalSet, spawn_local, yield_now};
use filch::time::{self, sleep, timeout};
use filch_tests::count::{Count, forever};
use filch_tests::forgotten::{forget, forget_pending};
use filch_tests::process::{alone, wait_until_no_thread_is_named};
use filch_tests::runtimes::{End, Kind, assert_all_workers_run, each_runtime};

struct CountWakes(Count);

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

fn counting(wakes: &Count) -> Waker {
    Waker::from(Arc::new(CountWakes(wakes.clone())))
}

/// No descriptors: a forgotten sleep holds its runtime's driver, and keeps it open.
#[test]
fn no_thread_is_left_behind() {
    alone("no_thread_is_left_behind", || {
        forgotten_timers_fire_among_the_others();
        forgotten_timers_are_woken_by_the_end_of_their_runtime();
        forgotten_waits_for_readiness_outlive_their_socket();
        task_of_a_forgotten_handle_goes_on();
        forgotten_join_set_cancels_nothing();
        forgotten_local_set_keeps_its_tasks();
        wait_until_no_thread_is_named("filch-");
    });
}

#[test]
fn forgotten_timers_fire_among_the_others() {
    Kind::CurrentThread.runtime().block_on(async {
        time::pause();
        let wakes = Count::new();
        let ms = Duration::from_millis;
        for n in 1..=100 {
            forget_pending(sleep(ms(n)), &counting(&wakes));
            forget_pending(timeout(ms(n), std::future::pending::<()>()), &counting(&wakes));
        }
        time::advance(ms(50)).await;
        yield_now().await;
        assert_eq!(wakes.get(), 100);
        sleep(ms(60)).await;
        assert_eq!(wakes.get(), 200);
    });
}

#[test]
fn forgotten_timers_are_woken_by_the_end_of_their_runtime() {
    for kind in Kind::ALL {
        for end in [End::Drop, End::Timeout, End::Grace] {
            let runtime = kind.runtime();
            let wakes = Count::new();
            let hour = Duration::from_secs(3600);
            {
                let _entered = runtime.enter();
                forget_pending(sleep(hour), &counting(&wakes));
            }
            // On a worker's own shard.
            let waker = counting(&wakes);
            let task = runtime.spawn(async move { forget_pending(sleep(hour), &waker) });
            runtime.block_on(task).unwrap();
            end.end(runtime);
            assert_eq!(wakes.get(), 2, "{kind:?} {end:?}");
        }
    }
}

#[test]
fn forgotten_waits_for_readiness_outlive_their_socket() {
    each_runtime(|| async {
        let wakes = Count::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        for _ in 0..10 {
            let client = TcpStream::connect(at).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            // In the list of waiters, in front of one that is dropped in an orderly way.
            forget_pending(server.readable(), &counting(&wakes));
            forget_pending(server.readable(), &counting(&wakes));
            drop(timeout(Duration::ZERO, server.readable()).await);
            // The slot is used again by the next socket, and the node of the wait was in its list.
            drop((server, client));
        }
        assert_eq!(wakes.get(), 20, "each is woken when its socket goes");
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        forget_pending(socket.readable(), &counting(&wakes));
        let mut buffer = [0; 1];
        socket.send_to(b"x", socket.local_addr().unwrap()).await.unwrap();
        assert_eq!(socket.recv(&mut buffer).await.unwrap(), 1, "an event reaches those who live");
        assert_eq!(wakes.get(), 21);
    });
}

#[test]
fn task_of_a_forgotten_handle_goes_on() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (polls, drops) = (Count::new(), Count::new());
        let (done, is_done) = oneshot::channel();
        let output = drops.on_drop();
        forget(runtime.spawn(async move {
            yield_now().await;
            done.send(()).unwrap();
            output
        }));
        forget(runtime.spawn(forever(&polls, drops.on_drop())).abort_on_drop());
        forget(runtime.spawn_blocking(|| ()));
        let mut awaited = runtime.spawn(std::future::pending::<()>());
        let wakes = Count::new();
        forget_pending(&mut awaited, &counting(&wakes));
        awaited.abort();
        forget(awaited);
        runtime.block_on(is_done).unwrap();
        assert_all_workers_run(&runtime);
        drop(runtime);
        assert_eq!(wakes.get(), 1, "{kind:?}");
        // The output of the first is kept for a handle that nobody has.
        assert_eq!(drops.get(), 1, "{kind:?}: the future that was pending");
    }
}

#[test]
fn forgotten_join_set_cancels_nothing() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (polls, drops) = (Count::new(), Count::new());
        let (done, is_done) = oneshot::channel();
        let mut set = JoinSet::new();
        set.spawn_on(forever(&polls, drops.on_drop()), runtime.handle());
        set.spawn_on(async move { done.send(()).unwrap() }, runtime.handle());
        forget(set);
        runtime.block_on(is_done).unwrap();
        assert_eq!(drops.get(), 0, "{kind:?}");
        drop(runtime);
        assert_eq!(drops.get(), 1, "{kind:?}: the runtime's end cancels it");
    }
}

#[test]
fn forgotten_local_set_keeps_its_tasks() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let drops = Count::new();
        let set = LocalSet::new();
        let (wake, woken) = oneshot::channel::<()>();
        set.block_on(&runtime, async {
            let guard = drops.on_drop_here();
            drop(spawn_local(async move {
                let _guard = guard;
                let _ = woken.await;
            }));
            yield_now().await;
        });
        forget(set);
        // A wake of a set that nobody polls any more, from a thread that is not its own.
        std::thread::spawn(move || wake.send(()).unwrap()).join().unwrap();
        drop(runtime);
        assert_eq!(drops.get(), 0, "{kind:?}");
    }
}
