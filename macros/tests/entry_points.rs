//! The attributes on real functions: what each argument does, and what bodies they accept.

use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

use filch as renamed;
use filch::runtime::{Handle, RuntimeFlavor};

type AnyError = Box<dyn std::error::Error>;

fn flavor() -> RuntimeFlavor {
    Handle::current().runtime_flavor()
}

#[filch::main]
async fn default_main() -> RuntimeFlavor {
    filch::spawn(async {}).await.unwrap();
    flavor()
}

#[test]
fn main_is_multi_threaded_by_default() {
    assert_eq!(default_main(), RuntimeFlavor::MultiThread);
}

#[filch::test]
async fn a_test_has_one_thread_by_default() {
    assert_eq!(flavor(), RuntimeFlavor::CurrentThread);
    let here = std::thread::current().id();
    let there = filch::spawn(async { std::thread::current().id() }).await.unwrap();
    assert_eq!(here, there);
}

#[filch::main(worker_threads = 3)]
async fn three_workers() -> usize {
    Handle::current().metrics().num_workers()
}

#[test]
fn the_worker_count_arrives() {
    assert_eq!(three_workers(), 3);
}

#[filch::test(flavor = "multi_thread", worker_threads = 1)]
async fn tasks_run_on_the_worker_and_the_body_does_not() {
    let body = std::thread::current().id();
    let task = filch::spawn(async { std::thread::current().id() }).await.unwrap();
    assert_ne!(body, task);
}

#[filch::test(flavor = "local")]
async fn the_local_flavor_runs_tasks_that_are_not_send() {
    let shared = Rc::new(5);
    let task = filch::task::spawn_local({
        let shared = Rc::clone(&shared);
        async move { *shared + 1 }
    });
    assert_eq!(task.await.unwrap(), 6);
}

#[filch::test(start_paused = true)]
async fn a_paused_clock_jumps_to_the_next_timer() {
    let real = std::time::Instant::now();
    let before = filch::time::Instant::now();
    filch::time::sleep(Duration::from_secs(3600)).await;
    assert!(before.elapsed() >= Duration::from_secs(3600));
    assert!(real.elapsed() < Duration::from_secs(3600));
}

#[filch::main(flavor = "current_thread", crate = "renamed")]
async fn by_another_name() -> RuntimeFlavor {
    renamed::task::yield_now().await;
    flavor()
}

#[test]
fn the_crate_may_have_another_name() {
    assert_eq!(by_another_name(), RuntimeFlavor::CurrentThread);
}

#[filch::main(name = "named", unhandled_panic = "ignore")]
async fn named() {
    assert_eq!(Handle::current().name(), Some("named"));
    // A panic that nobody awaits: with "ignore" the runtime goes on.
    let (done, ended) = filch::sync::oneshot::channel::<()>();
    drop(filch::spawn(async move {
        let _dropped_by_the_panic = done;
        panic!("this panic is part of the test");
    }));
    assert!(ended.await.is_err());
    filch::spawn(async {}).await.unwrap();
}

#[test]
fn a_name_and_a_panic_policy_are_accepted() {
    named();
}

#[filch::main(flavor = "current_thread")]
async fn not_send() -> Rc<u32> {
    let value = Rc::new(7);
    filch::task::yield_now().await;
    value
}

#[filch::main]
async fn not_send_on_many_threads() -> Rc<u32> {
    let value = Rc::new(7);
    filch::task::yield_now().await;
    value
}

#[test]
fn the_body_need_not_be_send() {
    assert_eq!((*not_send(), *not_send_on_many_threads()), (7, 7));
}

#[filch::main(flavor = "current_thread")]
async fn borrows<'a, T: Debug>(list: &'a mut [u8], by_value: T) -> (&'a mut u8, String) {
    filch::task::yield_now().await;
    (&mut list[0], format!("{by_value:?}"))
}

#[test]
fn other_functions_may_take_arguments() {
    let mut list = [1, 2];
    let (first, text) = borrows(&mut list, Some(3));
    *first += 10;
    assert_eq!(text, "Some(3)");
    assert_eq!(list, [11, 2]);
}

struct Counter(u32);

impl Counter {
    #[filch::main(flavor = "current_thread")]
    async fn add(&mut self, by: u32) -> &mut Self {
        filch::task::yield_now().await;
        self.0 += by;
        self
    }
}

#[test]
fn methods_work_too() {
    assert_eq!(Counter(1).add(2).0, 3);
}

#[filch::main(flavor = "current_thread")]
async fn coerces(number: &str) -> Result<Box<dyn Debug>, AnyError> {
    if number.is_empty() {
        return Err("nothing there".into());
    }
    let parsed: u32 = number.parse()?;
    Ok(Box::new(parsed))
}

#[test]
fn return_question_mark_and_coercions_follow_the_return_type() {
    assert_eq!(format!("{:?}", coerces("12").unwrap()), "12");
    assert_eq!(coerces("").unwrap_err().to_string(), "nothing there");
    assert!(coerces("x").unwrap_err().is::<std::num::ParseIntError>());
}

#[filch::main(flavor = "current_thread")]
async fn opaque() -> impl Debug {
    filch::task::yield_now().await;
    "opaque"
}

#[filch::main(flavor = "current_thread")]
async fn never() -> ! {
    filch::task::yield_now().await;
    std::panic::panic_any(42_u32);
}

#[test]
fn types_that_cannot_be_named_in_a_body_are_inferred() {
    assert_eq!(format!("{:?}", opaque()), "\"opaque\"");
    let panic = std::panic::catch_unwind(|| never()).unwrap_err();
    assert_eq!(*panic.downcast::<u32>().unwrap(), 42);
}

#[filch::test]
async fn a_test_may_return_a_result() -> Result<(), AnyError> {
    let parsed: u32 = "12".parse()?;
    assert_eq!(parsed, 12);
    Ok(())
}

#[filch::test]
#[should_panic(expected = "as it should")]
async fn other_attributes_are_kept() {
    filch::task::yield_now().await;
    panic!("as it should");
}

#[filch::test]
async fn inner_attributes_are_kept() {
    #![allow(unused_variables)]
    let future = 1;
    let output = "names of the expansion are not in the way";
}

macro_rules! with_workers {
    ($count:literal) => {
        #[filch::main(worker_threads = $count)]
        async fn from_a_macro() -> usize {
            Handle::current().metrics().num_workers()
        }
    };
}

with_workers!(2);

#[test]
fn arguments_may_come_from_a_macro() {
    assert_eq!(from_a_macro(), 2);
}
