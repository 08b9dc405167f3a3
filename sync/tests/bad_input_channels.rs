//! Channels asked for what they can't do: closed, without room, with an absurd capacity, too slow. Each
//! gives an error with the message in it, or panics at the caller's line, and stays usable.

mod common;

use common::{assert_panics_in, block_on, now, spawn};
use filch_sync::mpsc::error::{TryRecvError, TrySendError};
use filch_sync::{Semaphore, broadcast, mpsc, oneshot, watch};

#[test]
fn bounded_sender_of_a_dropped_receiver_gives_every_message_back() {
    let (tx, rx) = mpsc::channel::<u8>(2);
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(now(tx.send(1)).unwrap_err().0, 1);
    assert_eq!(tx.blocking_send(2).unwrap_err().0, 2);
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    assert!(now(tx.reserve()).is_err());
    assert!(now(tx.reserve_many(2)).is_err());
    assert!(matches!(tx.try_reserve(), Err(TrySendError::Closed(()))));
    assert!(matches!(tx.try_reserve_many(2), Err(TrySendError::Closed(()))));
    let tx = match tx.try_reserve_owned() {
        Err(TrySendError::Closed(tx)) => tx,
        other => panic!("{other:?}"),
    };
    assert!(now(tx.clone().reserve_owned()).is_err());
    now(tx.closed());
    assert_eq!(tx.strong_count(), 1);
}

#[test]
fn unbounded_sender_of_a_dropped_receiver_gives_every_message_back() {
    let (tx, rx) = mpsc::unbounded_channel::<u8>();
    drop(rx);
    assert_eq!(tx.send(1).unwrap_err().0, 1);
    now(tx.closed());
    assert!(tx.is_closed() && tx.downgrade().upgrade().is_some());
}

#[test]
fn absurd_capacities_panic_at_the_callers_line() {
    assert_panics_in(file!(), || drop(mpsc::channel::<u8>(0)));
    assert_panics_in(file!(), || drop(mpsc::channel::<u8>(Semaphore::MAX_PERMITS + 1)));
    assert_panics_in(file!(), || drop(broadcast::channel::<u8>(0)));
    assert_panics_in(file!(), || drop(broadcast::channel::<u8>(usize::MAX / 2 + 1)));
    assert_panics_in(file!(), || drop(broadcast::Sender::<u8>::new(0)));
    // The largest that is allowed takes no memory before there are messages.
    let (tx, mut rx) = mpsc::channel(Semaphore::MAX_PERMITS);
    tx.try_send(1).unwrap();
    assert_eq!(tx.capacity(), Semaphore::MAX_PERMITS - 1);
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn requests_for_more_than_the_capacity_are_refused_at_once() {
    let (tx, mut rx) = mpsc::channel::<u8>(2);
    assert!(now(tx.reserve_many(3)).is_err());
    assert!(matches!(tx.try_reserve_many(3), Err(TrySendError::Full(()))));
    assert!(now(tx.reserve_many(usize::MAX)).is_err());
    // None is always there.
    assert_eq!(now(tx.reserve_many(0)).unwrap().count(), 0);
    assert_eq!(tx.try_reserve_many(0).unwrap().count(), 0);
    assert_eq!(now(rx.recv_many(&mut Vec::new(), 0)), 0);
    assert_eq!(tx.capacity(), 2);
}

#[test]
fn sender_dropped_in_the_middle_of_a_reserve() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    let mut reserve = spawn(tx.clone().reserve_owned());
    let mut behind = spawn(tx.clone().reserve_owned());
    assert!(reserve.is_pending() && behind.is_pending());
    drop(tx);
    assert_eq!(rx.strong(), 2);
    // The first one's sender goes with its future, and its turn goes to the one behind.
    drop(reserve);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(behind.wakes(), 1);
    let last = behind.ready().unwrap().send(2);
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    // And the last one in the middle of a reserve ends the channel.
    last.try_send(3).unwrap();
    let mut reserve = spawn(last.reserve_owned());
    assert!(reserve.is_pending());
    assert_eq!(rx.try_recv(), Ok(3));
    let mut recv = spawn(rx.recv());
    assert!(recv.is_pending());
    drop(reserve);
    assert_eq!((recv.wakes(), recv.ready()), (1, None));
}

