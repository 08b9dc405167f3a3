//! `#[filch::main]` and `#[filch::test]`: `leak_check`, and what each policy on panics does.

use std::future::pending;
use std::time::Duration;

use filch::sync::oneshot;
use filch::task;
use filch_tests::panics::{caught, expected};

#[filch::test(leak_check = true)]
#[should_panic(expected = "the test left 2 tasks behind:")]
async fn tasks_left_behind() {
    drop(filch::spawn(pending::<()>()));
    drop(task::Builder::new().name("reader").spawn(pending::<()>()));
}
const LINE: u32 = line!() - 3;

#[test]
fn a_leak_is_told_by_name_and_place_at_the_tests_line() {
    let panic = caught(tasks_left_behind);
    let file = file!();
    let lines: Vec<&str> = panic.message.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[1].ends_with(&format!(", spawned at {file}:{LINE}:10")), "{lines:?}");
    let named = format!(" \"reader\", spawned at {file}:{}:", LINE + 1);
    assert!(lines[2].contains(&named), "{lines:?}");
    assert!(lines[3].contains("leave `leak_check` out"), "{lines:?}");
    assert_eq!((panic.file.as_str(), panic.line), (file, LINE - 3));
}

#[filch::test(leak_check = true, flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "the test left 1 task behind:")]
async fn a_leak_on_workers_is_found() {
    let (started, has_started) = oneshot::channel();
    drop(filch::spawn(async {
        started.send(()).unwrap();
        pending::<()>().await;
    }));
    has_started.await.unwrap();
}

#[filch::test(leak_check = true, flavor = "local")]
#[should_panic(expected = "the test left 1 task behind:")]
async fn a_local_leak_is_found() {
    drop(task::spawn_local(pending::<()>()));
}

#[filch::test(leak_check = true, start_paused = true)]
#[should_panic(expected = "the test left 1 task behind:")]
async fn a_task_that_waits_for_a_paused_clock_is_a_leak() {
    drop(filch::spawn(filch::time::sleep(Duration::from_millis(1))));
}

#[filch::test(leak_check = true)]
#[should_panic(expected = "the test left 1 task behind:")]
async fn a_task_that_only_yields_is_a_leak() {
    drop(filch::spawn(async {
        loop {
            task::yield_now().await;
        }
    }));
}

#[filch::test(leak_check = true)]
async fn tasks_that_ended_were_aborted_or_are_about_to_end_are_none() -> Result<(), task::JoinError>
{
    filch::spawn(async {}).await?;
    filch::spawn(pending::<()>()).abort();
    drop(filch::spawn(task::yield_now()));
    Ok(())
}

#[filch::test(leak_check = true, flavor = "multi_thread", worker_threads = 2)]
async fn a_task_in_its_last_step_is_none() {
    for _ in 0..100 {
        let (sender, receiver) = oneshot::channel();
        drop(filch::spawn(async {
            sender.send(()).unwrap();
        }));
        receiver.await.unwrap();
    }
}

#[filch::test(leak_check = false)]
async fn without_the_check_tasks_may_be_left() {
    drop(filch::spawn(pending::<()>()));
}

#[filch::test(leak_check = true)]
#[should_panic(expected = "expected: of the body")]
async fn a_panic_of_the_body_comes_first() {
    drop(filch::spawn(pending::<()>()));
    expected("of the body");
}

#[filch::main(flavor = "current_thread", unhandled_panic = "shutdown_runtime")]
async fn shut_down_by_a_panic() {
    drop(filch::spawn(async { expected("of a task") }));
    pending::<()>().await;
}

#[test]
fn a_panic_may_shut_the_runtime_down() {
    caught(shut_down_by_a_panic);
}

#[filch::test(name = "tested", unhandled_panic = "ignore")]
async fn a_panic_may_be_ignored() {
    assert_eq!(filch::runtime::Handle::current().name(), Some("tested"));
    let (dropped, is_dropped) = oneshot::channel::<()>();
    drop(filch::spawn(async {
        let _dropped = dropped;
        expected("of a task");
    }));
    assert!(is_dropped.await.is_err());
    filch::spawn(async {}).await.unwrap();
}
