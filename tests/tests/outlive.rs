//! What outlives its runtime does nothing, or gives an error; it neither hangs nor touches what is gone.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream, UdpSocket};
use filch::runtime::Handle;
use filch::sync::{mpsc, oneshot};
use filch::task::{self, AbortHandle, JoinHandle};
use filch_tests::count::{Count, forever, poll_once};
use filch_tests::panics::caught;
use filch_tests::runtimes::{Kind, block_on_elsewhere};

/// Gives away the waker of its task.
struct GiveWaker {
    to: Arc<Mutex<Vec<Waker>>>,
    clones: usize,
}

impl Future for GiveWaker {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut wakers = self.to.lock().unwrap();
        wakers.extend((0..self.clones).map(|_| cx.waker().clone()));
        Poll::Pending
    }
}

#[test]
fn wakers_do_nothing() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let wakers = Arc::new(Mutex::new(Vec::new()));
        let drops = Count::new();
        for _ in 0..10 {
            let (give, guard) = (GiveWaker { to: wakers.clone(), clones: 4 }, drops.on_drop());
            runtime.spawn(async move {
                let _guard = guard;
                give.await;
            });
        }
        while wakers.lock().unwrap().len() < 40 {
            runtime.block_on(task::yield_now());
        }
        drop(runtime);
        assert_eq!(drops.get(), 10, "{kind:?}: with the runtime, not with the waker");
        let wakers = std::mem::take(&mut *wakers.lock().unwrap());
        for (n, waker) in wakers.into_iter().enumerate() {
            match n % 4 {
                0 => waker.wake(),
                1 => waker.wake_by_ref(),
                2 => drop(waker.clone()),
                _ => {
                    // On another thread, the last reference.
                    std::thread::spawn(move || {
                        waker.wake_by_ref();
                        drop(waker);
                    })
                    .join()
                    .unwrap();
                }
            }
        }
        assert_eq!(drops.get(), 10, "{kind:?}");
    }
}

#[test]
fn waker_of_block_on_does_nothing_after_it() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let wakers = Arc::new(Mutex::new(Vec::new()));
        let mut give = GiveWaker { to: wakers.clone(), clones: 2 };
        runtime.block_on(std::future::poll_fn(|cx| {
            let _ = Pin::new(&mut give).poll(cx);
            Poll::Ready(())
        }));
        let [first, second] = <[Waker; 2]>::try_from(std::mem::take(&mut *wakers.lock().unwrap()))
            .expect("two wakers");
        first.wake();
        assert_eq!(runtime.block_on(async { 1 }), 1, "{kind:?}");
        drop(runtime);
        second.wake_by_ref();
    }
}

#[test]
fn join_and_abort_handles_say_cancelled() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let drops = Count::new();
        let polls = Count::new();
        let mut pending: JoinHandle<()> = runtime.spawn(forever(&polls, drops.on_drop()));
        let idle = runtime.spawn(forever(&polls, drops.on_drop()));
        let abort: AbortHandle = idle.abort_handle();
        assert!(poll_once(&mut pending).is_pending());
        drop(runtime);
        assert!(pending.is_finished() && abort.is_finished(), "{kind:?}");
        abort.abort();
        pending.abort();
        drop(idle);
        assert!(block_on_elsewhere(pending).unwrap_err().is_cancelled(), "{kind:?}");
        assert_eq!(drops.get(), 2, "{kind:?}");
        drop(abort);
    }
}

#[test]
fn join_handle_that_is_awaited_elsewhere_is_woken_by_the_shutdown() {
    for kind in Kind::ALL {
        let (runtime, other) = (kind.runtime(), Kind::Workers.runtime());
        let pending = runtime.spawn(std::future::pending::<()>());
        let (awaits, is_awaited) = oneshot::channel();
        let waiter = other.spawn(async move {
            let mut pending = pending;
            assert!(poll_once(&mut pending).is_pending());
            awaits.send(()).unwrap();
            pending.await.unwrap_err().is_cancelled()
        });
        other.block_on(is_awaited).unwrap();
        drop(runtime);
        assert!(other.block_on(waiter).unwrap(), "{kind:?}");
    }
}

#[test]
fn handle_answers_and_enters_and_cancels_what_it_spawns() {
    for kind in Kind::ALL {
        let runtime = kind.builder().name("late").build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        assert_eq!(handle.name(), Some("late"));
        assert_eq!(handle.metrics().num_alive_tasks(), 0);
        assert!(format!("{handle:?}").contains("late"));
        let _entered = handle.enter();
        assert_eq!(Handle::current().id(), handle.id());
        assert!(block_on_elsewhere(filch::spawn(async {})).unwrap_err().is_cancelled());
        // A future that needs no driver may still be blocked on.
        assert_eq!(handle.block_on(async { 2 }), 2, "{kind:?}");
    }
}

