#[filch::main(threads = 4)]
async fn unknown() {}

#[filch::main(flavor = "threaded")]
async fn unknown_flavor() {}

#[filch::main(flavor = current_thread)]
async fn flavor_without_quotes() {}

#[filch::main(flavor = "current_thread", worker_threads = 4)]
async fn workers_on_one_thread() {}

#[filch::main(worker_threads = 0)]
async fn no_worker() {}

#[filch::main(worker_threads = "4")]
async fn workers_in_quotes() {}

#[filch::test(flavor = "multi_thread", start_paused = true)]
async fn paused_on_many_threads() {}

#[filch::test(start_paused = 1)]
async fn paused_by_a_number() {}

#[filch::test(unhandled_panic = "panic")]
async fn unknown_policy() {}

#[filch::test(name = 5)]
async fn name_without_quotes() {}

#[filch::test(crate = "1")]
async fn no_path() {}

#[filch::test(name = "a", name = "b")]
async fn twice() {}

#[filch::test(leak_check = "yes")]
async fn leak_check_in_quotes() {}

#[filch::main(leak_check = true)]
async fn leak_check_outside_of_a_test() {}

#[filch::main(flavor = "current_thread" start_paused = true)]
async fn no_comma() {}

#[filch::main(flavor, worker_threads = 0, nothing)]
async fn several_at_once() {}

fn main() {}
