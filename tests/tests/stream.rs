//! What yields one thing after the other is a stream.

use std::future::poll_fn;
use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use filch::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use filch::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use filch::runtime::Builder;
use filch::signal::unix::{SignalKind, signal};
use filch::stream::{BroadcastStream, Lagged, Stream, WatchStream};
use filch::sync::{broadcast, mpsc, watch};
use filch::task::JoinSet;
use filch::time::{Instant, interval};

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

async fn collect<S: Stream>(stream: S) -> Vec<S::Item> {
    let mut stream = pin!(stream);
    let mut items = Vec::new();
    while let Some(item) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        items.push(item);
    }
    items
}

/// How many items a stream that is always ready yields in one poll of a task.
async fn items_in_one_poll<S: Stream + Unpin>(mut stream: S) -> usize {
    filch::task::yield_now().await;
    let mut n = 0;
    poll_fn(|cx| {
        while n < 10_000 && Pin::new(&mut stream).poll_next(cx).is_ready() {
            n += 1;
        }
        Poll::Ready(n)
    })
    .await
}

#[filch::test]
async fn channels_are_streams() {
    let (tx, rx) = mpsc::channel(1);
    let received = filch::spawn(collect(rx));
    for n in 0..100 {
        tx.send(n).await.unwrap();
    }
    drop(tx);
    assert_eq!(received.await.unwrap(), (0..100).collect::<Vec<_>>());

    let (tx, rx) = mpsc::unbounded_channel();
    let received = filch::spawn(collect(rx));
    (0..100).for_each(|n| tx.send(n).unwrap());
    drop(tx);
    assert_eq!(received.await.unwrap(), (0..100).collect::<Vec<_>>());

    let (tx, rx) = broadcast::channel(128);
    let received = filch::spawn(collect(BroadcastStream::new(rx)));
    (0..100).for_each(|n| assert_eq!(tx.send(n).unwrap(), 1));
    drop(tx);
    assert_eq!(received.await.unwrap(), (0..100).map(Ok::<_, Lagged>).collect::<Vec<_>>());

    let (tx, rx) = watch::channel(0);
    let received = filch::spawn(collect(WatchStream::new(rx)));
    (1..100).for_each(|n| tx.send(n).unwrap());
    drop(tx);
    let received = received.await.unwrap();
    assert!(received.is_sorted());
    assert_eq!(received.last(), Some(&99));
}

#[filch::test(start_paused = true)]
async fn interval_yields_when_each_tick_was_due() {
    let start = Instant::now();
    let period = Duration::from_millis(10);
    let mut ticks = interval(period);
    assert_eq!(ticks.size_hint(), (usize::MAX, None));
    for n in 0..5 {
        assert_eq!(next(&mut ticks).await, Some(start + n * period));
    }
    // Mixed with the method of its own.
    assert_eq!(ticks.tick().await, start + 5 * period);
}

#[filch::test]
async fn listener_yields_connections_and_goes_on() {
    let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    assert_eq!(listener.size_hint(), (usize::MAX, None));
    for _ in 0..3 {
        let client = filch::spawn(TcpStream::connect(addr));
        let server = next(&mut listener).await.unwrap().unwrap();
        let client = client.await.unwrap().unwrap();
        assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
    }
}

#[filch::test]
async fn unix_listener_yields_connections_and_goes_on() {
    let mut listener = UnixListener::bind("").unwrap();
    let addr = listener.local_addr().unwrap();
    assert_eq!(listener.size_hint(), (usize::MAX, None));
    for byte in 0..3 {
        let mut client = UnixStream::connect_addr(&addr).await.unwrap();
        let mut server = next(&mut listener).await.unwrap().unwrap();
        client.write_u8(byte).await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), byte);
    }
}

/// A connection in memory, and what was written to it, closed.
async fn written(bytes: &[u8]) -> BufReader<DuplexStream> {
    let (mut writer, reader) = duplex(64);
    writer.write_all(bytes).await.unwrap();
    BufReader::new(reader)
}

#[filch::test]
async fn lines_and_pieces_are_yielded_up_to_the_end() {
    let lines: io::Result<Vec<String>> =
        collect(written(b"one\r\ntwo\nthree").await.lines()).await.into_iter().collect();
    assert_eq!(lines.unwrap(), ["one", "two", "three"]);
    let pieces: io::Result<Vec<Vec<u8>>> =
        collect(written(b"a,,b").await.split(b',')).await.into_iter().collect();
    assert_eq!(pieces.unwrap(), [&b"a"[..], b"", b"b"]);
}

#[filch::test]
async fn line_that_is_not_utf8_is_an_error_and_the_next_one_is_not() {
    let mut lines = written(b"a\xFF\nb\n").await.lines();
    let error = next(&mut lines).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(next(&mut lines).await.unwrap().unwrap(), "b");
    assert!(next(&mut lines).await.is_none());
}

#[filch::test]
async fn signal_yields() {
    let mut changes = signal(SignalKind::window_change()).unwrap();
    assert_eq!(changes.size_hint(), (usize::MAX, None));
    // SAFETY: its default is to do nothing.
    assert_eq!(unsafe { libc::raise(SignalKind::window_change().as_raw_value()) }, 0);
    assert_eq!(next(&mut changes).await, Some(()));
}

#[filch::test]
async fn join_set_yields_outputs_as_tasks_end_and_can_be_filled_again() {
    let mut set: JoinSet<u8> = (1..=3).map(|n| async move { n }).collect();
    assert_eq!(set.size_hint(), (3, None));
    let mut outputs: Vec<u8> = Vec::new();
    while let Some(output) = next(&mut set).await {
        outputs.push(output.unwrap());
    }
    outputs.sort_unstable();
    assert_eq!(outputs, [1, 2, 3]);
    set.spawn(async { panic!("of a task") });
    assert!(next(&mut set).await.unwrap().unwrap_err().is_panic());
}

#[test]
fn streams_spend_the_tasks_budget() {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let in_a_task = |items| runtime.block_on(async { filch::spawn(items).await.unwrap() });

    let (tx, rx) = mpsc::unbounded_channel();
    (0..1_000).for_each(|n| tx.send(n).unwrap());
    let received =
        in_a_task(Box::pin(items_in_one_poll(rx)) as Pin<Box<dyn Future<Output = usize> + Send>>);
    assert_eq!(received, 128);

    let (tx, rx) = broadcast::channel(1_024);
    (0..1_000).for_each(|n| assert_eq!(tx.send(n).unwrap(), 1));
    assert_eq!(in_a_task(Box::pin(items_in_one_poll(BroadcastStream::new(rx)))), 128);

    // The end is an item of this, too.
    let (tx, rx) = watch::channel(0);
    drop(tx);
    assert_eq!(in_a_task(Box::pin(items_in_one_poll(WatchStream::new(rx)))), 128);

    let mut ticks = runtime.block_on(async { interval(Duration::from_nanos(1)) });
    ticks.set_missed_tick_behavior(filch::time::MissedTickBehavior::Burst);
    runtime.block_on(filch::time::advance(Duration::from_millis(20)));
    assert_eq!(in_a_task(Box::pin(items_in_one_poll(ticks))), 128);
}

#[test]
fn listener_yields_an_error_when_its_runtime_is_gone() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let addr = listener.local_addr().unwrap();
    drop(runtime);
    let elsewhere = Builder::new_current_thread().build().unwrap();
    assert!(elsewhere.block_on(next(&mut listener)).unwrap().is_err());
    // The socket is still there.
    std::net::TcpStream::connect(addr).unwrap().write_all(b"!").unwrap();
}
