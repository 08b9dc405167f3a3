//! `net::tcp`: the halves of a connection.

use filch::io::Interest;
use filch::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use filch_tests::cancel_safety::Place::Sockets;
use filch_tests::cancel_safety::Promise::Safe;
use filch_tests::cancel_safety::{Case, Env, Kept, Trial};

use crate::net::{
    NOTHING_TAKEN, READINESS, Stuffed, check_read, check_writable, pair, send, stuffed,
};

pub fn cases() -> Vec<Case> {
    let mut cases = borrowed_halves();
    cases.extend(owned_halves());
    cases
}

/// A half reads, and is put together with the other again.
fn halves() -> ((OwnedReadHalf, OwnedWriteHalf), std::net::TcpStream) {
    let (near, far) = pair();
    (near.into_split(), far)
}

fn check_halves(halves: (OwnedReadHalf, OwnedWriteHalf), env: &Env) -> Kept {
    let (reader, writer) = halves;
    check_read(Vec::new(), reader.reunite(writer).unwrap(), env)
}

fn borrowed_halves() -> Vec<Case> {
    vec![
        Case::new(
            "net::tcp::ReadHalf::ready",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |stream| {
                    Box::pin(async { stream.split().0.ready(Interest::READABLE).await.unwrap() })
                },
                events: [send],
                check: |stream, _far, _, env| check_read(Vec::new(), stream, env),
            },
        ),
        Case::new(
            "net::tcp::ReadHalf::readable",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |stream| Box::pin(async { stream.split().0.readable().await.unwrap() }),
                events: [send],
                check: |stream, _far, _, env| check_read(Vec::new(), stream, env),
            },
        ),
        Case::new(
            "net::tcp::ReadHalf::peek",
            Safe(NOTHING_TAKEN),
            Trial {
                place: Sockets,
                world: |_| pair(),
                future: |stream| {
                    Box::pin(async { stream.split().0.peek(&mut [0; 3]).await.unwrap() })
                },
                events: [send],
                check: |stream, _far, _, env| check_read(Vec::new(), stream, env),
            },
        ),
        Case::new(
            "net::tcp::WriteHalf::ready",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| stuffed(),
                future: |stream| {
                    Box::pin(async { stream.split().1.ready(Interest::WRITABLE).await.unwrap() })
                },
                events: [Stuffed::receive],
                check: |stream, p, _, env| check_writable(stream, p, env),
            },
        ),
        Case::new(
            "net::tcp::WriteHalf::writable",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| stuffed(),
                future: |stream| Box::pin(async { stream.split().1.writable().await.unwrap() }),
                events: [Stuffed::receive],
                check: |stream, p, _, env| check_writable(stream, p, env),
            },
        ),
    ]
}

fn owned_halves() -> Vec<Case> {
    vec![
        Case::new(
            "net::tcp::OwnedReadHalf::ready",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| halves(),
                future: |(reader, _)| {
                    Box::pin(async { reader.ready(Interest::READABLE).await.unwrap() })
                },
                events: [send],
                check: |halves, _far, _, env| check_halves(halves, env),
            },
        ),
        Case::new(
            "net::tcp::OwnedReadHalf::readable",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| halves(),
                future: |(reader, _)| Box::pin(async { reader.readable().await.unwrap() }),
                events: [send],
                check: |halves, _far, _, env| check_halves(halves, env),
            },
        ),
        Case::new(
            "net::tcp::OwnedReadHalf::peek",
            Safe(NOTHING_TAKEN),
            Trial {
                place: Sockets,
                world: |_| halves(),
                future: |(reader, _)| Box::pin(async { reader.peek(&mut [0; 3]).await.unwrap() }),
                events: [send],
                check: |halves, _far, _, env| check_halves(halves, env),
            },
        ),
        Case::new(
            "net::tcp::OwnedWriteHalf::ready",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| {
                    let (stream, p) = stuffed();
                    (stream.into_split(), p)
                },
                future: |(_, writer)| {
                    Box::pin(async { writer.ready(Interest::WRITABLE).await.unwrap() })
                },
                events: [Stuffed::receive],
                check: |(reader, writer), p, _, env| {
                    check_writable(reader.reunite(writer).unwrap(), p, env)
                },
            },
        ),
        Case::new(
            "net::tcp::OwnedWriteHalf::writable",
            Safe(READINESS),
            Trial {
                place: Sockets,
                world: |_| {
                    let (stream, p) = stuffed();
                    (stream.into_split(), p)
                },
                future: |(_, writer)| Box::pin(async { writer.writable().await.unwrap() }),
                events: [Stuffed::receive],
                check: |(reader, writer), p, _, env| {
                    check_writable(reader.reunite(writer).unwrap(), p, env)
                },
            },
        ),
    ]
}
