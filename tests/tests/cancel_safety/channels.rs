//! `sync::oneshot`, `sync::broadcast`, `sync::watch`.

use filch::sync::{broadcast, oneshot, watch};
use filch_tests::cancel_safety::Place::Anywhere;
use filch_tests::cancel_safety::Promise::Safe;
use filch_tests::cancel_safety::{Case, Other, Trial, same};

const TAKEN_LATE: &str = "a message is taken by the poll that returns it";
const WAITS_ONLY: &str = "it only waits";

pub fn cases() -> Vec<Case> {
    let mut cases = oneshots();
    cases.extend(broadcasts());
    cases.extend(watches());
    cases
}

fn oneshots() -> Vec<Case> {
    vec![
        Case::new(
            "sync::oneshot::Receiver",
            Safe("awaited by `&mut`: the value stays in the channel"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = oneshot::channel();
                    (rx, Some(tx))
                },
                future: |rx| Box::pin(async { rx.await.unwrap() }),
                events: [|tx, _| tx.take().unwrap().send(7).unwrap()],
                check: |mut rx, _, out, _| same(out.or_else(|| rx.try_recv().ok()), Some(7)),
            },
        ),
        Case::new(
            "sync::oneshot::Sender::closed",
            Safe("the sender can still send"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = oneshot::channel();
                    (tx, Some(rx))
                },
                future: |tx| Box::pin(tx.closed()),
                events: [|rx, _| *rx = None],
                check: |mut tx, _, _, _| {
                    assert!(tx.is_closed());
                    Other::new(async move {
                        tx.closed().await;
                        assert_eq!(tx.send(7), Err(7));
                    })
                    .finish()
                },
            },
        )
        .also(Trial {
            place: Anywhere,
            world: |_| {
                let (tx, rx) = oneshot::channel::<u8>();
                (tx, Other::new(async move { rx.await.unwrap() }))
            },
            future: |tx| Box::pin(tx.closed()),
            events: [|receiver, _| receiver.poll()],
            check: |tx, receiver, _, _| {
                tx.send(7).unwrap();
                same(receiver.finish()?, 7)
            },
        }),
    ]
}

fn broadcasts() -> Vec<Case> {
    vec![
        Case::new(
            "sync::broadcast::Receiver::recv",
            Safe(TAKEN_LATE),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = broadcast::channel(2);
                    (rx, Some(tx))
                },
                future: |rx| Box::pin(rx.recv()),
                events: [
                    |tx, _| assert_eq!(tx.as_ref().unwrap().send(1).unwrap(), 1),
                    // Overwrites the first, if it was not received.
                    |tx, _| {
                        (2..4).for_each(|n| assert_eq!(tx.as_ref().unwrap().send(n).unwrap(), 1))
                    },
                    |tx, _| *tx = None,
                ],
                check: |mut rx, _, out, _| {
                    use broadcast::error::{RecvError, TryRecvError};
                    let (mut missed, mut received) = (0, Vec::new());
                    match out {
                        Some(Ok(message)) => received.push(message),
                        Some(Err(RecvError::Lagged(n))) => missed += n,
                        Some(Err(RecvError::Closed)) => panic!("closed before the last message"),
                        None => {}
                    }
                    loop {
                        match rx.try_recv() {
                            Ok(message) => received.push(message),
                            Err(TryRecvError::Lagged(n)) => missed += n,
                            Err(_) => break,
                        }
                    }
                    assert!(missed <= 1 && received.is_sorted());
                    same(missed + received.len() as u64, 3)
                },
            },
        ),
        Case::new(
            "sync::broadcast::Sender::closed",
            Safe(WAITS_ONLY),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = broadcast::channel::<u8>(1);
                    (tx, Some(rx))
                },
                future: |tx| Box::pin(tx.closed()),
                events: [|rx, _| *rx = None],
                check: |tx, _, _, _| Other::new(async move { tx.closed().await }).finish(),
            },
        ),
    ]
}

fn watches() -> Vec<Case> {
    vec![
        Case::new(
            "sync::watch::Receiver::changed",
            Safe("a value is marked as seen by the poll that completes"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = watch::channel(0);
                    (rx, tx)
                },
                future: |rx| {
                    Box::pin(async {
                        rx.changed().await.unwrap();
                        *rx.borrow()
                    })
                },
                events: [|tx, _| tx.send(1).unwrap(), |tx, _| tx.send(2).unwrap()],
                check: |rx, _tx, out, _| {
                    assert_eq!(*rx.borrow(), 2);
                    same(rx.has_changed().unwrap(), out != Some(2))
                },
            },
        ),
        Case::new(
            "sync::watch::Receiver::wait_for",
            Safe("values that the closure has refused are marked as seen, no other"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = watch::channel(0);
                    (rx, tx)
                },
                future: |rx| Box::pin(async { *rx.wait_for(|&value| value >= 2).await.unwrap() }),
                events: [
                    |tx, _| tx.send(1).unwrap(),
                    |tx, _| tx.send(2).unwrap(),
                    |tx, _| tx.send(3).unwrap(),
                ],
                check: |rx, _tx, out, _| {
                    assert!(matches!(out, None | Some(2 | 3)));
                    same(rx.has_changed().unwrap(), out != Some(3))
                },
            },
        ),
        Case::new(
            "sync::watch::Sender::closed",
            Safe(WAITS_ONLY),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = watch::channel(0);
                    (tx, Some(rx))
                },
                future: |tx| Box::pin(tx.closed()),
                events: [|rx, _| *rx = None],
                check: |tx, _, _, _| Other::new(async move { tx.closed().await }).finish(),
            },
        ),
    ]
}
