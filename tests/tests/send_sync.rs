//! Send, Sync, Unpin, UnwindSafe and RefUnwindSafe of the public types, and Send of the futures that
//! public functions return: they are part of the interface. (Those of `sync` alone are that crate's to
//! check, those of `io` too.)
//!
//! Checked by compiling: a wrong entry does not build.

use std::cell::Cell;
use std::future::{Pending, Ready};
use std::marker::PhantomPinned;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::time::Duration;

use filch::io::unix::{
    AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError,
};
use filch::io::{AsyncReadExt, AsyncWriteExt, Interest, Stderr, Stdin, Stdout};
use filch::net::serve::{Connection, Counts, Report, Running, Serve, ServeHandle};
use filch::net::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
use filch::net::udp::{Datagram, Datagrams, RecvBatch, SendBatch};
use filch::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use filch::net::{UnixDatagram, UnixListener, UnixSocket, UnixStream, unix};
use filch::runtime::*;
use filch::sync::{Notify, mpsc, oneshot};
use filch::sync::{TaskTracker, TaskTrackerToken, TaskTrackerWaitFuture, TrackedFuture};
use filch::task::futures::TaskLocalFuture;
use filch::task::{self, AbortHandle, AbortOnDropHandle, JoinError, JoinHandle, coop};
use filch::task::{AccessError, JoinMap, JoinMapKeys, JoinSet, LocalKey, join_set};
use filch::task::{LocalEnterGuard, LocalSet};
use filch::time::error::Elapsed;
use filch::time::{self, Instant, Interval, MissedTickBehavior, Sleep, Timeout};

/// Whether a type has a trait, as a constant: the inherent one wins over the trait's where the bound holds.
macro_rules! has {
    ($ty:ty: $($bound:tt)+) => {{
        #[allow(dead_code, reason = "unused where the bound holds")]
        trait Lacks {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Lacks for T {}
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "unused where the bound does not hold")]
        impl<T: ?Sized + $($bound)+> Probe<T> {
            const HAS: bool = true;
        }
        <Probe<$ty>>::HAS
    }};
}

macro_rules! check {
    ($($ty:ty: $send:tt $sync:tt $unpin:tt $unwind:tt;)+) => {
        $(const _: () = {
            assert!(has!($ty: Send) == check!(@ $send), concat!(stringify!($ty), ": Send"));
            assert!(has!($ty: Sync) == check!(@ $sync), concat!(stringify!($ty), ": Sync"));
            assert!(has!($ty: Unpin) == check!(@ $unpin), concat!(stringify!($ty), ": Unpin"));
            check!(@unwind $unwind $ty);
        };)+
    };
    (@unwind any $ty:ty) => {};
    (@unwind $unwind:tt $ty:ty) => {
        assert!(has!($ty: UnwindSafe + RefUnwindSafe) == check!(@ $unwind), concat!(stringify!($ty), ": UnwindSafe"));
    };
    (@ yes) => { true };
    (@ no) => { false };
}

/// Send, not Sync, not RefUnwindSafe.
type Sends = Cell<u8>;
/// Neither Send nor Sync.
type Stays = Rc<u8>;

