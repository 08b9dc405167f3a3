//! `sync::mpsc`.

use std::time::Duration;

use filch::sync::mpsc;
use filch::sync::mpsc::error::SendTimeoutError;
use filch_tests::cancel_safety::Place::{Anywhere, PausedClock};
use filch_tests::cancel_safety::Promise::{Loses, Safe};
use filch_tests::cancel_safety::{Case, Kept, Other, Trial, same};

const TAKEN_LATE: &str = "a message is taken by the poll that returns it";
const WAITS_ONLY: &str = "it only waits";
const PLACE: &str = "its place in the queue is given up; room that it was given goes to the next";

pub fn cases() -> Vec<Case> {
    let mut cases = receivers();
    cases.extend(senders());
    cases
}

fn receivers() -> Vec<Case> {
    vec![
        Case::new(
            "sync::mpsc::Receiver::recv",
            Safe(TAKEN_LATE),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = mpsc::channel(2);
                    (rx, Some(tx))
                },
                future: |rx| Box::pin(rx.recv()),
                events: [
                    |tx, _| tx.as_ref().unwrap().try_send(1).unwrap(),
                    |tx, _| tx.as_ref().unwrap().try_send(2).unwrap(),
                    |tx, _| *tx = None,
                ],
                check: |mut rx, _, out, _| {
                    let mut received: Vec<u8> = out.flatten().into_iter().collect();
                    received.extend(std::iter::from_fn(|| rx.try_recv().ok()));
                    assert_eq!(rx.capacity(), 2);
                    same(received, vec![1, 2])
                },
            },
        ),
        Case::new(
            "sync::mpsc::Receiver::recv_many",
            Safe(TAKEN_LATE),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = mpsc::channel(3);
                    ((rx, vec![0]), tx)
                },
                future: |(rx, buffer)| Box::pin(rx.recv_many(buffer, 2)),
                events: [
                    |tx, _| tx.try_send(1).unwrap(),
                    |tx, _| (2..4).for_each(|n| tx.try_send(n).unwrap()),
                ],
                check: |(mut rx, mut buffer), _tx, out: Option<usize>, _| {
                    assert_eq!(buffer.len(), 1 + out.unwrap_or(0));
                    buffer.extend(std::iter::from_fn(|| rx.try_recv().ok()));
                    assert_eq!(rx.capacity(), 3);
                    same(buffer, vec![0, 1, 2, 3])
                },
            },
        ),
        Case::new(
            "sync::mpsc::UnboundedReceiver::recv",
            Safe(TAKEN_LATE),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = mpsc::unbounded_channel();
                    (rx, Some(tx))
                },
                future: |rx| Box::pin(rx.recv()),
                events: [
                    |tx, _| tx.as_ref().unwrap().send(1).unwrap(),
                    |tx, _| tx.as_ref().unwrap().send(2).unwrap(),
                    |tx, _| *tx = None,
                ],
                check: |mut rx, _, out, _| {
                    let mut received: Vec<u8> = out.flatten().into_iter().collect();
                    received.extend(std::iter::from_fn(|| rx.try_recv().ok()));
                    same(received, vec![1, 2])
                },
            },
        ),
        Case::new(
            "sync::mpsc::UnboundedReceiver::recv_many",
            Safe(TAKEN_LATE),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = mpsc::unbounded_channel();
                    ((rx, vec![0]), tx)
                },
                future: |(rx, buffer)| Box::pin(rx.recv_many(buffer, 2)),
                events: [
                    |tx, _| tx.send(1).unwrap(),
                    |tx, _| (2..4).for_each(|n| tx.send(n).unwrap()),
                ],
                check: |(mut rx, mut buffer), _tx, out: Option<usize>, _| {
                    assert_eq!(buffer.len(), 1 + out.unwrap_or(0));
                    buffer.extend(std::iter::from_fn(|| rx.try_recv().ok()));
                    same(buffer, vec![0, 1, 2, 3])
                },
            },
        ),
    ]
}

/// A full channel, what was received from it, and a task that wants to send `2` into it.
struct Full {
    rx: mpsc::Receiver<u8>,
    received: Vec<u8>,
    other: Other<()>,
}

fn full(capacity: usize) -> (mpsc::Sender<u8>, Full) {
    let (tx, rx) = mpsc::channel(capacity);
    (0..capacity).for_each(|_| tx.try_send(0).unwrap());
    let sender = tx.clone();
    let other = Other::new(async move { sender.send(2).await.unwrap() });
    (tx, Full { rx, received: Vec::new(), other })
}

impl Full {
    fn other_queues(&mut self) {
        self.other.poll();
    }

    fn receive(&mut self) {
        self.received.extend(self.rx.try_recv().ok());
    }

