//! Receivers as streams.

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use common::{PanicsOnWake, WakeCount};
use filch_sync::stream::{BroadcastStream, Lagged, Stream, WatchStream};
use filch_sync::{broadcast, mpsc, watch};

/// Polls with a waker that counts.
fn poll_with<S: Stream + Unpin>(stream: &mut S, wakes: &Arc<WakeCount>) -> Poll<Option<S::Item>> {
    let waker = Waker::from(wakes.clone());
    Pin::new(stream).poll_next(&mut Context::from_waker(&waker))
}

fn poll<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    poll_with(stream, &Arc::default())
}

/// The next item, blocking the thread.
fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    common::block_on(std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)))
}

#[test]
fn mpsc_receivers_yield_what_recv_would() {
    let (tx, mut rx) = mpsc::channel(4);
    let wakes = Arc::default();
    assert_eq!(poll_with(&mut rx, &wakes), Poll::Pending);
    tx.try_send(1).unwrap();
    assert_eq!(wakes.get(), 1);
    tx.try_send(2).unwrap();
    tx.try_send(3).unwrap();
    assert_eq!(rx.size_hint(), (3, None));
    assert_eq!(poll(&mut rx), Poll::Ready(Some(1)));
    assert_eq!(rx.blocking_recv(), Some(2));
    drop(tx);
    assert_eq!(poll(&mut rx), Poll::Ready(Some(3)));
    assert_eq!(poll(&mut rx), Poll::Ready(None));

    let (tx, mut rx) = mpsc::unbounded_channel();
    assert_eq!(poll_with(&mut rx, &wakes), Poll::Pending);
    tx.send(1).unwrap();
    assert_eq!((wakes.get(), rx.size_hint()), (2, (1, None)));
    assert_eq!(poll(&mut rx), Poll::Ready(Some(1)));
    rx.close();
    assert_eq!(poll(&mut rx), Poll::Ready(None));
}

#[test]
fn broadcast_stream_yields_lag_and_goes_on() {
    let (tx, rx) = broadcast::channel(2);
    let mut stream = BroadcastStream::from(rx);
    assert_eq!(poll(&mut stream), Poll::Pending);
    for n in 1..=5 {
        tx.send(n).unwrap();
    }
    assert_eq!(poll(&mut stream), Poll::Ready(Some(Err(Lagged(3)))));
    assert_eq!(poll(&mut stream), Poll::Ready(Some(Ok(4))));
    assert_eq!(Lagged(3).to_string(), "channel lagged by 3");
    drop(tx);
    assert_eq!(poll(&mut stream), Poll::Ready(Some(Ok(5))));
    assert_eq!(poll(&mut stream), Poll::Ready(None));
    assert_eq!(poll(&mut stream), Poll::Ready(None));
}

#[test]
fn each_message_wakes_a_waiting_broadcast_stream() {
    let (tx, rx) = broadcast::channel(4);
    let mut stream = BroadcastStream::new(rx);
    let wakes = Arc::default();
    for round in 1..=3 {
        assert_eq!(poll_with(&mut stream, &wakes), Poll::Pending);
        // A second poll leaves one place in the queue, not two.
        assert_eq!(poll_with(&mut stream, &wakes), Poll::Pending);
        tx.send(round).unwrap();
        assert_eq!(wakes.get(), round);
        assert_eq!(poll_with(&mut stream, &wakes), Poll::Ready(Some(Ok(round))));
    }
    assert_eq!(poll_with(&mut stream, &wakes), Poll::Pending);
    drop(tx);
    assert_eq!(wakes.get(), 4);
    assert_eq!(poll_with(&mut stream, &wakes), Poll::Ready(None));
}

#[test]
fn message_between_look_and_wait_is_not_missed() {
    // Sent while the stream does not wait: the first look finds it, and so does the one after the
    // notification that nobody waited for.
    let (tx, rx) = broadcast::channel(4);
    let mut stream = BroadcastStream::new(rx);
    tx.send(1).unwrap();
    assert_eq!(poll(&mut stream), Poll::Ready(Some(Ok(1))));
    let wakes = Arc::default();
    assert_eq!(poll_with(&mut stream, &wakes), Poll::Pending);
    tx.send(2).unwrap();
    assert_eq!(wakes.get(), 1);
}

