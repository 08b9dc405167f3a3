//! `net`: TCP and name resolution, on loopback sockets. The far ends are std's, and block.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use filch::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Interest};
use filch::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use filch::time::timeout;
use filch_tests::cancel_safety::Place::Sockets;
use filch_tests::cancel_safety::Promise::Safe;
use filch_tests::cancel_safety::{Case, Env, Kept, Trial, same};

pub const READINESS: &str = "a later call finds the readiness";
pub const NOTHING_TAKEN: &str = "nothing is taken";
pub const WHOLE: &str = "the closure runs to its end or not at all";
pub const ATTEMPT: &str = "the attempt is given up and its socket closed";
const BOUND: &str = "there is no socket";

/// How long to wait for what must be there, before that counts as lost.
pub const PATIENCE: Duration = Duration::from_secs(10);

fn listener() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// A connection with nothing on its way.
pub fn pair() -> (TcpStream, std::net::TcpStream) {
    let (near, far) = std_pair();
    (adopted(near), far)
}

fn std_pair() -> (std::net::TcpStream, std::net::TcpStream) {
    let (listener, addr) = listener();
    let near = std::net::TcpStream::connect(addr).unwrap();
    let (far, _) = listener.accept().unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    (near, far)
}

fn adopted(near: std::net::TcpStream) -> TcpStream {
    near.set_nonblocking(true).unwrap();
    TcpStream::from_std(near).unwrap()
}

/// The far end of a connection on which nothing more can be sent.
pub struct Stuffed {
    far: File,
    /// What stuffs it.
    before: usize,
    received: Vec<u8>,
}

pub fn stuffed() -> (TcpStream, Stuffed) {
    let (near, far) = std_pair();
    socket2::SockRef::from(&near).set_send_buffer_size(4096).unwrap();
    near.set_nonblocking(true).unwrap();
    let stuffed = Stuffed::new(&near, far);
    (adopted(near), stuffed)
}

impl Stuffed {
    /// `near` does not block.
    pub fn new(near: impl AsFd, far: impl Into<OwnedFd>) -> Stuffed {
        let mut before = 0;
        loop {
            match rustix::io::write(&near, &[b'-'; 1 << 16]) {
                Ok(n) => before += n,
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => panic!("{error}"),
            }
        }
        Stuffed { far: far.into().into(), before, received: Vec::new() }
    }

    /// Reads what stuffed it.
    pub fn receive(&mut self, _: &Env) {
        let mut bytes = vec![0; self.before - self.received.len()];
        self.far.read_exact(&mut bytes).unwrap();
        self.received.append(&mut bytes);
    }

    /// What came after that, once the near end is closed.
    pub fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.far.read_to_end(&mut rest).unwrap();
        rest
    }
}

pub fn send(far: &mut impl Write, _: &Env) {
    far.write_all(b"abc").unwrap();
}

/// What was read, and what can be read still, are what was sent.
pub fn check_read(mut read: Vec<u8>, mut stream: impl AsyncRead + Unpin, env: &Env) -> Kept {
    while read.len() < 3 {
        let more = env.block_on(async { timeout(PATIENCE, stream.read_buf(&mut read)).await });
        if !matches!(more, Ok(Ok(1..))) {
            break;
        }
    }
    same(read, b"abc".to_vec())
}

/// After waiting for room: room is there.
pub fn check_writable(stream: TcpStream, p: Stuffed, env: &Env) -> Kept {
    env.block_on(async { timeout(PATIENCE, stream.writable()).await.unwrap().unwrap() });
    stream.try_write(b"abc").unwrap();
    drop(stream);
    same(p.rest(), b"abc".to_vec())
}

pub fn cases() -> Vec<Case> {
    let mut cases = connections();
    cases.extend(streams());
    cases
}

fn connections() -> Vec<Case> {
    vec![
        Case::new(
            "net::TcpListener::bind",
            Safe(BOUND),
            Trial {
                place: Sockets,
                world: |_| ((), ()),
                future: |_| Box::pin(async { TcpListener::bind("127.0.0.1:0").await.unwrap() }),
                events: [],
                check: |_, _, out, _| same(out.is_none_or(|it| it.local_addr().is_ok()), true),
            },
        )
        .never_waits(),
        Case::new(
            "net::TcpListener::accept",
            Safe("the connection stays in the queue of the kernel"),
            Trial {
                place: Sockets,
                world: |_| {
                    let (listener, addr) = listener();
                    listener.set_nonblocking(true).unwrap();
                    (TcpListener::from_std(listener).unwrap(), (addr, Vec::new()))
                },
                future: |listener| Box::pin(async { listener.accept().await.unwrap().1 }),
                events: [connect, connect],
                check: |listener, (_, clients), out, env| {
                    let clients: Vec<_> =
                        clients.iter().map(|it| it.local_addr().unwrap()).collect();
                    let mut accepted: Vec<SocketAddr> = out.into_iter().collect();
                    while accepted.len() < 2 {
                        let next = async { timeout(PATIENCE, listener.accept()).await };
                        match env.block_on(next) {
                            Ok(next) => accepted.push(next.unwrap().1),
                            Err(_) => break,
                        }
                    }
                    same(accepted, clients)
                },
            },
        ),
        Case::new(
            "net::TcpStream::connect",
            Safe(ATTEMPT),
            Trial {
                place: Sockets,
                world: |_| {
                    let (listener, addr) = listener();
                    (addr, listener)
                },
                future: |addr| Box::pin(async { TcpStream::connect(*addr).await.unwrap() }),
                events: [|_, _| ()],
                check: |_, listener, out, _| check_attempt(&listener, out),
            },
        ),
        Case::new(
            "net::TcpSocket::connect",
            Safe(ATTEMPT),
            Trial {
                place: Sockets,
                world: |_| {
                    let (listener, addr) = listener();
                    (addr, listener)
                },
                future: |addr| {
                    let socket = TcpSocket::new_v4().unwrap();
                    Box::pin(async { socket.connect(*addr).await.unwrap() })
                },
                events: [|_, _| ()],
                check: |_, listener, out, _| check_attempt(&listener, out),
            },
        ),
        Case::new(
            "net::lookup_host",
            Safe("a lookup that has begun goes on in the background, and its answer is dropped"),
            Trial {
                place: Sockets,
                world: |_| ((), ()),
                future: |_| Box::pin(async { lookup_host("127.0.0.1:80").await.unwrap().count() }),
                events: [],
                check: |_, _, out, _| same(out.unwrap_or(1), 1),
            },
        )
        .never_waits(),
    ]
}