    /// All that was sent in the end, without the zeros, in order of size.
    fn drain(mut self) -> Vec<u8> {
        loop {
            self.other.poll_if_woken();
            match self.rx.try_recv() {
                Ok(message) => self.received.push(message),
                Err(_) => break,
            }
        }
        self.other.finish().expect("the other sender");
        self.received.extend(self.rx.try_recv().ok());
        assert_eq!(self.rx.capacity(), self.rx.max_capacity(), "room was lost");
        let mut sent: Vec<u8> = self.received.into_iter().filter(|&n| n != 0).collect();
        sent.sort_unstable();
        sent
    }

    /// For futures that send `1` if and only if they complete.
    fn check(self, completed: bool) -> Kept {
        same(self.drain(), if completed { vec![1, 2] } else { vec![2] })
    }
}

fn senders() -> Vec<Case> {
    vec![
        Case::new(
            "sync::mpsc::Sender::send",
            Loses("the message, which is not sent; `reserve` first to keep it"),
            Trial {
                place: Anywhere,
                world: |_| full(1),
                future: |tx| Box::pin(tx.send(1)),
                events: [|p, _| p.other_queues(), |p, _| p.receive(), |p, _| p.receive()],
                check: |_, p, out, _| {
                    let sent = p.drain();
                    assert_eq!(sent.contains(&1), out.is_some());
                    same(sent, vec![1, 2])
                },
            },
        ),
        Case::new(
            "sync::mpsc::Sender::send_timeout",
            Loses("the message, which is not sent; when the time is over it comes back"),
            Trial {
                place: PausedClock,
                world: |_| full(1),
                future: |tx| Box::pin(tx.send_timeout(1, Duration::from_millis(10))),
                events: [|p, _| p.other_queues(), |p, _| p.receive(), |_, env| env.advance(20)],
                check: |_, p, out, _| {
                    let mut sent = p.drain();
                    assert_eq!(sent.contains(&1), matches!(out, Some(Ok(()))));
                    if let Some(Err(SendTimeoutError::Timeout(message))) = out {
                        sent.insert(0, message);
                    }
                    same(sent, vec![1, 2])
                },
            },
        ),
        Case::new(
            "sync::mpsc::Sender::reserve",
            Safe(PLACE),
            Trial {
                place: Anywhere,
                world: |_| full(1),
                future: |tx| Box::pin(async { tx.reserve().await.unwrap().send(1) }),
                events: [|p, _| p.other_queues(), |p, _| p.receive(), |p, _| p.receive()],
                check: |_, p, out, _| p.check(out.is_some()),
            },
        ),
        Case::new(
            "sync::mpsc::Sender::reserve_many",
            Safe(PLACE),
            Trial {
                place: Anywhere,
                world: |_| full(2),
                future: |tx| {
                    Box::pin(async {
                        // The second permit goes back unused.
                        tx.reserve_many(2).await.unwrap().next().unwrap().send(1)
                    })
                },
                events: [|p, _| p.other_queues(), |p, _| p.receive(), |p, _| p.receive()],
                check: |_, p, out, _| p.check(out.is_some()),
            },
        ),
        Case::new(
            "sync::mpsc::Sender::reserve_owned",
            Loses("the sender that it was called on"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, p) = full(1);
                    (Some(tx), p)
                },
                future: |tx| {
                    let tx = tx.take().unwrap();
                    Box::pin(async { tx.reserve_owned().await.unwrap().send(1) })
                },
                events: [|p, _| p.other_queues(), |p, _| p.receive(), |p, _| p.receive()],
                check: |_, p, out, _| {
                    // The other task's is dropped when it has sent.
                    let is_lost = out.is_none();
                    p.check(out.is_some())?;
                    if is_lost { Err("the sender".into()) } else { Ok(()) }
                },
            },
        ),
        Case::new(
            "sync::mpsc::Sender::closed",
            Safe(WAITS_ONLY),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = mpsc::channel::<u8>(1);
                    (tx, Some(rx))
                },
                future: |tx| Box::pin(tx.closed()),
                events: [|rx, _| rx.as_mut().unwrap().close(), |rx, _| *rx = None],
                check: |tx, _, _, _| Other::new(async move { tx.closed().await }).finish(),
            },
        ),
        Case::new(
            "sync::mpsc::UnboundedSender::closed",
            Safe(WAITS_ONLY),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = mpsc::unbounded_channel::<u8>();
                    (tx, Some(rx))
                },
                future: |tx| Box::pin(tx.closed()),
                events: [|rx, _| rx.as_mut().unwrap().close(), |rx, _| *rx = None],
                check: |tx, _, _, _| Other::new(async move { tx.closed().await }).finish(),
            },
        ),
    ]
}