#[test]
fn waker_of_the_last_poll_is_woken() {
    let (tx, rx) = watch::channel(0);
    let mut stream = WatchStream::from_changes(rx);
    let (first, last) = (Arc::default(), Arc::default());
    assert_eq!(poll_with(&mut stream, &first), Poll::Pending);
    assert_eq!(poll_with(&mut stream, &last), Poll::Pending);
    tx.send(1).unwrap();
    assert_eq!((first.get(), last.get()), (0, 1));
}

#[test]
fn streams_can_be_moved_while_they_wait() {
    let (tx, rx) = broadcast::channel(4);
    let wakes = Arc::default();
    let mut streams: Vec<_> = (0..3).map(|_| BroadcastStream::new(rx.resubscribe())).collect();
    for stream in &mut streams {
        assert_eq!(poll_with(stream, &wakes), Poll::Pending);
    }
    // Another allocation for all of them, and then a drop in the middle of the queue.
    streams.reserve_exact(100);
    drop(streams.swap_remove(0));
    tx.send(7).unwrap();
    assert_eq!(wakes.get(), 2);
    for stream in &mut streams {
        assert_eq!(poll(stream), Poll::Ready(Some(Ok(7))));
    }
}

#[test]
fn dropped_stream_leaves_no_waker_behind() {
    let (tx, rx) = watch::channel(0);
    let wakes: Arc<WakeCount> = Arc::default();
    let mut stream = WatchStream::from_changes(rx);
    assert_eq!(poll_with(&mut stream, &wakes), Poll::Pending);
    assert_eq!(Arc::strong_count(&wakes), 2);
    let rx = stream.into_inner();
    assert_eq!(Arc::strong_count(&wakes), 1);
    tx.send(1).unwrap();
    assert_eq!(wakes.get(), 0);
    assert!(rx.has_changed().unwrap());
}

#[test]
fn watch_stream_begins_with_the_current_value_or_with_the_next() {
    let (tx, rx) = watch::channel(0);
    let mut all = WatchStream::new(rx.clone());
    let mut changes = WatchStream::from_changes(rx);
    assert_eq!(poll(&mut all), Poll::Ready(Some(0)));
    assert_eq!(poll(&mut all), Poll::Pending);
    assert_eq!(poll(&mut changes), Poll::Pending);
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    // The newest, once.
    assert_eq!(poll(&mut all), Poll::Ready(Some(2)));
    assert_eq!(poll(&mut all), Poll::Pending);
    tx.send(3).unwrap();
    drop(tx);
    for stream in [&mut all, &mut changes] {
        assert_eq!(poll(stream), Poll::Ready(Some(3)));
        assert_eq!(poll(stream), Poll::Ready(None));
    }
}

#[test]
fn closed_watch_channel_still_yields_the_value_that_was_not_seen() {
    let (tx, rx) = watch::channel(5);
    drop(tx);
    let mut stream = WatchStream::from(rx.clone());
    assert_eq!(poll(&mut stream), Poll::Ready(Some(5)));
    assert_eq!(poll(&mut stream), Poll::Ready(None));
    assert_eq!(poll(&mut WatchStream::from_changes(rx)), Poll::Ready(None));
}

#[test]
fn receivers_inside_can_be_used_and_taken_back() {
    let (tx, rx) = broadcast::channel(4);
    let mut stream = BroadcastStream::new(rx);
    (1..=3).for_each(|n| assert_eq!(tx.send(n).unwrap(), 1));
    assert_eq!(stream.get_ref().len(), 3);
    assert_eq!(stream.get_mut().try_recv(), Ok(1));
    assert_eq!(poll(&mut stream), Poll::Ready(Some(Ok(2))));
    assert_eq!(stream.into_inner().try_recv(), Ok(3));

    let (tx, rx) = watch::channel(0);
    let mut stream = WatchStream::from_changes(rx);
    tx.send(1).unwrap();
    stream.get_mut().mark_unchanged();
    assert_eq!(poll(&mut stream), Poll::Pending);
    assert_eq!(*stream.get_ref().borrow(), 1);
}

