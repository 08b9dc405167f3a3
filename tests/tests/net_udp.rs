//! UDP: with and without a peer, peeking, readiness around foreign system calls, options.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::task::Poll;

use filch::io::{Interest, ReadBuf};
use filch::net::UdpSocket;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::each_runtime;

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

async fn bound() -> UdpSocket {
    UdpSocket::bind(ANY_PORT).await.unwrap()
}

/// Two sockets, each connected to the other.
async fn pair() -> (UdpSocket, UdpSocket) {
    let (a, b) = (bound().await, bound().await);
    a.connect(b.local_addr().unwrap()).await.unwrap();
    b.connect(a.local_addr().unwrap()).await.unwrap();
    assert_eq!(a.peer_addr().unwrap(), b.local_addr().unwrap());
    (a, b)
}

#[test]
fn send_to_and_recv_from() {
    each_runtime(|| async {
        let (a, b) = (bound().await, bound().await);
        let (a_addr, b_addr) = (a.local_addr().unwrap(), b.local_addr().unwrap());
        let mut buf = [0; 16];
        for round in 0..50u8 {
            assert_eq!(a.send_to(&[round; 3], b_addr).await.unwrap(), 3);
            assert_eq!(b.recv_from(&mut buf).await.unwrap(), (3, a_addr));
            assert_eq!(buf[..3], [round; 3]);
        }
        let target = b_addr.to_string();
        poll_fn(|cx| a.poll_send_to(cx, b"by poll", b_addr)).await.unwrap();
        let mut uninit = [MaybeUninit::uninit(); 16];
        let mut read_buf = ReadBuf::uninit(&mut uninit);
        let from = poll_fn(|cx| b.poll_recv_from(cx, &mut read_buf)).await.unwrap();
        assert_eq!((read_buf.filled(), from), (&b"by poll"[..], a_addr));
        a.send_to(b"by name", target.as_str()).await.unwrap();
        let mut bytes = Vec::with_capacity(16);
        assert_eq!(b.recv_buf_from(&mut bytes).await.unwrap(), (7, a_addr));
        assert_eq!(bytes, b"by name");
        let error = a.send_to(b"x", &[][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn connected_sockets() {
    each_runtime(|| async {
        let (a, b) = pair().await;
        assert_eq!(a.send(b"one").await.unwrap(), 3);
        let mut buf = [0; 16];
        assert_eq!(b.recv(&mut buf).await.unwrap(), 3);
        poll_fn(|cx| a.poll_send(cx, b"two")).await.unwrap();
        let mut read_buf = ReadBuf::new(&mut buf);
        poll_fn(|cx| b.poll_recv(cx, &mut read_buf)).await.unwrap();
        assert_eq!(read_buf.filled(), b"two");
        a.send(b"three").await.unwrap();
        let mut bytes = Vec::with_capacity(16);
        assert_eq!(b.recv_buf(&mut bytes).await.unwrap(), 5);
        assert_eq!(bytes, b"three");
        // An empty datagram is one too.
        a.send(b"").await.unwrap();
        assert_eq!(b.recv(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn long_datagram_is_cut_off_and_the_next_one_is_whole() {
    each_runtime(|| async {
        let (a, b) = pair().await;
        a.send(b"0123456789").await.unwrap();
        a.send(b"ab").await.unwrap();
        let mut buf = [0; 4];
        assert_eq!(b.recv(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf, b"0123");
        assert_eq!(b.recv(&mut buf).await.unwrap(), 2);
    });
}

#[test]
fn short_datagram_says_nothing_about_the_next() {
    each_runtime(|| async {
        let (a, b) = pair().await;
        for byte in 0..10 {
            a.send(&[byte]).await.unwrap();
        }
        b.readable().await.unwrap();
        let mut buf = [0; 100];
        for byte in 0..10 {
            // Readiness stays until a call would block.
            assert_eq!(b.try_recv(&mut buf).unwrap(), 1);
            assert_eq!(buf[0], byte);
        }
        assert_eq!(b.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn try_methods() {
    each_runtime(|| async {
        let (a, b) = (bound().await, bound().await);
        let (a_addr, b_addr) = (a.local_addr().unwrap(), b.local_addr().unwrap());
        let would_block = |error: io::Error| assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let mut buf = [0; 8];
        would_block(b.try_recv_from(&mut buf).unwrap_err());
        would_block(b.try_peek(&mut buf).unwrap_err());
        would_block(b.try_peek_from(&mut buf).unwrap_err());
        would_block(b.try_peek_sender().unwrap_err());
        a.writable().await.unwrap();
        a.try_send_to(b"abc", b_addr).unwrap();
        b.readable().await.unwrap();
        assert_eq!(b.try_peek(&mut buf).unwrap(), 3);
        assert_eq!(b.try_peek_from(&mut buf).unwrap(), (3, a_addr));
        assert_eq!(b.try_peek_sender().unwrap(), a_addr);
        assert_eq!(b.try_recv_from(&mut buf).unwrap(), (3, a_addr));
        a.connect(b_addr).await.unwrap();
        a.try_send(b"de").unwrap();
        a.try_send(b"fgh").unwrap();
        b.readable().await.unwrap();
        let mut bytes = Vec::with_capacity(8);
        assert_eq!(b.try_recv_buf(&mut bytes).unwrap(), 2);
        b.peek_sender().await.unwrap();
        assert_eq!(b.try_recv_buf_from(&mut bytes).unwrap(), (3, a_addr));
        assert_eq!(bytes, b"defgh");
    });
}

#[test]
fn peek_leaves_the_datagram() {
    each_runtime(|| async {
        let (a, b) = pair().await;
        let a_addr = a.local_addr().unwrap();
        a.send(b"abc").await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(b.peek(&mut buf).await.unwrap(), 3);
        assert_eq!(b.peek_from(&mut buf).await.unwrap(), (3, a_addr));
        assert_eq!(b.peek_sender().await.unwrap(), a_addr);
        assert_eq!(poll_fn(|cx| b.poll_peek_sender(cx)).await.unwrap(), a_addr);
        let mut read_buf = ReadBuf::new(&mut buf);
        poll_fn(|cx| b.poll_peek(cx, &mut read_buf)).await.unwrap();
        assert_eq!(read_buf.filled(), b"abc");
        read_buf.clear();
        let from = poll_fn(|cx| b.poll_peek_from(cx, &mut read_buf)).await.unwrap();
        assert_eq!((read_buf.filled(), from), (&b"abc"[..], a_addr));
        assert_eq!(b.recv(&mut buf).await.unwrap(), 3);
    });
}

#[test]
fn readiness_around_foreign_system_calls() {
    each_runtime(|| async {
        let (a, b) = pair().await;
        let pending = || poll_fn(|cx| Poll::Ready(b.poll_recv_ready(cx).is_pending()));
        assert!(pending().await);
        a.send(b"x").await.unwrap();
        poll_fn(|cx| b.poll_recv_ready(cx)).await.unwrap();
        let receive = || {
            b.try_io(Interest::READABLE, || {
                rustix::io::read(b.as_fd(), &mut [0; 8]).map_err(io::Error::from)
            })
        };
        assert_eq!(receive().unwrap(), 1);
        assert!(!pending().await, "cleared without having blocked");
        assert_eq!(receive().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(pending().await, "WouldBlock did not clear");
        poll_fn(|cx| b.poll_send_ready(cx)).await.unwrap();
        let n = b
            .async_io(Interest::WRITABLE, || {
                rustix::io::write(b.as_fd(), b"yz").map_err(io::Error::from)
            })
            .await
            .unwrap();
        assert_eq!(n, 2);
        assert!(a.ready(Interest::READABLE).await.unwrap().is_readable());
    });
}

#[test]
fn refused_peer_wakes_the_receiver() {
    each_runtime(|| async {
        let gone = bound().await.local_addr().unwrap();
        let socket = Arc::new(bound().await);
        socket.connect(gone).await.unwrap();
        let receiving = {
            let socket = socket.clone();
            filch::spawn(async move { socket.recv(&mut [0; 8]).await })
        };
        filch::task::yield_now().await;
        // The answer of the kernel to the first may come with the second.
        let sent = socket.send(b"x").await;
        let error = match receiving.await.unwrap() {
            Err(error) => error,
            Ok(n) => panic!("received {n} bytes from nobody, after {sent:?}"),
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(socket.take_error().unwrap().is_none());
    });
}

#[test]
fn several_tasks_share_a_socket() {
    const TASKS: usize = 8;
    each_runtime(|| async {
        let receiver = Arc::new(bound().await);
        let target = receiver.local_addr().unwrap();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let receiver = receiver.clone();
                filch::spawn(async move {
                    let mut buf = [0; 8];
                    let (n, _) = receiver.recv_from(&mut buf).await.unwrap();
                    assert_eq!(n, 1);
                    buf[0]
                })
            })
            .collect();
        let sender = bound().await;
        for byte in 0..TASKS as u8 {
            sender.send_to(&[byte], target).await.unwrap();
        }
        let mut seen = Vec::new();
        for task in tasks {
            seen.push(task.await.unwrap());
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..TASKS as u8).collect::<Vec<_>>());
    });
}

#[test]
fn bind_errors() {
    each_runtime(|| async {
        let first = bound().await;
        let addr = first.local_addr().unwrap();
        assert_eq!(UdpSocket::bind(addr).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        let error = UdpSocket::bind(&[][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        // The second of two will do.
        UdpSocket::bind(&[addr, ANY_PORT.into()][..]).await.unwrap();
        let error = first.peer_addr().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn std_socket_there_and_back() {
    each_runtime(|| async {
        let std_socket = std::net::UdpSocket::bind(ANY_PORT).unwrap();
        let raw = std_socket.as_raw_fd();
        let socket = UdpSocket::try_from(std_socket).unwrap();
        assert_eq!(socket.as_raw_fd(), raw);
        let std_socket = socket.into_std().unwrap();
        let error = std_socket.recv(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "blocking after into_std");
        let socket = UdpSocket::from_std(std_socket).unwrap();
        let addr = socket.local_addr().unwrap();
        socket.send_to(b"self", addr).await.unwrap();
        assert_eq!(socket.recv_from(&mut [0; 8]).await.unwrap(), (4, addr));
    });
}

#[test]
fn options() {
    each_runtime(|| async {
        let socket = bound().await;
        socket.set_broadcast(true).unwrap();
        assert!(socket.broadcast().unwrap());
        socket.set_ttl(42).unwrap();
        assert_eq!(socket.ttl().unwrap(), 42);
        socket.set_multicast_loop_v4(false).unwrap();
        assert!(!socket.multicast_loop_v4().unwrap());
        socket.set_multicast_ttl_v4(5).unwrap();
        assert_eq!(socket.multicast_ttl_v4().unwrap(), 5);
        socket.set_tos_v4(16).unwrap();
        assert_eq!(socket.tos_v4().unwrap(), 16);
        assert_eq!(socket.device().unwrap(), None);
        assert!(socket.bind_device(Some(b"no such device")).is_err());
        // Not an address of a group.
        let error = socket.join_multicast_v4(Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED);
        assert!(error.is_err());
        let error = socket.leave_multicast_v4(Ipv4Addr::new(224, 0, 0, 9), Ipv4Addr::LOCALHOST);
        assert_eq!(error.unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    });
}

#[test]
fn multicast_group_hears_what_is_sent_to_it() {
    each_runtime(|| async {
        const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 1);
        let member = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        member.join_multicast_v4(GROUP, Ipv4Addr::LOCALHOST).unwrap();
        let sender = bound().await;
        socket2::SockRef::from(&sender).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        let port = member.local_addr().unwrap().port();
        sender.send_to(b"all", (GROUP, port)).await.unwrap();
        let (n, from) = member.recv_from(&mut [0; 8]).await.unwrap();
        assert_eq!((n, from), (3, sender.local_addr().unwrap()));
        member.leave_multicast_v4(GROUP, Ipv4Addr::LOCALHOST).unwrap();
    });
}

#[test]
fn ipv6_options() {
    each_runtime(|| async {
        let Ok(socket) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).await else {
            // No IPv6 on this machine: std cannot either.
            assert!(std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err());
            return;
        };
        socket.set_multicast_loop_v6(false).unwrap();
        assert!(!socket.multicast_loop_v6().unwrap());
        socket.set_tclass_v6(8).unwrap();
        assert_eq!(socket.tclass_v6().unwrap(), 8);
        assert!(socket.join_multicast_v6(&Ipv6Addr::LOCALHOST, 0).is_err());
        assert!(socket.leave_multicast_v6(&Ipv6Addr::LOCALHOST, 0).is_err());
    });
}

#[test]
fn auto_traits() {
    fn send_sync_unpin<T: Send + Sync + Unpin + std::fmt::Debug>() {}
    send_sync_unpin::<UdpSocket>();
    fn send<T: Send>(_: T) {}
    send(UdpSocket::bind("127.0.0.1:1"));
}

/// Every test of this file.
const TESTS: [fn(); 15] = [
    send_to_and_recv_from,
    connected_sockets,
    long_datagram_is_cut_off_and_the_next_one_is_whole,
    short_datagram_says_nothing_about_the_next,
    try_methods,
    peek_leaves_the_datagram,
    readiness_around_foreign_system_calls,
    refused_peer_wakes_the_receiver,
    several_tasks_share_a_socket,
    bind_errors,
    std_socket_there_and_back,
    options,
    multicast_group_hears_what_is_sent_to_it,
    ipv6_options,
    auto_traits,
];

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind("nothing_is_left_behind", send_to_and_recv_from, &TESTS);
}
