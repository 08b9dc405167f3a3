//! TCP, the sockets themselves: options, std's types, descriptors, the runtime that they belong to.

mod net_support;

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, FromRawFd, IntoRawFd};
use std::time::Duration;

use filch::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use filch::net::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use filch::net::{TcpListener, TcpSocket, TcpStream};
use filch::runtime::Builder;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::{Kind, each_runtime};
use net_support::{ANY_PORT, pair};

#[test]
fn std_types_there_and_back() {
    each_runtime(|| async {
        let std_listener = std::net::TcpListener::bind(ANY_PORT).unwrap();
        let listener = TcpListener::try_from(std_listener).unwrap();
        let addr = listener.local_addr().unwrap();
        let std_client = filch::task::spawn_blocking(move || std::net::TcpStream::connect(addr))
            .await
            .unwrap()
            .unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        // Blocking until now: it is made non-blocking.
        let client = TcpStream::from_std(std_client).unwrap();
        let would_block = client.try_read(&mut [0; 1]).unwrap_err();
        assert_eq!(would_block.kind(), ErrorKind::WouldBlock);

        let std_client = client.into_std().unwrap();
        let mut reader = &std_client;
        let still = io::Read::read(&mut reader, &mut [0; 1]).unwrap_err();
        assert_eq!(still.kind(), ErrorKind::WouldBlock, "blocking after into_std");
        // Not registered any more: it can be again.
        let mut client = TcpStream::try_from(std_client).unwrap();
        server.write_all(b"hi").await.unwrap();
        let mut buf = [0; 2];
        client.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"hi");

        let std_listener = listener.into_std().unwrap();
        assert_eq!(std_listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(TcpListener::from_std(std_listener).unwrap().local_addr().unwrap(), addr);
    });
}

#[test]
fn socket_options() {
    each_runtime(|| async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        assert!(socket.reuseaddr().unwrap());
        socket.set_reuseport(true).unwrap();
        assert!(socket.reuseport().unwrap());
        socket.set_keepalive(true).unwrap();
        assert!(socket.keepalive().unwrap());
        socket.set_nodelay(true).unwrap();
        assert!(socket.nodelay().unwrap());
        socket.set_send_buffer_size(65_536).unwrap();
        assert!(socket.send_buffer_size().unwrap() >= 65_536);
        socket.set_recv_buffer_size(65_536).unwrap();
        assert!(socket.recv_buffer_size().unwrap() >= 65_536);
        socket.set_tos_v4(16).unwrap();
        assert_eq!(socket.tos_v4().unwrap(), 16);
        assert_eq!(socket.linger().unwrap(), None);
        socket.set_zero_linger().unwrap();
        assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
        assert_eq!(socket.device().unwrap(), None);
        assert!(socket.bind_device(Some(b"no such device")).is_err());
        assert!(socket.take_error().unwrap().is_none());
        socket.bind(ANY_PORT.into()).unwrap();
        let listener = socket.listen(16).unwrap();
        listener.set_ttl(33).unwrap();
        assert_eq!(listener.ttl().unwrap(), 33);

        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        assert!(stream.nodelay().unwrap());
        stream.set_ttl(44).unwrap();
        assert_eq!(stream.ttl().unwrap(), 44);
        stream.set_quickack(false).unwrap();
        assert!(!stream.quickack().unwrap());
        assert!(stream.take_error().unwrap().is_none());
    });
}

#[test]
fn ipv6_and_its_options() {
    each_runtime(|| async {
        let socket = TcpSocket::new_v6().unwrap();
        socket.set_tclass_v6(8).unwrap();
        assert_eq!(socket.tclass_v6().unwrap(), 8);
        let Ok(listener) = TcpListener::bind("[::1]:0").await else {
            // No IPv6 on this machine.
            assert!(socket.bind("[::1]:0".parse().unwrap()).is_err());
            return;
        };
        let stream = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().1, stream.local_addr().unwrap());
    });
}

#[test]
fn socket_from_outside_connects() {
    each_runtime(|| async {
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let outside =
            || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = TcpSocket::from_std_stream(outside().into()).connect(addr).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().1, stream.local_addr().unwrap());

        let raw = outside();
        raw.set_nonblocking(true).unwrap();
        // SAFETY: the descriptor was just taken out of its owner.
        let socket = unsafe { TcpSocket::from_raw_fd(raw.into_raw_fd()) };
        let stream = socket.connect(addr).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().1, stream.local_addr().unwrap());
        assert!(socket2::SockRef::from(&stream).nonblocking().unwrap());
        assert!(format!("{stream:?} {listener:?}").contains("127.0.0.1"));
    });
}

#[test]
fn stream_is_not_inherited_by_a_child_process() {
    each_runtime(|| async {
        let (client, server) = pair().await;
        for stream in [&client, &server] {
            let flags = rustix::io::fcntl_getfd(stream.as_fd()).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        }
    });
}

#[test]
fn socket_outlives_its_runtime_with_an_error() {
    let (first, second) = (Kind::CurrentThread.runtime(), Kind::Workers.runtime());
    let (mut client, server) = first.block_on(pair());
    // A task of another runtime waits for it.
    let waiting = second.spawn(async move {
        let mut server = server;
        server.read(&mut [0; 1]).await
    });
    second.block_on(filch::task::yield_now());
    drop(first);
    let error = second.block_on(waiting).unwrap().unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
    let error = second.block_on(client.write_all(b"x")).unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
    drop(client);
}

#[test]
fn outside_of_a_runtime_and_without_io_it_panics_with_advice() {
    let text = |result: std::thread::Result<()>| {
        let payload = result.unwrap_err();
        payload
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| payload.downcast_ref::<&str>().expect("a text").to_string())
    };
    let listener = || std::net::TcpListener::bind(ANY_PORT).unwrap();
    let outside = std::panic::catch_unwind(|| drop(TcpListener::from_std(listener())));
    assert!(text(outside).contains("there is no reactor running"));
    let runtime = Builder::new_current_thread().build().unwrap();
    let without = std::panic::catch_unwind(|| {
        let _guard = runtime.enter();
        drop(TcpListener::from_std(listener()));
    });
    assert!(text(without).contains("enable_io"));
}

#[test]
fn auto_traits_and_impls() {
    fn send_sync_unpin<T: Send + Sync + Unpin + std::fmt::Debug>() {}
    fn streams<T: AsyncRead>() {}
    fn sinks<T: AsyncWrite>() {}
    send_sync_unpin::<TcpStream>();
    send_sync_unpin::<TcpListener>();
    send_sync_unpin::<TcpSocket>();
    send_sync_unpin::<OwnedReadHalf>();
    send_sync_unpin::<OwnedWriteHalf>();
    send_sync_unpin::<ReadHalf<'static>>();
    send_sync_unpin::<WriteHalf<'static>>();
    streams::<TcpStream>();
    streams::<OwnedReadHalf>();
    sinks::<TcpStream>();
    sinks::<OwnedWriteHalf>();
    fn send<T: Send>(_: T) {}
    send(TcpStream::connect("127.0.0.1:1"));
    send(TcpListener::bind("127.0.0.1:1"));
}

/// Every test of this file.
const TESTS: [fn(); 8] = [
    std_types_there_and_back,
    socket_options,
    ipv6_and_its_options,
    socket_from_outside_connects,
    stream_is_not_inherited_by_a_child_process,
    socket_outlives_its_runtime_with_an_error,
    outside_of_a_runtime_and_without_io_it_panics_with_advice,
    auto_traits_and_impls,
];

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind("nothing_is_left_behind", std_types_there_and_back, &TESTS);
}
