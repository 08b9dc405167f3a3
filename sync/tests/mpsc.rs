//! The mpsc channels: order, capacity, permits, closing, counts, drops.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use common::{Calls, Counted, PanicsOnWake, WakeCount, assert_panics_in, now, spawn};
use filch_sync::mpsc::error::{SendError, TryRecvError, TrySendError};
use filch_sync::mpsc::{self, channel, unbounded_channel};

/// More than two blocks of the queue.
const MANY: usize = 100;

#[test]
fn bounded_messages_arrive_in_order_across_blocks() {
    let (tx, mut rx) = channel(MANY);
    for round in 0..5 {
        for i in 0..MANY {
            now(tx.send((round, i))).unwrap();
        }
        for i in 0..MANY {
            assert_eq!(now(rx.recv()), Some((round, i)));
        }
    }
    drop(tx);
    assert_eq!(now(rx.recv()), None);
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn unbounded_messages_arrive_in_order_across_blocks() {
    let (tx, mut rx) = unbounded_channel();
    for n in [1, 31, 32, 33, 500] {
        for i in 0..n {
            tx.send(i).unwrap();
        }
        assert_eq!(rx.len(), n);
        for i in 0..n {
            assert_eq!(rx.try_recv(), Ok(i));
        }
        assert!(rx.is_empty());
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn receiver_that_waits_is_woken_by_the_next_message_only() {
    let (tx, mut rx) = unbounded_channel();
    let mut recv = spawn(rx.recv());
    assert!(recv.is_pending());
    tx.send(1).unwrap();
    assert_eq!(recv.wakes(), 1);
    tx.send(2).unwrap();
    assert_eq!(recv.wakes(), 1, "one wake for a batch");
    assert_eq!(recv.ready(), Some(1));
    drop(recv);
    assert_eq!(now(rx.recv()), Some(2));
}

#[test]
fn the_last_polling_task_is_the_one_woken() {
    let (tx, mut rx) = channel(1);
    let (first, second) = (Arc::new(WakeCount::default()), Arc::new(WakeCount::default()));
    assert!(spawn(rx.recv()).poll_with(&first).is_pending());
    let mut recv = spawn(rx.recv());
    assert!(recv.poll_with(&second).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!((first.get(), second.get()), (0, 1));
    assert_eq!(recv.ready(), Some(1));
}

#[test]
fn full_channel_makes_senders_wait_in_order() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
    let mut first = spawn(tx.send(1));
    let mut second = spawn(tx.send(2));
    assert!(first.is_pending() && second.is_pending());
    assert_eq!(now(rx.recv()), Some(0));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)), "the room is the waiting sender's");
    assert!(second.is_pending());
    first.ready().unwrap();
    assert_eq!(now(rx.recv()), Some(1));
    second.ready().unwrap();
    assert_eq!(now(rx.recv()), Some(2));
}

#[test]
fn capacity_counts_messages_and_permits() {
    let (tx, mut rx) = channel(3);
    assert_eq!((tx.capacity(), tx.max_capacity(), rx.capacity(), rx.max_capacity()), (3, 3, 3, 3));
    let permit = now(tx.reserve()).unwrap();
    assert_eq!(tx.capacity(), 2);
    permit.send('a');
    assert_eq!((tx.capacity(), rx.len()), (2, 1));
    drop(tx.try_reserve().unwrap());
    assert_eq!(tx.capacity(), 2);
    assert_eq!(now(rx.recv()), Some('a'));
    assert_eq!(tx.capacity(), 3);
}

#[test]
fn reserve_many_gives_that_many_permits() {
    let (tx, mut rx) = channel(4);
    let mut permits = now(tx.reserve_many(3)).unwrap();
    assert_eq!((permits.len(), tx.capacity()), (3, 1));
    permits.next().unwrap().send(1);
    permits.next().unwrap().send(2);
    drop(permits);
    assert_eq!(tx.capacity(), 2);
    assert_eq!(now(rx.recv()), Some(1));
    assert_eq!(now(rx.recv()), Some(2));
    assert!(now(tx.reserve_many(5)).is_err(), "more than the capacity");
    assert!(matches!(tx.try_reserve_many(5), Err(TrySendError::Full(()))));
    let all = tx.try_reserve_many(4).unwrap();
    assert!(matches!(tx.try_reserve_many(1), Err(TrySendError::Full(()))));
    assert_eq!(all.count(), 4);
    assert_eq!(tx.capacity(), 4);
    assert_eq!(now(tx.reserve_many(0)).unwrap().count(), 0);
}

