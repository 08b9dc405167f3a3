//! Unix sockets, connections: addresses, credentials, the halves, readiness by hand, and a listener whose
//! queue is full.

use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
use std::pin::pin;
use std::task::Poll;

use filch::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use filch::net::unix::{ReuniteError, SocketAddr};
use filch::net::{UnixListener, UnixSocket, UnixStream};
use filch_tests::folder::Folder;
use filch_tests::panics::caught;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::each_runtime;
use filch_tests::transport::abstract_name;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg};

const TESTS: [fn(); 15] = [
    connect_by_path,
    connect_by_abstract_name,
    the_system_chooses_a_name,
    bound_client_is_seen_by_its_name,
    addresses_that_cannot_be,
    nobody_listens,
    full_queue_makes_connecting_wait,
    attempt_that_is_given_up_connects_to_nobody,
    credentials_are_the_peers,
    halves_in_two_tasks_and_together_again,
    readiness_by_hand,
    message_with_a_descriptor_hides_nothing_behind_it,
    vectored_reads_and_writes,
    std_streams_there_and_back,
    sockets_of_the_wrong_type,
];

#[test]
fn nothing_is_left_behind() {
    // A blocking thread is among what is not counted.
    leave_nothing_behind("nothing_is_left_behind", full_queue_makes_connecting_wait, &TESTS);
}

/// Both directions work.
async fn assert_connected(a: &mut UnixStream, b: &mut UnixStream) {
    a.write_all(b"hello").await.unwrap();
    b.write_all(b"world").await.unwrap();
    let mut buf = [0; 5];
    a.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"world");
    b.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"hello");
}

#[test]
fn connect_by_path() {
    each_runtime(|| async {
        let folder = Folder::new("unix");
        let path = folder.join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
        let mut client = UnixStream::connect(&path).await.unwrap();
        let (mut server, peer) = listener.accept().await.unwrap();
        assert!(peer.is_unnamed(), "{peer:?}");
        assert!(client.local_addr().unwrap().is_unnamed());
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
        assert_eq!(server.local_addr().unwrap().as_pathname(), Some(&*path));
        assert_connected(&mut client, &mut server).await;

        // By an address, too; and polled.
        let addr = listener.local_addr().unwrap();
        let mut client = UnixStream::connect_addr(&addr).await.unwrap();
        let (mut server, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        assert_connected(&mut client, &mut server).await;
        assert!(listener.take_error().unwrap().is_none());

        // The file outlives the listener, and nobody is there any more.
        let in_use = UnixListener::bind(&path).unwrap_err();
        assert_eq!(in_use.kind(), ErrorKind::AddrInUse);
        drop(listener);
        let refused = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        std::fs::remove_file(&path).unwrap();
        UnixListener::bind_addr(&addr).unwrap();
    });
}

#[test]
fn connect_by_abstract_name() {
    each_runtime(|| async {
        let name = abstract_name();
        let listener = UnixListener::bind(&name).unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(addr.as_abstract_name(), Some(&name.as_bytes()[1..]));
        assert_eq!((addr.as_pathname(), addr.is_unnamed()), (None, false));
        let mut client = UnixStream::connect(&name).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        assert_connected(&mut client, &mut server).await;
        assert_eq!(client.peer_addr().unwrap().as_abstract_name(), addr.as_abstract_name());
        let std_addr = std::os::unix::net::SocketAddr::from(addr);
        let mut client = UnixStream::connect_addr(&SocketAddr::from(std_addr)).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        assert_connected(&mut client, &mut server).await;
        // Free again at once.
        drop(listener);
        UnixListener::bind(&name).unwrap();
    });
}

#[test]
fn the_system_chooses_a_name() {
    each_runtime(|| async {
        let listener = UnixListener::bind("").unwrap();
        let addr = listener.local_addr().unwrap();
        assert!(addr.as_abstract_name().is_some_and(|name| !name.is_empty()), "{addr:?}");
        UnixStream::connect_addr(&addr).await.unwrap();
    });
}

/// A path in the folder that fills the whole of the system's struct, with no NUL byte at the end.
fn long_path(folder: &Folder) -> SocketAddrUnix {
    let path = folder.join("").into_os_string().into_string().unwrap();
    SocketAddrUnix::new(format!("{path:x<108}")).unwrap()
}

#[test]
fn bound_client_is_seen_by_its_name() {
    each_runtime(|| async {
        let folder = Folder::new("unix");
        let (path, name) = (folder.join("client"), abstract_name());
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(&name).unwrap();
        let listener = socket.listen(8).unwrap();

        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(&path).unwrap();
        let mut client = socket.connect(&name).await.unwrap();
        let (mut server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.as_pathname(), Some(&*path));
        assert_eq!(server.peer_addr().unwrap().as_pathname(), Some(&*path));
        assert_connected(&mut client, &mut server).await;

        // A path that is as long as can be is no reason to fail.
        let long = long_path(&folder);
        let socket = UnixSocket::new_stream().unwrap();
        rustix::net::bind(&socket, &long).unwrap();
        let mut client = socket.connect(&name).await.unwrap();
        let (mut server, peer) = listener.accept().await.unwrap();
        assert!(peer.as_abstract_name().is_none(), "{peer:?}");
        assert_connected(&mut client, &mut server).await;

        let own = abstract_name();
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(&own).unwrap();
        let _client = socket.connect(&name).await.unwrap();
        let (_server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.as_abstract_name(), Some(&own.as_bytes()[1..]));
    });
}

#[test]
fn addresses_that_cannot_be() {
    each_runtime(|| async {
        for path in ["a\0b".to_owned(), "x".repeat(300), format!("\0{}", "x".repeat(300))] {
            let connect = UnixStream::connect(&path).await.map(drop);
            let bind = UnixListener::bind(&path).map(drop);
            let socket = UnixSocket::new_stream().unwrap().bind(&path);
            for result in [connect, bind, socket] {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput, "{path:?}");
            }
        }
        // The longest name that the system has: 107 bytes behind the one that makes it abstract.
        let name = format!("{:x<108}", abstract_name());
        let listener = UnixListener::bind(&name).unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(addr.as_abstract_name(), Some(&name.as_bytes()[1..]));
        UnixStream::connect_addr(&addr).await.unwrap();
    });
}

