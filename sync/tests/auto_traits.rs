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
    let (mut tx, rx) = oneshot::channel::<u8>();
    drop(sends(tx.closed()));
    drop(sends(rx));
}