#[test]
fn owned_permit_gives_its_sender_back() {
    let (tx, mut rx) = channel(1);
    let (other, _other_rx) = channel::<i32>(1);
    let permit = now(tx.clone().reserve_owned()).unwrap();
    assert!(permit.same_channel_as_sender(&tx) && !permit.same_channel_as_sender(&other));
    assert!(!permit.same_channel(&other.try_reserve_owned().unwrap()));
    let error = tx.clone().try_reserve_owned().unwrap_err();
    assert!(matches!(error, TrySendError::Full(_)));
    assert!(error.into_inner().same_channel(&tx));
    let back = permit.send(5);
    assert!(back.same_channel(&tx));
    assert_eq!(now(rx.recv()), Some(5));
    let permit = back.try_reserve_owned().unwrap();
    assert_eq!(tx.capacity(), 0);
    let back = permit.release();
    assert_eq!(tx.capacity(), 1);
    drop(back.try_reserve_owned().unwrap());
    assert_eq!(tx.capacity(), 1);
    assert_eq!(tx.strong_count(), 1);
    rx.close();
    assert!(matches!(tx.try_reserve_owned(), Err(TrySendError::Closed(_))));
}

#[test]
fn cancelled_send_passes_its_turn_on() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let mut first = spawn(tx.send(1));
    let mut second = spawn(tx.send(2));
    assert!(first.is_pending() && second.is_pending());
    assert_eq!(now(rx.recv()), Some(0));
    assert_eq!(first.wakes(), 1);
    drop(first);
    assert_eq!(second.wakes(), 1);
    second.ready().unwrap();
    assert_eq!(now(rx.recv()), Some(2));
}

#[test]
fn recv_many_takes_what_is_there_up_to_the_limit() {
    let (tx, mut rx) = channel(MANY);
    for i in 0..MANY {
        tx.try_send(i).unwrap();
    }
    let mut buffer = vec![usize::MAX];
    assert_eq!(now(rx.recv_many(&mut buffer, 0)), 0);
    assert_eq!(now(rx.recv_many(&mut buffer, 40)), 40);
    assert_eq!(tx.capacity(), 40);
    assert_eq!(now(rx.recv_many(&mut buffer, usize::MAX)), 60);
    assert_eq!(buffer.len(), 101);
    assert!(buffer[1..].iter().copied().eq(0..MANY));
    {
        let mut recv = spawn(rx.recv_many(&mut buffer, 2));
        assert!(recv.is_pending());
        tx.try_send(7).unwrap();
        assert_eq!(recv.wakes(), 1);
        assert_eq!(recv.ready(), 1);
    }
    drop(tx);
    assert_eq!(now(rx.recv_many(&mut buffer, 2)), 0);
}

#[test]
fn poll_forms_are_the_same_as_the_futures() {
    let mut cx = Context::from_waker(Waker::noop());
    let (tx, mut rx) = unbounded_channel();
    assert_eq!(rx.poll_recv(&mut cx), Poll::Pending);
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(rx.poll_recv(&mut cx), Poll::Ready(Some(1)));
    let mut buffer = Vec::new();
    assert_eq!(rx.poll_recv_many(&mut cx, &mut buffer, 8), Poll::Ready(1));
    assert_eq!(rx.poll_recv_many(&mut cx, &mut buffer, 8), Poll::Pending);
    drop(tx);
    assert_eq!(rx.poll_recv(&mut cx), Poll::Ready(None));
    assert_eq!(buffer, [2]);
}

#[test]
fn closed_bounded_channel_waits_for_its_permits() {
    let (tx, mut rx) = channel(3);
    tx.try_send(1).unwrap();
    let permit = tx.try_reserve().unwrap();
    let unused = tx.try_reserve().unwrap();
    rx.close();
    assert!(tx.is_closed() && rx.is_closed());
    assert_eq!(now(tx.send(9)), Err(SendError(9)));
    assert_eq!(tx.try_send(9), Err(TrySendError::Closed(9)));
    assert!(now(tx.reserve()).is_err());
    assert_eq!(now(rx.recv()), Some(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "a permit is out");
    let mut recv = spawn(rx.recv());
    assert!(recv.is_pending());
    permit.send(2);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), Some(2));
    drop(recv);
    let mut recv = spawn(rx.recv());
    assert!(recv.is_pending());
    drop(unused);
    assert_eq!(recv.wakes(), 1, "the last permit came back");
    assert_eq!(recv.ready(), None);
    drop(recv);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

/// A sender got its permit by the close's grace, and is dropped before it is polled.
#[test]
fn cancelled_reserve_after_close_wakes_the_receiver() {
    let (tx, mut rx) = channel(1);
    tx.try_send(1).unwrap();
    let mut send = spawn(tx.send(2));
    assert!(send.is_pending());
    assert_eq!(now(rx.recv()), Some(1));
    assert_eq!(send.wakes(), 1, "it has the permit now");
    rx.close();
    let mut recv = spawn(rx.recv());
    assert!(recv.is_pending());
    drop(send);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), None);
}

