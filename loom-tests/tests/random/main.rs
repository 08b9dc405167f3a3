//! Random schedules: whole programs on the real scheduler and the real `sync`, in orders that shuttle draws.
//!
//! Each scenario draws its own shape too: how many workers, tasks, messages, and who does what. What each
//! must keep is asserted in it; what all must keep, in `filch_loom_tests::random`: no deadlock, an end,
//! nothing left in memory, no two threads inside of one future. How long, how to repeat a failure, and what
//! is beyond this: docs/random-schedules.md.

#![cfg(filch_shuttle)]

mod blocking;
mod channels;
mod locks;
mod planted;
mod runtime;
mod sets;
mod shutdown;
mod support;
mod timers;

use filch_loom_tests::random;

/// The scenarios: one test each, and how many there are, by which the schedules are shared out.
macro_rules! scenarios {
    ($($module:ident: $($name:ident),+;)+) => {
        const SCENARIOS: u64 = [$($(stringify!($name)),+),+].len() as u64;

        /// A seed says everything: the same one twice takes the same steps (R1), in every scenario.
        #[test]
        fn every_schedule_can_be_repeated() {
            $($(for seed in 0..10 {
                assert!(
                    random::is_repeatable(seed, $module::$name),
                    "{} differs under the seed {seed}",
                    stringify!($name),
                );
            })+)+
        }

        $($(
            #[test]
            fn $name() {
                random::run(stringify!($name), SCENARIOS, $module::$name);
            }
        )+)+
    };
}

scenarios! {
    runtime: trees_of_tasks, bursts_overflow_the_queue,
        tasks_block_until_others_ran, wakes_go_everywhere, aborts_meet_everything,
        two_threads_drive_one_current_thread_runtime;
    blocking: blocking_calls_grow_and_retire, tasks_block_in_place;
    shutdown: shutdown_in_the_middle_of_everything;
    channels: many_senders_one_receiver, oneshots_are_closed_and_dropped, broadcast_lags,
        watch_shows_the_last_value;
    locks: semaphore_loses_no_permit, notify_reaches_whom_it_must, locks_exclude, barrier_lets_all_go,
        once_cell_is_set_once;
    sets: join_set_gives_back_each, scope_leaves_nothing_behind;
    timers: timers_across_threads, timeouts_inside_of_a_runtime;
}