//                                            Send Sync Unpin UnwindSafe
check! {
    Runtime:                                  yes yes yes yes;
    Handle:                                   yes yes yes yes;
    Builder:                                  yes yes yes any;
    LocalRuntime:                             no  no  yes any;
    LocalOptions:                             no  no  yes any;
    // Undone on the thread where it was made.
    EnterGuard<'static>:                      no  yes yes any;
    TryCurrentError:                          yes yes yes yes;
    RuntimeMetrics:                           yes yes yes any;
    RuntimeFlavor:                            yes yes yes yes;
    filch::runtime::Id:                       yes yes yes yes;
    UnhandledPanic:                           yes yes yes any;
    UnhandledPanicInfo<'static>:              yes yes yes any;
    ShutdownReport:                           yes yes yes yes;
    UnfinishedTask:                           yes yes yes yes;

    JoinHandle<u8>:                           yes yes yes yes;
    // Only its output crosses threads, and only once.
    JoinHandle<Sends>:                        yes yes yes yes;
    JoinHandle<Stays>:                        no  no  yes yes;
    JoinHandle<PhantomPinned>:                yes yes yes yes;
    AbortOnDropHandle<u8>:                    yes yes yes yes;
    AbortOnDropHandle<Stays>:                 no  no  yes yes;
    AbortHandle:                              yes yes yes yes;
    JoinError:                                yes yes yes any;
    task::Id:                                 yes yes yes yes;
    task::Builder<'static>:                   yes yes yes yes;
    LocalSet:                                 no  no  yes any;
    LocalEnterGuard:                          no  no  yes any;
    coop::Unconstrained<Ready<u8>>:           yes yes yes any;
    coop::Unconstrained<Ready<Stays>>:        no  no  yes any;
    coop::Unconstrained<PhantomPinned>:       yes yes no  any;
    coop::Coop<Ready<u8>>:                    yes yes yes any;
    JoinSet<Sends>:                           yes yes yes any;
    JoinSet<Stays>:                           no  no  yes any;
    join_set::Builder<'static, Sends>:        yes yes yes any;
    JoinMap<u8, Sends>:                       yes yes yes any;
    JoinMap<Sends, u8>:                       yes no  yes any;
    JoinMap<Stays, u8>:                       no  no  yes any;
    JoinMapKeys<'static, u8, Sends>:          yes yes yes any;
    // A key is a place, not a value.
    LocalKey<Stays>:                          yes yes yes yes;
    TaskLocalFuture<u8, Ready<u8>>:           yes yes no  any;
    TaskLocalFuture<Stays, Ready<u8>>:        no  no  no  any;
    TaskLocalFuture<u8, Ready<Stays>>:        no  no  no  any;
    AccessError:                              yes yes yes yes;
    TaskTracker:                              yes yes yes any;
    TaskTrackerToken:                         yes yes yes any;
    TrackedFuture<Ready<Stays>>:              no  no  yes any;
    TaskTrackerWaitFuture<'static>:           yes yes no  any;

    // A timer's entry lies inside of it.
    Sleep:                                    yes yes no  any;
    Timeout<Pending<u8>>:                     yes yes no  any;
    Timeout<Pending<Stays>>:                  yes yes no  any;
    Timeout<Ready<Stays>>:                    no  no  no  any;
    Interval:                                 yes yes yes any;
    Instant:                                  yes yes yes yes;
    Elapsed:                                  yes yes yes yes;
    MissedTickBehavior:                       yes yes yes yes;

    TcpListener:                              yes yes yes yes;
    TcpStream:                                yes yes yes yes;
    TcpSocket:                                yes yes yes yes;
    UdpSocket:                                yes yes yes yes;
    RecvBatch:                                yes yes yes any;
    SendBatch:                                yes yes yes any;
    Datagram<'static>:                        yes yes yes any;
    Datagrams<'static>:                       yes yes yes any;
    Running:                                  yes no  yes any;
    ServeHandle:                              yes yes yes any;
    Counts:                                   yes yes yes any;
    Report:                                   yes yes yes any;
    Connection<u8>:                           yes yes yes any;
    Connection<Sends>:                        yes no  yes any;
    Serve<u8, u8>:                            yes no  yes any;
    ReadHalf<'static>:                        yes yes yes yes;
    WriteHalf<'static>:                       yes yes yes yes;
    OwnedReadHalf:                            yes yes yes yes;
    OwnedWriteHalf:                           yes yes yes yes;
    ReuniteError:                             yes yes yes yes;
    UnixListener:                             yes yes yes yes;
    UnixStream:                               yes yes yes yes;
    UnixDatagram:                             yes yes yes yes;
    UnixSocket:                               yes yes yes yes;
    unix::SocketAddr:                         yes yes yes yes;
    unix::UCred:                              yes yes yes yes;
    unix::ReadHalf<'static>:                  yes yes yes yes;
    unix::WriteHalf<'static>:                 yes yes yes yes;
    unix::OwnedReadHalf:                      yes yes yes yes;
    unix::OwnedWriteHalf:                     yes yes yes yes;
    unix::ReuniteError:                       yes yes yes yes;
    unix::pipe::Sender:                       yes yes yes yes;
    unix::pipe::Receiver:                     yes yes yes yes;
    unix::pipe::OpenOptions:                  yes yes yes yes;

    Stdin:                                    yes yes yes yes;
    Stdout:                                   yes yes yes yes;
    Stderr:                                   yes yes yes yes;
    AsyncFd<OwnedFd>:                         yes yes yes any;
    AsyncFd<Rc<OwnedFd>>:                     no  no  yes any;
    AsyncFdReadyGuard<'static, OwnedFd>:      yes yes yes any;
    AsyncFdReadyMutGuard<'static, OwnedFd>:   yes yes yes any;
    AsyncFdRegisterError<OwnedFd>:            yes yes yes any;
    AsyncFdRegisterError<Stays>:              no  no  yes any;
    TryIoError:                               yes yes yes yes;
    Interest:                                 yes yes yes yes;
    filch::io::Ready:                         yes yes yes yes;

    filch::fs::File:                          yes yes yes no;
    filch::fs::OpenOptions:                   yes yes yes yes;
    filch::fs::DirBuilder:                    yes yes yes yes;
    filch::fs::ReadDir:                       yes yes yes any;
    filch::fs::DirEntry:                      yes yes yes yes;
    filch::fs::FileTimes:                     yes yes yes yes;

    Notify:                                   yes yes yes yes;
    mpsc::Sender<u8>:                         yes yes yes yes;
    mpsc::Receiver<u8>:                       yes yes yes yes;
    mpsc::UnboundedSender<u8>:                yes yes yes yes;
    mpsc::UnboundedReceiver<u8>:              yes yes yes yes;
    oneshot::Sender<u8>:                      yes yes yes any;
    oneshot::Receiver<u8>:                    yes yes yes any;
}

