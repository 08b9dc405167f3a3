//! `io::unix::AsyncFd`, around std's sockets. The far ends block.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use filch::io::Interest;
use filch::io::unix::AsyncFd;
use filch::time::timeout;
use filch_tests::cancel_safety::Place::Sockets;
use filch_tests::cancel_safety::Promise::Safe;
use filch_tests::cancel_safety::{Case, Env, Kept, Trial, same};

use crate::net::{PATIENCE, READINESS, Stuffed, WHOLE};

fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (AsyncFd::new(near).unwrap(), far)
}

fn send(far: &mut UnixStream, _: &Env) {
    far.write_all(b"abc").unwrap();
}

/// What was read, and what can be read still, are together what was sent.
fn check_read(mut read: Vec<u8>, near: AsyncFd<UnixStream>, env: &Env) -> Kept {
    if read.is_empty() {
        let mut buf = [0; 8];
        let rest = near.async_io(Interest::READABLE, |mut near| near.read(&mut buf));
        if let Ok(n) = env.block_on(async { timeout(PATIENCE, rest).await }) {
            read.extend_from_slice(&buf[..n.unwrap()]);
        }
    }
    same(read, b"abc".to_vec())
}

/// Nothing more can be written, until the far end has read.
fn stuffed() -> (AsyncFd<UnixStream>, Stuffed) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let stuffed = Stuffed::new(&near, far);
    (AsyncFd::new(near).unwrap(), stuffed)
}

fn check_writable(near: AsyncFd<UnixStream>, far: Stuffed, env: &Env) -> Kept {
    let write = near.async_io(Interest::WRITABLE, |mut near| near.write(b"abc"));
    let written = env.block_on(async { timeout(PATIENCE, write).await });
    assert!(written.is_ok_and(|n| n.is_ok()));
    drop(near);
    same(far.rest(), b"abc".to_vec())
}

/// A case that waits, and leaves the readiness by its guard.
macro_rules! waits {
    ($name:literal, $world:expr, $event:expr, $check:expr, |$near:ident| $future:expr) => {
        Case::new(
            $name,
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| $world,
                future: |$near| Box::pin(async { $future.await.unwrap().retain_ready() }),
                events: [$event],
                check: $check,
            },
        )
    };
}

macro_rules! waits_to_read {
    ($name:literal, |$near:ident| $future:expr) => {
        waits!(
            $name,
            pair(),
            send,
            |near, _far, _, env| check_read(Vec::new(), near, env),
            |$near| $future
        )
    };
}

macro_rules! waits_to_write {
    ($name:literal, |$near:ident| $future:expr) => {
        waits!(
            $name,
            stuffed(),
            Stuffed::receive,
            |near, far, _, env| check_writable(near, far, env),
            |$near| $future
        )
    };
}

/// A case that reads, by an expression that is how much.
macro_rules! reads {
    ($name:literal, |$near:ident, $buf:ident| $future:expr) => {
        Case::new(
            $name,
            Safe(WHOLE),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |$near| {
                    Box::pin(async {
                        let mut $buf = [0; 3];
                        let n = $future.await.unwrap();
                        $buf[..n].to_vec()
                    })
                },
                events: [send],
                check: |near, _far, out, env| check_read(out.unwrap_or_default(), near, env),
            },
        )
    };
}

pub fn cases() -> Vec<Case> {
    vec![
        waits_to_read!("io::unix::AsyncFd::ready", |near| near.ready(Interest::READABLE)),
        waits_to_read!("io::unix::AsyncFd::ready_mut", |near| near.ready_mut(Interest::READABLE)),
        waits_to_read!("io::unix::AsyncFd::readable", |near| near.readable()),
        waits_to_read!("io::unix::AsyncFd::readable_mut", |near| near.readable_mut()),
        waits_to_write!("io::unix::AsyncFd::writable", |near| near.writable()),
        waits_to_write!("io::unix::AsyncFd::writable_mut", |near| near.writable_mut()),
        reads!("io::unix::AsyncFd::async_io", |near, buf| {
            near.async_io(Interest::READABLE, |mut near| near.read(&mut buf))
        }),
        reads!("io::unix::AsyncFd::async_io_mut", |near, buf| {
            near.async_io_mut(Interest::READABLE, |near| near.read(&mut buf))
        }),
    ]
}
