//! `net::serve` on real sockets: the limit, the end, the counts, and what a handler may do wrong.
//! `net_serve_accept.rs` has the trouble with accepting.

use std::future::{IntoFuture, pending};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::serve::{Connection, Counts, Handler, Report, Serve, ServeHandle};
use filch::net::{TcpListener, TcpStream, UnixListener, UnixStream, serve};
use filch::runtime::Builder;
use filch::sync::{CancellationToken, Semaphore, mpsc};
use filch::task::{JoinHandle, yield_now};
use filch_tests::PATIENCE;
use filch_tests::panics::{caught, install_hook};
use filch_tests::process::leave_nothing_behind;
use filch_tests::reports::reporting;
use filch_tests::runtimes::Kind;
use filch_tests::transport::abstract_name;

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// A server that runs in a task, and how to stop it.
struct Started {
    stop: CancellationToken,
    handle: ServeHandle,
    task: JoinHandle<Report>,
}

impl Started {
    fn new<H: Handler<TcpStream, SocketAddr>>(server: Serve<TcpListener, H>) -> Started {
        let stop = CancellationToken::new();
        let server = server.graceful_shutdown(stop.clone().cancelled_owned());
        let handle = server.handle();
        Started { stop, handle, task: filch::spawn(server.into_future()) }
    }

    /// Waits until the counts are as they should be.
    async fn until(&self, is_so: impl Fn(Counts) -> bool) {
        let start = Instant::now();
        while !is_so(self.handle.counts()) {
            assert!(start.elapsed() < PATIENCE, "{:?}", self.handle);
            yield_now().await;
        }
    }

    async fn stopped(self) -> Counts {
        self.stop.cancel();
        self.task.await.unwrap().into_result().unwrap()
    }
}

/// Sends back what comes.
async fn echo(mut stream: TcpStream, _: Connection<SocketAddr>) -> io::Result<u64> {
    let (mut reader, mut writer) = stream.split();
    filch::io::copy(&mut reader, &mut writer).await
}

/// Sends one byte back.
async fn send_back(stream: &mut TcpStream) -> io::Result<()> {
    let byte = stream.read_u8().await?;
    stream.write_u8(byte).await
}

/// A client that has got an answer: its handler runs.
async fn connected(addr: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(addr).await.unwrap();
    client.write_u8(7).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), 7);
    client
}

/// What a client whose connection was ended sees: the end, or a reset if it had sent something.
async fn is_closed(client: &mut TcpStream) -> bool {
    match client.read(&mut [0]).await {
        Ok(n) => n == 0,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

fn on_each<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    for kind in Kind::ALL {
        kind.runtime().block_on(async { filch::spawn(test()).await.unwrap() });
    }
}

fn connections_are_handled_and_counted() {
    on_each(|| async {
        let (listener, addr) = listen().await;
        let server =
            Started::new(serve(listener, |mut stream: TcpStream, connection| async move {
                let connection: Connection<SocketAddr> = connection;
                assert_eq!(stream.peer_addr()?, *connection.peer());
                assert!(!connection.is_stopping() && !connection.stop_token().is_cancelled());
                stream.write_u64(connection.number()).await?;
                match stream.read_u8().await? {
                    0 => Err(io::Error::other("as told")),
                    _ => Ok(()),
                }
            }));
        assert_eq!(server.handle.counts(), Counts::default());
        for number in 0..10 {
            let mut client = TcpStream::connect(addr).await.unwrap();
            assert_eq!(client.read_u64().await.unwrap(), number);
            server.until(|counts| counts.active == 1).await;
            client.write_u8(u8::from(number % 5 != 0)).await.unwrap();
            assert!(is_closed(&mut client).await);
            server.until(|counts| counts.active == 0).await;
        }
        assert!(!server.handle.is_stopping());
        let counts = server.stopped().await;
        assert_eq!((counts.accepted, counts.finished, counts.failed), (10, 8, 2));
        assert_eq!((counts.active, counts.cut, counts.panicked, counts.refused()), (0, 0, 0, 0));
    });
}

fn at_the_limit_others_wait_and_nobody_is_refused() {
    const LIMIT: usize = 3;
    on_each(|| async {
        let (listener, addr) = listen().await;
        let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = Started::new({
            let (open, most) = (open.clone(), most.clone());
            serve(listener, move |mut stream: TcpStream, _| {
                let (open, most) = (open.clone(), most.clone());
                async move {
                    let now = open.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    let byte = stream.read_u8().await?;
                    open.fetch_sub(1, Ordering::SeqCst);
                    stream.write_u8(byte).await
                }
            })
            .max_connections(LIMIT)
        });
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(TcpStream::connect(addr).await.unwrap());
        }
        for served in 0..20 {
            // As many as may be are open, whoever else waits.
            let open = LIMIT.min(20 - served) as u64;
            server.until(|counts| counts.active == open).await;
            // Whoever came first is among them.
            let mut client = clients.remove(0);
            client.write_u8(1).await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), 1);
        }
        assert_eq!(most.load(Ordering::SeqCst), LIMIT);
        let counts = server.stopped().await;
        assert_eq!((counts.finished, counts.refused()), (20, 0));
    });
}

