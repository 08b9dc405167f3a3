//! Channels, locks, notification.

use super::Step;

const SEMAPHORE: &str = "sync/src/semaphore/raw.rs";
const NOTIFY: &str = "sync/src/notify/mod.rs";
const CHAN: &str = "sync/src/mpsc/chan.rs";
const ONESHOT: &str = "sync/src/oneshot/inner.rs";
const WATCH: &str = "sync/src/watch/shared.rs";
const RING: &str = "sync/src/broadcast/ring.rs";

pub(super) const STEPS: &[Step] = &[
    Step {
        name: "SEM1: permits are taken past those who wait",
        file: SEMAPHORE,
        from: "self.state.store((seen & CLOSED) | (rest << SHIFT), Ordering::Release);",
        to: "self.state.store((seen & (CLOSED | WAITERS)) | (rest << SHIFT), Ordering::Release);",
        models: &["semaphore"],
    },
    Step {
        name: "SEM3: a release does not look for those who wait",
        file: SEMAPHORE,
        from: "            if seen & WAITERS != 0 {\n                return false;\n            }",
        to: "",
        models: &["semaphore", "mutex"],
    },
    Step {
        name: "SEM4: a waiter with its permits is not woken",
        file: SEMAPHORE,
        from: "    wakers.push(unsafe { waiter.waker.take() });\n    // ordering: SEM4.",
        to: "    drop(unsafe { waiter.waker.take() });\n    let _ = wakers;\n    // ordering: SEM4.",
        models: &["semaphore", "mutex"],
    },
    Step {
        name: "SEM7: who leaves keeps what it holds",
        file: SEMAPHORE,
        from: "        self.release_locked(holds, waiters);",
        to: "        self.release_locked(holds * 0, waiters);",
        models: &["semaphore"],
    },
    Step {
        name: "SEM7: who leaves stays in the list",
        file: SEMAPHORE,
        from: "            unsafe { waiters.remove(node) };",
        to: "            let _ = &mut waiters;",
        models: &["semaphore"],
    },
    Step {
        name: "SEM8: a close refuses only those who come",
        file: SEMAPHORE,
        from: "                let Some(node) = waiters.pop_front() else { break };",
        to: "                let Some(node) = waiters.pop_front().filter(|_| false) else { break };",
        models: &["semaphore"],
    },
    Step {
        name: "NTF1: a notification does not look for those who wait",
        file: NOTIFY,
        from: "        while seen & WAITERS == 0 {\n            // ordering: NTF1.",
        to: "        while true || seen & WAITERS == 0 {\n            // ordering: NTF1.",
        models: &["notify"],
    },
    Step {
        name: "NTF4: the bit of the last waiter stays",
        file: NOTIFY,
        from: "        if lock.waiting.is_empty() {\n            self.clear_waiters_bit();\n        }",
        to: "",
        models: &["notify"],
    },
    Step {
        name: "NTF5: the generation stays",
        file: NOTIFY,
        from: "self.change_locked(|seen| seen.wrapping_add(GENERATION) & !WAITERS);",
        to: "self.change_locked(|seen| seen & !WAITERS);",
        models: &["notify"],
    },
    Step {
        name: "CH2: a message wakes nobody",
        file: CHAN,
        from: "        if self.queue.push(value)? {\n            self.rx_waker.wake();\n        }",
        to: "        if self.queue.push(value)? {}",
        models: &["mpsc"],
    },
    Step {
        name: "CH5: the mark before the waker",
        file: CHAN,
        from: "        unsafe { self.0.rx_waker.register(cx.waker()) };\n        // SAFETY: `&mut Rx`: C1; the waker is in place.\n        if !unsafe { self.0.queue.wait() } {",
        to: "        let marked = unsafe { self.0.queue.wait() };\n        unsafe { self.0.rx_waker.register(cx.waker()) };\n        if !marked {",
        models: &["mpsc"],
    },
    Step {
        name: "CH8: the end wakes nobody",
        file: CHAN,
        from: "if self.0.senders.fetch_sub(1, AcqRel) == 1 && self.0.queue.end() {",
        to: "if self.0.senders.fetch_sub(1, AcqRel) == 1 && self.0.queue.end() && false {",
        models: &["mpsc"],
    },
    Step {
        name: "CH9: who waits does not look whether the channel is drained",
        file: CHAN,
        from: "        if self.0.limit.is_drained() {\n            return Poll::Ready(R::default());\n        }",
        to: "",
        models: &["mpsc"],
    },
    Step {
        name: "ONE6: the sender counts as done too early",
        file: ONESHOT,
        from: "    state & TX_DONE != 0 && (state & RX_WAKER == 0 || state & TX_GONE != 0)",
        to: "    state & TX_DONE != 0",
        models: &["oneshot"],
    },
    Step {
        name: "WAT1: a change notifies nobody",
        file: WATCH,
        from: "            self.state.fetch_or(CLOSED, Ordering::Release);\n            self.changed.notify_waiters();",
        to: "            self.state.fetch_or(CLOSED, Ordering::Release);",
        models: &["watch"],
    },
    Step {
        name: "WAT4: the last receiver notifies nobody",
        file: WATCH,
        from: "            self.receivers_gone.notify_waiters();",
        to: "            let _ = &self.receivers_gone;",
        models: &["watch"],
    },
    Step {
        name: "BC1: a message notifies nobody",
        file: RING,
        from: "        self.sent.notify_waiters();\n        // Last: its `Drop`",
        to: "        // Last: its `Drop`",
        models: &["broadcast"],
    },
    Step {
        name: "BC2: the end is told before the last message",
        file: RING,
        from: "            if slot.position.wrapping_add(self.capacity()) == *next {\n                return Err(TryRecvError::Closed);\n            }",
        to: "            return Err(TryRecvError::Closed);",
        models: &["broadcast"],
    },
    Step {
        name: "BC4: who leaves does not mark the rest as read",
        file: RING,
        from: "        rest.run();\n    }\n\n    /// Takes one reader",
        to: "        std::mem::forget(rest);\n    }\n\n    /// Takes one reader",
        models: &["broadcast"],
    },
];
