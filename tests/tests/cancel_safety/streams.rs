//! The streams: `next()` is dropped, the stream stays.

use std::future::poll_fn;
use std::pin::Pin;

use filch::stream::{BroadcastStream, Lagged, Stream, WatchStream};
use filch::sync::{broadcast, mpsc, watch};
use filch::time::{Duration, Instant, interval_at};
use filch_tests::cancel_safety::Place::{Anywhere, PausedClock};
use filch_tests::cancel_safety::Promise::Safe;
use filch_tests::cancel_safety::{Case, LocalFuture, Trial, same};

use crate::memory::now;

const TAKEN_LATE: &str = "an item is taken by the poll that returns it";

/// What `StreamExt` has.
fn next<S: Stream + Unpin>(stream: &mut S) -> LocalFuture<'_, Option<S::Item>> {
    Box::pin(poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)))
}

/// All items that can be had without waiting.
fn rest<S: Stream + Unpin>(mut stream: S) -> Vec<S::Item> {
    std::iter::from_fn(|| now(next(&mut stream)).flatten()).collect()
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "stream::mpsc::Receiver",
            Safe(TAKEN_LATE),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = mpsc::channel(2);
                    (rx, Some(tx))
                },
                future: |rx| next(rx),
                events: [
                    |tx, _| tx.as_ref().unwrap().try_send(1).unwrap(),
                    |tx, _| tx.as_ref().unwrap().try_send(2).unwrap(),
                    |tx, _| *tx = None,
                ],
                check: |rx, _, out, _| {
                    let mut all: Vec<u8> = out.flatten().into_iter().collect();
                    all.append(&mut rest(rx));
                    same(all, vec![1, 2])
                },
            },
        ),
        Case::new(
            "stream::BroadcastStream",
            Safe(TAKEN_LATE),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = broadcast::channel(1);
                    (BroadcastStream::new(rx), Some(tx))
                },
                future: |stream| next(stream),
                events: [
                    |tx, _| assert_eq!(tx.as_ref().unwrap().send(1).unwrap(), 1),
                    |tx, _| assert_eq!(tx.as_ref().unwrap().send(2).unwrap(), 1),
                    |tx, _| *tx = None,
                ],
                check: |stream, _, out, _| {
                    let first = out.flatten();
                    let took_first = first == Some(Ok(1));
                    let mut all: Vec<Result<u8, Lagged>> = first.into_iter().collect();
                    all.append(&mut rest(stream));
                    same(all, vec![if took_first { Ok(1) } else { Err(Lagged(1)) }, Ok(2)])
                },
            },
        ),
        Case::new(
            "stream::WatchStream",
            Safe("a value is marked as seen by the poll that returns it"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = watch::channel(0);
                    (WatchStream::from_changes(rx), Some(tx))
                },
                future: |stream| next(stream),
                events: [
                    |tx, _| tx.as_ref().unwrap().send(1).unwrap(),
                    |tx, _| tx.as_ref().unwrap().send(2).unwrap(),
                    |tx, _| *tx = None,
                ],
                check: |stream, _, out, _| {
                    let first = out.flatten();
                    let left = rest(stream);
                    assert!(matches!(first, None | Some(1 | 2)));
                    same(left, if first == Some(2) { vec![] } else { vec![2] })
                },
            },
        ),
        Case::new(
            "stream::Interval",
            Safe("a tick is taken by the poll that returns it"),
            Trial {
                place: PausedClock,
                world: |_| {
                    let period = Duration::from_millis(10);
                    let start = Instant::now() + period;
                    (interval_at(start, period), start)
                },
                future: |interval| next(interval),
                events: [|_, env| env.advance(10), |_, env| env.advance(10)],
                check: |interval, start, out, _| {
                    let mut all: Vec<Instant> = out.flatten().into_iter().collect();
                    all.append(&mut rest(interval));
                    same(all, vec![start, start + Duration::from_millis(10)])
                },
            },
        ),
    ]
}