#[test]
fn panicking_waker_leaves_the_stream_usable() {
    let (tx, rx) = broadcast::channel(4);
    let mut stream = BroadcastStream::new(rx);
    let waker = Waker::from(Arc::new(PanicsOnWake));
    assert!(Pin::new(&mut stream).poll_next(&mut Context::from_waker(&waker)).is_pending());
    let send = std::panic::AssertUnwindSafe(|| tx.send(1));
    assert!(std::panic::catch_unwind(send).is_err());
    assert_eq!(poll(&mut stream), Poll::Ready(Some(Ok(1))));
    assert_eq!(poll(&mut stream), Poll::Pending);
}

/// A message whose clone panics at the first attempt.
#[derive(Debug)]
struct PanicsOnce(Arc<AtomicUsize>);

impl Clone for PanicsOnce {
    fn clone(&self) -> Self {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "the first clone");
        PanicsOnce(self.0.clone())
    }
}

#[test]
fn panicking_clone_leaves_the_stream_usable() {
    let (tx, rx) = watch::channel(PanicsOnce(Arc::default()));
    let mut stream = WatchStream::new(rx);
    let first = std::panic::AssertUnwindSafe(|| poll(&mut stream).is_ready());
    assert!(std::panic::catch_unwind(first).is_err());
    // That value counts as seen, as after a panic in `borrow_and_update().clone()`.
    assert!(poll(&mut stream).is_pending());
    tx.send_modify(|_| ());
    assert!(matches!(poll(&mut stream), Poll::Ready(Some(_))));
}

#[test]
fn streams_are_send_sync_unpin_and_print() {
    fn check<T: Send + Sync + Unpin + std::fmt::Debug>(_: &T) {}
    let (_tx, rx) = broadcast::channel::<std::cell::Cell<u8>>(1);
    let stream = BroadcastStream::new(rx);
    check(&stream);
    assert!(format!("{stream:?}").starts_with("BroadcastStream"));
    let stream = WatchStream::new(watch::channel(0).1);
    check(&stream);
    assert!(format!("{stream:?}").starts_with("WatchStream"));
}

#[test]
fn size_of_a_stream_is_its_receivers_and_two_words() {
    let word = size_of::<usize>();
    let broadcast = size_of::<broadcast::Receiver<u8>>() + 2 * word;
    assert_eq!(size_of::<BroadcastStream<u8>>(), broadcast);
    assert_eq!(size_of::<WatchStream<u8>>(), size_of::<watch::Receiver<u8>>() + 2 * word);
}

#[test]
fn threads_get_every_message_or_its_place_in_a_lag() {
    let (tx, rx) = broadcast::channel(8);
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = BroadcastStream::new(rx.resubscribe());
            std::thread::spawn(move || {
                let (mut seen, mut last) = (0, None);
                while let Some(item) = next(&mut stream) {
                    match item {
                        Ok(n) => {
                            assert!(last.is_none_or(|last| last < n));
                            last = Some(n);
                            seen += 1;
                        }
                        Err(Lagged(missed)) => seen += missed as usize,
                    }
                }
                seen
            })
        })
        .collect();
    drop(rx);
    (0..common::ROUNDS).for_each(|n| assert_eq!(tx.send(n).unwrap(), 2));
    drop(tx);
    for receiver in receivers {
        assert_eq!(receiver.join().unwrap(), common::ROUNDS);
    }
}

#[test]
fn a_thread_sees_the_last_value() {
    let (tx, rx) = watch::channel(0);
    let mut stream = WatchStream::new(rx);
    let receiver = std::thread::spawn(move || {
        let mut last = None;
        while let Some(n) = next(&mut stream) {
            assert!(last.is_none_or(|last| last < n));
            last = Some(n);
        }
        last
    });
    (1..=common::ROUNDS).for_each(|n| tx.send(n).unwrap());
    drop(tx);
    assert_eq!(receiver.join().unwrap(), Some(common::ROUNDS));
}
