//! The oneshot channel: order of events, cancellation, drops, threads.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use common::{Calls, Counted, PanicsOnWake, ROUNDS, WakeCount, block_on, now, spawn};
use filch_sync::oneshot::{self, error::TryRecvError};

#[test]
fn send_before_recv_is_received() {
    let (tx, rx) = oneshot::channel();
    tx.send(1).unwrap();
    assert_eq!(now(rx), Ok(1));
}

#[test]
fn send_after_poll_wakes_once() {
    let (tx, rx) = oneshot::channel();
    let mut rx = spawn(rx);
    assert!(rx.is_pending());
    assert!(rx.is_pending());
    assert_eq!(rx.wakes(), 0);
    tx.send("a").unwrap();
    assert_eq!(rx.wakes(), 1);
    assert_eq!(rx.ready(), Ok("a"));
    assert!(rx.as_mut().is_terminated());
}

#[test]
fn the_last_polling_task_is_the_one_woken() {
    let (tx, rx) = oneshot::channel::<u8>();
    let mut rx = spawn(rx);
    let (first, second) = (Arc::new(WakeCount::default()), Arc::new(WakeCount::default()));
    assert!(rx.poll_with(&first).is_pending());
    assert!(rx.poll_with(&second).is_pending());
    assert_eq!(Arc::strong_count(&first), 1, "the first task's waker is kept");
    tx.send(1).unwrap();
    assert_eq!((first.get(), second.get()), (0, 1));
    assert_eq!(Arc::strong_count(&second), 2, "the waker is kept after the wake");
    assert_eq!(rx.ready(), Ok(1));
}

#[test]
fn dropped_sender_wakes_with_an_error() {
    let (tx, rx) = oneshot::channel::<u8>();
    let mut rx = spawn(rx);
    assert!(rx.is_pending());
    drop(tx);
    assert_eq!(rx.wakes(), 1);
    assert_eq!(rx.ready().unwrap_err().to_string(), "channel closed");
}

#[test]
fn dropped_receiver_refuses_the_value_and_wakes_closed() {
    let (mut tx, rx) = oneshot::channel();
    {
        let mut closed = spawn(tx.closed());
        assert!(closed.is_pending());
        assert!(closed.is_pending());
        drop(rx);
        assert_eq!(closed.wakes(), 1);
        closed.ready();
    }
    assert!(tx.is_closed());
    assert_eq!(tx.send(7), Err(7));
}

#[test]
fn dropped_receiver_lets_go_of_its_waker() {
    let (tx, rx) = oneshot::channel::<u8>();
    let wakes = Arc::new(WakeCount::default());
    let mut rx = spawn(rx);
    assert!(rx.poll_with(&wakes).is_pending());
    drop(rx);
    assert_eq!(Arc::strong_count(&wakes), 1);
    assert_eq!(wakes.get(), 0);
    drop(tx);
}

#[test]
fn closed_can_be_cancelled_and_polled_by_another_task() {
    let (mut tx, mut rx) = oneshot::channel::<u8>();
    let (first, second) = (Arc::new(WakeCount::default()), Arc::new(WakeCount::default()));
    assert!(spawn(tx.closed()).poll_with(&first).is_pending());
    assert!(spawn(tx.closed()).poll_with(&second).is_pending());
    rx.close();
    assert_eq!((first.get(), second.get()), (0, 1));
    now(tx.closed());
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
}

#[test]
fn closed_then_send_delivers_and_lets_go_of_the_senders_waker() {
    let (mut tx, rx) = oneshot::channel::<u8>();
    let wakes = Arc::new(WakeCount::default());
    assert!(spawn(tx.closed()).poll_with(&wakes).is_pending());
    tx.send(3).unwrap();
    assert_eq!(Arc::strong_count(&wakes), 1);
    assert_eq!(now(rx), Ok(3));
    assert_eq!(wakes.get(), 0);
}

#[test]
fn close_keeps_a_value_that_was_sent_before() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(5).unwrap();
    rx.close();
    assert!(!rx.is_empty());
    assert_eq!(rx.try_recv(), Ok(5));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert!(rx.is_empty() && rx.is_terminated());
}

#[test]
fn close_before_send_ends_the_receiver() {
    let (tx, mut rx) = oneshot::channel();
    rx.close();
    rx.close();
    assert_eq!(tx.send(5), Err(5));
    assert!(now(rx).is_err());
}

