//! Unix sockets, datagrams: with and without a peer, abstract names, a full queue, shutting down.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::task::Poll;

use filch::io::{Interest, ReadBuf};
use filch::net::UnixDatagram;
use filch_tests::folder::Folder;
use filch_tests::panics::caught;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::each_runtime;
use filch_tests::transport::abstract_name;

const TESTS: [fn(); 10] = [
    send_to_and_recv_from_by_path,
    send_to_and_recv_from_by_abstract_name,
    connected_pair_in_every_form,
    short_datagram_says_nothing_about_the_next,
    readiness_around_foreign_system_calls,
    full_queue_makes_sending_wait,
    nobody_is_there,
    shutting_down_wakes_the_receiver,
    several_tasks_share_a_socket,
    std_sockets_there_and_back,
];

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind("nothing_is_left_behind", connected_pair_in_every_form, &TESTS);
}

#[test]
fn send_to_and_recv_from_by_path() {
    each_runtime(|| async {
        let folder = Folder::new("unix");
        let (a_path, b_path) = (folder.join("a"), folder.join("b"));
        let a = UnixDatagram::bind(&a_path).unwrap();
        let b = UnixDatagram::bind(&b_path).unwrap();
        assert_eq!(a.local_addr().unwrap().as_pathname(), Some(&*a_path));
        assert_eq!(UnixDatagram::bind(&a_path).unwrap_err().kind(), ErrorKind::AddrInUse);
        let mut buf = [0; 16];
        assert_eq!(a.send_to(b"one", &b_path).await.unwrap(), 3);
        let (n, from) = b.recv_from(&mut buf).await.unwrap();
        assert_eq!((&buf[..n], from.as_pathname()), (&b"one"[..], Some(&*a_path)));
        // Nobody can answer a socket without an address.
        let nameless = UnixDatagram::unbound().unwrap();
        assert_eq!(nameless.send_to(b"two", &b_path).await.unwrap(), 3);
        let mut read_buf = ReadBuf::new(&mut buf);
        let from = poll_fn(|cx| b.poll_recv_from(cx, &mut read_buf)).await.unwrap();
        assert_eq!(read_buf.filled(), b"two");
        assert!(from.is_unnamed());
    });
}

