//! Random scripts on the channels against simple models, one thread. A failure names the seed.

mod common;

use std::collections::VecDeque;

use common::now;
use filch_primitives::rand::Rng;
use filch_sync::mpsc::error::{TryRecvError, TrySendError};
use filch_sync::{broadcast, mpsc, watch};

const SEEDS: u64 = if cfg!(miri) { 2 } else { 60 };
const STEPS: usize = if cfg!(miri) { 60 } else { 600 };

#[test]
fn bounded_channel_agrees_with_a_queue_and_a_number_of_permits() {
    for seed in 1..=SEEDS {
        let rng = Rng::new(seed);
        let below = |n: usize| rng.below(n as u32) as usize;
        let capacity = 1 + below(70);
        let (tx, mut rx) = mpsc::channel(capacity);
        let mut queue = VecDeque::new();
        let mut permits = Vec::new();
        let mut is_closed = false;
        for n in 0..STEPS {
            let room = capacity - queue.len() - permits.len();
            match below(20) {
                0..6 => {
                    let expected = match (is_closed, room) {
                        (true, _) => Err(TrySendError::Closed(n)),
                        (false, 0) => Err(TrySendError::Full(n)),
                        (false, _) => Ok(()),
                    };
                    assert_eq!(tx.try_send(n), expected, "seed {seed}");
                    if expected.is_ok() {
                        queue.push_back(n);
                    }
                }
                6..11 => {
                    let ended = is_closed && permits.is_empty();
                    let empty =
                        if ended { TryRecvError::Disconnected } else { TryRecvError::Empty };
                    assert_eq!(rx.try_recv(), queue.pop_front().ok_or(empty), "seed {seed}");
                }
                11..13 => {
                    let count = below(4);
                    match tx.try_reserve_many(count) {
                        Ok(reserved) => {
                            assert!(!is_closed && count <= room, "seed {seed}");
                            permits.extend(reserved);
                        }
                        Err(TrySendError::Full(())) => assert!(count > room, "seed {seed}"),
                        // More than the capacity is refused as such, closed or not.
                        Err(TrySendError::Closed(())) => assert!(is_closed, "seed {seed}"),
                    }
                }
                13..15 if !permits.is_empty() => {
                    permits.swap_remove(below(permits.len())).send(n);
                    queue.push_back(n);
                }
                15 if !permits.is_empty() => drop(permits.swap_remove(below(permits.len()))),
                16 if !queue.is_empty() => {
                    let limit = 1 + below(40);
                    let mut received = vec![usize::MAX];
                    let count = now(rx.recv_many(&mut received, limit));
                    let expected: Vec<_> = queue.drain(..limit.min(queue.len())).collect();
                    assert_eq!((count, &received[1..]), (expected.len(), &expected[..]));
                }
                17 if n > STEPS / 2 => {
                    rx.close();
                    is_closed = true;
                }
                _ => {}
            }
            let room = capacity - queue.len() - permits.len();
            assert_eq!((rx.len(), rx.is_empty()), (queue.len(), queue.is_empty()), "seed {seed}");
            assert_eq!((tx.capacity(), rx.capacity()), (room, room), "seed {seed}");
            assert_eq!((tx.is_closed(), rx.is_closed()), (is_closed, is_closed), "seed {seed}");
        }
    }
}

#[test]
fn unbounded_channel_agrees_with_a_queue() {
    for seed in 1..=SEEDS {
        let rng = Rng::new(seed);
        let (tx, mut rx) = mpsc::unbounded_channel();
        let mut senders = vec![tx];
        let mut queue = VecDeque::new();
        for n in 0..STEPS {
            let at = rng.below(senders.len() as u32) as usize;
            match rng.below(10) {
                0..5 => {
                    senders[at].send(n).unwrap();
                    queue.push_back(n);
                }
                5..8 => {
                    let expected = queue.pop_front().ok_or(TryRecvError::Empty);
                    assert_eq!(rx.try_recv(), expected, "seed {seed}");
                }
                8 => senders.push(senders[at].clone()),
                _ if senders.len() > 1 => drop(senders.swap_remove(at)),
                _ => {}
            }
            assert_eq!((rx.len(), rx.sender_strong_count()), (queue.len(), senders.len()));
        }
        drop(senders);
        let rest: Vec<_> = std::iter::from_fn(|| now(rx.recv())).collect();
        assert_eq!(queue, rest, "seed {seed}");
    }
}