/// A shorter name for the count that this file asks for.
trait Strong {
    fn strong(&self) -> usize;
}

impl<T> Strong for mpsc::Receiver<T> {
    fn strong(&self) -> usize {
        self.sender_strong_count()
    }
}

#[test]
fn receiver_dropped_in_the_middle_of_a_send() {
    let (tx, rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    let (mut send, mut reserve) = (spawn(tx.send(2)), spawn(tx.reserve()));
    assert!(send.is_pending() && reserve.is_pending());
    drop(rx);
    assert_eq!((send.wakes(), reserve.wakes()), (1, 1));
    assert_eq!(send.ready().unwrap_err().0, 2);
    assert!(reserve.ready().is_err());
}

#[test]
fn oneshot_misuse_is_told_by_errors() {
    let (tx, rx) = oneshot::channel();
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(tx.send("back"), Err("back"));

    let (tx, mut rx) = oneshot::channel::<u8>();
    drop(tx);
    assert_eq!(rx.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    assert!(rx.is_terminated() && rx.is_empty());
    assert_eq!(rx.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    rx.close();

    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    rx.close();
    rx.close();
    assert_eq!(block_on(&mut rx), Ok(1));
    assert_eq!(rx.try_recv(), Err(oneshot::error::TryRecvError::Closed));
}

#[test]
fn slow_broadcast_receivers_are_told_how_much_they_missed() {
    use broadcast::error::{RecvError, TryRecvError};
    // Three are rounded up to four.
    let (tx, mut rx) = broadcast::channel(3);
    for n in 0..4 {
        tx.send(n).unwrap();
    }
    assert_eq!((rx.len(), rx.try_recv()), (4, Ok(0)));
    for n in 4..10 {
        tx.send(n).unwrap();
    }
    // It stands at 1; 6 to 9 are kept.
    assert_eq!(rx.len(), 9);
    assert_eq!(now(rx.recv()), Err(RecvError::Lagged(5)));
    assert_eq!(rx.len(), 4);
    for n in 6..10 {
        assert_eq!(rx.try_recv(), Ok(n));
    }
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    // Missed messages of senders that are gone are told, too, before the end.
    for n in 10..20 {
        tx.send(n).unwrap();
    }
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(6)));
    assert_eq!((16..20).map(|_| now(rx.recv()).unwrap()).collect::<Vec<_>>(), [16, 17, 18, 19]);
    assert_eq!(now(rx.recv()), Err(RecvError::Closed));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn broadcast_without_receivers_gives_the_message_back_until_one_subscribes() {
    let (tx, rx) = broadcast::channel(2);
    drop(rx);
    assert_eq!(tx.send(1).unwrap_err().0, 1);
    now(tx.closed());
    let mut rx = tx.subscribe();
    assert_eq!(tx.send(2).unwrap(), 1);
    assert_eq!(rx.try_recv(), Ok(2));
    let weak = tx.downgrade();
    drop(tx);
    assert!(weak.upgrade().is_none() && rx.is_closed());
}

#[test]
fn watch_without_the_other_half() {
    let (tx, rx) = watch::channel(0);
    drop(rx);
    assert_eq!(tx.send(1).unwrap_err().0, 1);
    assert_eq!(*tx.borrow(), 0);
    tx.send_modify(|value| *value = 2);
    let mut rx = tx.subscribe();
    assert!(!rx.has_changed().unwrap());
    drop(tx);
    assert!(rx.has_changed().is_err());
    assert!(now(rx.changed()).is_err());
    assert!(now(rx.wait_for(|value| *value == 3)).is_err());
    rx.mark_changed();
    assert!(now(rx.changed()).is_ok());
    assert_eq!(*rx.borrow_and_update(), 2);
}
