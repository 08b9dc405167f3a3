//! What goes wrong on a network, and that a server goes on: addresses in use, refusals, resets at every
//! stage, half-closed connections, handlers that panic. Afterwards nothing is left behind.
//!
//! Each fault is a function of a runtime, so that the last test can run all of them alone in a process
//! and count what that process has left. The limit of open files is `net_faults_limit`'s.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use filch::runtime::{Runtime, UnhandledPanic};
use filch_tests::panics::expected;
use filch_tests::process::{child, descriptors, is_child, threads, wait_until_no_thread_is_named};
use filch_tests::runtimes::Kind;

/// An address that is free.
const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// More than the buffers of both sides of a connection hold.
const TOO_MUCH: usize = 64 << 20;

/// A fault: builds its runtimes, provokes, checks.
type Fault = fn();

const FAULTS: [Fault; 8] = [
    address_in_use,
    connection_refused,
    reset_while_reading,
    reset_while_writing,
    reset_before_accept,
    half_closed_by_the_client,
    half_closed_by_the_server,
    handler_panics,
];

/// Runs it on each kind of runtime, as a spawned task.
fn on_each<F>(fault: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for kind in Kind::ALL {
        kind.runtime().block_on(async { filch::spawn(fault()).await.unwrap() });
    }
}

/// The two ends of a connection: who connected, who accepted.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// Checks that a future is not ready yet. Its waker is then registered.
async fn assert_pending<F: Future + Unpin>(future: &mut F) {
    let is_pending = poll_fn(|cx| Poll::Ready(pin!(&mut *future).poll(cx).is_pending())).await;
    assert!(is_pending);
}

/// Ends a connection by a reset.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}

/// Checks that a listener still serves.
async fn assert_serves(listener: &TcpListener) {
    let addr = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(addr).await.unwrap();
    let (mut server, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    server.write_all(b"served").await.unwrap();
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"served");
}