#[test]
fn try_recv_tells_empty_from_closed() {
    let (tx, mut rx) = oneshot::channel::<u8>();
    assert_eq!(rx.try_recv().unwrap_err().to_string(), "channel empty");
    drop(tx);
    assert_eq!(rx.try_recv().unwrap_err().to_string(), "channel closed");
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
#[should_panic(expected = "polled after it had completed")]
fn poll_after_completion_panics() {
    let (tx, rx) = oneshot::channel();
    tx.send(1).unwrap();
    let mut rx = spawn(rx);
    assert_eq!(rx.ready(), Ok(1));
    let _ = rx.poll();
}

/// Every order in which the two halves can go, with a value or without: it is dropped exactly once.
#[test]
fn every_order_of_leaving_drops_the_value_once() {
    for polled in [false, true] {
        for closed_polled in [false, true] {
            for send in [false, true] {
                for receiver_first in [false, true] {
                    for close in [false, true] {
                        let drops = Arc::new(AtomicUsize::new(0));
                        let (mut tx, rx) = oneshot::channel();
                        let mut rx = spawn(rx);
                        if polled {
                            assert!(rx.is_pending());
                        }
                        if closed_polled {
                            assert!(spawn(tx.closed()).is_pending());
                        }
                        if close {
                            rx.as_mut().close();
                        }
                        let mut rx = Some(rx);
                        if receiver_first {
                            rx = None;
                        }
                        if send {
                            let refused = tx.send(Counted::new(&drops, 0)).is_err();
                            assert_eq!(refused, receiver_first || close);
                        } else {
                            drop(tx);
                        }
                        drop(rx);
                        assert_eq!(drops.load(Ordering::SeqCst), usize::from(send));
                    }
                }
            }
        }
    }
}

#[test]
fn panicking_waker_loses_nothing() {
    let (tx, mut rx) = oneshot::channel();
    let waker = Waker::from(Arc::new(PanicsOnWake));
    let mut cx = Context::from_waker(&waker);
    let poll = std::pin::Pin::new(&mut rx);
    assert!(std::future::Future::poll(poll, &mut cx).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| tx.send(9))).is_err());
    assert_eq!(rx.try_recv(), Ok(9));
}

#[test]
fn waker_that_receives_inside_the_wake() {
    let (tx, rx) = oneshot::channel();
    let slot = Arc::new(std::sync::Mutex::new((Some(rx), None)));
    let inside = slot.clone();
    let waker = Waker::from(Arc::new(Calls(move || {
        let mut slot = inside.lock().unwrap();
        let mut rx = slot.0.take().unwrap();
        slot.1 = Some(rx.try_recv());
    })));
    let mut cx = Context::from_waker(&waker);
    {
        let mut slot = slot.lock().unwrap();
        let rx = std::pin::Pin::new(slot.0.as_mut().unwrap());
        assert_eq!(std::future::Future::poll(rx, &mut cx), Poll::Pending);
    }
    tx.send(4).unwrap();
    assert_eq!(slot.lock().unwrap().1, Some(Ok(4)));
}

#[test]
fn spends_the_budget() {
    use filch_primitives::coop;
    let mut channels: Vec<_> = (0..200).map(|_| oneshot::channel::<u8>()).collect();
    let _budget = coop::fresh();
    let ready = channels.iter_mut().map(|(_, rx)| {
        rx.close();
        spawn(rx).poll().is_ready()
    });
    assert_eq!(ready.take_while(|&ready| ready).count(), usize::from(coop::BUDGET));
}

#[test]
fn debug_names_the_state() {
    let (tx, rx) = oneshot::channel::<u8>();
    assert!(format!("{tx:?}").contains("is_sent: false"));
    tx.send(1).unwrap();
    assert!(format!("{rx:?}").contains("is_sent: true"));
}

#[test]
fn threads_send_and_receive() {
    for i in 0..ROUNDS / 20 {
        let (tx, rx) = oneshot::channel();
        let sender = std::thread::spawn(move || tx.send(i));
        if i % 2 == 0 {
            assert_eq!(rx.blocking_recv(), Ok(i));
        } else {
            assert_eq!(block_on(rx), Ok(i));
        }
        sender.join().unwrap().unwrap();
    }
}

#[test]
fn threads_race_send_against_drop_of_a_polled_receiver() {
    let drops = Arc::new(AtomicUsize::new(0));
    let rounds = ROUNDS / 20;
    for i in 0..rounds {
        let (tx, rx) = oneshot::channel();
        let value = Counted::new(&drops, i);
        let mut rx = spawn(rx);
        assert!(rx.is_pending());
        let sender = std::thread::spawn(move || drop(tx.send(value)));
        drop(rx);
        sender.join().unwrap();
    }
    assert_eq!(drops.load(Ordering::SeqCst), rounds);
}
