//! The world outside is not as one thinks: names that nobody knows, interfaces that are gone, errors that
//! wait at a socket until somebody asks.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, lookup_host};
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::each_runtime;
use filch_tests::transport::{Tcp, Transport};
use rustix::io::Errno;

const TESTS: [fn(); 6] = [
    name_that_nobody_knows,
    interface_that_is_gone,
    group_on_an_interface_that_is_gone,
    error_of_a_datagram_waits_at_the_socket,
    error_of_a_connection_waits_at_the_socket,
    zero_linger_drops_what_was_not_sent,
];

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind("nothing_is_left_behind", name_that_nobody_knows, &TESTS);
}

/// Whether it says that there is no such interface.
fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NODEV.raw_os_error())
}

#[test]
fn name_that_nobody_knows() {
    each_runtime(|| async {
        // Longer than a part of a name can be: the resolver need not ask anybody.
        let name = "x".repeat(64) + ".example";
        let lookup = lookup_host((name.as_str(), 80)).await.map(drop);
        let errors = [
            lookup,
            TcpStream::connect((name.as_str(), 80)).await.map(drop),
            TcpListener::bind((name.as_str(), 80)).await.map(drop),
            UdpSocket::bind((name.as_str(), 80)).await.map(drop),
        ];
        for error in errors {
            let error = error.unwrap_err();
            assert!(error.to_string().contains("failed to lookup address"), "{error:?}");
        }
        // And the thread that asked is there for the next one.
        assert!(lookup_host("localhost:80").await.unwrap().count() > 0);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        assert!(socket.send_to(b"x", (name.as_str(), 80)).await.is_err());
        assert!(socket.connect((name, 80)).await.is_err());
    });
}

#[test]
fn interface_that_is_gone() {
    each_runtime(|| async {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let tcp = TcpSocket::new_v4().unwrap();
        let name = Some(&b"filch-gone"[..]);
        for error in [udp.bind_device(name), tcp.bind_device(name)] {
            assert!(is_gone(&error.unwrap_err()));
        }
        assert_eq!((udp.device().unwrap(), tcp.device().unwrap()), (None, None));
        // It works as before.
        let addr = udp.local_addr().unwrap();
        assert_eq!(udp.send_to(b"x", addr).await.unwrap(), 1);
        assert_eq!(udp.recv_from(&mut [0; 8]).await.unwrap(), (1, addr));
        // An address that belongs to no interface here, and one that names an interface by its number.
        let nowhere = (Ipv4Addr::new(192, 0, 2, 1), 0);
        let listening = TcpListener::bind(nowhere).await.unwrap_err();
        assert_eq!(listening.kind(), ErrorKind::AddrNotAvailable);
        let receiving = UdpSocket::bind(nowhere).await.unwrap_err();
        assert_eq!(receiving.kind(), ErrorKind::AddrNotAvailable);
        let scoped = SocketAddrV6::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), 80, 0, 0xffff);
        TcpStream::connect(scoped).await.unwrap_err();
    });
}

#[test]
fn group_on_an_interface_that_is_gone() {
    each_runtime(|| async {
        const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 2);
        let nowhere = Ipv4Addr::new(192, 0, 2, 1);
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        assert!(is_gone(&socket.join_multicast_v4(GROUP, nowhere).unwrap_err()));
        // `EADDRNOTAVAIL` if it is of no group there, `ENODEV` if there is no such interface.
        socket.leave_multicast_v4(GROUP, nowhere).unwrap_err();
        if let Ok(socket) = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await {
            let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfeed);
            assert!(is_gone(&socket.join_multicast_v6(&group, 0xffff).unwrap_err()));
        }
    });
}

#[test]
fn error_of_a_datagram_waits_at_the_socket() {
    each_runtime(|| async {
        let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.connect(gone).await.unwrap();
        socket.send(b"x").await.unwrap();
        // The error is what there is to be read. Whoever asks takes it.
        socket.readable().await.unwrap();
        let error = socket.take_error().unwrap().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(socket.take_error().unwrap().is_none());
        let nothing = socket.try_recv(&mut [0; 8]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        // The next one reaches the reader, once.
        socket.send(b"x").await.unwrap();
        let error = socket.recv(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(socket.take_error().unwrap().is_none());
    });
}

#[test]
fn error_of_a_connection_waits_at_the_socket() {
    each_runtime(|| async {
        let (client, mut server) = Tcp::pair().await;
        assert!(server.take_error().unwrap().is_none());
        Tcp::reset(client);
        server.readable().await.unwrap();
        let error = server.take_error().unwrap().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(server.take_error().unwrap().is_none());
        // Taken: for the reader there is only the end left.
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn zero_linger_drops_what_was_not_sent() {
    each_runtime(|| async {
        let (mut client, mut server) = Tcp::pair().await;
        let data = vec![1; 64 << 20];
        // More than can be on its way: some of it waits in the socket, and never leaves it.
        let sent = client.write(&data).await.unwrap();
        client.set_zero_linger().unwrap();
        assert_eq!(client.linger().unwrap(), Some(std::time::Duration::ZERO));
        drop(client);
        let mut received = Vec::new();
        let error = server.read_to_end(&mut received).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(received.len() <= sent);
    });
}
