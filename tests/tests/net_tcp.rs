//! TCP: connecting, refusing, accepting, moving bytes, closing.

mod net_support;

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::each_runtime;
use net_support::{ANY_PORT, pair};

/// An address that nobody listens on: bound, never listening, kept until dropped.
fn dead_end() -> (std::net::TcpStream, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(ANY_PORT.into()).unwrap();
    let addr = socket.local_addr().unwrap();
    // SAFETY: the descriptor was just taken out of its owner.
    (unsafe { std::net::TcpStream::from_raw_fd(socket.into_raw_fd()) }, addr)
}

#[test]
fn echo_both_ways() {
    each_runtime(|| async {
        let (mut client, mut server) = pair().await;
        for round in 0..100u32 {
            client.write_all(&round.to_be_bytes()).await.unwrap();
            assert_eq!(server.read_u32().await.unwrap(), round);
            server.write_all(&round.to_be_bytes()).await.unwrap();
            assert_eq!(client.read_u32().await.unwrap(), round);
        }
    });
}

#[test]
fn more_than_the_buffers_hold() {
    const BYTES: usize = 8 << 20;
    each_runtime(|| async {
        let (mut client, mut server) = pair().await;
        let sender = filch::spawn(async move {
            let data: Vec<u8> = (0..BYTES).map(|i| (i % 251) as u8).collect();
            client.write_all(&data).await.unwrap();
            client.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        server.read_to_end(&mut received).await.unwrap();
        assert_eq!(received.len(), BYTES);
        assert!(received.iter().enumerate().all(|(i, &byte)| byte == (i % 251) as u8));
        sender.await.unwrap();
    });
}

#[test]
fn many_connections_at_once() {
    const CLIENTS: usize = 64;
    each_runtime(|| async {
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = filch::spawn(async move {
            for _ in 0..CLIENTS {
                let (mut stream, _) = listener.accept().await.unwrap();
                drop(filch::spawn(async move {
                    let (mut reader, mut writer) = stream.split();
                    filch::io::copy(&mut reader, &mut writer).await.unwrap();
                }));
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|i| {
                filch::spawn(async move {
                    let mut stream = TcpStream::connect(addr).await.unwrap();
                    for round in 0..20 {
                        let message = [i as u8, round];
                        stream.write_all(&message).await.unwrap();
                        let mut back = [0; 2];
                        stream.read_exact(&mut back).await.unwrap();
                        assert_eq!(back, message);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
    });
}

#[test]
fn connection_refused() {
    each_runtime(|| async {
        let (_keep, addr) = dead_end();
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn connect_tries_the_next_address_and_reports_the_last_error() {
    each_runtime(|| async {
        let (_keep, dead) = dead_end();
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = TcpStream::connect(&[dead, addr][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        let error = TcpStream::connect(&[][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn address_in_use() {
    each_runtime(|| async {
        let first = TcpListener::bind(ANY_PORT).await.unwrap();
        let addr = first.local_addr().unwrap();
        assert_eq!(TcpListener::bind(addr).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(first);
        TcpListener::bind(addr).await.unwrap();
    });
}

#[test]
fn names_are_looked_up_and_nonsense_is_refused() {
    each_runtime(|| async {
        let addrs: Vec<_> = lookup_host("localhost:80").await.unwrap().collect();
        assert!(addrs.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 80));
        assert!(!addrs.is_empty());
        assert!(lookup_host(("localhost", 7)).await.unwrap().all(|addr| addr.port() == 7));
        let error = lookup_host("no port here").await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn each_side_may_close_its_writing_first() {
    each_runtime(|| async {
        for client_first in [true, false] {
            let (client, server) = pair().await;
            let (mut first, mut second) =
                if client_first { (client, server) } else { (server, client) };
            first.write_all(b"last words").await.unwrap();
            first.shutdown().await.unwrap();
            // Twice does no harm.
            first.shutdown().await.unwrap();
            let mut text = String::new();
            second.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "last words");
            assert_eq!(first.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            // The other direction is open still.
            second.write_all(b"answer").await.unwrap();
            drop(second);
            text.clear();
            first.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "answer");
        }
    });
}

#[test]
fn reset_by_the_peer() {
    each_runtime(|| async {
        let (client, mut server) = pair().await;
        let reading = filch::spawn(async move { server.read(&mut [0; 8]).await });
        client.set_zero_linger().unwrap();
        assert_eq!(client.linger().unwrap(), Some(Duration::ZERO));
        drop(client);
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn poll_accept_is_woken() {
    each_runtime(|| async {
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let pending = poll_fn(|cx| Poll::Ready(listener.poll_accept(cx).is_pending())).await;
        assert!(pending);
        let client = filch::spawn(TcpStream::connect(addr));
        let (stream, peer) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        let client = client.await.unwrap().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(stream.peer_addr().unwrap(), peer);
    });
}

#[test]
fn several_tasks_accept_from_one_listener() {
    each_runtime(|| async {
        let listener = std::sync::Arc::new(TcpListener::bind(ANY_PORT).await.unwrap());
        let addr = listener.local_addr().unwrap();
        let accepting: Vec<_> = (0..8)
            .map(|_| {
                let listener = listener.clone();
                filch::spawn(async move { listener.accept().await.unwrap() })
            })
            .collect();
        let mut clients = Vec::new();
        for _ in 0..8 {
            clients.push(TcpStream::connect(addr).await.unwrap());
        }
        let mut peers = std::collections::HashSet::new();
        for task in accepting {
            assert!(peers.insert(task.await.unwrap().1), "one connection accepted twice");
        }
        assert_eq!(peers.len(), clients.len());
    });
}

#[test]
fn cancelled_accept_loses_no_connection() {
    each_runtime(|| async {
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let addr = listener.local_addr().unwrap();
        for _ in 0..10 {
            {
                let mut accept = pin!(listener.accept());
                let _ = poll_fn(|cx| Poll::Ready(accept.as_mut().poll(cx).is_pending())).await;
            }
            let client = TcpStream::connect(addr).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
        }
    });
}

/// Every test of this file.
const TESTS: [fn(); 12] = [
    echo_both_ways,
    more_than_the_buffers_hold,
    many_connections_at_once,
    connection_refused,
    connect_tries_the_next_address_and_reports_the_last_error,
    address_in_use,
    names_are_looked_up_and_nonsense_is_refused,
    each_side_may_close_its_writing_first,
    reset_by_the_peer,
    poll_accept_is_woken,
    several_tasks_accept_from_one_listener,
    cancelled_accept_loses_no_connection,
];

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind("nothing_is_left_behind", echo_both_ways, &TESTS);
}
