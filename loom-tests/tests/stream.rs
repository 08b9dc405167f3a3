//! Streams of broadcast and watch: a wait that is used again and again (L1 of `notify/listener.rs`), with the
//! steps BC1, BC2, WAT1 to WAT3, NTF5 to NTF7 of docs/sync.md.
#![cfg(filch_loom)]

mod sync_support;

use std::future::poll_fn;
use std::pin::Pin;

use filch_primitives::thread;
use filch_sync::stream::{BroadcastStream, Stream, WatchStream};
use filch_sync::{broadcast, watch};
use sync_support::{block_on, model, poll_once};

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

/// L1: every message comes out, and then the end.
#[test]
fn send_races_poll_of_a_broadcast_stream() {
    model(|| {
        let (tx, rx) = broadcast::channel(2);
        let mut stream = BroadcastStream::new(rx);
        let sender = thread::spawn(move || {
            tx.send(1).unwrap();
            tx.send(2).unwrap();
        });
        for n in 1..=2 {
            assert_eq!(block_on(next(&mut stream)), Some(Ok(n)));
        }
        assert_eq!(block_on(next(&mut stream)), None);
        sender.join().unwrap();
    });
}

/// The values of a watch stream while another thread sends 1 and 2.
fn watched() -> Vec<u8> {
    let (tx, rx) = watch::channel(0);
    let mut stream = WatchStream::new(rx);
    let sender = thread::spawn(move || {
        tx.send(1).unwrap();
        tx.send(2).unwrap();
    });
    let mut values = Vec::new();
    while let Some(value) = block_on(next(&mut stream)) {
        values.push(value);
    }
    sender.join().unwrap();
    values
}

/// L1: rising values, the last one before the end.
#[test]
fn send_races_poll_of_a_watch_stream() {
    model(|| {
        let values = watched();
        assert!(values.is_sorted_by(|a, b| a < b));
        assert_eq!(values.last(), Some(&2));
    });
}

/// Not every value: the model above reaches the schedules in which one is skipped.
#[test]
#[should_panic(expected = "a value was skipped")]
fn watch_stream_skips_values() {
    model(|| assert_eq!(watched(), [0, 1, 2], "a value was skipped"));
}

/// NTF7: a stream that waits is dropped while it is notified.
#[test]
fn send_races_drop_of_a_waiting_stream() {
    model(|| {
        let (tx, rx) = broadcast::channel(1);
        let mut stream = BroadcastStream::new(rx.resubscribe());
        let mut other = BroadcastStream::new(rx);
        assert!(poll_once(next(&mut stream)).is_none());
        let sender = thread::spawn(move || tx.send(7).unwrap());
        drop(stream);
        assert_eq!(block_on(next(&mut other)), Some(Ok(7)));
        sender.join().unwrap();
    });
}