#[test]
fn send_to_and_recv_from_by_abstract_name() {
    each_runtime(|| async {
        let (a_name, b_name) = (abstract_name(), abstract_name());
        let a = UnixDatagram::bind(&a_name).unwrap();
        let b = UnixDatagram::bind(&b_name).unwrap();
        let is_a = |from: filch::net::unix::SocketAddr| {
            assert_eq!(from.as_abstract_name(), Some(&a_name.as_bytes()[1..]));
        };
        let mut buf = [0; 16];
        assert_eq!(poll_fn(|cx| a.poll_send_to(cx, b"one", &b_name)).await.unwrap(), 3);
        let (n, from) = b.recv_from(&mut buf).await.unwrap();
        assert_eq!(n, 3);
        is_a(from);
        a.writable().await.unwrap();
        assert_eq!(a.try_send_to(b"four", &b_name).unwrap(), 4);
        b.readable().await.unwrap();
        let (n, from) = b.try_recv_from(&mut buf).unwrap();
        assert_eq!(n, 4);
        is_a(from);
        a.send_to(b"seven", &b_name).await.unwrap();
        a.send_to(b"eight", &b_name).await.unwrap();
        let mut bytes = Vec::with_capacity(16);
        let (n, from) = b.recv_buf_from(&mut bytes).await.unwrap();
        assert_eq!((n, &bytes[..]), (5, &b"seven"[..]));
        is_a(from);
        let (n, from) = b.try_recv_buf_from(&mut bytes).unwrap();
        assert_eq!((n, &bytes[..]), (5, &b"seveneight"[..]));
        is_a(from);
        assert_eq!(b.try_recv_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn connected_pair_in_every_form() {
    each_runtime(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        assert!(a.local_addr().unwrap().is_unnamed() && a.peer_addr().unwrap().is_unnamed());
        assert_eq!(a.send(b"one").await.unwrap(), 3);
        let mut buf = [0; 16];
        assert_eq!(b.recv(&mut buf).await.unwrap(), 3);
        poll_fn(|cx| a.poll_send_ready(cx)).await.unwrap();
        poll_fn(|cx| a.poll_send(cx, b"two")).await.unwrap();
        let mut uninit = [MaybeUninit::uninit(); 16];
        let mut read_buf = ReadBuf::uninit(&mut uninit);
        poll_fn(|cx| b.poll_recv(cx, &mut read_buf)).await.unwrap();
        assert_eq!(read_buf.filled(), b"two");
        assert_eq!(a.try_send(b"three").unwrap(), 5);
        assert_eq!(a.try_send(b"four").unwrap(), 4);
        let mut bytes = Vec::with_capacity(16);
        assert_eq!(b.recv_buf(&mut bytes).await.unwrap(), 5);
        assert_eq!(b.try_recv_buf(&mut bytes).unwrap(), 4);
        assert_eq!(bytes, b"threefour");
        assert_eq!(b.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        // An empty datagram is one too, and a long one is cut off.
        a.send(b"").await.unwrap();
        a.send(b"0123456789").await.unwrap();
        a.send(b"next").await.unwrap();
        assert_eq!(b.recv(&mut buf).await.unwrap(), 0);
        assert_eq!(b.recv(&mut buf[..4]).await.unwrap(), 4);
        assert_eq!(b.recv(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf[..4], b"next");
        assert!(a.take_error().unwrap().is_none());
    });
}

#[test]
fn short_datagram_says_nothing_about_the_next() {
    each_runtime(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        for byte in 0..5 {
            a.send(&[byte]).await.unwrap();
        }
        b.readable().await.unwrap();
        for byte in 0..5 {
            let mut buf = [0; 8];
            assert_eq!(b.try_recv(&mut buf).unwrap(), 1);
            assert_eq!(buf[0], byte);
        }
    });
}

#[test]
fn readiness_around_foreign_system_calls() {
    each_runtime(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        let pending = || poll_fn(|cx| Poll::Ready(b.poll_recv_ready(cx).is_pending()));
        assert!(pending().await);
        a.send(b"x").await.unwrap();
        poll_fn(|cx| b.poll_recv_ready(cx)).await.unwrap();
        let receive = || {
            b.try_io(Interest::READABLE, || {
                rustix::io::read(&b, &mut [0; 8]).map_err(io::Error::from)
            })
        };
        assert_eq!(receive().unwrap(), 1);
        assert!(!pending().await, "cleared without having blocked");
        assert_eq!(receive().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(pending().await, "WouldBlock did not clear");
        let n = b
            .async_io(Interest::WRITABLE, || rustix::io::write(&b, b"yz").map_err(io::Error::from))
            .await;
        assert_eq!(n.unwrap(), 2);
        assert!(a.ready(Interest::READABLE).await.unwrap().is_readable());
    });
}

#[test]
fn full_queue_makes_sending_wait() {
    each_runtime(|| async {
        let name = abstract_name();
        let receiver = Arc::new(UnixDatagram::bind(&name).unwrap());
        let (connected, sender) =
            (UnixDatagram::unbound().unwrap(), UnixDatagram::unbound().unwrap());
        connected.connect(&name).unwrap();
        let mut queued = 0;
        loop {
            connected.writable().await.unwrap();
            match connected.try_send(b"x") {
                Ok(_) => queued += 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        assert!(queued > 0);
        assert_eq!(sender.try_send_to(b"x", &name).unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut sending = Box::pin(async move { connected.send(b"last").await });
        let first = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
        assert!(first.is_pending(), "{first:?}");
        let sending = filch::spawn(sending);
        let mut buf = [0; 8];
        for _ in 0..queued {
            assert_eq!(receiver.recv(&mut buf).await.unwrap(), 1);
        }
        assert_eq!(receiver.recv(&mut buf).await.unwrap(), 4);
        assert_eq!(sending.await.unwrap().unwrap(), 4);
    });
}

#[test]
fn nobody_is_there() {
    each_runtime(|| async {
        let folder = Folder::new("unix");
        let path = folder.join("gone");
        let socket = UnixDatagram::unbound().unwrap();
        let kinds = |errors: [io::Result<usize>; 2]| errors.map(|it| it.unwrap_err().kind());
        let errors = [socket.send_to(b"x", &path).await, socket.try_send_to(b"x", &path)];
        assert_eq!(kinds(errors), [ErrorKind::NotFound; 2]);
        assert_eq!(socket.connect(&path).unwrap_err().kind(), ErrorKind::NotFound);
        let errors = [socket.send(b"x").await, socket.try_send(b"x")];
        assert_eq!(kinds(errors), [ErrorKind::NotConnected; 2]);
        assert_eq!(socket.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        let receiver = UnixDatagram::bind(&path).unwrap();
        socket.connect(&path).unwrap();
        assert_eq!(socket.peer_addr().unwrap().as_pathname(), Some(&*path));
        drop(receiver);
        let errors = [socket.send_to(b"x", &path).await, socket.send(b"x").await];
        assert_eq!(kinds(errors), [ErrorKind::ConnectionRefused; 2]);
        for path in ["a\0b".to_owned(), "x".repeat(300)] {
            let results = [
                UnixDatagram::bind(&path).map(drop),
                socket.connect(&path),
                socket.send_to(b"x", &path).await.map(drop),
                socket.try_send_to(b"x", &path).map(drop),
                poll_fn(|cx| socket.poll_send_to(cx, b"x", &path)).await.map(drop),
            ];
            for result in results {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
            }
        }
    });
}

#[test]
fn shutting_down_wakes_the_receiver() {
    each_runtime(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        let b = Arc::new(b);
        let receiving = {
            let b = b.clone();
            filch::spawn(async move { b.recv(&mut [0; 8]).await })
        };
        filch::task::yield_now().await;
        b.shutdown(Shutdown::Read).unwrap();
        assert_eq!(receiving.await.unwrap().unwrap(), 0);
        assert_eq!(a.send(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        // In every form.
        assert_eq!(b.try_recv(&mut [0; 8]).unwrap(), 0);
        assert!(b.recv_from(&mut [0; 8]).await.unwrap().1.is_unnamed());
        let (mut bytes, mut buf) = (Vec::with_capacity(8), [0; 8]);
        assert_eq!(b.recv_buf(&mut bytes).await.unwrap(), 0);
        let mut read_buf = ReadBuf::new(&mut buf);
        assert!(poll_fn(|cx| b.poll_recv_from(cx, &mut read_buf)).await.unwrap().is_unnamed());
        assert!(read_buf.filled().is_empty());
        a.shutdown(Shutdown::Write).unwrap();
        assert_eq!(a.send(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn several_tasks_share_a_socket() {
    const TASKS: u8 = 8;
    each_runtime(|| async {
        let (sender, receiver) = UnixDatagram::pair().unwrap();
        let receiver = Arc::new(receiver);
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let receiver = receiver.clone();
                filch::spawn(async move {
                    let mut buf = [0; 8];
                    assert_eq!(receiver.recv(&mut buf).await.unwrap(), 1);
                    buf[0]
                })
            })
            .collect();
        for byte in 0..TASKS {
            sender.send(&[byte]).await.unwrap();
        }
        let mut seen = Vec::new();
        for task in tasks {
            seen.push(task.await.unwrap());
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..TASKS).collect::<Vec<_>>());
    });
}

#[test]
fn std_sockets_there_and_back() {
    each_runtime(|| async {
        let (a, b) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let raw = a.as_raw_fd();
        let a = UnixDatagram::try_from(a).unwrap();
        assert_eq!(a.as_raw_fd(), raw);
        let a = a.into_std().unwrap();
        let error = a.recv(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "blocking after into_std");
        let a = UnixDatagram::from_std(a).unwrap();
        b.send(b"x").unwrap();
        assert_eq!(a.recv(&mut [0; 8]).await.unwrap(), 1);
    });
}

#[test]
fn outside_of_a_runtime_the_callers_line_panics() {
    for panic in [caught(UnixDatagram::pair), caught(|| UnixDatagram::bind(abstract_name()))] {
        assert!(panic.message.contains("there is no reactor running"), "{panic:?}");
    }
    let panic = caught(|| UnixDatagram::unbound());
    assert!(panic.file.ends_with("net_unix_datagram.rs"), "{panic:?}");
}
