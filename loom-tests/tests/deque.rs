//! The model of the work-stealing deque and of the injector keeps the contract D1 to D4 of
//! `primitives/src/deque`: the same scenarios that crossbeam's queues pass in the tests of that crate.
#![cfg(filch_loom)]

use std::sync::Arc;

use filch_loom_tests::model;
use filch_primitives::atomic::{AtomicBool, Ordering};
use filch_primitives::deque::Worker;
use filch_primitives::deque::contract::SCENARIOS;
use filch_primitives::loom;
use filch_primitives::thread::spawn;

#[test]
fn model_keeps_the_contract() {
    for (name, scenario) in SCENARIOS {
        println!("{name}");
        // Not `model`, which wants more than one execution: some have one thread at a time.
        loom::model(scenario);
    }
}

/// D4 asks for fences on both sides: without them the model forgets an item, as crossbeam may.
#[test]
#[should_panic(expected = "the item is forgotten")]
fn looks_without_fences_miss_a_push() {
    model(|| {
        let worker = Worker::new_fifo();
        let stealer = worker.stealer();
        let sleeps = Arc::new(AtomicBool::new(false));
        let theirs = sleeps.clone();
        let sleeper = spawn(move || {
            theirs.store(true, Ordering::Relaxed);
            !stealer.is_empty()
        });
        worker.push(1);
        let is_asleep = sleeps.load(Ordering::Relaxed);
        assert!(sleeper.join().unwrap() || is_asleep, "the item is forgotten");
    });
}
