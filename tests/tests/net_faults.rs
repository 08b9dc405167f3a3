//! What goes wrong on a network, and that a server goes on: addresses in use, refusals, handlers that panic.
//! Afterwards nothing is left behind.
//!
//! Connections that break are `net_faults_streams`', the limit of open files is `net_faults_limit`'s.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::sync::Arc;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use filch::runtime::{Runtime, UnhandledPanic};
use filch_tests::panics::expected;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::{Kind, each_runtime};

/// An address that is free.
const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

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
    each_runtime(|| async {
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
    each_runtime(|| async {
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
    const TESTS: [fn(); 3] = [address_in_use, connection_refused, handler_panics];
    leave_nothing_behind("nothing_is_left_behind", connection_refused, &TESTS);
}