#[test]
fn broadcast_agrees_with_the_list_of_all_messages() {
    use broadcast::error::TryRecvError;
    for seed in 1..=SEEDS {
        let rng = Rng::new(seed);
        let below = |n: usize| rng.below(n as u32) as usize;
        let wanted = 1 + below(9);
        let capacity = wanted.next_power_of_two();
        let tx = broadcast::Sender::new(wanted);
        // How many were sent. A message is its number.
        let mut sent = 0usize;
        // The receivers, and what each gets next.
        let mut receivers: Vec<(broadcast::Receiver<usize>, usize)> = Vec::new();
        for _ in 0..STEPS {
            match below(10) {
                0..4 => match tx.send(sent) {
                    Ok(count) => {
                        assert_eq!(count, receivers.len(), "seed {seed}");
                        sent += 1;
                    }
                    Err(error) => assert!(error.0 == sent && receivers.is_empty(), "seed {seed}"),
                },
                4..8 if !receivers.is_empty() => {
                    let at = below(receivers.len());
                    let (rx, next) = &mut receivers[at];
                    let oldest = sent.saturating_sub(capacity);
                    assert_eq!(rx.len(), sent - *next, "seed {seed}");
                    let expected = if *next < oldest {
                        let missed = (oldest - *next) as u64;
                        *next = oldest;
                        Err(TryRecvError::Lagged(missed))
                    } else if *next == sent {
                        Err(TryRecvError::Empty)
                    } else {
                        *next += 1;
                        Ok(*next - 1)
                    };
                    assert_eq!(rx.try_recv(), expected, "seed {seed}");
                }
                8 => receivers.push((tx.subscribe(), sent)),
                9 if !receivers.is_empty() => drop(receivers.swap_remove(below(receivers.len()))),
                _ => {}
            }
            // What is kept for the slowest, if there is one.
            let slowest = receivers.iter().map(|(_, next)| *next).min();
            let kept = slowest.map_or(0, |next| sent - next.max(sent.saturating_sub(capacity)));
            assert_eq!((tx.len(), tx.receiver_count()), (kept, receivers.len()), "seed {seed}");
        }
    }
}

#[test]
fn watch_agrees_with_a_value_and_a_version() {
    for seed in 1..=SEEDS {
        let rng = Rng::new(seed);
        let below = |n: usize| rng.below(n as u32) as usize;
        let (tx, rx) = watch::channel(0);
        let (mut value, mut version) = (0, 0);
        // The receivers, and the version that each has seen; `None` counts as not seen.
        let mut receivers = vec![(rx, Some(0))];
        for n in 1..=STEPS {
            let at = below(receivers.len().max(1));
            match below(14) {
                0..2 => {
                    let outcome = tx.send(n);
                    assert_eq!(outcome.is_ok(), !receivers.is_empty(), "seed {seed}");
                    if outcome.is_ok() {
                        (value, version) = (n, version + 1);
                    }
                }
                2 => {
                    assert_eq!(tx.send_replace(n), value, "seed {seed}");
                    (value, version) = (n, version + 1);
                }
                3 => {
                    let modifies = below(2) == 0;
                    tx.send_if_modified(|current| {
                        *current = n;
                        modifies
                    });
                    value = n;
                    version += usize::from(modifies);
                }
                4 => receivers.push((tx.subscribe(), Some(version))),
                5 if at < receivers.len() => receivers.push(receivers[at].clone()),
                6 if at < receivers.len() => drop(receivers.swap_remove(at)),
                7 if at < receivers.len() => {
                    receivers[at].0.mark_changed();
                    receivers[at].1 = None;
                }
                8 if at < receivers.len() => {
                    receivers[at].0.mark_unchanged();
                    receivers[at].1 = Some(version);
                }
                9 if at < receivers.len() => {
                    let (rx, seen) = &mut receivers[at];
                    let current = rx.borrow_and_update();
                    assert_eq!((*current, current.has_changed()), (value, *seen != Some(version)));
                    *seen = Some(version);
                }
                10 if at < receivers.len() => {
                    let (rx, seen) = &mut receivers[at];
                    let outcome = common::spawn(rx.changed()).poll();
                    assert_eq!(outcome.is_ready(), *seen != Some(version), "seed {seed}");
                    *seen = Some(version);
                }
                11 if at < receivers.len() => {
                    let (rx, seen) = &mut receivers[at];
                    let wanted = value;
                    let found = now(rx.wait_for(|value| *value == wanted)).unwrap();
                    assert_eq!((*found, found.has_changed()), (value, *seen != Some(version)));
                    *seen = Some(version);
                }
                _ => {}
            }
            assert_eq!((*tx.borrow(), tx.receiver_count()), (value, receivers.len()));
            for (rx, seen) in &receivers {
                let has_changed = *seen != Some(version);
                assert_eq!(rx.has_changed().unwrap(), has_changed, "seed {seed}");
                assert_eq!((*rx.borrow(), rx.borrow().has_changed()), (value, has_changed));
            }
        }
        drop(tx);
        for (mut rx, seen) in receivers {
            // The last value is told before the end.
            assert_eq!(now(rx.changed()).is_ok(), seen != Some(version), "seed {seed}");
            assert!(now(rx.changed()).is_err() && rx.has_changed().is_err(), "seed {seed}");
        }
    }
}
