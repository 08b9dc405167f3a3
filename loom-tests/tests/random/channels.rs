//! The channels: many senders, permits, closing; oneshots dropped from either side; lag; last values.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use filch::sync::{broadcast, mpsc, oneshot, watch};
use filch_loom_tests::Count;
use filch_loom_tests::random::{below, between, chance, yields};

use crate::support::World;

/// Up to six senders on a channel of one to three places, which send, try, reserve, give permits back, and
/// leave; the receiver closes it at some moment, and drains it. What was sent is received, in its sender's
/// order, and nothing else.
pub fn many_senders_one_receiver() {
    let world = World::new();
    let (sender, mut receiver) = mpsc::channel::<(usize, usize)>(between(1, 3));
    let sent = Arc::new(AtomicUsize::new(0));
    let closes_after = if chance(2) { below(8) } else { usize::MAX };
    for name in 0..between(2, 6) {
        let (sender, sent, entry) = (sender.clone(), sent.clone(), world.books.entry());
        drop(world.runtime.spawn(async move {
            let _entry = entry;
            for number in 0..between(1, 4) {
                let is_sent = match below(5) {
                    0 => sender.try_send((name, number)).is_ok(),
                    1 => match sender.reserve().await {
                        Ok(permit) if chance(3) => {
                            // Perhaps the last thing that a closed channel's receiver waits for.
                            yields(2).await;
                            drop(permit);
                            false
                        }
                        Ok(permit) => {
                            yields(1).await;
                            permit.send((name, number));
                            true
                        }
                        Err(_) => false,
                    },
                    2 => match sender.clone().reserve_owned().await {
                        Ok(permit) => {
                            yields(1).await;
                            permit.send((name, number));
                            true
                        }
                        Err(_) => false,
                    },
                    _ => sender.send((name, number)).await.is_ok(),
                };
                sent.fetch_add(usize::from(is_sent), Ordering::SeqCst);
            }
        }));
    }
    drop(sender);
    let mut last = [None; 6];
    let mut received = 0;
    world.runtime.block_on(async {
        while let Some((name, number)) = receiver.recv().await {
            assert!(last[name] < Some(number), "out of order");
            last[name] = Some(number);
            received += 1;
            if received > closes_after {
                receiver.close();
            }
        }
    });
    drop(receiver);
    world.end();
    assert_eq!(received, sent.load(Ordering::SeqCst), "received, of what was sent");
}

/// Pairs of which either side may be dropped, closed, aborted or late: the other one always hears of it, and a
/// value is either received or given back, and dropped once.
pub fn oneshots_are_closed_and_dropped() {
    let world = World::new();
    let received = Count::new();
    let given_back = Count::new();
    let pairs = between(2, 5);
    let mut joins = Vec::new();
    let silent = Count::new();
    for _ in 0..pairs {
        let (mut sender, mut receiver) = oneshot::channel();
        let value = world.books.entry();
        let (given_back, received) = (given_back.clone(), received.clone());
        let silent_here = silent.clone();
        joins.push(world.runtime.spawn(async move {
            yields(1).await;
            match below(4) {
                0 => {
                    silent_here.add();
                    drop((sender, value));
                }
                1 => {
                    // Ready once the receiver closes or goes; else the value is sent before.
                    let is_closed = filch::select! {
                        () = sender.closed() => true,
                        () = yields(2) => false,
                    };
                    if sender.send(value).is_err() {
                        given_back.add();
                    } else {
                        assert!(!is_closed);
                    }
                }
                _ => {
                    if sender.send(value).is_err() {
                        given_back.add();
                    }
                }
            }
        }));
        joins.push(world.runtime.spawn(async move {
            let value = match below(3) {
                0 => {
                    yields(1).await;
                    receiver.close();
                    receiver.try_recv().ok()
                }
                _ => receiver.await.ok(),
            };
            if value.is_some() {
                received.add();
            }
        }));
    }
    world.runtime.block_on(async {
        for join in joins {
            join.await.unwrap();
        }
    });
    assert_eq!(received.get() + given_back.get() + silent.get(), pairs);
    world.end();
}

/// Receivers of a channel with two or four places see the numbers in order, each one or a count of those that
/// they missed; what they saw and what they missed is what was sent. They stop there, while a sender is left, or
/// at the end of the channel.
pub fn broadcast_lags() {
    let world = World::new();
    let (sender, receiver) = broadcast::channel::<usize>(2 * between(1, 2));
    let per_sender = between(1, 5);
    let senders = between(1, 3);
    let stay = chance(2);
    let mut receiving = Vec::new();
    for _ in 0..between(1, 4) {
        let (mut receiver, entry) = (receiver.resubscribe(), world.books.entry());
        receiving.push(world.runtime.spawn(async move {
            let _entry = entry;
            let mut known = 0;
            let mut last = [None; 3];
            loop {
                if stay && known == senders * per_sender {
                    return known;
                }
                match receiver.recv().await {
                    Ok(number) => {
                        let (name, number) = (number / 100, number % 100);
                        assert!(last[name] < Some(number), "out of order");
                        last[name] = Some(number);
                        known += 1;
                    }
                    Err(broadcast::error::RecvError::Lagged(missed)) => known += missed as usize,
                    Err(broadcast::error::RecvError::Closed) => return known,
                }
                yields(1).await;
            }
        }));
    }
    drop(receiver);
    for name in 0..senders {
        let (sender, entry) = (sender.clone(), world.books.entry());
        drop(world.runtime.spawn(async move {
            let _entry = entry;
            for number in 0..per_sender {
                let _ = sender.send(100 * name + number);
                yields(1).await;
            }
        }));
    }
    let sender = Some(sender).filter(|_| stay);
    world.runtime.block_on(async {
        for receiving in receiving {
            assert_eq!(receiving.await.unwrap(), senders * per_sender, "seen and missed");
        }
    });
    drop(sender);
    world.end();
}

/// Receivers see growing values, and the last one in the end, whoever sent it. And senders hear when the last
/// receiver has gone.
pub fn watch_shows_the_last_value() {
    let world = World::new();
    let (sender, receiver) = watch::channel(0);
    let sender = Arc::new(sender);
    let (senders, each) = (between(1, 3), between(1, 4));
    let mut watching = Vec::new();
    for _ in 0..between(1, 4) {
        let (mut receiver, entry) = (receiver.clone(), world.books.entry());
        watching.push(world.runtime.spawn(async move {
            let _entry = entry;
            let mut last = 0;
            if chance(3) {
                let half = senders * each / 2;
                last = *receiver.wait_for(|value| *value >= half).await.expect("it comes");
                assert!(last >= half);
            }
            while receiver.changed().await.is_ok() {
                let value = *receiver.borrow_and_update();
                assert!(value >= last, "back from {last} to {value}");
                last = value;
                yields(1).await;
            }
            *receiver.borrow()
        }));
    }
    drop(receiver);
    for _ in 0..senders {
        let (sender, entry) = (sender.clone(), world.books.entry());
        drop(world.runtime.spawn(async move {
            let _entry = entry;
            for _ in 0..each {
                sender.send_modify(|value| *value += 1);
                yields(1).await;
            }
        }));
    }
    drop(sender);
    let (sender, receiver) = watch::channel(());
    for _ in 0..between(1, 3) {
        let (receiver, entry) = (receiver.clone(), world.books.entry());
        drop(world.runtime.spawn(async move {
            yields(2).await;
            drop((receiver, entry));
        }));
    }
    drop(receiver);
    world.runtime.block_on(async {
        sender.closed().await;
        for watching in watching {
            assert_eq!(watching.await.unwrap(), senders * each);
        }
    });
    world.end();
}
