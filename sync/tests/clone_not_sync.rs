//! Messages that are `Send` and not `Sync` are cloned by one thread at a time.
//!
//! The class of RUSTSEC-2025-0023: a channel whose receivers clone the same message at once.

use std::cell::Cell;
use std::sync::Barrier;
use std::thread;

use filch_sync::broadcast;

/// Not `Sync`: its clone must not be entered twice.
struct Message(Cell<bool>, Cell<u32>);

impl Clone for Message {
    fn clone(&self) -> Self {
        assert!(!self.0.replace(true), "two threads clone one message");
        for _ in 0..4 {
            // The other thread's turn, if it could have one.
            thread::yield_now();
            self.1.set(self.1.get() + 1);
        }
        self.0.set(false);
        Message(Cell::new(false), self.1.clone())
    }
}

#[test]
fn receivers_clone_a_message_one_after_the_other() {
    const RECEIVERS: usize = 3;
    let rounds = if cfg!(miri) { 5 } else { 500 };
    for _ in 0..rounds {
        let (tx, rx) = broadcast::channel(1);
        let receivers: Vec<_> = (0..RECEIVERS).map(|_| rx.resubscribe()).collect();
        tx.send(Message(Cell::new(false), Cell::new(0))).ok().unwrap();
        let start = Barrier::new(RECEIVERS);
        let mut clones: Vec<u32> = thread::scope(|scope| {
            let threads: Vec<_> = receivers
                .into_iter()
                .map(|mut receiver| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        receiver.try_recv().map(|message| message.1.get()).unwrap()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        clones.sort_unstable();
        // The receiver that is left keeps the original in the channel.
        assert_eq!(clones, [4, 8, 12]);
        drop(rx);
    }
}
