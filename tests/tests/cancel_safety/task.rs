//! `task`.

use filch::sync::{mpsc, oneshot};
use filch::task::{self, JoinHandle, LocalSet};
use filch_tests::cancel_safety::Place::{Anywhere, PausedClock};
use filch_tests::cancel_safety::Promise::{Loses, Safe};
use filch_tests::cancel_safety::{Case, Env, Kept, Trial, same};

const INNER: &str = "as the future inside, which is dropped with it";

/// A task that ends with what comes through a channel.
fn spawned() -> (JoinHandle<u8>, Option<oneshot::Sender<u8>>) {
    let (tx, rx) = oneshot::channel();
    (filch::spawn(async move { rx.await.unwrap() }), Some(tx))
}

fn message() -> (mpsc::Receiver<u8>, mpsc::Sender<u8>) {
    let (tx, rx) = mpsc::channel(1);
    (rx, tx)
}

fn send(tx: &mut mpsc::Sender<u8>, _: &Env) {
    tx.try_send(7).unwrap();
}

fn check_message(mut rx: mpsc::Receiver<u8>, out: Option<Option<u8>>) -> Kept {
    same(out.flatten().or_else(|| rx.try_recv().ok()), Some(7))
}

/// A set with a task that passes a message on, the receiving end of that, and the sending one.
struct Local {
    set: LocalSet,
    rx: mpsc::Receiver<u8>,
}

fn local() -> (Local, Option<oneshot::Sender<u8>>) {
    let (set, (tx, rx)) = (LocalSet::new(), mpsc::channel(1));
    let (first, value) = oneshot::channel();
    set.spawn_local(async move { tx.try_send(value.await.unwrap()).unwrap() });
    (Local { set, rx }, Some(first))
}

pub fn cases() -> Vec<Case> {
    let mut cases = handles();
    cases.extend(budget());
    cases
}

fn handles() -> Vec<Case> {
    vec![
        Case::new(
            "task::JoinHandle",
            Safe("awaited by `&mut`: the task goes on, and its output waits for the handle"),
            Trial {
                place: PausedClock,
                world: |_| spawned(),
                future: |handle| Box::pin(async { handle.await.unwrap() }),
                events: [|tx, _| tx.take().unwrap().send(7).unwrap()],
                check: |handle, _, out, env| {
                    same(out.unwrap_or_else(|| env.block_on(handle).unwrap()), 7)
                },
            },
        ),
        Case::new(
            "task::AbortOnDropHandle",
            Loses("the task, which is cancelled: that is what it is for"),
            Trial {
                place: PausedClock,
                world: |_| {
                    let (handle, tx) = spawned();
                    (Some(handle.abort_on_drop()), tx)
                },
                future: |handle| {
                    let handle = handle.take().unwrap();
                    Box::pin(async { handle.await.unwrap() })
                },
                // The task may be gone, and the receiver with it.
                events: [|tx, _| _ = tx.take().unwrap().send(7)],
                check: |_, _, out, _| same(out, Some(7)),
            },
        ),
        Case::new(
            "task::LocalSet",
            Safe("awaited by `&mut`: the tasks stay in the set"),
            Trial {
                place: PausedClock,
                world: |_| local(),
                future: |local| Box::pin(&mut local.set),
                events: [|tx, _| tx.take().unwrap().send(7).unwrap()],
                check: |Local { set, rx }, _, _, env| {
                    env.block_on(set);
                    check_message(rx, None)
                },
            },
        ),
        Case::new(
            "task::LocalSet::run_until",
            Safe("the future inside is dropped with it; the tasks stay in the set"),
            Trial {
                place: PausedClock,
                world: |_| local(),
                future: |Local { set, rx }| Box::pin(set.run_until(rx.recv())),
                events: [|tx, _| tx.take().unwrap().send(7).unwrap()],
                check: |Local { set, rx }, _, out, env| {
                    env.block_on(set);
                    check_message(rx, out)
                },
            },
        ),
    ]
}

fn budget() -> Vec<Case> {
    vec![
        Case::new(
            "task::yield_now",
            Safe("nothing happens"),
            Trial {
                place: Anywhere,
                world: |_| ((), ()),
                future: |_| Box::pin(task::yield_now()),
                events: [],
                check: |_, _, _, _| Ok(()),
            },
        ),
        Case::new(
            "task::coop::consume_budget",
            Safe("nothing happens"),
            Trial {
                place: Anywhere,
                world: |_| ((), ()),
                future: |_| Box::pin(task::coop::consume_budget()),
                events: [],
                check: |_, _, _, _| Ok(()),
            },
        )
        .never_waits(),
        Case::new(
            "task::coop::unconstrained",
            Safe(INNER),
            Trial {
                place: Anywhere,
                world: |_| message(),
                future: |rx| Box::pin(task::coop::unconstrained(rx.recv())),
                events: [send],
                check: |rx, _, out, _| check_message(rx, out),
            },
        ),
        Case::new(
            "task::coop::cooperative",
            Safe(INNER),
            Trial {
                place: Anywhere,
                world: |_| message(),
                future: |rx| Box::pin(task::coop::cooperative(rx.recv())),
                events: [send],
                check: |rx, _, out, _| check_message(rx, out),
            },
        ),
    ]
}
