//! After the tests that share a process: nothing is left.

use filch_tests::process::leave_nothing_behind;

use crate::{child, command, pipes};

#[test]
fn nothing_is_left() {
    let tests: &[fn()] = &[
        child::status_is_that_of_the_child,
        child::status_is_kept_and_the_number_is_not,
        child::asking_finds_the_end_without_a_wait,
        child::wait_closes_the_input_and_asking_does_not,
        child::dropped_wait_keeps_the_status,
        child::kill_ends_and_reaps_a_child_that_ignores_sigterm,
        child::killing_what_has_ended_is_no_error,
        child::kill_twice_is_as_once,
        child::stopped_child_has_not_ended,
        child::large_outputs_of_both_pipes_are_read_at_once,
        child::output_of_pipes_that_are_none_is_empty,
        child::child_outlives_its_runtime_and_is_awaited_elsewhere,
        child::waiting_task_of_a_runtime_that_goes_is_told_by_another,
        child::status_that_went_elsewhere_is_an_error,
        command::arguments_environment_and_folder_arrive,
        command::first_argument_may_be_another_name,
        command::group_is_a_new_one_on_demand,
        command::user_and_group_are_set_or_starting_fails,
        command::function_before_exec_runs_in_the_child_and_its_error_is_that_of_starting,
        command::programs_that_are_none_are_errors,
        command::stds_command_is_inside,
        command::status_closes_the_pipes,
        command::status_and_output_start_before_they_are_polled,
        command::output_overrides_what_was_set_and_a_command_may_be_used_again,
        command::other_ways_of_starting_are_possible_and_may_fail,
        command::starting_without_a_runtime_panics_at_the_caller,
        command::runtime_that_is_gone_starts_nothing,
        pipes::megabytes_go_through_a_child_unchanged,
        pipes::several_buffers_are_written_at_once,
        pipes::dropped_read_takes_nothing,
        pipes::writing_to_a_child_that_is_gone_is_an_error,
        pipes::writer_that_waits_learns_of_the_end,
        pipes::pipe_of_one_child_is_the_stream_of_another,
        pipes::descriptors_come_out_blocking_and_go_in_nonblocking,
        pipes::pipes_of_stds_child_may_be_taken_over,
        pipes::what_cannot_be_waited_for_is_the_systems_error,
        pipes::pipes_of_a_runtime_that_is_gone_are_errors,
    ];
    leave_nothing_behind("leaks::nothing_is_left", || {}, tests);
}
