//! The cooperative budget: whatever is always ready yields in the end, after 128 operations at most.
//!
//! One test a group of leaf futures; each names its futures, so that a new one that spends nothing is
//! found by adding a line.

use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream, UdpSocket};
use filch::runtime::Handle;
use filch::sync::{
    Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast,
    mpsc, oneshot, watch,
};
use filch::task::{self, JoinMap, JoinSet, LocalSet, coop};
use filch::time;
use filch_tests::count::Count;
use filch_tests::runtimes::Kind;

/// Units a poll.
const BUDGET: usize = 128;

/// More than any number of operations in a poll.
const MANY: usize = 4 * BUDGET;

/// Polls a future once, in the poll of the task that calls it.
async fn once<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// How many operations, all ready, one poll of this task can do.
async fn operations_in_a_poll(mut op: impl AsyncFnMut()) -> usize {
    task::yield_now().await;
    let mut done = 0;
    while done < MANY && once(op()).await.is_ready() {
        done += 1;
    }
    done
}

/// Checks that `op` yields in the end because the budget is spent, and that it goes on after that.
async fn yields(what: &str, mut op: impl AsyncFnMut()) {
    // A socket learns of what is there already by its first event.
    op().await;
    let done = operations_in_a_poll(&mut op).await;
    assert!((1..=BUDGET).contains(&done), "{what}: {done} operations in one poll");
    assert!(!coop::has_budget_remaining(), "{what} was not ready");
    task::yield_now().await;
    op().await;
}

fn run(test: impl Future<Output = ()>) {
    Kind::CurrentThread.runtime().block_on(test);
}

#[test]
fn channels_for_many_values() {
    run(async {
        let (sender, mut receiver) = mpsc::channel(MANY);
        yields("mpsc::Sender::send", async || sender.send(1).await.unwrap()).await;
        yields("mpsc::Sender::reserve", async || drop(sender.reserve().await.unwrap())).await;
        yields("mpsc::Sender::reserve_many", async || {
            drop(sender.reserve_many(2).await.unwrap());
        })
        .await;
        yields("mpsc::Sender::reserve_owned", async || {
            drop(sender.clone().reserve_owned().await.unwrap());
        })
        .await;
        yields("mpsc::Receiver::recv", async || {
            let _ = sender.try_send(1);
            receiver.recv().await.unwrap();
        })
        .await;
        yields("mpsc::Receiver::recv_many", async || {
            let _ = sender.try_send(1);
            assert_eq!(receiver.recv_many(&mut Vec::new(), 1).await, 1);
        })
        .await;
        let (_, mut receiver) = mpsc::channel::<u8>(1);
        yields("mpsc::Receiver::recv, closed", async || {
            assert!(receiver.recv().await.is_none());
        })
        .await;

        let (sender, mut receiver) = mpsc::unbounded_channel();
        yields("mpsc::UnboundedReceiver::recv", async || {
            sender.send(1).unwrap();
            receiver.recv().await.unwrap();
        })
        .await;
        yields("mpsc::UnboundedReceiver::recv_many", async || {
            sender.send(1).unwrap();
            assert!(receiver.recv_many(&mut Vec::new(), 1).await > 0);
        })
        .await;
    });
}

#[test]
fn channels_for_one_value_or_the_newest() {
    run(async {
        yields("oneshot::Receiver", async || {
            let (sender, receiver) = oneshot::channel();
            sender.send(1).unwrap();
            receiver.await.unwrap();
        })
        .await;
        yields("oneshot::Sender::closed", async || {
            let (mut sender, _) = oneshot::channel::<u8>();
            sender.closed().await;
        })
        .await;
        let (sender, mut receiver) = broadcast::channel(4);
        yields("broadcast::Receiver::recv", async || {
            sender.send(1).unwrap();
            let _ = receiver.recv().await;
        })
        .await;
        let (sender, mut receiver) = watch::channel(0);
        yields("watch::Receiver::changed", async || {
            sender.send(1).unwrap();
            receiver.changed().await.unwrap();
        })
        .await;
        yields("watch::Receiver::wait_for", async || {
            drop(receiver.wait_for(|n| *n == 1).await.unwrap());
        })
        .await;
        drop(receiver);
        yields("watch::Sender::closed", async || sender.closed().await).await;
    });
}

