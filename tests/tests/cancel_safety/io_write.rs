//! Writing and copying: the methods of `AsyncWriteExt`, and `io::copy` with its kin.

use std::io::IoSlice;

use filch::io::{
    AsyncReadExt, AsyncWriteExt, BufReader, BufWriter, DuplexStream, copy, copy_bidirectional,
    copy_bidirectional_with_sizes, copy_buf,
};
use filch_tests::cancel_safety::Place::Anywhere;
use filch_tests::cancel_safety::Promise::{Loses, Safe};
use filch_tests::cancel_safety::{Case, Env, Kept, Trial, same};

use crate::memory::{Drain, empty, feed, full, now, put, take};

const NOTHING_WRITTEN: &str = "bytes are written by the poll that completes";
const REST_IN_SOURCE: &str = "what is left in the source was not written, and another call goes on";
const HOW_MUCH: &str = "how much was written";
const GOES_ON: &str = "some may be done, and another call goes on from there";
const BETWEEN: &str = "what has been read and not been written";

pub fn cases() -> Vec<Case> {
    let mut cases = writes();
    cases.extend(numbers());
    cases.extend(flushes());
    cases.extend(copies());
    cases
}

/// What was written is the first `n` bytes of it.
fn check_written(p: Drain, all: &[u8], n: Option<usize>) -> Kept {
    same(p.written(), all[..n.unwrap_or(0)].to_vec())
}

fn writes() -> Vec<Case> {
    vec![
        Case::new(
            "io::AsyncWriteExt::write",
            Safe(NOTHING_WRITTEN),
            Trial {
                place: Anywhere,
                world: |_| full(2),
                future: |writer| Box::pin(async { writer.write(b"abc").await.unwrap() }),
                events: [Drain::receive, Drain::receive],
                check: |_, p, out, _| check_written(p, b"abc", out),
            },
        ),
        Case::new(
            "io::AsyncWriteExt::write_vectored",
            Safe(NOTHING_WRITTEN),
            Trial {
                place: Anywhere,
                world: |_| full(2),
                future: |writer| {
                    Box::pin(async {
                        let bufs = [IoSlice::new(b"a"), IoSlice::new(b"bc")];
                        writer.write_vectored(&bufs).await.unwrap()
                    })
                },
                events: [Drain::receive, Drain::receive],
                check: |_, p, out, _| check_written(p, b"abc", out),
            },
        ),
        Case::new(
            "io::AsyncWriteExt::write_buf",
            Safe(REST_IN_SOURCE),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (writer, p) = full(2);
                    ((writer, &b"abc"[..]), p)
                },
                future: |(writer, source)| {
                    Box::pin(async { writer.write_buf(source).await.unwrap() })
                },
                events: [Drain::receive, Drain::receive],
                check: |(_writer, source), p, out, _| {
                    assert_eq!(source.len(), 3 - out.unwrap_or(0));
                    same([&p.written(), source].concat(), b"abc".to_vec())
                },
            },
        ),
        Case::new(
            "io::AsyncWriteExt::write_all_buf",
            Safe(REST_IN_SOURCE),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (writer, p) = full(2);
                    ((writer, &b"abc"[..]), p)
                },
                future: |(writer, source)| {
                    Box::pin(async { writer.write_all_buf(source).await.unwrap() })
                },
                events: [Drain::receive, Drain::receive],
                check: |(_writer, source), p, out, _| {
                    assert!(out.is_none() || source.is_empty());
                    same([&p.written(), source].concat(), b"abc".to_vec())
                },
            },
        ),
        Case::new(
            "io::AsyncWriteExt::write_all",
            Loses("how much was written; `write_all_buf` knows"),
            Trial {
                place: Anywhere,
                world: |_| full(2),
                future: |writer| Box::pin(async { writer.write_all(b"abc").await.unwrap() }),
                events: [Drain::receive, Drain::receive],
                check: |_, p, out, _| check_written(p, b"abc", out.map(|()| 3)),
            },
        ),
    ]
}

/// Writing a number into a stream that has room for one byte, and then for all.
macro_rules! numbers {
    ($($name:ident, $ty:ident, $to_bytes:ident, $promise:expr;)+) => {
        vec![$(Case::new(
            concat!("io::AsyncWriteExt::", stringify!($name)),
            $promise,
            Trial {
                place: Anywhere,
                world: |_| full(16),
                future: |writer| Box::pin(async { writer.$name(0x71 as $ty).await.unwrap() }),
                events: [Drain::receive_one, Drain::receive],
                check: |_, p, out, _| {
                    let bytes = (0x71 as $ty).$to_bytes();
                    check_written(p, &bytes, out.map(|()| bytes.len()))
                },
            },
        )),+]
    };
}

const PART: crate::Promise = Loses(HOW_MUCH);

fn numbers() -> Vec<Case> {
    numbers! {
        write_u8, u8, to_be_bytes, Safe(NOTHING_WRITTEN);
        write_i8, i8, to_be_bytes, Safe(NOTHING_WRITTEN);
        write_u16, u16, to_be_bytes, PART;
        write_i16, i16, to_be_bytes, PART;
        write_u32, u32, to_be_bytes, PART;
        write_i32, i32, to_be_bytes, PART;
        write_u64, u64, to_be_bytes, PART;
        write_i64, i64, to_be_bytes, PART;
        write_u128, u128, to_be_bytes, PART;
        write_i128, i128, to_be_bytes, PART;
        write_f32, f32, to_be_bytes, PART;
        write_f64, f64, to_be_bytes, PART;
        write_u16_le, u16, to_le_bytes, PART;
        write_i16_le, i16, to_le_bytes, PART;
        write_u32_le, u32, to_le_bytes, PART;
        write_i32_le, i32, to_le_bytes, PART;
        write_u64_le, u64, to_le_bytes, PART;
        write_i64_le, i64, to_le_bytes, PART;
        write_u128_le, u128, to_le_bytes, PART;
        write_i128_le, i128, to_le_bytes, PART;
        write_f32_le, f32, to_le_bytes, PART;
        write_f64_le, f64, to_le_bytes, PART;
    }
}