#[cfg(unix)]
check! {
    filch::process::Command:                  yes yes yes any;
    filch::process::Child:                    yes yes yes any;
    filch::process::ChildStdin:               yes yes yes yes;
    filch::process::ChildStdout:              yes yes yes yes;
    filch::process::ChildStderr:              yes yes yes yes;
    filch::signal::unix::Signal:              yes yes yes any;
    filch::signal::unix::SignalKind:          yes yes yes yes;
}

/// Compiles if all of them are.
fn send<F: Future + Send>(_: F) {}

#[test]
fn futures_are_send() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        send(task::yield_now());
        send(coop::consume_budget());
        let mut set = JoinSet::<Cell<u8>>::new();
        send(set.join_next());
        send(set.join_next_with_id());
        send(set.shutdown());
        send(set.join_all());
        let mut map = JoinMap::<Cell<u8>, Cell<u8>>::new();
        send(map.join_next());
        send(map.shutdown());
        send(time::timeout(Duration::ZERO, std::future::ready(Cell::new(1))));
        send(time::interval(Duration::from_secs(1)).tick());
        send(TcpListener::bind("localhost:0"));
        send(TcpStream::connect(("localhost", 1)));
        send(UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))));
        send(filch::net::lookup_host("localhost:0"));
        send(filch::fs::read("/dev/null"));
        send(filch::fs::write("/dev/null", "abc"));
        send(filch::fs::File::open("/dev/null"));
        let mut file = filch::fs::File::open("/dev/null").await.unwrap();
        send(file.set_len(0));
        send(file.sync_all());
        send(file.try_clone());
        send(file.read_u8());
        send(file.into_std());
        let mut entries = filch::fs::read_dir("/").await.unwrap();
        send(entries.next_entry());
        #[cfg(unix)]
        send(filch::signal::ctrl_c());
        #[cfg(unix)]
        {
            let mut command = filch::process::Command::new("true");
            send(command.status());
            send(command.output());
            let mut child = command.spawn().unwrap();
            send(child.kill());
            send(child.wait());
            send(child.wait_with_output());
        }

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        send(listener.accept());
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut buf = [0; 8];
        send(stream.read(&mut buf));
        send(stream.read_exact(&mut buf));
        send(stream.peek(&mut buf));
        send(stream.write_all(&buf));
        send(stream.readable());
        send(stream.writable());
        send(stream.shutdown());
        let (mut reader, mut writer) = stream.split();
        send(filch::io::copy(&mut reader, &mut writer));
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        send(socket.connect("localhost:1"));
        send(socket.send_to(&buf, "localhost:1"));
        send(socket.send(&buf));
        let mut buf = [0; 8];
        send(socket.recv_from(&mut buf));
        send(UnixStream::connect("/a/path"));
        send(UnixSocket::new_stream().unwrap().connect("/a/path"));
        send(UnixListener::bind("").unwrap().accept());
        send(UnixDatagram::unbound().unwrap().send_to(&[1], "/a/path"));

        let local = LocalSet::new();
        // What runs in a `LocalSet` need not be `Send`.
        local.run_until(async { task::spawn_local(async { Rc::new(1) }).await.unwrap() }).await;
    });
}

#[test]
fn panicking_closures_may_hold_handles() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let handle = runtime.handle().clone();
    let task = runtime.spawn(async { 1 });
    // Without an `AssertUnwindSafe`.
    let result = std::panic::catch_unwind(move || {
        let _entered = handle.enter();
        runtime.block_on(task).unwrap()
    });
    assert_eq!(result.unwrap(), 1);
}