#[test]
fn nobody_listens() {
    each_runtime(|| async {
        let folder = Folder::new("unix");
        let error = UnixStream::connect(folder.join("nothing")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = UnixStream::connect(abstract_name()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // Bound, and not listening.
        let (socket, name) = (UnixSocket::new_stream().unwrap(), abstract_name());
        socket.bind(&name).unwrap();
        let error = UnixStream::connect(&name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

/// A listener whose queue is full: of one connection, and the system adds one.
async fn full_listener() -> (UnixListener, String, Vec<UnixStream>) {
    let name = abstract_name();
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(&name).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut queued = Vec::new();
    for _ in 0..2 {
        queued.push(UnixStream::connect(&name).await.unwrap());
    }
    (listener, name, queued)
}

#[test]
fn full_queue_makes_connecting_wait() {
    each_runtime(|| async {
        let (listener, name, queued) = full_listener().await;
        let connecting = {
            let mut connecting = Box::pin(async move { UnixStream::connect(name).await });
            let first = poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx))).await;
            assert!(first.is_pending(), "{first:?}");
            filch::spawn(connecting)
        };
        for mut client in queued {
            let (mut server, _) = listener.accept().await.unwrap();
            assert_connected(&mut client, &mut server).await;
        }
        let mut client = connecting.await.unwrap().unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        assert_connected(&mut client, &mut server).await;
    });
}

#[test]
fn attempt_that_is_given_up_connects_to_nobody() {
    each_runtime(|| async {
        let (listener, name, queued) = full_listener().await;
        {
            let mut connecting = pin!(UnixStream::connect(&name));
            let first = poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx))).await;
            assert!(first.is_pending(), "{first:?}");
        }
        drop(queued);
        let mut last = {
            // The listener takes whoever comes; the last is the one that is asked for.
            let last = filch::spawn(async move {
                let mut last = UnixStream::connect(name).await.unwrap();
                last.write_u8(7).await.unwrap();
                last
            });
            loop {
                let (mut server, _) = listener.accept().await.unwrap();
                match server.read_u8().await {
                    Ok(7) => break,
                    Ok(byte) => panic!("{byte} from nobody"),
                    // Given up: at its end from the start.
                    Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
                }
            }
            last.await.unwrap()
        };
        assert_eq!(last.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn credentials_are_the_peers() {
    each_runtime(|| async {
        let (a, b) = UnixStream::pair().unwrap();
        let cred = a.peer_cred().unwrap();
        assert_eq!(cred, b.peer_cred().unwrap());
        assert_eq!(cred.pid(), Some(std::process::id() as i32));
        assert_eq!(cred.uid(), rustix::process::geteuid().as_raw());
        assert_eq!(cred.gid(), rustix::process::getegid().as_raw());
    });
}

#[test]
fn halves_in_two_tasks_and_together_again() {
    each_runtime(|| async {
        let (mut client, mut server) = UnixStream::pair().unwrap();
        {
            let (mut reader, mut writer) = client.split();
            writer.writable().await.unwrap();
            assert_eq!(writer.try_write(b"abc").unwrap(), 3);
            server.write_all(b"def").await.unwrap();
            assert!(reader.ready(Interest::READABLE).await.unwrap().is_readable());
            let mut buf = [0; 3];
            reader.read_exact(&mut buf).await.unwrap();
            server.read_exact(&mut buf).await.unwrap();
            writer.write_all(b"xyz").await.unwrap();
            server.read_exact(&mut buf).await.unwrap();
            assert!(reader.peer_addr().unwrap().is_unnamed());
            assert!(writer.is_write_vectored());
            let stream: &UnixStream = reader.as_ref();
            assert_eq!(stream.as_raw_fd(), writer.as_ref().as_raw_fd());
        }
        let (mut reader, mut writer) = client.into_split();
        let writing = filch::spawn(async move {
            writer.write_all(&vec![1; 4 << 20]).await.unwrap();
            writer
        });
        let mut received = vec![0; 4 << 20];
        server.read_exact(&mut received).await.unwrap();
        server.write_all(b"pong").await.unwrap();
        reader.read_exact(&mut received[..4]).await.unwrap();
        let writer = writing.await.unwrap();

        let (other_reader, other_writer) = UnixStream::pair().unwrap().0.into_split();
        let ReuniteError(reader, other_writer) = reader.reunite(other_writer).unwrap_err();
        other_reader.reunite(other_writer).unwrap();
        let mut client = reader.reunite(writer).unwrap();
        assert_connected(&mut client, &mut server).await;

        // Dropping the write half ends the writing; a forgotten one does not.
        let (mut reader, writer) = client.into_split();
        drop(writer);
        assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);
        server.write_all(b"x").await.unwrap();
        assert_eq!(reader.read_u8().await.unwrap(), b'x');
        let (reader, writer) = server.into_split();
        writer.forget();
        reader.readable().await.unwrap();
        assert_eq!(reader.try_read(&mut [0; 1]).unwrap(), 0);
    });
}

#[test]
fn readiness_by_hand() {
    each_runtime(|| async {
        let (client, mut server) = UnixStream::pair().unwrap();
        let mut buf = [0; 8];
        let unready = client.try_io(Interest::READABLE, || -> io::Result<()> { panic!("called") });
        assert_eq!(unready.unwrap_err().kind(), ErrorKind::WouldBlock);
        server.write_all(b"abcdef").await.unwrap();
        poll_fn(|cx| client.poll_read_ready(cx)).await.unwrap();
        assert_eq!(client.try_read(&mut buf[..2]).unwrap(), 2);
        let mut rest = Vec::with_capacity(16);
        assert_eq!(client.try_read_buf(&mut rest).unwrap(), 4);
        assert_eq!((&buf[..2], &rest[..]), (&b"ab"[..], &b"cdef"[..]));
        assert_eq!(client.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        let pending = poll_fn(|cx| Poll::Ready(client.poll_read_ready(cx).is_pending())).await;
        assert!(pending, "ready after it would have blocked");

        client.writable().await.unwrap();
        let mut sent = 0;
        loop {
            match client.try_write(&[7; 65_536]) {
                Ok(n) => sent += n,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        let pending = poll_fn(|cx| Poll::Ready(client.poll_write_ready(cx).is_pending())).await;
        assert!(pending, "ready after it would have blocked");
        let mut received = vec![0; sent];
        server.read_exact(&mut received).await.unwrap();
        poll_fn(|cx| client.poll_write_ready(cx)).await.unwrap();
        let n = client
            .async_io(Interest::WRITABLE, || {
                rustix::io::write(&client, b"yz").map_err(io::Error::from)
            })
            .await;
        assert_eq!(n.unwrap(), 2);
        assert!(client.take_error().unwrap().is_none());
    });
}

#[test]
fn message_with_a_descriptor_hides_nothing_behind_it() {
    each_runtime(|| async {
        let (client, mut server) = UnixStream::pair().unwrap();
        // A read stops behind a message with a descriptor, though more is there.
        let fds = [client.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        for _ in 0..3 {
            let iov = [IoSlice::new(b"ab")];
            sendmsg(&client, &iov, &mut control, SendFlags::empty()).unwrap();
        }
        let mut buf = [0; 64];
        let mut received = 0;
        while received < 6 {
            let n = server.read(&mut buf).await.unwrap();
            assert_eq!(n, 2, "the system does not stop at messages any more");
            received += n;
        }
    });
}

#[test]
fn vectored_reads_and_writes() {
    each_runtime(|| async {
        let (mut client, server) = UnixStream::pair().unwrap();
        assert!(client.is_write_vectored());
        let n = client.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")]).await;
        assert_eq!(n.unwrap(), 5);
        server.readable().await.unwrap();
        let (mut a, mut b) = ([0; 3], [0; 3]);
        let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(server.try_read_vectored(&mut bufs).unwrap(), 5);
        assert_eq!((&a, &b[..2]), (b"abc", &b"de"[..]));
        server.writable().await.unwrap();
        let n = server.try_write_vectored(&[IoSlice::new(b"x"), IoSlice::new(b"yz")]);
        assert_eq!(n.unwrap(), 3);
        let mut text = [0; 3];
        client.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"xyz");
    });
}

#[test]
fn std_streams_there_and_back() {
    each_runtime(|| async {
        let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
        let raw = a.as_raw_fd();
        let (mut a, mut b) = (UnixStream::try_from(a).unwrap(), UnixStream::from_std(b).unwrap());
        assert_eq!((a.as_raw_fd(), a.as_fd().as_raw_fd()), (raw, raw));
        assert_connected(&mut a, &mut b).await;
        let std_stream = a.into_std().unwrap();
        let error = io::Read::read(&mut &std_stream, &mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "blocking after into_std");
        // It is not registered: so it can be, again.
        let mut a = UnixStream::from_std(std_stream).unwrap();
        assert_connected(&mut a, &mut b).await;

        let listener = std::os::unix::net::UnixListener::bind(Folder::new("unix").join("socket"));
        let listener = UnixListener::try_from(listener.unwrap()).unwrap();
        let raw = listener.as_raw_fd();
        let listener = listener.into_std().unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(UnixListener::from_std(listener).unwrap().as_raw_fd(), raw);
    });
}

#[test]
fn sockets_of_the_wrong_type() {
    each_runtime(|| async {
        let name = abstract_name();
        let listening = UnixSocket::new_datagram().unwrap().listen(1).map(drop);
        let connecting = UnixSocket::new_datagram().unwrap().connect(&name).await.map(drop);
        let receiving = UnixSocket::new_stream().unwrap().datagram().map(drop);
        for result in [listening, connecting, receiving] {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Other);
        }
        // What was never bound has an address that the system chose, or cannot listen.
        let raw = UnixSocket::new_datagram().unwrap().into_raw_fd();
        // SAFETY: the descriptor was just taken out of its owner.
        let socket = unsafe { UnixSocket::from_raw_fd(raw) };
        assert_eq!(socket.as_raw_fd(), raw);
        socket.bind(&name).unwrap();
        let socket = socket.datagram().unwrap();
        assert_eq!(socket.as_raw_fd(), raw);
        assert_eq!(socket.send_to(b"x", &name).await.unwrap(), 1);
        assert_eq!(socket.recv(&mut [0; 8]).await.unwrap(), 1);
    });
}

#[test]
fn outside_of_a_runtime_the_callers_line_panics() {
    let panics = [
        caught(|| UnixStream::pair()),
        caught(|| UnixListener::bind(abstract_name())),
        caught(|| UnixSocket::new_datagram().unwrap().datagram()),
    ];
    for panic in panics {
        assert!(panic.message.contains("there is no reactor running"), "{panic:?}");
        assert!(panic.file.ends_with("net_unix_stream.rs"), "{panic:?}");
    }
}
