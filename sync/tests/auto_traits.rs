//! Send, Sync, Unpin, UnwindSafe and RefUnwindSafe of each public type: they are part of the interface.
//!
//! Compile-time: the file tests by being compiled.

use std::cell::{Cell, RefCell};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;

use filch_sync::futures::{Notified, OwnedNotified};
use filch_sync::*;

/// Whether a type has a trait, as a constant: the inherent constant wins over the trait's where the bound
/// holds.
macro_rules! has {
    ($ty:ty: $bound:path) => {{
        #[allow(dead_code, reason = "unused where the bound holds")]
        trait Lacks {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Lacks for T {}
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "unused where the bound does not hold")]
        impl<T: ?Sized + $bound> Probe<T> {
            const HAS: bool = true;
        }
        <Probe<$ty>>::HAS
    }};
}

macro_rules! check {
    ($($ty:ty: $send:tt $sync:tt $unpin:tt;)+) => {
        $(const _: () = {
            assert!(has!($ty: Send) == check!(@ $send), "Send");
            assert!(has!($ty: Sync) == check!(@ $sync), "Sync");
            assert!(has!($ty: Unpin) == check!(@ $unpin), "Unpin");
        };)+
    };
    (@ yes) => { true };
    (@ no) => { false };
}

/// Send, not Sync.
type Sends = Cell<u8>;
/// Neither.
type Stays = Rc<u8>;

//                                            Send Sync Unpin
check! {
    Semaphore:                                yes yes yes;
    SemaphorePermit<'static>:                 yes yes yes;
    OwnedSemaphorePermit:                     yes yes yes;
    AcquireError:                             yes yes yes;
    TryAcquireError:                          yes yes yes;

    Mutex<u8>:                                yes yes yes;
    Mutex<Sends>:                             yes yes yes;
    Mutex<Stays>:                             no  no  yes;
    MutexGuard<'static, u8>:                  yes yes yes;
    MutexGuard<'static, Sends>:               yes no  yes;
    MutexGuard<'static, Stays>:               no  no  yes;
    OwnedMutexGuard<u8>:                      yes yes yes;
    OwnedMutexGuard<Sends>:                   yes no  yes;
    OwnedMutexGuard<Stays>:                   no  no  yes;
    MappedMutexGuard<'static, u8>:            yes yes yes;
    MappedMutexGuard<'static, Sends>:         yes no  yes;
    MappedMutexGuard<'static, Stays>:         no  no  yes;
    OwnedMappedMutexGuard<u8>:                yes yes yes;
    OwnedMappedMutexGuard<u8, Sends>:         yes no  yes;
    OwnedMappedMutexGuard<Sends, u8>:         yes no  yes;
    OwnedMappedMutexGuard<u8, Stays>:         no  no  yes;
    OwnedMappedMutexGuard<Stays, u8>:         no  no  yes;
    TryLockError:                             yes yes yes;

    Notify:                                   yes yes yes;
    Notified<'static>:                        yes yes no;
    OwnedNotified:                            yes yes no;

    oneshot::Sender<u8>:                      yes yes yes;
    oneshot::Sender<Sends>:                   yes yes yes;
    oneshot::Sender<Stays>:                   no  no  yes;
    oneshot::Receiver<u8>:                    yes yes yes;
    oneshot::Receiver<Sends>:                 yes yes yes;
    oneshot::Receiver<Stays>:                 no  no  yes;
    oneshot::error::RecvError:                yes yes yes;
    oneshot::error::TryRecvError:             yes yes yes;

    mpsc::Sender<u8>:                         yes yes yes;
    mpsc::Sender<Sends>:                      yes yes yes;
    mpsc::Sender<Stays>:                      no  no  yes;
    mpsc::Receiver<u8>:                       yes yes yes;
    mpsc::Receiver<Sends>:                    yes yes yes;
    mpsc::Receiver<Stays>:                    no  no  yes;
    mpsc::UnboundedSender<Sends>:             yes yes yes;
    mpsc::UnboundedSender<Stays>:             no  no  yes;
    mpsc::UnboundedReceiver<Sends>:           yes yes yes;
    mpsc::UnboundedReceiver<Stays>:           no  no  yes;
    mpsc::WeakSender<Sends>:                  yes yes yes;
    mpsc::WeakUnboundedSender<Stays>:         no  no  yes;
    mpsc::Permit<'static, u8>:                yes yes yes;
    mpsc::Permit<'static, Stays>:             no  no  yes;
    mpsc::PermitIterator<'static, u8>:        yes yes yes;
    mpsc::OwnedPermit<u8>:                    yes yes yes;
    mpsc::OwnedPermit<Stays>:                 no  no  yes;
    mpsc::error::SendError<u8>:               yes yes yes;
    mpsc::error::TrySendError<Stays>:         no  no  yes;
    mpsc::error::SendTimeoutError<u8>:        yes yes yes;
    mpsc::error::TryRecvError:                yes yes yes;

    watch::Sender<u8>:                        yes yes yes;
    watch::Sender<Sends>:                     no  no  yes;
    watch::Receiver<u8>:                      yes yes yes;
    watch::Receiver<Stays>:                   no  no  yes;
    watch::Ref<'static, u8>:                  no  yes yes;
    watch::error::SendError<u8>:              yes yes yes;
    watch::error::RecvError:                  yes yes yes;

    broadcast::Sender<Sends>:                 yes yes yes;
    broadcast::Sender<Stays>:                 no  no  yes;
    broadcast::WeakSender<Sends>:             yes yes yes;
    broadcast::Receiver<Sends>:               yes yes yes;
    broadcast::Receiver<Stays>:               no  no  yes;
    broadcast::error::SendError<u8>:          yes yes yes;
    broadcast::error::RecvError:              yes yes yes;

    RwLock<u8>:                               yes yes yes;
    RwLock<Sends>:                            yes no  yes;
    RwLock<Stays>:                            no  no  yes;
    RwLockReadGuard<'static, u8>:             yes yes yes;
    RwLockReadGuard<'static, Sends>:          no  no  yes;
    RwLockWriteGuard<'static, u8>:            yes yes yes;
    RwLockWriteGuard<'static, Sends>:         no  no  yes;
    RwLockMappedWriteGuard<'static, u8>:      yes yes yes;
    RwLockMappedWriteGuard<'static, Sends>:   no  no  yes;
    OwnedRwLockReadGuard<u8>:                 yes yes yes;
    OwnedRwLockReadGuard<u8, Sends>:          no  no  yes;
    OwnedRwLockReadGuard<Sends, u8>:          no  no  yes;
    OwnedRwLockWriteGuard<u8>:                yes yes yes;
    OwnedRwLockWriteGuard<Sends>:             no  no  yes;
    OwnedRwLockMappedWriteGuard<u8>:          yes yes yes;
    OwnedRwLockMappedWriteGuard<u8, Sends>:   no  no  yes;
    OwnedRwLockMappedWriteGuard<Sends, u8>:   no  no  yes;

    Barrier:                                  yes yes yes;
    BarrierWaitResult:                        yes yes yes;
    OnceCell<u8>:                             yes yes yes;
    OnceCell<Sends>:                          yes no  yes;
    OnceCell<Stays>:                          no  no  yes;
    SetOnce<u8>:                              yes yes yes;
    SetOnce<Sends>:                           yes no  yes;
    SetOnce<Stays>:                           no  no  yes;
    SetError<u8>:                             yes yes yes;
    SetOnceError<u8>:                         yes yes yes;

    CancellationToken:                        yes yes yes;
    WaitForCancellationFuture<'static>:       yes yes no;
    WaitForCancellationFutureOwned:           yes yes no;
    DropGuard:                                yes yes yes;
    DropGuardRef<'static>:                    yes yes yes;
    TaskTracker:                              yes yes yes;
    TaskTrackerToken:                         yes yes yes;
    TaskTrackerWaitFuture<'static>:           yes yes no;
    TrackedFuture<std::future::Ready<u8>>:    yes yes yes;
}

