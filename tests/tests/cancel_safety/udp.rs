//! UDP, on loopback sockets. The far ends are std's, and block.

use std::net::SocketAddr;

use filch::io::Interest;
use filch::net::UdpSocket;
use filch::time::timeout;
use filch_tests::cancel_safety::Place::Sockets;
use filch_tests::cancel_safety::Promise::Safe;
use filch_tests::cancel_safety::{Case, Env, Kept, Trial, same};

use crate::net::{NOTHING_TAKEN, PATIENCE, READINESS, WHOLE};

pub const TAKEN_LATE: &str = "a datagram is taken by the poll that completes";
pub const ALL_OR_NONE: &str = "the datagram is sent or it is not";

/// Two sockets that are connected to each other.
pub fn pair() -> (UdpSocket, std::net::UdpSocket) {
    let near = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let far = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    near.connect(far.local_addr().unwrap()).unwrap();
    far.connect(near.local_addr().unwrap()).unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    near.set_nonblocking(true).unwrap();
    (UdpSocket::from_std(near).unwrap(), far)
}

fn send_first(far: &mut std::net::UdpSocket, _: &Env) {
    far.send(b"a").unwrap();
}

fn send_second(far: &mut std::net::UdpSocket, _: &Env) {
    far.send(b"bc").unwrap();
}

/// What was received, and what can be received still, are both datagrams.
fn check_received(out: Option<Vec<u8>>, socket: UdpSocket, env: &Env) -> Kept {
    let mut received: Vec<Vec<u8>> = out.into_iter().collect();
    while received.len() < 2 {
        let mut buf = [0; 8];
        match env.block_on(async { timeout(PATIENCE, socket.recv(&mut buf)).await }) {
            Ok(n) => received.push(buf[..n.unwrap()].to_vec()),
            Err(_) => break,
        }
    }
    same(received, vec![b"a".to_vec(), b"bc".to_vec()])
}

/// Nothing, or just this, has arrived at the far end.
fn check_sent(far: &std::net::UdpSocket, out: Option<usize>) -> Kept {
    if out.is_none() {
        far.set_nonblocking(true).unwrap();
    }
    let mut buf = [0; 8];
    let received = far.recv(&mut buf).ok();
    assert!(received.is_none_or(|n| &buf[..n] == b"abc"));
    same(received, out)
}

/// The driver looks for what is ready.
fn nothing<P>(_: &mut P, _: &Env) {}

/// A case that receives, by an expression that is the datagram.
macro_rules! receives {
    ($name:literal, $promise:expr, |$socket:ident| $future:expr) => {
        Case::new(
            $name,
            Safe($promise),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |$socket| Box::pin(async { $future }),
                events: [send_first, send_second],
                check: |socket, _far, out, env| check_received(out, socket, env),
            },
        )
    };
}

/// A case that takes nothing.
macro_rules! looks {
    ($name:literal, $promise:expr, |$socket:ident| $future:expr) => {
        Case::new(
            $name,
            Safe($promise),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |$socket| {
                    Box::pin(async {
                        $future.await.unwrap();
                    })
                },
                events: [send_first, send_second],
                check: |socket, _far, _, env| check_received(None, socket, env),
            },
        )
    };
}

pub fn cases() -> Vec<Case> {
    let mut cases = receiving();
    cases.extend(sending());
    cases
}

fn receiving() -> Vec<Case> {
    vec![
        receives!("net::UdpSocket::recv", TAKEN_LATE, |socket| {
            let mut buf = [0; 8];
            let n = socket.recv(&mut buf).await.unwrap();
            buf[..n].to_vec()
        }),
        receives!("net::UdpSocket::recv_from", TAKEN_LATE, |socket| {
            let mut buf = [0; 8];
            let (n, _) = socket.recv_from(&mut buf).await.unwrap();
            buf[..n].to_vec()
        }),
        receives!("net::UdpSocket::recv_buf", TAKEN_LATE, |socket| {
            let mut buf = Vec::with_capacity(8);
            socket.recv_buf(&mut buf).await.unwrap();
            buf
        }),
        receives!("net::UdpSocket::recv_buf_from", TAKEN_LATE, |socket| {
            let mut buf = Vec::with_capacity(8);
            socket.recv_buf_from(&mut buf).await.unwrap();
            buf
        }),
        receives!("net::UdpSocket::async_io", WHOLE, |socket| {
            let fd = socket2::SockRef::from(&*socket);
            let receive = || {
                let mut buf = Vec::with_capacity(8);
                fd.recv(buf.spare_capacity_mut()).map(|n| {
                    // SAFETY: the system has written so many.
                    unsafe { buf.set_len(n) };
                    buf
                })
            };
            socket.async_io(Interest::READABLE, receive).await.unwrap()
        }),
        looks!("net::UdpSocket::peek", NOTHING_TAKEN, |socket| socket.peek(&mut [0; 8])),
        looks!("net::UdpSocket::peek_from", NOTHING_TAKEN, |socket| socket.peek_from(&mut [0; 8])),
        looks!("net::UdpSocket::peek_sender", NOTHING_TAKEN, |socket| socket.peek_sender()),
        looks!("net::UdpSocket::readable", READINESS, |socket| socket.readable()),
        looks!("net::UdpSocket::ready", READINESS, |socket| socket.ready(Interest::READABLE)),
    ]
}

fn sending() -> Vec<Case> {
    vec![
        Case::new(
            "net::UdpSocket::bind",
            Safe("there is no socket"),
            Trial {
                place: Sockets,
                world: |_| ((), ()),
                future: |_| Box::pin(async { UdpSocket::bind("127.0.0.1:0").await.unwrap() }),
                events: [],
                check: |_, _, out, _| same(out.is_none_or(|it| it.local_addr().is_ok()), true),
            },
        )
        .never_waits(),
        Case::new(
            "net::UdpSocket::connect",
            Safe("it is connected or it is not"),
            Trial {
                place: Sockets,
                world: |_| {
                    let (near, far) = pair();
                    let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
                    let addr = other.local_addr().unwrap();
                    ((near, addr), far.local_addr().unwrap())
                },
                future: |(socket, addr)| Box::pin(async { socket.connect(*addr).await.unwrap() }),
                events: [],
                check: |(socket, addr), before, out, _| {
                    let peer: SocketAddr = socket.peer_addr().unwrap();
                    same(peer, if out.is_some() { addr } else { before })
                },
            },
        )
        .never_waits(),
        Case::new(
            "net::UdpSocket::writable",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |socket| Box::pin(async { socket.writable().await.unwrap() }),
                events: [nothing],
                check: |socket, far, _, _| check_sent(&far, socket.try_send(b"abc").ok()),
            },
        ),
        Case::new(
            "net::UdpSocket::send",
            Safe(ALL_OR_NONE),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |socket| Box::pin(async { socket.send(b"abc").await.unwrap() }),
                events: [nothing],
                check: |_socket, far, out, _| check_sent(&far, out),
            },
        ),
        Case::new(
            "net::UdpSocket::send_to",
            Safe(ALL_OR_NONE),
            Trial {
                place: Sockets,
                world: |_| {
                    let (near, far) = pair();
                    ((near, far.local_addr().unwrap()), far)
                },
                future: |(socket, addr)| {
                    Box::pin(async { socket.send_to(b"abc", *addr).await.unwrap() })
                },
                events: [nothing],
                check: |_socket, far, out, _| check_sent(&far, out),
            },
        ),
    ]
}
