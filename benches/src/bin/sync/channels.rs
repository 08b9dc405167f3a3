//! Rows of `mpsc` and `oneshot`.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::executor::Spawner;
use crate::row::{Peer, Row};

/// A channel of some crate, for many senders and one receiver.
trait Channel: 'static {
    type Sender: Clone + Send + Sync + 'static;
    type Receiver: Send + 'static;

    /// Without a capacity: unbounded.
    fn open(capacity: Option<usize>) -> (Self::Sender, Self::Receiver);
    fn send(sender: &Self::Sender, message: u64) -> impl Future<Output = ()> + Send;
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> + Send;
}

struct FilchBounded;
struct FilchUnbounded;
struct TokioBounded;
struct TokioUnbounded;
struct Flume;
struct AsyncChannel;

/// The receiver outlives the senders.
const OPEN: &str = "the receiver is there until the last message";

impl Channel for FilchBounded {
    type Sender = filch::sync::mpsc::Sender<u64>;
    type Receiver = filch::sync::mpsc::Receiver<u64>;

    fn open(capacity: Option<usize>) -> (Self::Sender, Self::Receiver) {
        filch::sync::mpsc::channel(capacity.expect("a bounded channel"))
    }

    async fn send(sender: &Self::Sender, message: u64) {
        sender.send(message).await.expect(OPEN);
    }

    async fn receive(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await
    }
}

impl Channel for FilchUnbounded {
    type Sender = filch::sync::mpsc::UnboundedSender<u64>;
    type Receiver = filch::sync::mpsc::UnboundedReceiver<u64>;

    fn open(capacity: Option<usize>) -> (Self::Sender, Self::Receiver) {
        assert!(capacity.is_none(), "an unbounded channel");
        filch::sync::mpsc::unbounded_channel()
    }

    async fn send(sender: &Self::Sender, message: u64) {
        sender.send(message).expect(OPEN);
    }

    async fn receive(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await
    }
}

impl Channel for TokioBounded {
    type Sender = tokio::sync::mpsc::Sender<u64>;
    type Receiver = tokio::sync::mpsc::Receiver<u64>;

    fn open(capacity: Option<usize>) -> (Self::Sender, Self::Receiver) {
        tokio::sync::mpsc::channel(capacity.expect("a bounded channel"))
    }

    async fn send(sender: &Self::Sender, message: u64) {
        sender.send(message).await.expect(OPEN);
    }

    async fn receive(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await
    }
}

impl Channel for TokioUnbounded {
    type Sender = tokio::sync::mpsc::UnboundedSender<u64>;
    type Receiver = tokio::sync::mpsc::UnboundedReceiver<u64>;

    fn open(capacity: Option<usize>) -> (Self::Sender, Self::Receiver) {
        assert!(capacity.is_none(), "an unbounded channel");
        tokio::sync::mpsc::unbounded_channel()
    }

    async fn send(sender: &Self::Sender, message: u64) {
        sender.send(message).expect(OPEN);
    }

    async fn receive(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await
    }
}

impl Channel for Flume {
    type Sender = flume::Sender<u64>;
    type Receiver = flume::Receiver<u64>;

    fn open(capacity: Option<usize>) -> (Self::Sender, Self::Receiver) {
        match capacity {
            Some(capacity) => flume::bounded(capacity),
            None => flume::unbounded(),
        }
    }

    async fn send(sender: &Self::Sender, message: u64) {
        sender.send_async(message).await.expect(OPEN);
    }

    async fn receive(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv_async().await.ok()
    }
}

impl Channel for AsyncChannel {
    type Sender = async_channel::Sender<u64>;
    type Receiver = async_channel::Receiver<u64>;

    fn open(capacity: Option<usize>) -> (Self::Sender, Self::Receiver) {
        match capacity {
            Some(capacity) => async_channel::bounded(capacity),
            None => async_channel::unbounded(),
        }
    }

    async fn send(sender: &Self::Sender, message: u64) {
        sender.send(message).await.expect(OPEN);
    }

    async fn receive(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await.ok()
    }
}

/// Some tasks send, one receives: per message.
async fn stream<C: Channel>(
    spawner: Spawner,
    senders: u64,
    capacity: Option<usize>,
    operations: u64,
) {
    let (sender, mut receiver) = C::open(capacity);
    let receiving = spawner.spawn(async move {
        let mut received = 0;
        while C::receive(&mut receiver).await.is_some() {
            received += 1;
        }
        received
    });
    for _ in 0..senders {
        let sender = sender.clone();
        spawner.spawn(async move {
            for i in 0..operations / senders {
                C::send(&sender, i).await;
            }
        });
    }
    drop(sender);
    assert_eq!(receiving.await, operations / senders * senders, "messages were lost");
}

/// A channel for one message, of some crate.
trait Once: 'static {
    type Sender: Send + 'static;
    type Receiver: Send + 'static;

    fn open() -> (Self::Sender, Self::Receiver);
    fn send(sender: Self::Sender, message: u64);
    fn receive(receiver: Self::Receiver) -> impl Future<Output = u64> + Send;
}

struct FilchOnce;
struct TokioOnce;

impl Once for FilchOnce {
    type Sender = filch::sync::oneshot::Sender<u64>;
    type Receiver = filch::sync::oneshot::Receiver<u64>;

