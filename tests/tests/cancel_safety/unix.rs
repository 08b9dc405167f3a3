//! Unix sockets and pipes. The far ends are std's, and block.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, SocketAddr};

use filch::io::{AsyncReadExt, AsyncWriteExt, Interest};
use filch::net::unix::pipe::{Receiver, Sender, pipe};
use filch::net::{UnixDatagram, UnixListener, UnixSocket, UnixStream};
use filch::time::timeout;
use filch_tests::cancel_safety::Place::Sockets;
use filch_tests::cancel_safety::Promise::Safe;
use filch_tests::cancel_safety::{Case, Env, Kept, Trial, same};
use filch_tests::transport::abstract_name;

use crate::net::{ATTEMPT, PATIENCE, READINESS, Stuffed, WHOLE, check_read, send};
use crate::udp::{ALL_OR_NONE, TAKEN_LATE};

pub fn cases() -> Vec<Case> {
    let mut cases = connecting();
    cases.extend(reading());
    cases.extend(writing());
    cases.extend(datagrams());
    cases
}

fn listener() -> (net::UnixListener, String) {
    let name = abstract_name();
    let addr = SocketAddr::from_abstract_name(&name[1..]).unwrap();
    (net::UnixListener::bind_addr(&addr).unwrap(), name)
}

fn pair() -> (UnixStream, net::UnixStream) {
    let (near, far) = net::UnixStream::pair().unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    (UnixStream::from_std(near).unwrap(), far)
}

fn stuffed() -> (UnixStream, Stuffed) {
    let (near, far) = pair();
    let stuffed = Stuffed::new(&near, far);
    (near, stuffed)
}

fn receiver() -> (Receiver, File) {
    let (sender, receiver) = pipe().unwrap();
    (receiver, sender.into_blocking_fd().unwrap().into())
}

fn stuffed_pipe() -> (Sender, Stuffed) {
    let (sender, receiver) = pipe().unwrap();
    let far: OwnedFd = receiver.into_blocking_fd().unwrap();
    let stuffed = Stuffed::new(&sender, far);
    (sender, stuffed)
}

/// The connection is there, or it is one that was closed, or there is none.
fn check_attempt(listener: &net::UnixListener, out: Option<UnixStream>) -> Kept {
    listener.set_nonblocking(true).unwrap();
    let accepted = listener.accept();
    let Ok((mut far, _)) = accepted else { return same(out.is_none(), true) };
    far.set_nonblocking(true).unwrap();
    let read = far.read(&mut [0]);
    let is_open = read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    same(is_open, out.is_some())
}

/// A case that connects to the name of a listener.
macro_rules! connects {
    ($name:literal, |$at:ident| $future:expr) => {
        Case::new(
            $name,
            Safe(ATTEMPT),
            Trial {
                place: Sockets,
                world: |_| {
                    let (listener, name) = listener();
                    (name, listener)
                },
                future: |$at| Box::pin(async { $future }),
                events: [|_, _| ()],
                check: |_, listener, out, _| check_attempt(&listener, out),
            },
        )
        .never_waits()
    };
}

fn connecting() -> Vec<Case> {
    vec![
        Case::new(
            "net::UnixListener::accept",
            Safe("the connection stays in the queue of the kernel"),
            Trial {
                place: Sockets,
                world: |_| {
                    let (listener, name) = listener();
                    (UnixListener::from_std(listener).unwrap(), (name, Vec::new()))
                },
                future: |listener| Box::pin(async { name_of(listener.accept().await.unwrap().1) }),
                events: [connect, connect],
                check: |listener, (_, clients), out, env| {
                    let mut accepted: Vec<String> = out.into_iter().collect();
                    while accepted.len() < 2 {
                        let next = async { timeout(PATIENCE, listener.accept()).await };
                        match env.block_on(next) {
                            Ok(next) => accepted.push(name_of(next.unwrap().1)),
                            Err(_) => break,
                        }
                    }
                    let clients: Vec<_> = clients.into_iter().map(|(name, _)| name).collect();
                    same(accepted, clients)
                },
            },
        ),
        connects!("net::UnixStream::connect", |at| UnixStream::connect(&*at).await.unwrap()),
        connects!("net::UnixStream::connect_addr", |at| {
            let addr = SocketAddr::from_abstract_name(&at[1..]).unwrap().into();
            UnixStream::connect_addr(&addr).await.unwrap()
        }),
        connects!("net::UnixSocket::connect", |at| {
            UnixSocket::new_stream().unwrap().connect(&*at).await.unwrap()
        }),
    ]
}