fn a_stop_refuses_newcomers_and_waits_for_those_who_are_there() {
    on_each(|| async {
        let (listener, addr) = listen().await;
        let (told, mut tells) = mpsc::unbounded_channel();
        let server = Started::new(serve(listener, move |mut stream: TcpStream, connection| {
            let told = told.clone();
            async move {
                let connection: Connection<SocketAddr> = connection;
                let token = connection.stop_token();
                send_back(&mut stream).await?;
                connection.stopping().await;
                token.cancelled().await;
                assert!(connection.is_stopping());
                told.send(()).unwrap();
                // What is in flight may still end.
                send_back(&mut stream).await
            }
        }));
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(connected(addr).await);
        }
        server.stop.cancel();
        server.handle.stopping().await;
        for _ in 0..3 {
            tells.recv().await.unwrap();
        }
        let refused = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(!server.task.is_finished());
        for client in &mut clients {
            client.write_u8(9).await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), 9);
            assert!(is_closed(client).await);
        }
        let counts = server.stopped().await;
        assert_eq!((counts.accepted, counts.finished), (3, 3));
    });
}

/// Says when it is gone.
struct Held(mpsc::UnboundedSender<()>);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// A server whose handlers never end, with three clients.
async fn endless(grace: Duration) -> (Started, Vec<TcpStream>, mpsc::UnboundedReceiver<()>) {
    let (listener, addr) = listen().await;
    let (gone, goes) = mpsc::unbounded_channel();
    let server = Started::new(
        serve(listener, move |mut stream: TcpStream, _| {
            let held = Held(gone.clone());
            async move {
                let _held = held;
                send_back(&mut stream).await.unwrap();
                pending::<()>().await;
            }
        })
        .grace(grace),
    );
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(connected(addr).await);
    }
    (server, clients, goes)
}

fn whoever_does_not_end_is_cut_after_the_grace() {
    on_each(|| async {
        for grace in [Duration::ZERO, Duration::from_millis(5)] {
            let (server, mut clients, mut goes) = endless(grace).await;
            let start = Instant::now();
            let counts = server.stopped().await;
            assert!(start.elapsed() >= grace);
            assert_eq!((counts.accepted, counts.cut, counts.active), (3, 3, 0));
            // All that the handlers held is gone before the report is there.
            for _ in 0..3 {
                goes.try_recv().unwrap();
            }
            for client in &mut clients {
                assert!(is_closed(client).await);
            }
        }
    });
}

fn dropping_the_server_cuts_its_connections() {
    on_each(|| async {
        let (server, mut clients, mut goes) = endless(Duration::MAX).await;
        let addr = clients[0].peer_addr().unwrap();
        server.task.abort();
        for client in &mut clients {
            assert!(is_closed(client).await);
            goes.recv().await.unwrap();
        }
        server.until(|counts| counts.cut == 3 && counts.active == 0).await;
        assert!(server.task.await.unwrap_err().is_cancelled());
        assert!(TcpStream::connect(addr).await.is_err());
        // It was not told to stop.
        assert!(!server.handle.is_stopping());
    });
}

fn a_runtime_that_ends_cuts_its_connections() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (server, _clients, mut goes) = runtime.block_on(endless(Duration::MAX));
        drop(runtime);
        for _ in 0..3 {
            goes.try_recv().unwrap();
        }
        assert_eq!(server.handle.counts().cut, 3);
    }
}

