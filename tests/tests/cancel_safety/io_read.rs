//! Reading: the methods of `AsyncReadExt`, `AsyncBufReadExt` and `AsyncSeekExt`, lines and pieces.

use std::io::SeekFrom;

use filch::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader, DuplexStream, Lines, Split,
};
use filch_tests::cancel_safety::Place::Anywhere;
use filch_tests::cancel_safety::Promise::{Loses, Safe};
use filch_tests::cancel_safety::{Case, Kept, Trial, same};

use crate::memory::{empty, feed, slow_seek, take};

const NOTHING_READ: &str = "bytes are taken by the poll that completes";
const IN_THE_BUFFER: &str = "what has come is in the buffer, and another call goes on from there";
const KEPT: &str = "what has come is kept for the next call";

/// What was read, and what is left to read, are all of it.
fn check_read(mut read: Vec<u8>, mut reader: DuplexStream, all: &[u8]) -> Kept {
    read.append(&mut take(&mut reader));
    same(read, all.to_vec())
}

pub fn cases() -> Vec<Case> {
    let mut cases = reads();
    cases.extend(numbers());
    cases.extend(buffered());
    cases.extend(seeks());
    cases
}

fn reads() -> Vec<Case> {
    vec![
        Case::new(
            "io::AsyncReadExt::read",
            Safe(NOTHING_READ),
            Trial {
                place: Anywhere,
                world: |_| empty(),
                future: |reader| {
                    Box::pin(async {
                        let mut buf = [0; 3];
                        let n = reader.read(&mut buf).await.unwrap();
                        buf[..n].to_vec()
                    })
                },
                events: [|w, _| feed(w, b"ab"), |w, _| feed(w, b"cd")],
                check: |reader, _w, out, _| check_read(out.unwrap_or_default(), reader, b"abcd"),
            },
        ),
        Case::new(
            "io::AsyncReadExt::read_buf",
            Safe(NOTHING_READ),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (reader, writer) = empty();
                    ((reader, Vec::new()), writer)
                },
                future: |(reader, buf)| Box::pin(async { reader.read_buf(buf).await.unwrap() }),
                events: [|w, _| feed(w, b"ab"), |w, _| feed(w, b"cd")],
                check: |(reader, buf), _w, out, _| {
                    assert_eq!(buf.len(), out.unwrap_or(0));
                    check_read(buf, reader, b"abcd")
                },
            },
        ),
        Case::new(
            "io::AsyncReadExt::read_exact",
            Loses("how much has come; the bytes are in the buffer"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (reader, writer) = empty();
                    ((reader, [0; 3]), writer)
                },
                future: |(reader, buf)| Box::pin(async { reader.read_exact(buf).await.unwrap() }),
                events: [|w, _| feed(w, b"ab"), |w, _| feed(w, b"cd")],
                check: |(mut reader, buf), _w, out, _| {
                    let rest = take(&mut reader);
                    let taken = 4 - rest.len();
                    // The bytes themselves are there, to whoever knows how many.
                    assert_eq!([&buf[..taken], &rest].concat(), b"abcd");
                    same(taken, out.unwrap_or(0))
                },
            },
        ),
        Case::new(
            "io::AsyncReadExt::read_to_end",
            Safe(IN_THE_BUFFER),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (reader, writer) = empty();
                    ((reader, Vec::new()), writer)
                },
                future: |(reader, buf)| Box::pin(async { reader.read_to_end(buf).await.unwrap() }),
                events: [|w, _| feed(w, b"ab"), |w, _| feed(w, b"cd"), |w, _| *w = None],
                check: |(reader, buf), _w, out, _| {
                    assert!(out.is_none_or(|n| n == buf.len()));
                    check_read(buf, reader, b"abcd")
                },
            },
        ),
        Case::new(
            "io::AsyncReadExt::read_to_string",
            Loses("what has come; the string is what it was"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (reader, writer) = empty();
                    ((reader, String::new()), writer)
                },
                future: |(reader, text)| {
                    Box::pin(async { reader.read_to_string(text).await.unwrap() })
                },
                events: [|w, _| feed(w, b"ab"), |w, _| feed(w, b"cd"), |w, _| *w = None],
                check: |(reader, text), _w, out, _| {
                    assert_eq!(text.len(), out.unwrap_or(0));
                    check_read(text.into_bytes(), reader, b"abcd")
                },
            },
        ),
    ]
}