fn name_of(addr: filch::net::unix::SocketAddr) -> String {
    format!("\0{}", std::str::from_utf8(addr.as_abstract_name().unwrap()).unwrap())
}

fn connect((at, clients): &mut (String, Vec<(String, OwnedFd)>), _: &Env) {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, connect, socket};

    let name = abstract_name();
    let addr = |name: &str| SocketAddrUnix::new_abstract_name(&name.as_bytes()[1..]).unwrap();
    let client = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&client, &addr(&name)).unwrap();
    connect(&client, &addr(at)).unwrap();
    clients.push((name, client));
}

/// A case that waits until something can be read, and takes nothing.
macro_rules! looks {
    ($name:literal, $world:expr, |$near:ident| $future:expr, |$after:ident| $stream:expr) => {
        Case::new(
            $name,
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| $world,
                future: |$near| {
                    Box::pin(async {
                        $future.await.unwrap();
                    })
                },
                events: [send],
                check: |$after, _far, _, env| check_read(Vec::new(), $stream, env),
            },
        )
    };
}

/// The halves of one stream, and the far end.
macro_rules! halves {
    ($pair:expr) => {{
        let (near, far) = $pair;
        (near.into_split(), far)
    }};
}

fn reading() -> Vec<Case> {
    vec![
        looks!(
            "net::UnixStream::ready",
            pair(),
            |stream| stream.ready(Interest::READABLE),
            |stream| stream
        ),
        looks!("net::UnixStream::readable", pair(), |stream| stream.readable(), |stream| stream),
        looks!(
            "net::unix::ReadHalf::ready",
            pair(),
            |stream| stream.split().0.ready(Interest::READABLE),
            |stream| stream
        ),
        looks!(
            "net::unix::ReadHalf::readable",
            pair(),
            |stream| stream.split().0.readable(),
            |stream| stream
        ),
        looks!(
            "net::unix::OwnedReadHalf::ready",
            halves!(pair()),
            |halves| halves.0.ready(Interest::READABLE),
            |halves| halves.0.reunite(halves.1).unwrap()
        ),
        looks!(
            "net::unix::OwnedReadHalf::readable",
            halves!(pair()),
            |halves| halves.0.readable(),
            |halves| halves.0.reunite(halves.1).unwrap()
        ),
        looks!(
            "net::unix::pipe::Receiver::ready",
            receiver(),
            |receiver| receiver.ready(Interest::READABLE),
            |receiver| receiver
        ),
        looks!(
            "net::unix::pipe::Receiver::readable",
            receiver(),
            |receiver| receiver.readable(),
            |receiver| receiver
        ),
        Case::new(
            "net::unix::pipe::Receiver as AsyncRead",
            Safe(
                "as the method of `io::AsyncReadExt`; for `read`: bytes are taken by the poll that completes",
            ),
            Trial {
                place: Sockets,
                world: |_| receiver(),
                future: |receiver| {
                    Box::pin(async {
                        let mut buf = [0; 2];
                        let n = receiver.read(&mut buf).await.unwrap();
                        buf[..n].to_vec()
                    })
                },
                events: [send],
                check: |receiver, _far, out, env| {
                    check_read(out.unwrap_or_default(), receiver, env)
                },
            },
        ),
        Case::new(
            "net::UnixStream::async_io",
            Safe(WHOLE),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |stream| {
                    Box::pin(async {
                        let mut buf = [0; 3];
                        let read = stream.async_io(Interest::READABLE, || {
                            rustix::io::read(&*stream, &mut buf).map_err(std::io::Error::from)
                        });
                        let n = read.await.unwrap();
                        buf[..n].to_vec()
                    })
                },
                events: [send],
                check: |stream, _far, out, env| check_read(out.unwrap_or_default(), stream, env),
            },
        ),
    ]
}

