//! Every primitive behind one shape: something to wait for, a neutral use, and what ends the wait.

#![allow(dead_code, reason = "each test file uses its part")]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use filch_sync::{
    Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, TaskTracker,
    broadcast, mpsc, oneshot, watch,
};

pub type BoxFuture = Pin<Box<dyn Future<Output = ()>>>;

/// One primitive. The closures share it.
pub struct Subject {
    pub name: &'static str,
    /// A wait that is pending until `complete`.
    pub wait: Box<dyn Fn() -> BoxFuture>,
    /// Uses the primitive without completing a wait.
    pub touch: Arc<dyn Fn() + Send + Sync>,
    /// Completes one wait.
    pub complete: Box<dyn Fn()>,
}

fn subject<F: Future<Output = ()> + 'static>(
    name: &'static str,
    wait: impl Fn() -> F + 'static,
    touch: impl Fn() + Send + Sync + 'static,
    complete: impl Fn() + 'static,
) -> Subject {
    Subject {
        name,
        wait: Box::new(move || Box::pin(wait())),
        touch: Arc::new(touch),
        complete: Box::new(complete),
    }
}

/// The lock of a part of the test, also after a panic in it.
fn hold<T>(lock: &StdMutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Fresh ones.
pub fn subjects() -> Vec<Subject> {
    let mut all = locks();
    all.extend(signals());
    all.extend(mpsc_channels());
    all.extend(other_channels());
    all
}

fn locks() -> Vec<Subject> {
    let semaphore = {
        let [a, b, c] = [(); 3].map({
            let semaphore = Arc::new(Semaphore::new(0));
            move |()| semaphore.clone()
        });
        subject(
            "Semaphore",
            move || {
                let a = a.clone();
                async move { a.acquire().await.unwrap().forget() }
            },
            move || {
                assert!(b.try_acquire_many(1_000).is_err());
                b.add_permits(0);
                assert!(poll_once(b.acquire_many(1_000)).is_pending());
            },
            move || c.add_permits(1),
        )
    };
    let mutex = {
        let mutex = Arc::new(Mutex::new(0));
        // Who has the lock.
        let held = Arc::new(StdMutex::new(Some(mutex.clone().try_lock_owned().unwrap())));
        let (a, a_held, b) = (mutex.clone(), held.clone(), mutex);
        subject(
            "Mutex",
            move || {
                let (a, held) = (a.clone(), a_held.clone());
                async move {
                    let guard = a.lock_owned().await;
                    *hold(&held) = Some(guard);
                }
            },
            move || {
                drop(b.try_lock());
                let _ = poll_once(b.lock());
            },
            move || {
                let guard = hold(&held).take();
                drop(guard);
            },
        )
    };
    let rwlock = {
        let lock = Arc::new(RwLock::new(0));
        let held = Arc::new(StdMutex::new(Some(lock.clone().try_write_owned().unwrap())));
        let (a, a_held, b) = (lock.clone(), held.clone(), lock);
        subject(
            "RwLock",
            move || {
                let (a, held) = (a.clone(), a_held.clone());
                async move {
                    let guard = a.write_owned().await;
                    *hold(&held) = Some(guard);
                }
            },
            move || {
                drop(b.try_read());
                let _ = poll_once(b.read());
                let _ = poll_once(b.write());
            },
            move || {
                let guard = hold(&held).take();
                drop(guard);
            },
        )
    };
    vec![semaphore, mutex, rwlock]
}

fn signals() -> Vec<Subject> {
    let notify = |name, complete: fn(&Notify)| {
        let notify = Arc::new(Notify::new());
        let (a, b) = (notify.clone(), notify.clone());
        subject(
            name,
            move || a.clone().notified_owned(),
            move || {
                let _ = poll_once(b.notified());
            },
            move || complete(&notify),
        )
    };
    let barrier = {
        let barrier = Arc::new(Barrier::new(2));
        let (a, b) = (barrier.clone(), barrier.clone());
        subject(
            "Barrier",
            move || {
                let a = a.clone();
                async move {
                    // Who comes after a wait that was given up leads at once.
                    let _ = a.wait().await;
                }
            },
            move || assert!(format!("{b:?}").contains("Barrier")),
            move || drop(poll_once(barrier.wait())),
        )
    };
    let once_cell = {
        let cell = Arc::new(OnceCell::new());
        let gate = Arc::new(Semaphore::new(0));
        let (a, b) = (cell.clone(), cell.clone());
        let making: StdMutex<BoxFuture> = StdMutex::new(Box::pin({
            let gate = gate.clone();
            async move {
                let make = || async { gate.acquire().await.unwrap().forget() };
                cell.get_or_init(make).await;
            }
        }));
        assert!(poll_once(&mut *hold(&making)).is_pending());
        subject(
            "OnceCell",
            move || {
                let a = a.clone();
                async move { *a.get_or_init(|| async { unreachable!("another makes it") }).await }
            },
            move || assert!(b.get().is_some() == b.initialized() && b.set(()).is_err()),
            move || {
                gate.add_permits(1);
                assert!(poll_once(&mut *hold(&making)).is_ready());
            },
        )
    };
    let set_once = {
        let cell = Arc::new(SetOnce::new());
        let (a, b) = (cell.clone(), cell.clone());
        subject(
            "SetOnce",
            move || {
                let a = a.clone();
                async move { *a.wait().await }
            },
            move || {
                let _ = b.get();
                let _ = poll_once(b.wait());
            },
            move || cell.set(()).unwrap(),
        )
    };
    let token = {
        let token = CancellationToken::new();
        let (a, b) = (token.clone(), token.clone());
        subject(
            "CancellationToken",
            move || a.child_token().cancelled_owned(),
            move || {
                let child = b.child_token();
                let _ = poll_once(child.cancelled());
                child.cancel();
            },
            move || token.cancel(),
        )
    };
    let tracker = {
        let tracker = TaskTracker::new();
        tracker.close();
        let task = StdMutex::new(Some(tracker.token()));
        let (a, b) = (tracker.clone(), tracker);
        subject(
            "TaskTracker",
            move || {
                let a = a.clone();
                async move { a.wait().await }
            },
            move || {
                let tokens = (b.token(), b.token());
                assert!(b.len() >= 2);
                drop(tokens);
            },
            move || {
                let task = hold(&task).take();
                drop(task);
            },
        )
    };
    vec![
        notify("Notify, one", Notify::notify_one),
        notify("Notify, last", Notify::notify_last),
        notify("Notify, all", Notify::notify_waiters),
        barrier,
        once_cell,
        set_once,
        token,
        tracker,
    ]
}

fn mpsc_channels() -> Vec<Subject> {
    let bounded = {
        let (tx, rx) = mpsc::channel(2);
        let (rx, touched) = (Arc::new(StdMutex::new(rx)), tx.clone());
        subject(
            "mpsc::Receiver",
            move || {
                let rx = rx.clone();
                async move { poll_fn(|cx| hold(&rx).poll_recv(cx)).await.unwrap() }
            },
            move || {
                drop(touched.try_reserve());
                drop(touched.clone());
                assert!(!touched.is_closed());
            },
            move || tx.try_send(()).unwrap(),
        )
    };
    let reserve = {
        let (tx, rx) = mpsc::channel(1);
        tx.try_send(()).unwrap();
        let (a, b, rx) = (tx.clone(), tx, StdMutex::new(rx));
        subject(
            "mpsc::Sender",
            move || {
                let a = a.clone();
                async move { a.send(()).await.unwrap() }
            },
            move || {
                drop(b.try_reserve());
                let _ = poll_once(b.reserve());
            },
            move || hold(&rx).try_recv().unwrap(),
        )
    };
    let closed = {
        let (tx, rx) = mpsc::channel::<()>(1);
        let (rx, touched) = (StdMutex::new(Some(rx)), tx.clone());
        subject(
            "mpsc::Sender::closed",
            move || {
                let tx = tx.clone();
                async move { tx.closed().await }
            },
            move || {
                let _ = poll_once(touched.closed());
            },
            move || {
                let rx = hold(&rx).take();
                drop(rx);
            },
        )
    };
    let unbounded = {
        let (tx, rx) = mpsc::unbounded_channel();
        let (rx, touched) = (Arc::new(StdMutex::new(rx)), tx.clone());
        subject(
            "mpsc::UnboundedReceiver",
            move || {
                let rx = rx.clone();
                async move { poll_fn(|cx| hold(&rx).poll_recv(cx)).await.unwrap() }
            },
            move || {
                drop(touched.clone());
                assert!(touched.downgrade().upgrade().is_some());
            },
            move || tx.send(()).unwrap(),
        )
    };
    vec![bounded, reserve, closed, unbounded]
}

fn other_channels() -> Vec<Subject> {
    let oneshot_receiver = {
        let (tx, rx) = oneshot::channel();
        let tx = Arc::new(StdMutex::new(Some(tx)));
        let (rx, touched) = (Arc::new(StdMutex::new(rx)), tx.clone());
        subject(
            "oneshot::Receiver",
            move || {
                let rx = rx.clone();
                poll_fn(move |cx| match &mut *hold(&rx) {
                    rx if rx.is_terminated() => Poll::Ready(()),
                    rx => Pin::new(rx).poll(cx).map(Result::unwrap),
                })
            },
            move || {
                if let Ok(tx) = touched.try_lock() {
                    assert!(tx.as_ref().is_none_or(|tx| !tx.is_closed()));
                }
            },
            move || {
                let tx = hold(&tx).take();
                tx.unwrap().send(()).unwrap();
            },
        )
    };
    let oneshot_closed = {
        let (tx, rx) = oneshot::channel::<()>();
        let (tx, rx) = (Arc::new(StdMutex::new(tx)), Arc::new(StdMutex::new(Some(rx))));
        let touched = rx.clone();
        subject(
            "oneshot::Sender::closed",
            move || {
                let tx = tx.clone();
                poll_fn(move |cx| hold(&tx).poll_closed(cx))
            },
            move || {
                if let Ok(mut rx) = touched.try_lock() {
                    assert!(rx.as_mut().is_none_or(|rx| rx.try_recv().is_err()));
                }
            },
            move || {
                let rx = hold(&rx).take();
                drop(rx);
            },
        )
    };
    let broadcast_receiver = {
        let (tx, rx) = broadcast::channel(2);
        let (rx, touched) = (Arc::new(Mutex::new(rx)), tx.clone());
        subject(
            "broadcast::Receiver",
            move || {
                let rx = rx.clone();
                async move { rx.lock().await.recv().await.unwrap() }
            },
            move || drop((touched.subscribe(), touched.len(), touched.clone())),
            move || assert_eq!(tx.send(()).unwrap(), 1),
        )
    };
    let broadcast_closed = {
        let (tx, rx) = broadcast::channel::<()>(2);
        let (touched, rx) = (tx.clone(), StdMutex::new(Some(rx)));
        subject(
            "broadcast::Sender::closed",
            move || {
                let tx = tx.clone();
                async move { tx.closed().await }
            },
            move || drop((touched.receiver_count(), touched.clone())),
            move || {
                let rx = hold(&rx).take();
                drop(rx);
            },
        )
    };
    let watch_receiver = {
        let (tx, rx) = watch::channel(());
        let (rx, touched) = (Arc::new(Mutex::new(rx)), tx.clone());
        subject(
            "watch::Receiver",
            move || {
                let rx = rx.clone();
                async move { rx.lock().await.changed().await.unwrap() }
            },
            move || {
                drop((touched.subscribe(), touched.clone()));
                assert!(!touched.send_if_modified(|()| false));
                drop(touched.borrow());
            },
            move || tx.send(()).unwrap(),
        )
    };
    let watch_closed = {
        let (tx, rx) = watch::channel(());
        let (touched, rx) = (tx.clone(), StdMutex::new(Some(rx)));
        subject(
            "watch::Sender::closed",
            move || {
                let tx = tx.clone();
                async move { tx.closed().await }
            },
            move || drop((touched.receiver_count(), touched.clone())),
            move || {
                let rx = hold(&rx).take();
                drop(rx);
            },
        )
    };
    vec![
        oneshot_receiver,
        oneshot_closed,
        broadcast_receiver,
        broadcast_closed,
        watch_receiver,
        watch_closed,
    ]
}
