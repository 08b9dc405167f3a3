//! The mpsc channels on threads: nothing lost, nothing twice, each sender's order kept.

mod common;

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{Counted, ROUNDS, block_on};
use filch_sync::mpsc::{self, error::TryRecvError};

const SENDERS: usize = 4;

/// Checks that messages `(sender, n)` come complete and in each sender's order.
struct Order([usize; SENDERS]);

impl Order {
    fn note(&mut self, (sender, n): (usize, usize)) {
        assert_eq!(self.0[sender], n, "sender {sender}");
        self.0[sender] += 1;
    }
    fn check(&self) {
        assert_eq!(self.0, [ROUNDS; SENDERS]);
    }
}

#[test]
fn unbounded_stress() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let threads: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let tx = tx.clone();
            thread::spawn(move || (0..ROUNDS).for_each(|n| tx.send((sender, n)).unwrap()))
        })
        .collect();
    drop(tx);
    let mut order = Order([0; SENDERS]);
    while let Some(message) = block_on(rx.recv()) {
        order.note(message);
    }
    order.check();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn bounded_stress() {
    for capacity in [1, 3, 100] {
        let (tx, mut rx) = mpsc::channel(capacity);
        let rounds = ROUNDS / 10;
        let threads: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let tx = tx.clone();
                thread::spawn(move || {
                    for n in 0..rounds {
                        match n % 3 {
                            0 => tx.blocking_send((sender, n)).unwrap(),
                            1 => block_on(tx.reserve()).unwrap().send((sender, n)),
                            _ => block_on(tx.send((sender, n))).unwrap(),
                        }
                    }
                })
            })
            .collect();
        drop(tx);
        let mut next = [0; SENDERS];
        let mut buffer = Vec::new();
        while rx.blocking_recv_many(&mut buffer, 7) > 0 {
            for (sender, n) in buffer.drain(..) {
                assert_eq!(next[sender], n);
                next[sender] += 1;
            }
        }
        assert_eq!((next, rx.capacity()), ([rounds; SENDERS], capacity));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// What a sender has sent before it says so is found by `try_recv`, whatever the others are doing.
#[test]
fn try_recv_finds_what_was_sent_before() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let stop = Arc::new(AtomicUsize::new(0));
    let noise: Vec<_> = (0..2)
        .map(|_| {
            let (tx, stop) = (tx.clone(), stop.clone());
            thread::spawn(move || {
                while stop.load(Ordering::Relaxed) == 0 {
                    tx.send(0).unwrap();
                    thread::yield_now();
                }
            })
        })
        .collect();
    for n in 1..=ROUNDS / 20 {
        tx.send(n).unwrap();
        loop {
            match rx.try_recv() {
                Ok(0) => {}
                Ok(got) => {
                    assert_eq!(got, n);
                    break;
                }
                Err(error) => panic!("{error} while {n} is in the channel"),
            }
        }
    }
    stop.store(1, Ordering::Relaxed);
    noise.into_iter().for_each(|thread| thread.join().unwrap());
    drop(tx);
    loop {
        match rx.try_recv() {
            Ok(n) => assert_eq!(n, 0),
            Err(error) => break assert_eq!(error, TryRecvError::Disconnected),
        }
    }
}

/// Closing while senders send: what was accepted arrives, what was refused comes back, nothing else.
#[test]
fn close_races_senders() {
    for round in 0..if cfg!(miri) { 3 } else { 200 } {
        let drops = Arc::new(AtomicUsize::new(0));
        let (tx, mut rx) = mpsc::unbounded_channel();
        let start = Arc::new(Barrier::new(3));
        let threads: Vec<_> = (0..2)
            .map(|sender| {
                let (tx, drops, start) = (tx.clone(), drops.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    (0..100)
                        .take_while(|n| tx.send(Counted::new(&drops, sender * 100 + n)).is_ok())
                        .count()
                })
            })
            .collect();
        drop(tx);
        start.wait();
        let mut received = 0;
        for _ in 0..round % 50 {
            received += usize::from(block_on(rx.recv()).is_some());
        }
        rx.close();
        while block_on(rx.recv()).is_some() {
            received += 1;
        }
        let accepted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(received, accepted);
        let refused = drops.load(Ordering::SeqCst) - received;
        assert!(refused <= 2, "{refused}");
    }
}

#[test]
fn drop_of_the_receiver_races_senders() {
    for _ in 0..if cfg!(miri) { 3 } else { 200 } {
        let drops = Arc::new(AtomicUsize::new(0));
        let made = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = mpsc::channel(5);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (tx, drops, made) = (tx.clone(), drops.clone(), made.clone());
                thread::spawn(move || {
                    loop {
                        made.fetch_add(1, Ordering::SeqCst);
                        if block_on(tx.send(Counted::new(&drops, 0))).is_err() {
                            break;
                        }
                    }
                })
            })
            .collect();
        drop(tx);
        let mut rx = rx;
        for _ in 0..3 {
            drop(block_on(rx.recv()));
        }
        drop(rx);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(drops.load(Ordering::SeqCst), made.load(Ordering::SeqCst));
    }
}

#[test]
fn ping_pong_between_two_threads() {
    let (ping_tx, mut ping_rx) = mpsc::channel(1);
    let (pong_tx, mut pong_rx) = mpsc::unbounded_channel();
    let other = thread::spawn(move || {
        while let Some(n) = ping_rx.blocking_recv() {
            pong_tx.send(n + 1).unwrap();
        }
    });
    for n in 0..ROUNDS / 10 {
        ping_tx.blocking_send(n).unwrap();
        assert_eq!(pong_rx.blocking_recv(), Some(n + 1));
    }
    drop(ping_tx);
    assert_eq!(pong_rx.blocking_recv(), None);
    other.join().unwrap();
}