fn connect((addr, clients): &mut (SocketAddr, Vec<std::net::TcpStream>), _: &Env) {
    clients.push(std::net::TcpStream::connect(*addr).unwrap());
}

/// The connection is there, or it is one that was closed, or there is none.
fn check_attempt(listener: &std::net::TcpListener, out: Option<TcpStream>) -> Kept {
    listener.set_nonblocking(true).unwrap();
    let accepted = listener.accept();
    if let Some(stream) = out {
        return same(accepted.unwrap().1, stream.local_addr().unwrap());
    }
    let Ok((mut far, _)) = accepted else { return Ok(()) };
    far.set_nonblocking(false).unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    // The end, or a reset.
    let read = far.read(&mut [0]);
    let is_open = read.is_err_and(|error| error.kind() != io::ErrorKind::ConnectionReset);
    same(is_open, false)
}

fn streams() -> Vec<Case> {
    vec![
        Case::new(
            "net::TcpStream::ready",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |stream| {
                    Box::pin(async { stream.ready(Interest::READABLE).await.unwrap() })
                },
                events: [send],
                check: |stream, _far, _, env| check_read(Vec::new(), stream, env),
            },
        ),
        Case::new(
            "net::TcpStream::readable",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |stream| Box::pin(async { stream.readable().await.unwrap() }),
                events: [send],
                check: |stream, _far, _, env| check_read(Vec::new(), stream, env),
            },
        ),
        Case::new(
            "net::TcpStream::writable",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| stuffed(),
                future: |stream| Box::pin(async { stream.writable().await.unwrap() }),
                events: [Stuffed::receive],
                check: |stream, p, _, env| check_writable(stream, p, env),
            },
        ),
        Case::new(
            "net::TcpStream::async_io",
            Safe(WHOLE),
            Trial {
                place: Sockets,
                world: |_| {
                    let (near, far) = std_pair();
                    let clone = near.try_clone().unwrap();
                    ((adopted(near), clone), far)
                },
                future: |(stream, clone)| {
                    Box::pin(async {
                        let mut buf = [0; 3];
                        let read = stream.async_io(Interest::READABLE, || (&*clone).read(&mut buf));
                        let n = read.await.unwrap();
                        buf[..n].to_vec()
                    })
                },
                events: [send],
                check: |(stream, _), _far, out, env| {
                    check_read(out.unwrap_or_default(), stream, env)
                },
            },
        ),
        Case::new(
            "net::TcpStream::peek",
            Safe(NOTHING_TAKEN),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |stream| Box::pin(async { stream.peek(&mut [0; 3]).await.unwrap() }),
                events: [send],
                check: |stream, _far, _, env| check_read(Vec::new(), stream, env),
            },
        ),
        Case::new(
            "net::TcpStream as AsyncRead",
            Safe(
                "as the method of `io::AsyncReadExt`; for `read`: bytes are taken by the poll that completes",
            ),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |stream| {
                    Box::pin(async {
                        let mut buf = [0; 2];
                        let n = stream.read(&mut buf).await.unwrap();
                        buf[..n].to_vec()
                    })
                },
                events: [send],
                check: |stream, _far, out, env| check_read(out.unwrap_or_default(), stream, env),
            },
        ),
        Case::new(
            "net::TcpStream as AsyncWrite",
            Safe(
                "as the method of `io::AsyncWriteExt`; for `write`: bytes are written by the poll that completes",
            ),
            Trial {
                place: Sockets,
                world: |_| stuffed(),
                future: |stream| Box::pin(async { stream.write(b"abc").await.unwrap() }),
                events: [Stuffed::receive],
                check: |stream, p, out, _| {
                    drop(stream);
                    same(p.rest(), b"abc"[..out.unwrap_or(0)].to_vec())
                },
            },
        ),
    ]
}

/// A name that is not numeric is looked up by a thread that blocks: no script can tell when it answers.
#[test]
fn dropped_lookup_leaves_the_next_one_alone() {
    let runtime = filch::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let found = timeout(PATIENCE, lookup_host("localhost:80")).await.unwrap().unwrap().count();
        // Before its first poll, and after it.
        drop(lookup_host("localhost:80"));
        drop(crate::memory::now(lookup_host("localhost:80")));
        let again = timeout(PATIENCE, lookup_host("localhost:80")).await.unwrap().unwrap();
        assert_eq!(again.count(), found);
    });
}
