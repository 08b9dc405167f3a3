//! `sync`: notifications, cells, tokens.

use std::sync::Arc;

use filch::sync::{
    Barrier, CancellationToken, Notify, OnceCell, SetOnce, TaskTracker, mpsc, oneshot,
};
use filch_tests::cancel_safety::Place::Anywhere;
use filch_tests::cancel_safety::Promise::{Loses, Safe};
use filch_tests::cancel_safety::{Case, Env, Kept, Other, Trial, same};

const NOTIFIED: &str =
    "its place in the queue is given up; a notification that it was given goes to the next";
const WAITS_ONLY: &str = "it only waits";
const INNER: &str = "as the future inside, which is dropped with it";

pub fn cases() -> Vec<Case> {
    let mut cases = notifies();
    cases.extend(cells());
    cases.extend(tokens());
    cases
}

/// Another task that waits for a notification, too.
struct Waiting {
    notify: Arc<Notify>,
    other: Other<()>,
}

fn waiting() -> (Arc<Notify>, Waiting) {
    let notify = Arc::new(Notify::new());
    let other = Other::new(notify.clone().notified_owned());
    (notify.clone(), Waiting { notify, other })
}

impl Waiting {
    fn other_queues(&mut self, _: &Env) {
        self.other.poll();
    }

    /// One notification was given: the future has it, or the other task, or the next that comes.
    fn check_one(mut self, out: Option<()>) -> Kept {
        let by_other = self.other.poll_if_woken().is_some();
        // Before it may be dropped: it would pass on what it has got.
        let left = Other::new(self.notify.notified_owned()).poll_if_woken().is_some();
        same(usize::from(out.is_some()) + usize::from(by_other) + usize::from(left), 1)
    }
}

fn notifies() -> Vec<Case> {
    vec![
        Case::new(
            "sync::Notify::notified",
            Safe(NOTIFIED),
            Trial {
                place: Anywhere,
                world: |_| waiting(),
                future: |notify| Box::pin(notify.notified()),
                events: [Waiting::other_queues, |p, _| p.notify.notify_one()],
                check: |_, p, out, _| p.check_one(out),
            },
        )
        .also(Trial {
            place: Anywhere,
            world: |_| waiting(),
            future: |notify| Box::pin(notify.notified()),
            events: [Waiting::other_queues, |p, _| p.notify.notify_last()],
            check: |_, p, out, _| p.check_one(out),
        })
        .also(Trial {
            place: Anywhere,
            world: |_| waiting(),
            future: |notify| Box::pin(notify.notified()),
            events: [Waiting::other_queues, |p, _| p.notify.notify_waiters()],
            // All, and no permit for later.
            check: |_, p, _, _| {
                p.other.finish()?;
                let mut late = Other::new(p.notify.notified_owned());
                same(late.poll_if_woken(), None)
            },
        }),
        Case::new(
            "sync::Notify::notified_owned",
            Safe(NOTIFIED),
            Trial {
                place: Anywhere,
                world: |_| waiting(),
                future: |notify| Box::pin(notify.clone().notified_owned()),
                events: [Waiting::other_queues, |p, _| p.notify.notify_one()],
                check: |_, p, out, _| p.check_one(out),
            },
        ),
        Case::new(
            "sync::Barrier::wait",
            Loses("it stays counted: the others go on with one task less"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let barrier = Arc::new(Barrier::new(2));
                    let other = barrier.clone();
                    (barrier, Other::new(async move { other.wait().await }))
                },
                future: |barrier| Box::pin(barrier.wait()),
                events: [|other, _| other.poll()],
                check: |_, mut other, out, _| {
                    let is_through = other.poll_if_woken().is_some();
                    assert!(is_through || out.is_none(), "only one of two went through");
                    same(is_through, out.is_some())
                },
            },
        ),
    ]
}

/// A cell whose value comes through a channel, and a task that would make another one.
struct Making {
    value: Option<oneshot::Sender<u8>>,
    other: Other<u8>,
}

type Cell = Arc<OnceCell<u8>>;

fn making() -> ((Cell, Option<oneshot::Receiver<u8>>), Making) {
    let (tx, rx) = oneshot::channel();
    let cell = Arc::new(OnceCell::new());
    let wanted: Cell = cell.clone();
    let other = Other::new(async move { *wanted.get_or_init(|| async { 9 }).await });
    ((cell, Some(rx)), Making { value: Some(tx), other })
}

impl Making {
    fn other_queues(&mut self, _: &Env) {
        self.other.poll();
    }

    fn send(&mut self, _: &Env) {
        // Nobody may be there any more.
        let _ = self.value.take().unwrap().send(5);
    }

    fn check(self, cell: &Cell, out: Option<u8>) -> Kept {
        let value = self.other.finish()?;
        assert!(out.is_none_or(|out| out == value));
        same(cell.get().copied(), Some(value))
    }
}