#[test]
fn locks() {
    run(async {
        let mutex = Arc::new(Mutex::new(0));
        yields("Mutex::lock", async || drop(mutex.lock().await)).await;
        yields("Mutex::lock_owned", async || drop(mutex.clone().lock_owned().await)).await;
        let lock = Arc::new(RwLock::new(0));
        yields("RwLock::read", async || drop(lock.read().await)).await;
        yields("RwLock::write", async || drop(lock.write().await)).await;
        yields("RwLock::read_owned", async || drop(lock.clone().read_owned().await)).await;
        yields("RwLock::write_owned", async || drop(lock.clone().write_owned().await)).await;
        let semaphore = Arc::new(Semaphore::new(4));
        yields("Semaphore::acquire", async || drop(semaphore.acquire().await.unwrap())).await;
        yields("Semaphore::acquire_many", async || {
            drop(semaphore.acquire_many(3).await.unwrap());
        })
        .await;
        yields("Semaphore::acquire_owned", async || {
            drop(semaphore.clone().acquire_owned().await.unwrap());
        })
        .await;
        yields("Semaphore::acquire_many_owned", async || {
            drop(semaphore.clone().acquire_many_owned(2).await.unwrap());
        })
        .await;
        semaphore.close();
        yields("Semaphore::acquire, closed", async || {
            assert!(semaphore.acquire().await.is_err());
        })
        .await;
        let barrier = Barrier::new(1);
        yields("Barrier::wait", async || {
            let _ = barrier.wait().await;
        })
        .await;
    });
}

/// What is set, closed or cancelled for good costs nothing to ask for, and a notification is no operation but
/// the sign for one: as with tokio.
#[test]
fn signals_are_not_counted() {
    run(async {
        let notify = Notify::new();
        let notified = async || {
            notify.notify_one();
            notify.notified().await;
        };
        assert_eq!(operations_in_a_poll(notified).await, MANY);
        let (sender, _) = mpsc::channel::<u8>(1);
        assert_eq!(operations_in_a_poll(async || sender.closed().await).await, MANY);
        let (sender, _) = mpsc::unbounded_channel::<u8>();
        assert_eq!(operations_in_a_poll(async || sender.closed().await).await, MANY);
        let (sender, _) = broadcast::channel::<u8>(1);
        assert_eq!(operations_in_a_poll(async || sender.closed().await).await, MANY);
        let token = CancellationToken::new();
        token.cancel();
        assert_eq!(operations_in_a_poll(async || token.cancelled().await).await, MANY);
        let once_cell = OnceCell::new_with(Some(1));
        let get = async || {
            let _ = once_cell.get_or_init(async || 2).await;
        };
        assert_eq!(operations_in_a_poll(get).await, MANY);
        let set_once = SetOnce::new_with(Some(1));
        assert_eq!(
            operations_in_a_poll(async || {
                let _ = set_once.wait().await;
            })
            .await,
            MANY
        );
    });
}

#[test]
fn timers() {
    let runtime = Kind::CurrentThread.builder().start_paused(true).build().unwrap();
    runtime.block_on(async {
        yields("sleep", async || time::sleep(Duration::ZERO).await).await;
        let now = time::Instant::now();
        yields("sleep_until", async || time::sleep_until(now).await).await;
        yields("timeout", async || {
            assert!(time::timeout(Duration::ZERO, pending::<()>()).await.is_err());
        })
        .await;
        yields("timeout_at", async || {
            assert!(time::timeout_at(now, pending::<()>()).await.is_err());
        })
        .await;
        let mut interval = time::interval(Duration::from_millis(1));
        time::advance(Duration::from_secs(MANY as u64)).await;
        yields("Interval::tick", async || {
            let _ = interval.tick().await;
        })
        .await;
    });
}