/// Reading a number in two parts.
macro_rules! numbers {
    ($($name:ident, $ty:ident, $to_bytes:ident, $promise:expr;)+) => {
        vec![$(Case::new(
            concat!("io::AsyncReadExt::", stringify!($name)),
            $promise,
            Trial {
                place: Anywhere,
                world: |_| empty(),
                future: |reader| Box::pin(async { reader.$name().await.unwrap().$to_bytes().to_vec() }),
                events: [
                    |w, _| feed(w, &NUMBER[..1]),
                    |w, _| feed(w, &NUMBER[1..size_of::<$ty>()]),
                ],
                check: |reader, _w, out, _| {
                    check_read(out.unwrap_or_default(), reader, &NUMBER[..size_of::<$ty>()])
                },
            },
        )),+]
    };
}

const NUMBER: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const PART: crate::Promise = Loses("the bytes that have come, if not all have");

fn numbers() -> Vec<Case> {
    numbers! {
        read_u8, u8, to_be_bytes, Safe(NOTHING_READ);
        read_i8, i8, to_be_bytes, Safe(NOTHING_READ);
        read_u16, u16, to_be_bytes, PART;
        read_i16, i16, to_be_bytes, PART;
        read_u32, u32, to_be_bytes, PART;
        read_i32, i32, to_be_bytes, PART;
        read_u64, u64, to_be_bytes, PART;
        read_i64, i64, to_be_bytes, PART;
        read_u128, u128, to_be_bytes, PART;
        read_i128, i128, to_be_bytes, PART;
        read_f32, f32, to_be_bytes, PART;
        read_f64, f64, to_be_bytes, PART;
        read_u16_le, u16, to_le_bytes, PART;
        read_i16_le, i16, to_le_bytes, PART;
        read_u32_le, u32, to_le_bytes, PART;
        read_i32_le, i32, to_le_bytes, PART;
        read_u64_le, u64, to_le_bytes, PART;
        read_i64_le, i64, to_le_bytes, PART;
        read_u128_le, u128, to_le_bytes, PART;
        read_i128_le, i128, to_le_bytes, PART;
        read_f32_le, f32, to_le_bytes, PART;
        read_f64_le, f64, to_le_bytes, PART;
    }
}

/// A buffered reader and the end that is written to.
fn buffered_stream() -> (BufReader<DuplexStream>, Option<DuplexStream>) {
    let (reader, writer) = empty();
    (BufReader::new(reader), writer)
}

/// What was read, what is in the reader's buffer, and what is left to read, are all of it.
fn check_buffered(mut read: Vec<u8>, mut reader: BufReader<DuplexStream>, all: &[u8]) -> Kept {
    read.append(&mut take(&mut reader));
    same(read, all.to_vec())
}

/// Everything that is left, in pieces: one poll each.
fn rest<T>(mut next: impl FnMut() -> Option<T>) -> Vec<T> {
    std::iter::from_fn(&mut next).collect()
}

fn lines_left(lines: &mut Lines<BufReader<DuplexStream>>) -> Vec<String> {
    rest(|| crate::memory::now(lines.next_line())?.unwrap())
}

fn pieces_left(pieces: &mut Split<BufReader<DuplexStream>>) -> Vec<Vec<u8>> {
    rest(|| crate::memory::now(pieces.next_segment())?.unwrap())
}