fn a_panic_ends_its_connection_only_and_is_reported() {
    install_hook();
    for kind in Kind::ALL {
        let (runtime, reports) = reporting(kind);
        let (listener, addr) = runtime.block_on(listen());
        let line = line!() + 1;
        let server = serve(listener, |mut stream: TcpStream, _| async move {
            assert_ne!(stream.read_u8().await.unwrap(), 0, "expected: told to");
            stream.write_u8(1).await
        });
        let server = runtime.block_on(async { Started::new(server.name("web")) });
        let client = runtime.block_on(async {
            let mut client = TcpStream::connect(addr).await.unwrap();
            client.write_u8(0).await.unwrap();
            assert!(is_closed(&mut client).await);
            client.local_addr().unwrap()
        });
        let message = "assertion `left != right` failed: expected: told to\n  left: 0\n right: 0";
        let report = reports.next(&runtime, message);
        assert_eq!(report.name, Some(format!("web {client}")));
        assert_eq!((report.file, report.line), (file!(), line));
        let counts = runtime.block_on(async {
            let mut client = TcpStream::connect(addr).await.unwrap();
            client.write_u8(1).await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), 1);
            server.stopped().await
        });
        assert_eq!((counts.panicked, counts.finished), (1, 1));
        assert!(reports.is_empty());
    }
}

fn a_panic_of_the_function_itself_is_its_connections_too() {
    install_hook();
    for kind in Kind::ALL {
        let (runtime, reports) = reporting(kind);
        let counts = runtime.block_on(async {
            let (listener, addr) = listen().await;
            let server = Started::new(serve(listener, |stream: TcpStream, connection| {
                assert_ne!(connection.number(), 0, "expected: the first");
                echo(stream, connection)
            }));
            assert!(is_closed(&mut TcpStream::connect(addr).await.unwrap()).await);
            connected(addr).await;
            server.stopped().await
        });
        assert_eq!((counts.panicked, counts.finished), (1, 1));
        reports.next(
            &runtime,
            "assertion `left != right` failed: expected: the first\n  left: 0\n right: 0",
        );
    }
}

fn unix_sockets_are_served_too() {
    on_each(|| async {
        let name = abstract_name();
        let listener = UnixListener::bind(&name).unwrap();
        let stop = CancellationToken::new();
        let server = serve(listener, |mut stream: UnixStream, _| async move {
            let (mut reader, mut writer) = stream.split();
            filch::io::copy(&mut reader, &mut writer).await
        })
        .graceful_shutdown(stop.clone().cancelled_owned());
        let task = filch::spawn(server.into_future());
        let mut client = UnixStream::connect(&name).await.unwrap();
        client.write_u8(3).await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), 3);
        drop(client);
        stop.cancel();
        assert_eq!(task.await.unwrap().into_result().unwrap().finished, 1);
    });
}

/// The same as tests, and as a list.
macro_rules! tests {
    ($($name:ident),+ $(,)?) => {
        mod test {
            $(#[test] fn $name() { super::$name(); })+
        }
        const ALL: &[fn()] = &[$($name),+];
    };
}

tests!(
    connections_are_handled_and_counted,
    at_the_limit_others_wait_and_nobody_is_refused,
    a_stop_refuses_newcomers_and_waits_for_those_who_are_there,
    whoever_does_not_end_is_cut_after_the_grace,
    dropping_the_server_cuts_its_connections,
    a_runtime_that_ends_cuts_its_connections,
    a_panic_ends_its_connection_only_and_is_reported,
    a_panic_of_the_function_itself_is_its_connections_too,
    unix_sockets_are_served_too,
);

#[test]
fn nothing_is_left_behind() {
    let warm_up = || drop(Kind::Workers.runtime());
    leave_nothing_behind("nothing_is_left_behind", warm_up, ALL);
}

#[test]
fn a_wrong_limit_panics_where_it_was_given() {
    let runtime = Kind::CurrentThread.runtime();
    for limit in [0, Semaphore::MAX_PERMITS + 1] {
        let (listener, _) = runtime.block_on(listen());
        let server = serve(listener, echo);
        let line = line!() + 1;
        let panic = caught(|| server.max_connections(limit));
        assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
        assert!(panic.message.contains(&limit.to_string()), "{}", panic.message);
    }
}

#[test]
fn without_timers_it_panics_at_once() {
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let (listener, _) = runtime.block_on(listen());
    let panic = caught(|| runtime.block_on(async { serve(listener, echo).await }));
    assert!(panic.message.contains("enable_time"), "{}", panic.message);
}

#[test]
fn what_is_printed_names_what_matters() {
    Kind::CurrentThread.runtime().block_on(async {
        let (listener, _) = listen().await;
        let server = serve(listener, echo).name("web").max_connections(5);
        let text = format!("{server:?} {:?} {:?}", server.handle(), server.handle().counts());
        for part in ["\"web\"", "Some(5)", "is_stopping: false", "accepted: 0"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(format!("{:?}", server.into_future()).contains("Running"));
    });
}