#[test]
fn joining_tasks() {
    run(async {
        /// Waits until no task is left.
        async fn all_ended() {
            while Handle::current().metrics().num_alive_tasks() > 0 {
                task::yield_now().await;
            }
        }

        let mut handles: Vec<_> = (0..2 * MANY).map(|n| filch::spawn(async move { n })).collect();
        all_ended().await;
        yields("JoinHandle", async || {
            let _ = handles.pop().unwrap().await.unwrap();
        })
        .await;
        let mut set: JoinSet<_> = (0..2 * MANY).map(ready).collect();
        all_ended().await;
        yields("JoinSet::join_next", async || drop(set.join_next().await.unwrap())).await;
        yields("JoinSet::join_next_with_id", async || {
            drop(set.join_next_with_id().await.unwrap());
        })
        .await;
        let mut map = JoinMap::new();
        (0..2 * MANY).for_each(|n| map.spawn(n, ready(n)));
        all_ended().await;
        yields("JoinMap::join_next", async || drop(map.join_next().await.unwrap())).await;
    });
}

#[test]
fn memory_pipes_and_endless_readers() {
    run(async {
        let (mut one, mut other) = filch::io::duplex(MANY);
        yields("DuplexStream, writing", async || one.write_all(b"x").await.unwrap()).await;
        one.write_all(&[0; BUDGET]).await.unwrap();
        yields("DuplexStream, reading", async || {
            let _ = other.read_u8().await.unwrap();
        })
        .await;
        let mut byte = [0];
        let mut repeat = filch::io::repeat(1);
        yields("Repeat", async || {
            let _ = repeat.read(&mut byte).await.unwrap();
        })
        .await;
        let mut empty = filch::io::empty();
        yields("Empty", async || {
            let _ = empty.read(&mut byte).await.unwrap();
        })
        .await;
        let mut sink = filch::io::sink();
        yields("Sink", async || {
            let _ = sink.write(b"x").await.unwrap();
        })
        .await;
    });
}

#[test]
fn streams_of_bytes() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut one = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        one.set_nodelay(true).unwrap();
        yields("TcpStream, writing", async || one.write_all(b"x").await.unwrap()).await;
        one.write_all(&[0; 2 * MANY]).await.unwrap();
        let mut byte = [0];
        yields("TcpStream::peek", async || {
            let _ = other.peek(&mut byte).await.unwrap();
        })
        .await;
        yields("TcpStream, reading", async || {
            let _ = other.read_u8().await.unwrap();
        })
        .await;
        yields("TcpStream::readable", async || other.readable().await.unwrap()).await;
        yields("TcpStream::writable", async || other.writable().await.unwrap()).await;
    });
}

#[test]
fn connections_and_datagrams() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> =
            (0..BUDGET + 10).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        yields("TcpListener::accept", async || drop(listener.accept().await.unwrap())).await;
        drop(clients);

        let (one, other) = (
            UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        );
        one.connect(other.local_addr().unwrap()).await.unwrap();
        yields("UdpSocket::send", async || {
            let _ = one.send(b"x").await.unwrap();
        })
        .await;
        let to = other.local_addr().unwrap();
        yields("UdpSocket::send_to", async || {
            let _ = one.send_to(b"x", to).await.unwrap();
        })
        .await;
        let mut buf = [0; 8];
        yields("UdpSocket::recv_from", async || {
            // The one before was given: there is always one more.
            one.try_send(b"y").unwrap();
            let _ = other.recv_from(&mut buf).await.unwrap();
        })
        .await;
        yields("UdpSocket::peek_from", async || {
            let _ = other.peek_from(&mut buf).await.unwrap();
        })
        .await;
    });
}

#[test]
fn foreign_futures_take_part() {
    run(async {
        yields("coop::consume_budget", async || coop::consume_budget().await).await;
        yields("task::consume_budget", async || task::consume_budget().await).await;
        yields("coop::cooperative", async || coop::cooperative(ready(())).await).await;
        assert_eq!(operations_in_a_poll(async || ready(()).await).await, MANY);
        // Exactly the budget, a unit each.
        assert_eq!(operations_in_a_poll(async || coop::consume_budget().await).await, BUDGET);
    });
}