fn cells() -> Vec<Case> {
    vec![
        Case::new(
            "sync::OnceCell::get_or_init",
            Safe("the closure's future is dropped; the next task that waits makes the value"),
            Trial {
                place: Anywhere,
                world: |_| making(),
                future: |(cell, rx)| {
                    let value = rx.take().unwrap();
                    Box::pin(async { *cell.get_or_init(|| async { value.await.unwrap() }).await })
                },
                events: [Making::other_queues, Making::send],
                check: |(cell, _), p, out, _| p.check(&cell, out),
            },
        ),
        Case::new(
            "sync::OnceCell::get_or_try_init",
            Safe("the closure's future is dropped; the next task that waits makes the value"),
            Trial {
                place: Anywhere,
                world: |_| making(),
                future: |(cell, rx)| {
                    let value = rx.take().unwrap();
                    Box::pin(async { *cell.get_or_try_init(|| value).await.unwrap() })
                },
                events: [Making::other_queues, Making::send],
                check: |(cell, _), p, out, _| p.check(&cell, out),
            },
        ),
        Case::new(
            "sync::SetOnce::wait",
            Safe(WAITS_ONLY),
            Trial {
                place: Anywhere,
                world: |_| {
                    let cell = Arc::new(SetOnce::new());
                    (cell.clone(), cell)
                },
                future: |cell| Box::pin(async { *cell.wait().await }),
                events: [|cell, _| cell.set(7).unwrap()],
                check: |cell, _, _, _| {
                    same(Other::new(async move { *cell.wait().await }).finish()?, 7)
                },
            },
        ),
    ]
}

/// A message on its way through a future that a token may end.
struct Ending {
    tx: mpsc::Sender<u8>,
    token: CancellationToken,
}

fn ending() -> ((CancellationToken, mpsc::Receiver<u8>), Ending) {
    let (tx, rx) = mpsc::channel(1);
    let token = CancellationToken::new();
    ((token.clone(), rx), Ending { tx, token })
}

impl Ending {
    fn send(&mut self, _: &Env) {
        self.tx.try_send(7).unwrap();
    }

    fn cancel(&mut self, _: &Env) {
        self.token.cancel();
    }
}

fn check_ending(mut rx: mpsc::Receiver<u8>, out: Option<Option<u8>>) -> Kept {
    same(out.flatten().or_else(|| rx.try_recv().ok()), Some(7))
}

fn tokens() -> Vec<Case> {
    vec![
        Case::new(
            "sync::CancellationToken::cancelled",
            Safe(WAITS_ONLY),
            Trial {
                place: Anywhere,
                world: |_| {
                    let parent = CancellationToken::new();
                    (parent.child_token(), parent)
                },
                future: |token| Box::pin(token.cancelled()),
                events: [|parent, _| parent.cancel()],
                check: |token, _, _, _| {
                    assert!(token.is_cancelled());
                    Other::new(token.cancelled_owned()).finish()
                },
            },
        ),
        Case::new(
            "sync::CancellationToken::cancelled_owned",
            Safe(WAITS_ONLY),
            Trial {
                place: Anywhere,
                world: |_| {
                    let parent = CancellationToken::new();
                    (parent.child_token(), parent)
                },
                future: |token| Box::pin(token.clone().cancelled_owned()),
                events: [|parent, _| parent.cancel()],
                check: |token, _, _, _| Other::new(token.cancelled_owned()).finish(),
            },
        ),
        Case::new(
            "sync::CancellationToken::run_until_cancelled",
            Safe(INNER),
            Trial {
                place: Anywhere,
                world: |_| ending(),
                future: |(token, rx)| {
                    Box::pin(async { token.run_until_cancelled(rx.recv()).await.flatten() })
                },
                events: [Ending::send, Ending::cancel],
                check: |(_, rx), _, out, _| check_ending(rx, out),
            },
        )
        .also(Trial {
            place: Anywhere,
            world: |_| ending(),
            future: |(token, rx)| {
                Box::pin(async { token.run_until_cancelled(rx.recv()).await.flatten() })
            },
            events: [Ending::cancel, Ending::send],
            check: |(_, rx), _, out, _| check_ending(rx, out),
        }),
        Case::new(
            "sync::CancellationToken::run_until_cancelled_owned",
            Safe(INNER),
            Trial {
                place: Anywhere,
                world: |_| ending(),
                future: |(token, rx)| {
                    let token = token.clone();
                    Box::pin(async { token.run_until_cancelled_owned(rx.recv()).await.flatten() })
                },
                events: [Ending::send, Ending::cancel],
                check: |(_, rx), _, out, _| check_ending(rx, out),
            },
        ),
        Case::new(
            "sync::TaskTracker::wait",
            Safe(WAITS_ONLY),
            Trial {
                place: Anywhere,
                world: |_| {
                    let tracker = TaskTracker::new();
                    let token = Some(tracker.token());
                    (tracker.clone(), (tracker, token))
                },
                future: |tracker| Box::pin(tracker.wait()),
                events: [|(_, token), _| *token = None, |(tracker, _), _| assert!(tracker.close())],
                check: |tracker, _, _, _| Other::new(async move { tracker.wait().await }).finish(),
            },
        ),
        Case::new(
            "sync::TaskTracker::track_future",
            Safe("as the future inside, which is dropped with it, and no longer tracked"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = mpsc::channel(1);
                    ((TaskTracker::new(), rx), tx)
                },
                future: |(tracker, rx)| Box::pin(tracker.track_future(rx.recv())),
                events: [|tx, _| tx.try_send(7).unwrap()],
                check: |(tracker, rx), _tx, out, _| {
                    tracker.close();
                    assert!(tracker.is_empty());
                    check_ending(rx, out)
                },
            },
        ),
    ]
}