#[test]
#[expect(clippy::async_yields_async, reason = "the sleep is polled after the runtime's end")]
fn sleeps_panic_and_say_why() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let handle = runtime.handle().clone();
        let sleep = || Box::pin(filch::time::sleep(Duration::from_secs(3600)));
        let (unpolled, mut armed) = {
            let _entered = runtime.enter();
            (sleep(), sleep())
        };
        assert!(poll_once(&mut armed).is_pending());
        let also_armed = runtime.block_on(async {
            let task = filch::spawn(async move {
                let mut mine = sleep();
                assert!(poll_once(&mut mine).is_pending());
                mine
            });
            task.await.unwrap()
        });
        drop(runtime);
        for mut sleep in [armed, also_armed, unpolled] {
            let panic = caught(|| poll_once(&mut sleep));
            assert!(panic.message.contains("shut down"), "{kind:?} {panic:?}");
        }
        let _entered = handle.enter();
        let panic = caught(AssertUnwindSafe(|| poll_once(&mut sleep())));
        assert!(panic.message.contains("shut down"), "{kind:?} {panic:?}");
    }
}

#[test]
fn task_elsewhere_that_sleeps_on_a_dead_runtime_is_woken_and_panics() {
    filch_tests::panics::install_hook();
    for kind in Kind::ALL {
        let (runtime, other) = (kind.runtime(), Kind::Workers.runtime());
        let mut sleep = {
            let _entered = runtime.enter();
            Box::pin(filch::time::sleep(Duration::from_secs(3600)))
        };
        let (armed, is_armed) = oneshot::channel();
        let sleeper = other.spawn(async move {
            let mut armed = Some(armed);
            std::future::poll_fn(|cx| {
                let polled = sleep.as_mut().poll(cx);
                if let Some(armed) = armed.take() {
                    armed.send(()).unwrap();
                }
                polled
            })
            .await;
        });
        other.block_on(is_armed).unwrap();
        drop(runtime);
        let error = other.block_on(sleeper).unwrap_err();
        let text = filch_tests::panics::message(&*error.into_panic());
        assert!(text.contains("shut down"), "{kind:?} {text}");
    }
}

#[test]
fn sockets_give_errors_and_wake_who_waits() {
    for kind in Kind::ALL {
        let (runtime, other) = (kind.runtime(), Kind::Workers.runtime());
        let (listener, mut client, mut server, udp) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            (listener, client, server, UdpSocket::bind("127.0.0.1:0").await.unwrap())
        });
        let (waits, waiting) = std::sync::mpsc::channel();
        let waiter = other.spawn(async move {
            let mut buffer = [0; 8];
            let mut read = Box::pin(server.read(&mut buffer));
            let mut waits = Some(waits);
            std::future::poll_fn(move |cx| {
                let polled = read.as_mut().poll(cx);
                if let Some(waits) = waits.take() {
                    waits.send(()).unwrap();
                }
                polled
            })
            .await
        });
        waiting.recv_timeout(filch_tests::PATIENCE).unwrap();
        drop(runtime);
        assert!(other.block_on(waiter).unwrap().is_err(), "{kind:?}: woken with an error");
        other.block_on(async {
            assert!(listener.accept().await.is_err(), "{kind:?}");
            assert!(client.read(&mut [0; 8]).await.is_err(), "{kind:?}");
            assert!(udp.recv(&mut [0; 8]).await.is_err(), "{kind:?}");
            // Whatever writing gives: it ends.
            let _ = client.write(b"late").await;
        });
    }
}

#[test]
fn channels_work_on() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (sender, mut receiver) = mpsc::channel::<usize>(4);
        let inside = sender.clone();
        runtime.block_on(runtime.spawn(async move { inside.send(1).await.unwrap() })).unwrap();
        drop(runtime);
        block_on_elsewhere(async {
            sender.send(2).await.unwrap();
            drop(sender);
            assert_eq!(receiver.recv().await, Some(1));
            assert_eq!(receiver.recv().await, Some(2));
            assert_eq!(receiver.recv().await, None, "{kind:?}");
        });
    }
}

#[test]
fn guard_and_handle_are_dropped_last() {
    let runtime = Kind::Workers.runtime();
    let handle = runtime.handle().clone();
    let guard = handle.enter();
    drop(runtime);
    drop(guard);
    assert!(Handle::try_current().is_err());
    // Out of order is a panic, and the guards made before still hold.
    let (first, second) = (Kind::CurrentThread.runtime(), Kind::CurrentThread.runtime());
    let outer = first.enter();
    let inner = second.enter();
    let panic = caught(|| drop(outer));
    assert!(panic.message.contains("reverse order"), "{panic:?}");
    assert_eq!(Handle::current().id(), second.handle().id());
    drop(inner);
}
