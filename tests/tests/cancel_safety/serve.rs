//! `net::serve`, and datagrams by the batch.

use std::io::Read;
use std::net::TcpStream;

use filch::io::AsyncWriteExt;
use filch::net::serve::{Connection, Report, Running};
use filch::net::udp::{RecvBatch, SendBatch};
use filch::net::{TcpListener, UdpSocket, serve};
use filch::sync::CancellationToken;
use filch_tests::cancel_safety::Place::Sockets;
use filch_tests::cancel_safety::Promise::{Loses, Safe};
use filch_tests::cancel_safety::{Case, Env, Kept, Trial, same};

use crate::net::PATIENCE;
use crate::udp::pair;

/// A server whose handler says goodbye when it stops, a client of it, and what stops it.
fn server(env: &Env) -> (Running, (TcpStream, CancellationToken)) {
    let listener = env.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let stop = CancellationToken::new();
    let handler = |mut stream: filch::net::TcpStream, connection: Connection<_>| async move {
        connection.stopping().await;
        stream.write_all(b"goodbye").await
    };
    let server = serve(listener, handler).graceful_shutdown(stop.clone().cancelled_owned());
    (std::future::IntoFuture::into_future(server), (client, stop))
}

/// The client heard the goodbye, unless the server was stopped before it had begun.
fn check_served(mut client: TcpStream, out: Option<Report>, env: &Env) -> Kept {
    env.settle();
    let mut heard = String::new();
    // Cut, it sees the end, or a reset.
    let _ = client.read_to_string(&mut heard);
    match out.map(|report| report.into_result().unwrap()) {
        Some(counts) => {
            assert_eq!((counts.finished, counts.cut), (counts.accepted, 0));
            same(heard.len(), "goodbye".len() * counts.finished as usize)
        }
        None => same(heard.as_str(), "goodbye"),
    }
}

/// Three datagrams for the far end, each of which it gets once.
fn batch() -> SendBatch {
    let mut batch = SendBatch::new();
    for payload in [b"abc", b"def", b"ghi"] {
        batch.push(payload);
    }
    batch
}

/// All that the far end has, and then what is left in the batch.
fn all_of(socket: &UdpSocket, far: &std::net::UdpSocket, mut batch: SendBatch) -> Vec<Vec<u8>> {
    far.set_nonblocking(true).unwrap();
    let mut came = Vec::new();
    let mut buf = [0; 8];
    loop {
        while let Ok(n) = far.recv(&mut buf) {
            came.push(buf[..n].to_vec());
        }
        if batch.is_empty() {
            return came;
        }
        socket.try_send_batch(&mut batch).unwrap();
    }
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "net::serve",
            Loses("the listener, and all connections: they are cut"),
            Trial {
                place: Sockets,
                world: server,
                future: |running| Box::pin(running),
                events: [
                    |_, _| {},
                    |world: &mut (TcpStream, CancellationToken), _| world.1.cancel(),
                    |_, _| {},
                ],
                check: |running, (client, _), out, env| {
                    drop(running);
                    check_served(client, out, env)
                },
            },
        ),
        Case::new(
            "net::UdpSocket::send_batch",
            Safe("what was sent is gone from the batch, the rest is still in it"),
            Trial {
                place: Sockets,
                world: |_| {
                    let (near, far) = pair();
                    ((near, batch()), far)
                },
                future: |(socket, batch)| {
                    Box::pin(async { socket.send_batch(batch).await.unwrap() })
                },
                events: [|_, _| {}],
                check: |(socket, batch), far, out, env| {
                    assert!(out.is_none() || batch.is_empty());
                    env.block_on(socket.writable()).unwrap();
                    same(
                        all_of(&socket, &far, batch),
                        [b"abc", b"def", b"ghi"].map(Vec::from).to_vec(),
                    )
                },
            },
        ),
        Case::new(
            "net::UdpSocket::recv_batch",
            Safe("datagrams are taken by the poll that completes"),
            Trial {
                place: Sockets,
                world: |_| {
                    let (near, far) = pair();
                    ((near, RecvBatch::new(4, 8)), far)
                },
                future: |(socket, batch)| {
                    Box::pin(async {
                        let received = socket.recv_batch(batch).await.unwrap();
                        received.map(|datagram| datagram.payload.to_vec()).collect::<Vec<_>>()
                    })
                },
                events: [
                    |far: &mut std::net::UdpSocket, _| assert_eq!(far.send(b"a").unwrap(), 1),
                    |far, _| assert_eq!(far.send(b"bc").unwrap(), 2),
                ],
                check: |(socket, mut batch), _far, out, env| {
                    let mut came = out.unwrap_or_default();
                    while came.len() < 2 {
                        let more = socket.recv_batch(&mut batch);
                        match env.block_on(async { filch::time::timeout(PATIENCE, more).await }) {
                            Ok(more) => came.extend(more.unwrap().map(|d| d.payload.to_vec())),
                            Err(_) => break,
                        }
                    }
                    same(came, vec![b"a".to_vec(), b"bc".to_vec()])
                },
            },
        ),
    ]
}
