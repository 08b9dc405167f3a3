//! The sleep protocol, the LIFO slot, the monitor, the shutdown, the parker, the current-thread scheduler.

use super::Step;

const IDLE: &str = "runtime/src/scheduler/multi_thread/idle.rs";
const WORKER: &str = "runtime/src/scheduler/multi_thread/worker.rs";
const SHARED: &str = "runtime/src/scheduler/multi_thread/mod.rs";
const LIFO: &str = "runtime/src/scheduler/multi_thread/lifo.rs";
const SHUTDOWN: &str = "runtime/src/scheduler/multi_thread/shutdown.rs";
const CURRENT: &str = "runtime/src/scheduler/current_thread.rs";
const PARK: &str = "primitives/src/park.rs";

pub(super) const STEPS: &[Step] = &[
    Step {
        name: "S2: a push does not look for somebody to call",
        file: SHARED,
        from: "        self.injector.push(task);\n        self.notify_one();",
        to: "        self.injector.push(task);",
        models: &["runtime_spawn_join", "shutdown"],
    },
    Step {
        name: "S3: the one that is called does not count as searching",
        file: IDLE,
        from: "(seen.0 - ASLEEP + SEARCHING, Call::Sleeper(0))",
        to: "(seen.0 - ASLEEP, Call::Sleeper(0))",
        models: &["idle"],
    },
    Step {
        name: "S3: a call into the driver is not counted",
        file: IDLE,
        from: "(seen.0 - DRIVER + CALLED + SEARCHING, Call::Driver)",
        to: "(seen.0 - DRIVER + SEARCHING, Call::Driver)",
        models: &["idle"],
    },
    Step {
        name: "S3: one that waits in the driver is never called",
        file: IDLE,
        from: "            } else if seen.driver() > 0 {\n                (seen.0 - DRIVER + CALLED",
        to: "            } else if false {\n                (seen.0 - DRIVER + CALLED",
        models: &["idle", "runtime_spawn_join"],
    },
    Step {
        name: "S4: who parks goes on searching",
        file: IDLE,
        from: "let less = if was_searching { SEARCHING } else { 0 };",
        to: "let less = if was_searching && false { SEARCHING } else { 0 };",
        models: &["idle", "runtime_spawn_join"],
    },
    Step {
        name: "S5: the last searcher does not look once more",
        file: IDLE,
        from: "            return Parked { place: Place::Driver, last_searcher };",
        to: "            return Parked { place: Place::Driver, last_searcher: last_searcher && false };",
        models: &["idle", "runtime_spawn_join"],
    },
    Step {
        name: "S5: who takes itself back does not count as searching",
        file: IDLE,
        from: "(seen.0 - DRIVER + SEARCHING, ())",
        to: "(seen.0 - DRIVER, ())",
        models: &["idle"],
    },
    Step {
        name: "S6: the last searcher with a task calls nobody",
        file: IDLE,
        from: "(seen.0 - SEARCHING, seen.searching() == 1)",
        to: "(seen.0 - SEARCHING, seen.searching() == 1 && false)",
        models: &["idle"],
    },
    Step {
        name: "S6: who leaves the driver answers no call",
        file: IDLE,
        from: "            if seen.called() > 0 {\n                (seen.0 - CALLED, Left::Searching)",
        to: "            if seen.called() > 0 && seen.driver() == 0 {\n                (seen.0 - CALLED, Left::Searching)",
        models: &["idle", "runtime_spawn_join", "shutdown"],
    },
    Step {
        name: "S7: who leaves the driver with work calls nobody to it",
        file: IDLE,
        from: "        match self.call_sleeper_to_driver() {\n            Call::Sleeper(index) => Some(index),",
        to: "        match self.call_sleeper_to_driver() {\n            Call::Sleeper(_) => None,",
        models: &["idle"],
    },
    Step {
        name: "M1: the monitor sleeps while a worker is awake",
        file: IDLE,
        from: "if seen.driver() + seen.asleep() == self.workers {",
        to: "if seen.driver() + seen.asleep() + 1 >= self.workers {",
        models: &["idle"],
    },
    Step {
        name: "M2: who leaves its place does not wake the monitor",
        file: IDLE,
        from: "        if !Snapshot(self.word.load(Ordering::Relaxed)).monitor_sleeps() {\n            return false;\n        }",
        to: "        if true {\n            return false;\n        }",
        models: &["idle"],
    },
    Step {
        name: "L2: a task is taken from the slot in two steps",
        file: LIFO,
        from: "        Self::runnable(self.0.swap(null_mut(), Ordering::Acquire))",
        to: "        let task = self.0.load(Ordering::Acquire);\n        self.0.store(null_mut(), Ordering::Relaxed);\n        Self::runnable(task)",
        models: &["lifo"],
    },
    Step {
        name: "E1: a worker on its parker is not told of the shutdown",
        file: SHUTDOWN,
        from: "            remote.unparker.unpark();",
        to: "            let _ = &remote.unparker;",
        models: &["shutdown"],
    },
    Step {
        name: "E1: who waits in the driver is not told of the shutdown",
        file: SHUTDOWN,
        from: "        self.driver.notify();\n        self.monitor.wake();",
        to: "        self.monitor.wake();",
        models: &["shutdown"],
    },
    Step {
        name: "E1: who waits in the driver does not pass the word on",
        file: WORKER,
        from: "                // E1: the word was for one waiter; pass it on.\n                cx.shared.driver.notify();",
        to: "                // E1: the word was for one waiter; pass it on.",
        models: &["shutdown", "runtime_spawn_join"],
    },
    Step {
        name: "E2: a worker that ends does not close its owner",
        file: WORKER,
        from: "    cx.remote().owner.close();\n    drop(cx.remote().lifo.take());",
        to: "    drop(cx.remote().lifo.take());",
        models: &["shutdown"],
    },
    Step {
        name: "E3: the last worker leaves the injector full",
        file: SHUTDOWN,
        from: "                Steal::Success(task) => drop(task),\n                Steal::Empty => break,",
        to: "                Steal::Success(task) => break std::mem::forget(task),\n                Steal::Empty => break,",
        models: &["shutdown", "runtime_spawn_join"],
    },
    Step {
        name: "E3: the last worker does not close the owners",
        file: SHUTDOWN,
        from: "        for owner in self.owners() {\n            owner.close();\n        }\n        loop {",
        to: "        loop {",
        models: &["shutdown", "runtime_spawn_join"],
    },
    Step {
        name: "K1: a token is left, the sleeper not woken",
        file: PARK,
        from: "if self.0.state.swap(NOTIFIED, Ordering::Release) == PARKED {",
        to: "if self.0.state.swap(NOTIFIED, Ordering::Release) == PARKED + 8 {",
        models: &["idle", "oneshot"],
    },
    Step {
        name: "C2: a push from outside does not wake the driving thread",
        file: CURRENT,
        from: "        self.injector.push(task);\n        self.unpark();",
        to: "        self.injector.push(task);",
        models: &["runtime_spawn_join", "shutdown"],
    },
    Step {
        name: "C2: the main future's waker does not look whether its thread drives",
        file: CURRENT,
        from: "        if self.drives.load(Ordering::Relaxed) {\n            if let",
        to: "        if self.drives.load(Ordering::Relaxed) && false {\n            if let",
        models: &["runtime_spawn_join"],
    },
    Step {
        name: "C3: who parks does not look into the injector",
        file: CURRENT,
        from: "if self.injector.is_empty() && !main.is_woken() && !self.is_shutdown() {",
        to: "if !main.is_woken() && !self.is_shutdown() {",
        models: &["runtime_spawn_join"],
    },
    Step {
        name: "C3: who parks does not look at the main future's mark",
        file: CURRENT,
        from: "if self.injector.is_empty() && !main.is_woken() && !self.is_shutdown() {",
        to: "if self.injector.is_empty() && !self.is_shutdown() {",
        models: &["runtime_spawn_join"],
    },
];
