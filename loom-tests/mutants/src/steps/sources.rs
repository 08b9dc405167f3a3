//! Readiness and timers.

use super::Step;

const WORD: &str = "io-driver/src/readiness/word.rs";
const READINESS: &str = "io-driver/src/readiness.rs";
const SHARD: &str = "timer/src/shard.rs";
const ENTRY: &str = "timer/src/entry.rs";

pub(super) const STEPS: &[Step] = &[
    Step {
        name: "R3: an event counts for any generation",
        file: WORD,
        from: "let alive = seen.generation() == generation && !seen.is_closed();",
        to: "let alive = !seen.is_closed();",
        models: &["readiness"],
    },
    Step {
        name: "R3: an event wakes nobody",
        file: READINESS,
        from: "        if counts {\n            self.wake(ready);\n        }",
        to: "        if counts {\n            let _ = ready;\n        }",
        models: &["readiness"],
    },
    Step {
        name: "R5: who leaves a waker does not look again",
        file: READINESS,
        from: "            done = self.check(wanted);\n            let spare",
        to: "            let spare",
        models: &["readiness"],
    },
    Step {
        name: "R6: a clear takes what came since",
        file: WORD,
        from: "let stale = seen.tick() != event.tick || seen.ready().intersects(unless);",
        to: "let stale = seen.ready().intersects(unless);",
        models: &["readiness"],
    },
    Step {
        name: "R7: the end of a registration wakes nobody",
        file: READINESS,
        from: "        self.word.close();\n        self.wake(Ready::ALL);",
        to: "        self.word.close();",
        models: &["readiness"],
    },
    Step {
        name: "R8: a shutdown wakes nobody",
        file: READINESS,
        from: "        self.word.shut_down();\n        self.wake(Ready::ALL);",
        to: "        self.word.shut_down();",
        models: &["readiness"],
    },
    Step {
        name: "T1: arming does not look for a shutdown",
        file: SHARD,
        from: "        if wheel.is_shutdown() {\n            drop(wheel);\n            return Arm::Shutdown(waker);\n        }",
        to: "",
        models: &["timer"],
    },
    Step {
        name: "T5: a dropped entry stays in the wheel",
        file: ENTRY,
        from: "        // keeps E2\n        self.unlink();",
        to: "        // keeps E2",
        models: &["timer"],
    },
    Step {
        name: "T7: a reset does not look whether the entry has fired",
        file: SHARD,
        from: "        let mut wheel = self.wheel.lock();\n        if !node.is_armed() {\n            return Err(NotArmed);\n        }\n        // SAFETY: ARMED, so it is linked here; it stays",
        to: "        let mut wheel = self.wheel.lock();\n        // SAFETY: ARMED, so it is linked here; it stays",
        models: &["timer"],
    },
    Step {
        name: "T8: a poll keeps the old waker",
        file: ENTRY,
        from: "!unsafe { this.node.will_wake(cx.waker()) } {",
        to: "!unsafe { this.node.will_wake(cx.waker()) } && false {",
        models: &["timer"],
    },
];