#[test]
fn close_refuses_the_senders_that_wait() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let mut waiting = spawn(tx.send(1));
    assert!(waiting.is_pending());
    rx.close();
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.ready(), Err(SendError(1)));
    assert_eq!(now(rx.recv()), Some(0));
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn closed_unbounded_channel_delivers_what_was_sent() {
    let (tx, mut rx) = unbounded_channel();
    for i in 0..MANY {
        tx.send(i).unwrap();
    }
    rx.close();
    rx.close();
    for _ in 0..MANY {
        assert_eq!(tx.send(0), Err(SendError(0)));
    }
    assert!(tx.is_closed());
    assert_eq!(rx.len(), MANY);
    for i in 0..MANY {
        assert_eq!(now(rx.recv()), Some(i));
    }
    assert_eq!(now(rx.recv()), None);
    assert_eq!((rx.len(), rx.try_recv()), (0, Err(TryRecvError::Disconnected)));
    drop(tx);
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn closed_waits_for_the_receivers_end() {
    let (tx, rx) = channel::<u8>(1);
    let (utx, mut urx) = unbounded_channel::<u8>();
    let (mut closed, mut uclosed) = (spawn(tx.closed()), spawn(utx.closed()));
    assert!(closed.is_pending() && uclosed.is_pending());
    drop(rx);
    urx.close();
    assert_eq!((closed.wakes(), uclosed.wakes()), (1, 1));
    closed.ready();
    uclosed.ready();
    now(tx.closed());
    now(utx.closed());
}

#[test]
fn last_sender_ends_the_channel_and_wakes() {
    let (tx, mut rx) = channel::<u8>(1);
    let second = tx.clone();
    let mut recv = spawn(rx.recv());
    assert!(recv.is_pending());
    drop(tx);
    assert_eq!(recv.wakes(), 0);
    drop(second);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), None);
    drop(recv);
    assert!(rx.is_closed());
}

/// The mark of the end may be the first slot of a block.
#[test]
fn end_at_every_offset_of_a_block() {
    for n in 0..MANY {
        let (tx, mut rx) = unbounded_channel();
        for i in 0..n {
            tx.send(i).unwrap();
        }
        drop(tx);
        for i in 0..n {
            assert_eq!(rx.try_recv(), Ok(i));
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    }
}

#[test]
fn weak_senders_upgrade_while_a_strong_one_is_there() {
    let (tx, mut rx) = channel::<u8>(1);
    let weak = tx.downgrade();
    let second = weak.clone();
    assert_eq!((tx.strong_count(), tx.weak_count()), (1, 2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 2));
    let upgraded = weak.upgrade().unwrap();
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 2));
    drop(second);
    drop(tx);
    upgraded.try_send(1).unwrap();
    drop(upgraded);
    assert!(weak.upgrade().is_none());
    assert_eq!((weak.strong_count(), rx.sender_weak_count()), (0, 1));
    assert_eq!(now(rx.recv()), Some(1));
    assert_eq!(now(rx.recv()), None);

    let (tx, rx) = unbounded_channel::<u8>();
    let weak = tx.downgrade();
    assert!(weak.upgrade().unwrap().same_channel(&tx));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 1));
    drop(tx);
    assert!(weak.clone().upgrade().is_none());
}

#[test]
fn dropped_receiver_drops_its_messages_once() {
    for n in [0, 1, 31, 32, 33, MANY] {
        let drops = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = unbounded_channel();
        for i in 0..n {
            tx.send(Counted::new(&drops, i)).unwrap();
        }
        drop(rx);
        assert_eq!(drops.load(Ordering::SeqCst), n);
        drop(tx.send(Counted::new(&drops, n)));
        assert_eq!(drops.load(Ordering::SeqCst), n + 1);
    }
}

#[test]
fn message_sent_by_a_permit_after_the_receiver_is_dropped_with_the_channel() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = channel(1);
    let permit = tx.try_reserve().unwrap();
    drop(rx);
    permit.send(Counted::new(&drops, 0));
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(tx);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn panicking_drop_of_a_message_loses_no_other() {
    struct Bomb(Counted);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert_ne!(self.0.1, 3, "the fourth message panics");
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = unbounded_channel();
    for i in 0..MANY {
        tx.send(Bomb(Counted::new(&drops, i))).unwrap();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    assert_eq!(drops.load(Ordering::SeqCst), MANY);
    assert!(tx.is_closed());
}

#[test]
fn panicking_drop_of_a_message_in_a_channel_that_nobody_has() {
    struct Bomb(Counted);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert_ne!(self.0.1, 0, "the first message panics");
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = channel(2);
    let mut permits = tx.try_reserve_many(2).unwrap();
    drop(rx);
    permits.next().unwrap().send(Bomb(Counted::new(&drops, 0)));
    permits.next().unwrap().send(Bomb(Counted::new(&drops, 1)));
    drop(permits);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(tx))).is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 2);
}

