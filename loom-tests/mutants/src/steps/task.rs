//! The task's state, its owner, and the blocking pool.

use super::Step;

const STATE: &str = "runtime/src/task/state.rs";
const POOL: &str = "runtime/src/blocking/pool.rs";
const POOL_STATE: &str = "runtime/src/blocking/pool/state.rs";
const SEAT: &str = "runtime/src/blocking/pool/seat.rs";

pub(super) const STEPS: &[Step] = &[
    Step {
        name: "F2: a Runnable of a task that runs polls it too",
        file: STATE,
        from: "            if seen.is_complete() || seen.is_running() {\n                let action = match next.release() {",
        to: "            if seen.is_complete() {\n                let action = match next.release() {",
        models: &["task_state"],
    },
    Step {
        name: "F3: a wake during the poll is forgotten",
        file: STATE,
        from: "                (seen.without(RUNNING), EndPoll::Requeue)",
        to: "                (seen.without(RUNNING | NOTIFIED), EndPoll::Idle)",
        models: &["task_state"],
    },
    Step {
        name: "F3: an abort during the poll is forgotten",
        file: STATE,
        from: "            if seen.is_cancelled() {\n                (seen, EndPoll::Cancel)\n            } else if",
        to: "            if false {\n                (seen, EndPoll::Cancel)\n            } else if",
        models: &["task_state", "shutdown"],
    },
    Step {
        name: "F4: a wake during the last poll stays",
        file: STATE,
        from: "let next = if owes_requeue { seen.without(NOTIFIED) } else { seen };",
        to: "let next = if owes_requeue && false { seen.without(NOTIFIED) } else { seen };",
        models: &["task_state"],
    },
    Step {
        name: "F5: the completing thread lets go before it publishes",
        file: STATE,
        from: "            let next = next.with(COMPLETE);\n            (next, next)",
        to: "            let next = next.with(COMPLETE);\n            (next.without(RUNNING), next)",
        models: &["task_state"],
    },
    Step {
        name: "F6: a wake of an idle task does not enqueue",
        file: STATE,
        from: "            } else if seen.is_running() {\n                (seen.with(NOTIFIED), OnWake::Nothing)\n            } else {\n                (seen.with(NOTIFIED), OnWake::Enqueue)",
        to: "            } else if seen.is_running() {\n                (seen.with(NOTIFIED), OnWake::Nothing)\n            } else {\n                (seen.with(NOTIFIED), OnWake::Nothing)",
        models: &["task_state"],
    },
    Step {
        name: "F6: a wake of a running task enqueues it",
        file: STATE,
        from: "                (next.with(NOTIFIED), OnWake::Nothing)\n            } else {\n                (next.with(NOTIFIED), OnWake::Enqueue)",
        to: "                (next.with(NOTIFIED), OnWake::Enqueue)\n            } else {\n                (next.with(NOTIFIED), OnWake::Enqueue)",
        models: &["task_state"],
    },
    Step {
        name: "F6: a wake by value keeps its reference",
        file: STATE,
        from: "let next = Snapshot(seen.0 - REF_ONE);\n            if",
        to: "let next = Snapshot(seen.0);\n            if",
        models: &["task_state"],
    },
    Step {
        name: "F7: an abort of an idle task does not enqueue it",
        file: STATE,
        from: "                (seen.with(CANCELLED | NOTIFIED), OnWake::Enqueue)",
        to: "                (seen.with(CANCELLED | NOTIFIED), OnWake::Nothing)",
        models: &["task_state"],
    },
    Step {
        name: "F8: a closing owner takes the future of a running task",
        file: STATE,
        from: "            } else if seen.is_running() {\n                (seen.with(CANCELLED), Shutdown::Nothing)",
        to: "            } else if false {\n                (seen.with(CANCELLED), Shutdown::Nothing)",
        models: &["task_state", "shutdown"],
    },
    Step {
        name: "F9: a join waker is published on a complete task",
        file: STATE,
        from: "if seen.is_complete() { (seen, false) } else { (seen.with(JOIN_WAKER), true) }",
        to: "if false { (seen, false) } else { (seen.with(JOIN_WAKER), true) }",
        models: &["task_state"],
    },
    Step {
        name: "F9: a join waker is taken back from a complete task",
        file: STATE,
        from: "if seen.is_complete() { (seen, false) } else { (seen.without(JOIN_WAKER), true) }",
        to: "if false { (seen, false) } else { (seen.without(JOIN_WAKER), true) }",
        models: &["task_state"],
    },
    Step {
        name: "F9: JOIN goes with the waker",
        file: STATE,
        from: "                (seen.without(JOIN_WAKER), DropJoin::DropWaker)",
        to: "                (seen.without(JOIN_WAKER | JOIN), DropJoin::DropWaker)",
        models: &["task_state"],
    },
    Step {
        name: "F9: the output of a complete task is nobody's",
        file: STATE,
        from: "                (seen, DropJoin::DropOutput)",
        to: "                (seen.without(JOIN), DropJoin::Done)",
        models: &["task_state"],
    },
    Step {
        name: "B1: a push recruits nobody",
        file: POOL,
        from: "            self.publish(&state);\n            state.recruit(self.0.config.max_threads)\n        };\n        match self.perform(recruit) {",
        to: "            self.publish(&state);\n            Recruit::Nobody\n        };\n        match self.perform(recruit) {",
        models: &["blocking_pool"],
    },
    Step {
        name: "B2: an idle thread that is woken does not count as searching",
        file: POOL_STATE,
        from: "        if let Some(Idle { unparker, .. }) = self.idle.pop() {\n            self.searching += 1;",
        to: "        if let Some(Idle { unparker, .. }) = self.idle.pop() {",
        models: &["blocking_pool"],
    },
    Step {
        name: "B3: a refused thread keeps its reservation",
        file: SEAT,
        from: "            Phase::Searching => state.leave_searching(),\n            Phase::Running",
        to: "            Phase::Searching => (),\n            Phase::Running",
        models: &["blocking_pool"],
    },
    Step {
        name: "B4: who took a job recruits nobody for the next",
        file: SEAT,
        from: "                let recruit = state.recruit(shared.config.max_threads);\n                drop(state);",
        to: "                let recruit = state.recruit(shared.config.max_threads * 0);\n                drop(state);",
        models: &["blocking_pool"],
    },
    Step {
        name: "B5: a thread whose time is over leaves though it was chosen",
        file: POOL_STATE,
        from: "            return AfterIdle::Searching;\n        };",
        to: "            self.searching -= 1;\n            self.serving -= 1;\n            return AfterIdle::Left;\n        };",
        models: &["blocking_pool"],
    },
    Step {
        name: "B6: a thread goes and does not say so",
        file: SEAT,
        from: "            shared.gone.notify_all();",
        to: "            let _ = &shared.gone;",
        models: &["blocking_pool"],
    },
    Step {
        name: "B7: a shutdown wakes no idle thread",
        file: POOL,
        from: "        for unparker in idle {\n            unparker.unpark();\n        }\n        // If the",
        to: "        drop(idle);\n        // If the",
        models: &["blocking_pool"],
    },
    Step {
        name: "B10: who steps aside still counts as one that takes jobs",
        file: POOL_STATE,
        from: "    pub(super) fn step_aside(&mut self) {\n        self.serving -= 1;",
        to: "    pub(super) fn step_aside(&mut self) {\n        self.serving -= 0;",
        models: &["blocking_pool"],
    },
];