fn buffered() -> Vec<Case> {
    vec![
        Case::new(
            "io::AsyncBufReadExt::fill_buf",
            Safe("nothing is consumed"),
            Trial {
                place: Anywhere,
                world: |_| buffered_stream(),
                future: |reader| Box::pin(async { reader.fill_buf().await.unwrap().len() }),
                events: [|w, _| feed(w, b"ab"), |w, _| feed(w, b"cd")],
                check: |reader, _w, _, _| check_buffered(Vec::new(), reader, b"abcd"),
            },
        ),
        Case::new(
            "io::AsyncBufReadExt::read_until",
            Safe(IN_THE_BUFFER),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (reader, writer) = buffered_stream();
                    ((reader, Vec::new()), writer)
                },
                future: |(reader, buf)| {
                    Box::pin(async { reader.read_until(b'\n', buf).await.unwrap() })
                },
                events: [|w, _| feed(w, b"ab"), |w, _| feed(w, b"c\nd")],
                check: |(reader, buf), _w, out, _| {
                    assert!(out.is_none_or(|n| n == buf.len()));
                    check_buffered(buf, reader, b"abc\nd")
                },
            },
        ),
        Case::new(
            "io::AsyncBufReadExt::read_line",
            Loses("what ends in the middle of a character; the rest is in the buffer"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (reader, writer) = buffered_stream();
                    ((reader, String::new()), writer)
                },
                future: |(reader, line)| Box::pin(async { reader.read_line(line).await.unwrap() }),
                events: [
                    |w, _| feed(w, b"ab"),
                    |w, _| feed(w, b"\xC3"),
                    |w, _| feed(w, b"\xA9\nd"),
                ],
                check: |(reader, line), _w, _, _| {
                    check_buffered(line.into_bytes(), reader, "abé\nd".as_bytes())
                },
            },
        ),
        Case::new(
            "io::Lines::next_line",
            Safe(KEPT),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (reader, writer) = buffered_stream();
                    (reader.lines(), writer)
                },
                future: |lines| Box::pin(async { lines.next_line().await.unwrap() }),
                events: [|w, _| feed(w, b"a\xC3"), |w, _| feed(w, b"\xA9\nb"), |w, _| *w = None],
                check: |mut lines, _, out, _| {
                    let mut all: Vec<String> = out.flatten().into_iter().collect();
                    all.append(&mut lines_left(&mut lines));
                    same(all, vec!["aé".into(), "b".into()])
                },
            },
        ),
        Case::new(
            "io::Split::next_segment",
            Safe(KEPT),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (reader, writer) = buffered_stream();
                    (reader.split(b','), writer)
                },
                future: |pieces| Box::pin(async { pieces.next_segment().await.unwrap() }),
                events: [|w, _| feed(w, b"a"), |w, _| feed(w, b"b,c"), |w, _| *w = None],
                check: |mut pieces, _, out, _| {
                    let mut all: Vec<Vec<u8>> = out.flatten().into_iter().collect();
                    all.append(&mut pieces_left(&mut pieces));
                    same(all, vec![b"ab".to_vec(), b"c".to_vec()])
                },
            },
        ),
    ]
}

fn seeks() -> Vec<Case> {
    vec![
        Case::new(
            "io::AsyncSeekExt::seek",
            Loses("whether the position has moved"),
            Trial {
                place: Anywhere,
                world: |_| slow_seek(),
                future: |seek| Box::pin(async { seek.seek(SeekFrom::Start(3)).await.unwrap() }),
                events: [|gate, _| gate.open()],
                check: |mut seek, _, out, _| {
                    let position = crate::memory::now(seek.stream_position()).unwrap().unwrap();
                    same(position, out.unwrap_or(5))
                },
            },
        ),
        Case::new(
            "io::AsyncSeekExt::rewind",
            Loses("whether the position has moved"),
            Trial {
                place: Anywhere,
                world: |_| slow_seek(),
                future: |seek| Box::pin(async { seek.rewind().await.unwrap() }),
                events: [|gate, _| gate.open()],
                check: |mut seek, _, out, _| {
                    let position = crate::memory::now(seek.stream_position()).unwrap().unwrap();
                    same(position, out.map_or(5, |_| 0))
                },
            },
        ),
        Case::new(
            "io::AsyncSeekExt::stream_position",
            Safe("the position does not move"),
            Trial {
                place: Anywhere,
                world: |_| slow_seek(),
                future: |seek| Box::pin(async { seek.stream_position().await.unwrap() }),
                events: [|gate, _| gate.open()],
                check: |mut seek, _, out, _| {
                    assert!(out.is_none_or(|position| position == 5));
                    same(crate::memory::now(seek.stream_position()).unwrap().unwrap(), 5)
                },
            },
        ),
    ]
}
