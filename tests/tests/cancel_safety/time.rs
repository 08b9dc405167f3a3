//! `time`.

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use filch::sync::mpsc;
use filch::time::{
    Instant, Interval, advance, interval_at, sleep, sleep_until, timeout, timeout_at,
};
use filch_tests::cancel_safety::Place::PausedClock;
use filch_tests::cancel_safety::Promise::Safe;
use filch_tests::cancel_safety::{Case, Env, Kept, Other, Trial, same};

const TIMER: &str = "the timer is cancelled";
const INNER: &str = "as the future inside, which is dropped with it";
const TEN: Duration = Duration::from_millis(10);

/// Another timer of the same moment.
fn other_sleep() -> Other<()> {
    Other::new(sleep(TEN))
}

/// A message on its way through a future that a time-out may end.
fn message() -> (mpsc::Receiver<u8>, mpsc::Sender<u8>) {
    let (tx, rx) = mpsc::channel(1);
    (rx, tx)
}

fn check_message<E>(mut rx: mpsc::Receiver<u8>, out: Option<Result<Option<u8>, E>>) -> Kept {
    let received = out.and_then(Result::ok).flatten();
    same(received.or_else(|| rx.try_recv().ok()), Some(7))
}

fn send(tx: &mut mpsc::Sender<u8>, _: &Env) {
    tx.try_send(7).unwrap();
}

/// The ticks that are due and were not taken.
fn ticks(mut interval: Interval) -> Vec<Instant> {
    std::iter::from_fn(|| {
        let tick = std::pin::pin!(interval.tick());
        match tick.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(tick) => Some(tick),
            Poll::Pending => None,
        }
    })
    .collect()
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "time::sleep",
            Safe(TIMER),
            Trial {
                place: PausedClock,
                world: |_| ((), other_sleep()),
                future: |_| Box::pin(sleep(TEN)),
                events: [|other, _| other.poll(), |_, env| env.advance(10)],
                check: |_, other, _, _| other.finish(),
            },
        ),
        Case::new(
            "time::sleep_until",
            Safe(TIMER),
            Trial {
                place: PausedClock,
                world: |_| ((), other_sleep()),
                future: |_| Box::pin(sleep_until(Instant::now() + TEN)),
                events: [|other, _| other.poll(), |_, env| env.advance(10)],
                check: |_, other, _, _| other.finish(),
            },
        ),
        Case::new(
            "time::Sleep",
            Safe("awaited by `&mut`: it goes on to its deadline"),
            Trial {
                place: PausedClock,
                world: |_| (Box::pin(sleep(TEN)), ()),
                future: |sleep| Box::pin(sleep.as_mut()),
                events: [|_, env| env.advance(9), |_, env| env.advance(1)],
                check: |sleep, _, _, _| Other::new(sleep).finish(),
            },
        ),
        Case::new(
            "time::timeout",
            Safe(INNER),
            Trial {
                place: PausedClock,
                world: |_| message(),
                future: |rx| Box::pin(timeout(TEN, rx.recv())),
                events: [send, |_, env| env.advance(10)],
                check: |rx, _, out, _| check_message(rx, out),
            },
        )
        .also(Trial {
            place: PausedClock,
            world: |_| message(),
            future: |rx| Box::pin(timeout(TEN, rx.recv())),
            events: [|_, env| env.advance(10), send],
            check: |rx, _, out, _| check_message(rx, out),
        }),
        Case::new(
            "time::timeout_at",
            Safe(INNER),
            Trial {
                place: PausedClock,
                world: |_| message(),
                future: |rx| Box::pin(timeout_at(Instant::now() + TEN, rx.recv())),
                events: [send, |_, env| env.advance(10)],
                check: |rx, _, out, _| check_message(rx, out),
            },
        ),
        Case::new(
            "time::Interval::tick",
            Safe("a tick is taken by the poll that returns it"),
            Trial {
                place: PausedClock,
                world: |_| {
                    let start = Instant::now() + TEN;
                    (interval_at(start, TEN), start)
                },
                future: |interval| Box::pin(interval.tick()),
                events: [|_, env| env.advance(10), |_, env| env.advance(10)],
                check: |interval, start, out, _| {
                    let mut all: Vec<Instant> = out.into_iter().collect();
                    all.extend(ticks(interval));
                    same(all, vec![start, start + TEN])
                },
            },
        ),
        Case::new(
            "time::advance",
            Safe("once it has been polled the clock has moved, by the whole time"),
            Trial {
                place: PausedClock,
                world: |_| (false, (Instant::now(), other_sleep())),
                future: |polled| {
                    Box::pin(async {
                        *polled = true;
                        advance(TEN).await;
                    })
                },
                events: [|(_, other), _| other.poll()],
                check: |polled, (start, mut other), _, _| {
                    // One that was made before, and waited, has been woken.
                    assert_eq!(other.poll_if_woken().is_some(), polled);
                    same(start.elapsed(), if polled { TEN } else { Duration::ZERO })
                },
            },
        ),
    ]
}
