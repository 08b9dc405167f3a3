//! Mutants that no model kills, each with the reason why that is no fault.

/// The reason, if there is one.
pub(crate) fn reason(name: &str) -> Option<&'static str> {
    SURVIVORS.iter().find(|(survivor, _)| *survivor == name).map(|(_, reason)| *reason)
}

/// An order that the language asks for and loom does not: an exchange in loom always finds the store that was
/// executed last, where the language lets it find an older one if nothing orders the two.
const NEWEST: &str = "with the mark the sender must find the receiver's waker, by the exchange in `take`: without this \
    order the language lets that exchange come before the store of the waker. loom does not: there an exchange always \
    finds what was stored last";

const SURVIVORS: &[(&str, &str)] = &[
    (
        "runtime/src/scheduler/multi_thread/idle.rs update: compare_exchange_weak (success), AcqRel -> Acquire",
        "saves a look: who answers a call without this order may not see the task at its first look, and finds it at \
            S5, whose fence comes after the exchange that read the caller's. It costs nothing on x86-64",
    ),
    (
        "runtime/src/scheduler/multi_thread/idle.rs update: compare_exchange_weak (success), AcqRel -> Release",
        "as the one before: its other half",
    ),
    ("sync/src/mpsc/queue.rs push: swap, AcqRel -> Release", NEWEST),
    ("sync/src/mpsc/queue.rs end: swap, AcqRel -> Release", NEWEST),
    ("sync/src/mpsc/queue.rs wait: compare_exchange (success), Release -> Relaxed", NEWEST),
    ("sync/src/mpsc/queue.rs wait: fetch_or, Release -> Relaxed", NEWEST),
];