    fn open() -> (Self::Sender, Self::Receiver) {
        filch::sync::oneshot::channel()
    }

    fn send(sender: Self::Sender, message: u64) {
        sender.send(message).expect(OPEN);
    }

    async fn receive(receiver: Self::Receiver) -> u64 {
        receiver.await.expect("a message is sent")
    }
}

impl Once for TokioOnce {
    type Sender = tokio::sync::oneshot::Sender<u64>;
    type Receiver = tokio::sync::oneshot::Receiver<u64>;

    fn open() -> (Self::Sender, Self::Receiver) {
        tokio::sync::oneshot::channel()
    }

    fn send(sender: Self::Sender, message: u64) {
        sender.send(message).expect(OPEN);
    }

    async fn receive(receiver: Self::Receiver) -> u64 {
        receiver.await.expect("a message is sent")
    }
}

impl Once for Flume {
    type Sender = flume::Sender<u64>;
    type Receiver = flume::Receiver<u64>;

    fn open() -> (Self::Sender, Self::Receiver) {
        flume::bounded(1)
    }

    fn send(sender: Self::Sender, message: u64) {
        sender.send(message).expect(OPEN);
    }

    async fn receive(receiver: Self::Receiver) -> u64 {
        receiver.recv_async().await.expect("a message is sent")
    }
}

impl Once for AsyncChannel {
    type Sender = async_channel::Sender<u64>;
    type Receiver = async_channel::Receiver<u64>;

    fn open() -> (Self::Sender, Self::Receiver) {
        async_channel::bounded(1)
    }

    fn send(sender: Self::Sender, message: u64) {
        sender.try_send(message).expect(OPEN);
    }

    async fn receive(receiver: Self::Receiver) -> u64 {
        receiver.recv().await.expect("a message is sent")
    }
}

/// Opens, sends, receives.
async fn sent_before<C: Once>(_spawner: Spawner, operations: u64) {
    for i in 0..operations {
        let (sender, receiver) = C::open();
        C::send(sender, i);
        assert_eq!(C::receive(receiver).await, i);
    }
}

/// Opens, waits, sends, receives.
async fn sent_after<C: Once>(_spawner: Spawner, operations: u64) {
    for i in 0..operations {
        let (sender, receiver) = C::open();
        let mut received = pin!(C::receive(receiver));
        poll_fn(|cx| {
            assert!(received.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        C::send(sender, i);
        assert_eq!(received.await, i);
    }
}

/// Another task answers, spawned for it.
async fn sent_by_task<C: Once>(spawner: Spawner, operations: u64) {
    for i in 0..operations {
        let (sender, receiver) = C::open();
        spawner.spawn(async move { C::send(sender, i) });
        assert_eq!(C::receive(receiver).await, i);
    }
}

/// All rows of this file.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (case, senders) in [("spsc", 1), ("4_senders", 4)] {
        for (name, capacity) in [("1", Some(1)), ("100", Some(100))] {
            let row = Row::new(format!("mpsc/{case}/{name}"), 40_000).channel();
            rows.push(
                row.peer(Peer::Filch, move |s, n| stream::<FilchBounded>(s, senders, capacity, n))
                    .peer(Peer::Tokio, move |s, n| stream::<TokioBounded>(s, senders, capacity, n))
                    .peer(Peer::Flume, move |s, n| stream::<Flume>(s, senders, capacity, n))
                    .peer(Peer::AsyncChannel, move |s, n| {
                        stream::<AsyncChannel>(s, senders, capacity, n)
                    }),
            );
        }
        let row = Row::new(format!("mpsc/{case}/unbounded"), 80_000).channel();
        rows.push(
            row.peer(Peer::Filch, move |s, n| stream::<FilchUnbounded>(s, senders, None, n))
                .peer(Peer::Tokio, move |s, n| stream::<TokioUnbounded>(s, senders, None, n))
                .peer(Peer::Flume, move |s, n| stream::<Flume>(s, senders, None, n))
                .peer(Peer::AsyncChannel, move |s, n| stream::<AsyncChannel>(s, senders, None, n)),
        );
    }
    rows.push(
        Row::new("oneshot/sent_before", 50_000)
            .peer(Peer::Filch, sent_before::<FilchOnce>)
            .peer(Peer::Tokio, sent_before::<TokioOnce>)
            .peer(Peer::Flume, sent_before::<Flume>)
            .peer(Peer::AsyncChannel, sent_before::<AsyncChannel>),
    );
    rows.push(
        Row::new("oneshot/sent_after", 50_000)
            .peer(Peer::Filch, sent_after::<FilchOnce>)
            .peer(Peer::Tokio, sent_after::<TokioOnce>)
            .peer(Peer::Flume, sent_after::<Flume>)
            .peer(Peer::AsyncChannel, sent_after::<AsyncChannel>),
    );
    rows.push(
        Row::new("oneshot/sent_by_task", 20_000)
            .peer(Peer::Filch, sent_by_task::<FilchOnce>)
            .peer(Peer::Tokio, sent_by_task::<TokioOnce>)
            .peer(Peer::Flume, sent_by_task::<Flume>)
            .peer(Peer::AsyncChannel, sent_by_task::<AsyncChannel>),
    );
    rows
}