#[test]
fn panicking_waker_loses_no_message() {
    let (tx, mut rx) = channel(2);
    let waker = Waker::from(Arc::new(PanicsOnWake));
    assert!(rx.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| tx.try_send(1))).is_err());
    tx.try_send(2).unwrap();
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Ok(2)));
    assert_eq!(tx.capacity(), 2);
}

#[test]
fn waker_that_sends_inside_the_wake() {
    let (tx, mut rx) = channel(2);
    let inside = tx.clone();
    let waker = Waker::from(Arc::new(Calls(move || inside.try_send(2).unwrap())));
    assert!(rx.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Ok(2)));
}

#[test]
fn receiving_spends_the_budget_and_so_does_sending() {
    use filch_primitives::coop;
    let (tx, mut rx) = channel(1_000);
    for i in 0..1_000 {
        tx.try_send(i).unwrap();
    }
    {
        let _budget = coop::fresh();
        let received = (0..1_000).take_while(|_| spawn(rx.recv()).poll().is_ready()).count();
        assert_eq!(received, usize::from(coop::BUDGET));
    }
    {
        let _budget = coop::fresh();
        let sent = (0..1_000).take_while(|_| spawn(tx.send(0)).poll().is_ready()).count();
        assert_eq!(sent, usize::from(coop::BUDGET));
    }
}

#[test]
fn zero_capacity_panics_at_the_callers_line() {
    assert_panics_in(file!(), || drop(channel::<u8>(0)));
    assert_panics_in(file!(), || drop(channel::<u8>(usize::MAX)));
}

#[test]
fn send_timeout_needs_no_timer_while_there_is_room() {
    use std::time::Duration;
    let (tx, mut rx) = channel(1);
    now(tx.send_timeout(1, Duration::ZERO)).unwrap();
    assert_eq!(now(rx.recv()), Some(1));
    rx.close();
    let error = now(tx.send_timeout(2, Duration::ZERO)).unwrap_err();
    assert_eq!(error, mpsc::error::SendTimeoutError::Closed(2));
    assert_eq!((error.to_string().as_str(), error.into_inner()), ("channel closed", 2));
}

#[test]
fn errors_and_handles_say_what_they_are() {
    assert_eq!(SendError(1).to_string(), "channel closed");
    assert_eq!(format!("{:?}", SendError(1)), "SendError { .. }");
    assert_eq!(TrySendError::Full(1).to_string(), "no available capacity");
    assert_eq!(format!("{:?}", TrySendError::Closed(1)), "Closed(..)");
    assert_eq!(TrySendError::from(SendError(1)), TrySendError::Closed(1));
    assert_eq!(TryRecvError::Empty.to_string(), "receiving on an empty channel");
    assert_eq!(TryRecvError::Disconnected.to_string(), "receiving on a closed channel");
    let (tx, rx) = channel::<u8>(2);
    assert!(format!("{tx:?} {rx:?}").contains("max_capacity: 2"));
    assert!(format!("{:?}", tx.try_reserve().unwrap()).starts_with("Permit"));
    assert!(format!("{:?}", tx.try_reserve_many(1).unwrap()).contains("left: 1"));
    assert!(format!("{:?}", tx.clone().try_reserve_owned().unwrap()).starts_with("OwnedPermit"));
    assert!(format!("{:?}", tx.downgrade()).contains("strong_count: 1"));
    let (tx, rx) = unbounded_channel::<u8>();
    assert!(format!("{tx:?} {rx:?} {:?}", tx.downgrade()).contains("is_closed: false"));
}

#[test]
fn zero_sized_and_large_messages() {
    let (tx, mut rx) = unbounded_channel();
    (0..MANY).for_each(|_| tx.send(()).unwrap());
    assert_eq!(rx.len(), MANY);
    (0..MANY).for_each(|_| rx.try_recv().unwrap());
    let (tx, mut rx) = unbounded_channel();
    for i in 0..40u8 {
        tx.send([i; 100_000]).unwrap();
    }
    for i in 0..40u8 {
        assert!(rx.try_recv().unwrap().iter().all(|&byte| byte == i));
    }
}