/// A case that waits until something can be written, and writes nothing.
macro_rules! waits_for_room {
    ($name:literal, $world:expr, |$near:ident| $future:expr, |$after:ident| $stream:expr) => {
        Case::new(
            $name,
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| $world,
                future: |$near| {
                    Box::pin(async {
                        $future.await.unwrap();
                    })
                },
                events: [Stuffed::receive],
                check: |$after, far, _, env| {
                    let stream = $stream;
                    let writable = async { timeout(PATIENCE, stream.writable()).await };
                    env.block_on(writable).unwrap().unwrap();
                    stream.try_write(b"abc").unwrap();
                    drop(stream);
                    same(far.rest(), b"abc".to_vec())
                },
            },
        )
    };
}

fn writing() -> Vec<Case> {
    vec![
        waits_for_room!(
            "net::UnixStream::writable",
            stuffed(),
            |stream| stream.writable(),
            |stream| stream
        ),
        waits_for_room!(
            "net::unix::WriteHalf::ready",
            stuffed(),
            |stream| stream.split().1.ready(Interest::WRITABLE),
            |stream| stream
        ),
        waits_for_room!(
            "net::unix::WriteHalf::writable",
            stuffed(),
            |stream| stream.split().1.writable(),
            |stream| stream
        ),
        waits_for_room!(
            "net::unix::OwnedWriteHalf::ready",
            halves!(stuffed()),
            |halves| halves.1.ready(Interest::WRITABLE),
            |halves| halves.0.reunite(halves.1).unwrap()
        ),
        waits_for_room!(
            "net::unix::OwnedWriteHalf::writable",
            halves!(stuffed()),
            |halves| halves.1.writable(),
            |halves| halves.0.reunite(halves.1).unwrap()
        ),
        waits_for_room!(
            "net::unix::pipe::Sender::ready",
            stuffed_pipe(),
            |sender| sender.ready(Interest::WRITABLE),
            |sender| sender
        ),
        waits_for_room!(
            "net::unix::pipe::Sender::writable",
            stuffed_pipe(),
            |sender| sender.writable(),
            |sender| sender
        ),
        Case::new(
            "net::unix::pipe::Sender as AsyncWrite",
            Safe(
                "as the method of `io::AsyncWriteExt`; for `write`: bytes are written by the poll that completes",
            ),
            Trial {
                place: Sockets,
                world: |_| stuffed_pipe(),
                future: |sender| Box::pin(async { sender.write(b"abc").await.unwrap() }),
                events: [Stuffed::receive],
                check: |sender, far, out, _| {
                    drop(sender);
                    same(far.rest(), b"abc"[..out.unwrap_or(0)].to_vec())
                },
            },
        ),
    ]
}

/// Two sockets that are connected to each other.
fn datagram_pair() -> (UnixDatagram, net::UnixDatagram) {
    let (near, far) = net::UnixDatagram::pair().unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    (UnixDatagram::from_std(near).unwrap(), far)
}

fn send_first(far: &mut net::UnixDatagram, _: &Env) {
    far.send(b"a").unwrap();
}

fn send_second(far: &mut net::UnixDatagram, _: &Env) {
    far.send(b"bc").unwrap();
}