/// A future that makes no progress gives its unit back; one that does spends it once.
#[test]
fn units_are_given_back_unless_progress_was_made() {
    run(async {
        task::yield_now().await;
        for _ in 0..MANY {
            poll_fn(|cx| coop::poll_proceed(cx).map(drop)).await;
            assert!(once(coop::cooperative(pending::<()>())).await.is_pending());
            assert!(coop::has_budget_remaining());
        }
        let spend = async || {
            poll_fn(|cx| coop::poll_proceed(cx).map(|unit| unit.made_progress())).await;
        };
        assert_eq!(operations_in_a_poll(spend).await, BUDGET);
        let unit = once(poll_fn(coop::poll_proceed)).await;
        assert!(unit.is_pending() && !coop::has_budget_remaining());
    });
}

#[test]
fn a_spent_budget_wakes_the_task_once_and_others_run_in_between() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let (polls, others) = (Count::new(), Count::new());
            let (sender, mut receiver) = mpsc::unbounded_channel();
            (0..10 * BUDGET).for_each(|n| sender.send(n).unwrap());
            drop(sender);
            let greedy = filch_tests::count::count_polls(&polls, async move {
                let mut n = 0;
                while receiver.recv().await.is_some() {
                    n += 1;
                }
                n
            });
            let other = filch::spawn({
                let others = others.clone();
                async move {
                    loop {
                        others.add();
                        task::yield_now().await;
                    }
                }
            });
            assert_eq!(filch::spawn(greedy).await.unwrap(), 10 * BUDGET);
            // 1280 values and the end, 128 a poll.
            assert_eq!(polls.get(), 11, "{kind:?}");
            other.abort();
            assert!(others.get() > 0 || kind == Kind::Workers);
        });
    }
}

#[test]
fn unconstrained_is_not_counted_and_nests() {
    run(async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        (0..MANY).for_each(|n| sender.send(n).unwrap());
        let polls = Count::new();
        let drain = filch_tests::count::count_polls(&polls, async {
            for _ in 0..MANY {
                receiver.recv().await.unwrap();
            }
        });
        coop::unconstrained(drain).await;
        assert_eq!(polls.get(), 1);
        // Around it, the budget is what it was.
        task::yield_now().await;
        while once(coop::consume_budget()).await.is_ready() {}
        assert!(once(task::unconstrained(coop::consume_budget())).await.is_ready());
        assert!(once(task::unconstrained(async { coop::has_budget_remaining() })).await.is_ready());
        assert!(!coop::has_budget_remaining());
    });
}

#[test]
fn outside_of_tasks_nothing_is_counted() {
    assert!(coop::has_budget_remaining());
    let mut cx = Context::from_waker(std::task::Waker::noop());
    for _ in 0..MANY {
        assert!(pin!(coop::consume_budget()).poll(&mut cx).is_ready());
    }
    run(async {
        let blocking = task::spawn_blocking(|| {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            (0..MANY).all(|_| pin!(coop::consume_budget()).poll(&mut cx).is_ready())
        });
        assert!(blocking.await.unwrap());
    });
}

/// Each task of a `LocalSet` has a budget of its own.
#[test]
fn local_tasks_have_their_own_budgets() {
    let runtime = Kind::CurrentThread.runtime();
    LocalSet::new().block_on(&runtime, async {
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                task::spawn_local(async {
                    let mut done = 0;
                    while once(coop::consume_budget()).await.is_ready() {
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), BUDGET);
        }
    });
}

#[test]
fn debug_and_shape() {
    let unconstrained = coop::unconstrained(ready(1));
    assert_eq!(format!("{unconstrained:?}"), "Unconstrained { inner: Ready(Some(1)) }");
    let cooperative: coop::Coop<std::future::Ready<u8>> = coop::cooperative(ready(1));
    assert!(format!("{cooperative:?}").starts_with("Coop {"));
    let mut pinned: Pin<&mut coop::Unconstrained<_>> = pin!(unconstrained);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert_eq!(pinned.as_mut().poll(&mut cx), Poll::Ready(1));
}