/// A message that is not unwind safe itself: the handles are, whatever they carry.
type Any = &'static RefCell<u8>;

const fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

const _: () = {
    unwind_safe::<Notify>();
    unwind_safe::<Semaphore>();
    unwind_safe::<Arc<Notify>>();
    unwind_safe::<mpsc::Sender<Any>>();
    unwind_safe::<mpsc::Receiver<Any>>();
    unwind_safe::<mpsc::UnboundedSender<Any>>();
    unwind_safe::<mpsc::UnboundedReceiver<Any>>();
    unwind_safe::<mpsc::WeakSender<Any>>();
    unwind_safe::<mpsc::WeakUnboundedSender<Any>>();
    unwind_safe::<oneshot::Sender<Any>>();
    unwind_safe::<oneshot::Receiver<Any>>();
    unwind_safe::<watch::Sender<Any>>();
    unwind_safe::<watch::Receiver<Any>>();
    unwind_safe::<broadcast::Sender<Any>>();
    unwind_safe::<broadcast::Receiver<Any>>();
    unwind_safe::<Barrier>();
    unwind_safe::<CancellationToken>();
    unwind_safe::<TaskTracker>();
};

fn sends<T: Send + Sync>(value: T) -> T {
    value
}

/// The futures of the async functions go between threads where the value may.
#[test]
fn futures_are_send_and_sync() {
    let semaphore = Arc::new(Semaphore::new(1));
    drop(sends(semaphore.acquire()));
    drop(sends(semaphore.clone().acquire_many_owned(1)));
    let mutex = Arc::new(Mutex::new(Cell::new(0)));
    drop(sends(mutex.clone().lock_owned()));
    fn only_sends<T: Send>(_: T) {}
    only_sends(mutex.lock());
    let (tx, mut rx) = mpsc::channel::<u8>(1);
    drop(sends(tx.send(1)));
    drop(sends(tx.reserve_many(1)));
    drop(sends(tx.clone().reserve_owned()));
    drop(sends(tx.send_timeout(1, std::time::Duration::ZERO)));
    drop(sends(tx.closed()));
    drop(sends(rx.recv()));
    drop(sends(rx.recv_many(&mut Vec::new(), 1)));
    let (tx, mut rx) = watch::channel(0);
    drop(sends(tx.closed()));
    drop(sends(rx.changed()));
    only_sends(rx.wait_for(|_| true));
    let (tx, mut rx) = broadcast::channel::<u8>(1);
    drop(sends(tx.closed()));
    drop(sends(rx.recv()));
    let lock = Arc::new(RwLock::new(0));
    drop(sends(lock.read()));
    drop(sends(lock.clone().write_owned()));
    drop(sends(Barrier::new(2).wait()));
    drop(sends(SetOnce::<u8>::new().wait()));
    let token = CancellationToken::new();
    drop(sends(token.run_until_cancelled(std::future::ready(1))));
    let (mut tx, rx) = oneshot::channel::<u8>();
    drop(sends(tx.closed()));
    drop(sends(rx));
}