/// What was received, and what can be received still, are both datagrams.
fn check_received(out: Option<Vec<u8>>, socket: UnixDatagram, env: &Env) -> Kept {
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

/// A case that receives, by an expression that is the datagram, or nothing.
macro_rules! receives {
    ($name:literal, $promise:expr, |$socket:ident| $future:expr) => {
        Case::new(
            $name,
            Safe($promise),
            Trial {
                place: Sockets,
                world: |_| datagram_pair(),
                future: |$socket| Box::pin(async { $future }),
                events: [send_first, send_second],
                check: |socket, _far, out, env| check_received(out.flatten(), socket, env),
            },
        )
    };
}

/// A socket whose peer has a full queue, and that peer; how many datagrams fill it.
fn full() -> ((UnixDatagram, String), (net::UnixDatagram, usize)) {
    let name = abstract_name();
    let addr = SocketAddr::from_abstract_name(&name[1..]).unwrap();
    let far = net::UnixDatagram::bind_addr(&addr).unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    let near = net::UnixDatagram::unbound().unwrap();
    near.connect_addr(&addr).unwrap();
    near.set_nonblocking(true).unwrap();
    let mut queued = 0;
    while near.send(b"-").is_ok() {
        queued += 1;
    }
    ((UnixDatagram::from_std(near).unwrap(), name), (far, queued))
}

/// Takes what fills the queue.
fn take_all((far, queued): &mut (net::UnixDatagram, usize), _: &Env) {
    for _ in 0..std::mem::take(queued) {
        assert_eq!(far.recv(&mut [0; 8]).unwrap(), 1);
    }
}

/// Nothing, or just this, has come behind that.
fn check_sent((far, queued): &(net::UnixDatagram, usize), out: Option<usize>) -> Kept {
    assert_eq!(*queued, 0);
    far.set_nonblocking(true).unwrap();
    let mut buf = [0; 8];
    let received = far.recv(&mut buf).ok();
    assert!(received.is_none_or(|n| &buf[..n] == b"abc"));
    same(received, out)
}

/// A case that sends, or waits for room and then sends.
macro_rules! sends {
    ($name:literal, $promise:expr, |$socket:ident, $at:ident| $future:expr) => {
        Case::new(
            $name,
            Safe($promise),
            Trial {
                place: Sockets,
                world: |_| full(),
                future: |($socket, $at)| Box::pin(async { $future }),
                events: [take_all],
                check: |_near, far, out, _| check_sent(&far, out),
            },
        )
    };
}

fn datagrams() -> Vec<Case> {
    vec![
        receives!("net::UnixDatagram::recv", TAKEN_LATE, |socket| {
            let mut buf = [0; 8];
            let n = socket.recv(&mut buf).await.unwrap();
            Some(buf[..n].to_vec())
        }),
        receives!("net::UnixDatagram::recv_from", TAKEN_LATE, |socket| {
            let mut buf = [0; 8];
            let (n, _) = socket.recv_from(&mut buf).await.unwrap();
            Some(buf[..n].to_vec())
        }),
        receives!("net::UnixDatagram::recv_buf", TAKEN_LATE, |socket| {
            let mut buf = Vec::with_capacity(8);
            socket.recv_buf(&mut buf).await.unwrap();
            Some(buf)
        }),
        receives!("net::UnixDatagram::recv_buf_from", TAKEN_LATE, |socket| {
            let mut buf = Vec::with_capacity(8);
            socket.recv_buf_from(&mut buf).await.unwrap();
            Some(buf)
        }),
        receives!("net::UnixDatagram::async_io", WHOLE, |socket| {
            let mut buf = [0; 8];
            let read = socket.async_io(Interest::READABLE, || {
                rustix::io::read(&*socket, &mut buf).map_err(std::io::Error::from)
            });
            let n = read.await.unwrap();
            Some(buf[..n].to_vec())
        }),
        receives!("net::UnixDatagram::readable", READINESS, |socket| {
            socket.readable().await.unwrap();
            None
        }),
        receives!("net::UnixDatagram::ready", READINESS, |socket| {
            socket.ready(Interest::READABLE).await.unwrap();
            None
        }),
        sends!("net::UnixDatagram::send", ALL_OR_NONE, |socket, _at| {
            socket.send(b"abc").await.unwrap()
        }),
        sends!("net::UnixDatagram::send_to", ALL_OR_NONE, |socket, at| {
            socket.send_to(b"abc", &*at).await.unwrap()
        }),
        sends!("net::UnixDatagram::writable", READINESS, |socket, _at| {
            socket.writable().await.unwrap();
            socket.try_send(b"abc").unwrap()
        }),
    ]
}