#[test]
fn address_in_use() {
    on_each(|| async {
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let addr = listener.local_addr().unwrap();
        for _ in 0..3 {
            assert_eq!(TcpListener::bind(addr).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        }
        assert_serves(&listener).await;
        drop(listener);
        assert_serves(&TcpListener::bind(addr).await.unwrap()).await;

        let socket = UdpSocket::bind(ANY_PORT).await.unwrap();
        let addr = socket.local_addr().unwrap();
        assert_eq!(UdpSocket::bind(addr).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(socket);
        UdpSocket::bind(addr).await.unwrap();
    });
}

#[test]
fn connection_refused() {
    on_each(|| async {
        // Bound, so that nobody else gets the port, and not listening.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(ANY_PORT.into()).unwrap();
        let addr = socket.local_addr().unwrap();
        // SAFETY: the descriptor was just taken out of its owner.
        let dead_end = unsafe { std::net::TcpStream::from_raw_fd(socket.into_raw_fd()) };
        for _ in 0..3 {
            let error = TcpStream::connect(addr).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
        drop(dead_end);
        // The client tries again, and by now the server is up.
        let listener = TcpListener::bind(addr).await.unwrap();
        assert_serves(&listener).await;
    });
}

#[test]
fn reset_while_reading() {
    on_each(|| async {
        let (client, mut server) = pair().await;
        let mut buf = [0; 8];
        {
            let mut read = pin!(server.read(&mut buf));
            assert_pending(&mut read).await;
            reset(client);
            assert_eq!(read.await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        // Told once; what is left is a stream at its end that cannot be written to.
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);
        assert_eq!(server.write(b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);

        // Both halves wait, in tasks of their own, and both are woken.
        let (client, server) = pair().await;
        let (mut reader, mut writer) = server.into_split();
        let reading = filch::spawn(async move { reader.read(&mut [0; 8]).await });
        let writing = filch::spawn(async move { writer.write_all(&vec![0; TOO_MUCH]).await });
        client.readable().await.unwrap();
        reset(client);
        // The error is the socket's, and goes to whoever asks first.
        match (reading.await.unwrap(), writing.await.unwrap()) {
            (Err(read), Err(write)) => {
                assert_eq!(read.kind(), ErrorKind::ConnectionReset);
                assert_eq!(write.kind(), ErrorKind::BrokenPipe);
            }
            (Ok(0), Err(write)) => assert_eq!(write.kind(), ErrorKind::ConnectionReset),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn reset_while_writing() {
    on_each(|| async {
        let (client, mut server) = pair().await;
        let data = vec![0; TOO_MUCH];
        {
            let mut write = pin!(server.write_all(&data));
            assert_pending(&mut write).await;
            reset(client);
            assert_eq!(write.await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        assert_eq!(server.write(b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn reset_before_accept() {
    on_each(|| async {
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let addr = listener.local_addr().unwrap();
        for _ in 0..3 {
            reset(TcpStream::connect(addr).await.unwrap());
        }
        let good = TcpStream::connect(addr).await.unwrap();
        let peer = good.local_addr().unwrap();
        // The system may hand the dead ones out, or drop them, or tell of them by an error.
        loop {
            match listener.accept().await {
                Ok((_, from)) if from == peer => break,
                Ok((mut dead, _)) => {
                    let error = dead.read(&mut [0; 8]).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionAborted),
            }
        }
        assert_serves(&listener).await;
    });
}

#[test]
fn half_closed_by_the_client() {
    on_each(|| async {
        let (mut client, mut server) = pair().await;
        let mut request = Vec::new();
        {
            let mut reading = pin!(server.read_to_end(&mut request));
            client.write_all(b"the request").await.unwrap();
            assert_pending(&mut reading).await;
            client.shutdown().await.unwrap();
            assert_eq!(reading.await.unwrap(), 11);
        }
        assert_eq!(request, b"the request");
        assert_eq!(client.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        // The other direction is as it was, for more than the buffers hold.
        let answer = filch::spawn(async move {
            server.write_all(&vec![7; 16 << 20]).await.unwrap();
        });
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        answer.await.unwrap();
        assert_eq!(received.len(), 16 << 20);
        assert!(received.iter().all(|&byte| byte == 7));
    });
}

#[test]
fn half_closed_by_the_server() {
    on_each(|| async {
        let (mut client, mut server) = pair().await;
        let mut rest = Vec::new();
        {
            let mut reading = pin!(client.read_to_end(&mut rest));
            assert_pending(&mut reading).await;
            server.write_all(b"go away").await.unwrap();
            server.shutdown().await.unwrap();
            assert_eq!(reading.await.unwrap(), 7);
        }
        assert_eq!(rest, b"go away");
        for round in 0..3u8 {
            client.write_all(&[round]).await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), round);
        }
        // Both directions closed, one after the other: an end, and not an error.
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

/// Answers each byte by itself, and panics at a `!`.
async fn handle(mut stream: TcpStream) -> io::Result<()> {
    loop {
        match stream.read_u8().await {
            Ok(b'!') => expected("the handler"),
            Ok(byte) => stream.write_u8(byte).await?,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// A server as one writes it: a task per connection, detached.
async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        filch::spawn(async move {
            let _ = handle(stream).await;
        });
    }
}

async fn assert_echo(client: &mut TcpStream, byte: u8) {
    client.write_u8(byte).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), byte);
}

async fn panicking_server(addr: SocketAddr) {
    let mut bystander = TcpStream::connect(addr).await.unwrap();
    assert_echo(&mut bystander, 1).await;
    for round in 0..10 {
        let mut victim = TcpStream::connect(addr).await.unwrap();
        assert_echo(&mut victim, round).await;
        victim.write_u8(b'!').await.unwrap();
        // The panic drops the stream, which ends the connection.
        assert_eq!(victim.read(&mut [0; 8]).await.unwrap(), 0);
        assert_echo(&mut bystander, round).await;
    }
}

#[test]
fn handler_panics() {
    for kind in Kind::ALL {
        let (told, panics) = std::sync::mpsc::channel();
        let mut builder = kind.builder();
        builder.unhandled_panic(UnhandledPanic::Call(Arc::new(move |info| {
            let _ = told.send(info.message().to_owned());
        })));
        let runtime: Runtime = builder.build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind(ANY_PORT).await.unwrap();
            let addr = listener.local_addr().unwrap();
            let server = filch::spawn(serve(listener));
            filch::spawn(panicking_server(addr)).await.unwrap();
            assert!(!server.is_finished());
        });
        drop((runtime, builder));
        // Each panic was told of, once.
        let panics: Vec<String> = panics.iter().collect();
        assert_eq!(panics, vec!["expected: the handler"; 10], "{kind:?}");
    }
}

#[test]
fn nothing_is_left_behind() {
    const NAME: &str = "nothing_is_left_behind";
    if !is_child(NAME) {
        let ended = child(NAME, &[]);
        assert!(ended.status.success(), "{ended:?}");
        return;
    }
    // What the process opens once and keeps is not counted.
    Kind::Workers.runtime().block_on(async { drop(pair().await) });
    wait_until_no_thread_is_named("filch-");
    let before = (descriptors(), threads().len());
    for fault in FAULTS {
        fault();
    }
    wait_until_no_thread_is_named("filch-");
    assert_eq!((descriptors(), threads().len()), before, "{:?}", threads());
}