/// A buffered writer that has "abc" for a full stream.
fn buffered() -> (BufWriter<DuplexStream>, Drain) {
    let (stream, p) = full(2);
    let mut writer = BufWriter::new(stream);
    put(&mut writer, b"abc");
    (writer, p)
}

/// Whatever was flushed, another flush brings the rest, and nothing twice.
fn check_flushed(mut writer: BufWriter<DuplexStream>, mut p: Drain, env: &Env) -> Kept {
    while now(writer.flush()).is_none() {
        p.receive(env);
    }
    same(p.written(), b"abc".to_vec())
}

fn flushes() -> Vec<Case> {
    vec![
        Case::new(
            "io::AsyncWriteExt::flush",
            Safe(GOES_ON),
            Trial {
                place: Anywhere,
                world: |_| buffered(),
                future: |writer| Box::pin(async { writer.flush().await.unwrap() }),
                events: [Drain::receive, Drain::receive_one],
                check: |writer, p, _, env| check_flushed(writer, p, env),
            },
        ),
        Case::new(
            "io::AsyncWriteExt::shutdown",
            Safe(GOES_ON),
            Trial {
                place: Anywhere,
                world: |_| buffered(),
                future: |writer| Box::pin(async { writer.shutdown().await.unwrap() }),
                events: [Drain::receive, Drain::receive_one],
                check: |mut writer, mut p, _, env| {
                    while now(writer.shutdown()).is_none() {
                        p.receive(env);
                    }
                    p.receive(env);
                    let end = now(p.reader().read(&mut [0])).expect("the end").unwrap();
                    assert_eq!(end, 0);
                    same(p.written(), b"abc".to_vec())
                },
            },
        ),
    ]
}

/// What feeds the source of a copy, and what its drain has got.
struct Ends {
    source: Option<DuplexStream>,
    drain: Drain,
}

impl Ends {
    fn feed(&mut self, _: &Env) {
        feed(&mut self.source, b"abc");
    }

    fn receive(&mut self, env: &Env) {
        self.drain.receive(env);
    }

    fn end(&mut self, _: &Env) {
        self.source = None;
    }
}

/// A source with nothing in it yet, a drain that is full, and the ends of both.
fn copying() -> ((DuplexStream, DuplexStream), Ends) {
    let ((reader, source), (writer, drain)) = (empty(), full(2));
    ((reader, writer), Ends { source, drain })
}

/// What was copied, and what the source still has, are all that it had.
fn check_copied(mut p: Ends, rest: Vec<u8>, env: &Env) -> Kept {
    p.receive(env);
    same([p.drain.written(), rest].concat(), b"abc".to_vec())
}

fn copies() -> Vec<Case> {
    vec![
        Case::new(
            "io::copy",
            Loses(BETWEEN),
            Trial {
                place: Anywhere,
                world: |_| copying(),
                future: |(reader, writer)| Box::pin(async { copy(reader, writer).await.unwrap() }),
                events: [Ends::feed, Ends::receive, Ends::receive, Ends::end],
                check: |(mut reader, _writer), p, out, env| {
                    assert!(out.is_none_or(|n| n == 3));
                    check_copied(p, take(&mut reader), env)
                },
            },
        ),
        Case::new(
            "io::copy_buf",
            Safe(
                "what was not written is still in the reader, and another call goes on from there",
            ),
            Trial {
                place: Anywhere,
                world: |_| {
                    let ((reader, writer), p) = copying();
                    ((BufReader::new(reader), writer), p)
                },
                future: |(reader, writer)| {
                    Box::pin(async { copy_buf(reader, writer).await.unwrap() })
                },
                events: [Ends::feed, Ends::receive, Ends::receive, Ends::end],
                check: |(mut reader, _writer), p, out, env| {
                    assert!(out.is_none_or(|n| n == 3));
                    check_copied(p, take(&mut reader), env)
                },
            },
        ),
        Case::new(
            "io::copy_bidirectional",
            Loses(BETWEEN),
            Trial {
                place: Anywhere,
                world: |_| both_ways(),
                future: |(a, b)| Box::pin(async { copy_bidirectional(a, b).await.unwrap() }),
                events: [Ends::feed, Ends::receive, Ends::receive, Ends::end],
                check: |(mut a, _b), p, out, env| {
                    assert!(out.is_none_or(|both| both == (3, 0)));
                    check_copied(p, take(&mut a), env)
                },
            },
        ),
        Case::new(
            "io::copy_bidirectional_with_sizes",
            Loses(BETWEEN),
            Trial {
                place: Anywhere,
                world: |_| both_ways(),
                future: |(a, b)| {
                    Box::pin(async { copy_bidirectional_with_sizes(a, b, 2, 2).await.unwrap() })
                },
                events: [Ends::feed, Ends::receive, Ends::receive, Ends::end],
                check: |(mut a, _b), p, out, env| {
                    assert!(out.is_none_or(|both| both == (3, 0)));
                    check_copied(p, take(&mut a), env)
                },
            },
        ),
    ]
}

/// As [`copying`]; the other direction has ended.
fn both_ways() -> ((DuplexStream, DuplexStream), Ends) {
    let (streams, mut ends) = copying();
    now(ends.drain.reader().shutdown()).expect("at once").unwrap();
    (streams, ends)
}
