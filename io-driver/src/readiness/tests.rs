//! The waiters without a system under them: who is woken, by what, and what is dropped where.

use std::future::Future;
use std::panic::panic_any;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::*;

/// Counts its wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Task {
    count: Arc<Count>,
    waker: Waker,
}

impl Task {
    fn new() -> Self {
        let count = Arc::new(Count::default());
        Task { waker: count.clone().into(), count }
    }

    fn wakes(&self) -> usize {
        self.count.0.load(Ordering::SeqCst)
    }

    fn cx(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    /// How many references to the waker are alive, beside ours.
    fn held(&self) -> usize {
        Arc::strong_count(&self.count) - 2
    }
}

fn open() -> (Readiness, u32) {
    let readiness = Readiness::new();
    let generation = readiness.open();
    (readiness, generation)
}

fn poll(readiness: &Readiness, task: &Task, direction: Direction) -> Poll<ReadyEvent> {
    readiness.poll_ready(&mut task.cx(), direction).map(|event| event.unwrap())
}

#[test]
fn each_direction_wakes_its_own_task() {
    let (readiness, generation) = open();
    let (reader, writer) = (Task::new(), Task::new());
    assert!(poll(&readiness, &reader, Direction::Read).is_pending());
    assert!(poll(&readiness, &writer, Direction::Write).is_pending());
    assert!(readiness.set_ready(generation, Ready::READABLE));
    assert_eq!((reader.wakes(), writer.wakes()), (1, 0));
    assert!(poll(&readiness, &reader, Direction::Read).is_ready());
    assert!(poll(&readiness, &writer, Direction::Write).is_pending());
    assert!(readiness.set_ready(generation, Ready::WRITE_CLOSED));
    assert_eq!((reader.wakes(), writer.wakes()), (1, 1));
    assert_eq!((reader.held(), writer.held()), (0, 0));
}

#[test]
fn last_waker_of_a_direction_counts() {
    let (readiness, generation) = open();
    let (first, second) = (Task::new(), Task::new());
    assert!(poll(&readiness, &first, Direction::Read).is_pending());
    assert!(poll(&readiness, &first, Direction::Read).is_pending());
    assert_eq!(first.held(), 1);
    assert!(poll(&readiness, &second, Direction::Read).is_pending());
    assert_eq!(first.held(), 0);
    readiness.set_ready(generation, Ready::READABLE);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
}

#[test]
fn every_waiter_of_the_list_is_woken_and_in_any_number() {
    let (readiness, generation) = open();
    // More than one batch.
    let tasks: Vec<Task> = (0..50).map(|_| Task::new()).collect();
    let mut waits: Vec<Pin<Box<Wait>>> =
        tasks.iter().map(|_| Box::pin(readiness.wait(Ready::READABLE))).collect();
    for (task, wait) in tasks.iter().zip(&mut waits) {
        assert!(wait.as_mut().poll(&mut task.cx()).is_pending());
    }
    readiness.set_ready(generation, Ready::WRITABLE);
    assert!(tasks.iter().all(|task| task.wakes() == 0 && task.held() == 1));
    readiness.set_ready(generation, Ready::READABLE);
    assert!(tasks.iter().all(|task| task.wakes() == 1 && task.held() == 0));
    for (task, wait) in tasks.iter().zip(&mut waits) {
        assert!(wait.as_mut().poll(&mut task.cx()).is_ready());
    }
}

#[test]
fn wait_that_is_dropped_leaves_the_list_wherever_it_stands() {
    for dropped in 0..3 {
        let (readiness, generation) = open();
        let tasks = [Task::new(), Task::new(), Task::new()];
        let mut waits: Vec<_> =
            tasks.iter().map(|_| Box::pin(readiness.wait(Ready::READABLE))).collect();
        for (task, wait) in tasks.iter().zip(&mut waits) {
            assert!(wait.as_mut().poll(&mut task.cx()).is_pending());
        }
        drop(waits.remove(dropped));
        assert_eq!(tasks[dropped].held(), 0);
        readiness.set_ready(generation, Ready::READABLE);
        for (i, task) in tasks.iter().enumerate() {
            assert_eq!(task.wakes(), usize::from(i != dropped), "dropped {dropped}, task {i}");
        }
        drop(waits);
        assert!(readiness.waiters.lock().is_empty());
    }
}

#[test]
fn wait_goes_on_with_a_new_waker_after_a_lost_race() {
    let (readiness, generation) = open();
    let (first, second) = (Task::new(), Task::new());
    let mut wait = pin!(readiness.wait(Ready::READABLE));
    assert!(wait.as_mut().poll(&mut first.cx()).is_pending());
    assert!(wait.as_mut().poll(&mut second.cx()).is_pending());
    assert_eq!((first.held(), second.held()), (0, 1));
    readiness.set_ready(generation, Ready::READABLE);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    // Another task was faster and took the readiness away.
    let Poll::Ready(Ok(event)) = readiness.check(Ready::READABLE) else { panic!() };
    readiness.clear(event);
    assert!(wait.as_mut().poll(&mut first.cx()).is_pending());
    readiness.set_ready(generation, Ready::READ_CLOSED);
    assert_eq!(first.wakes(), 0, "waits for data only");
    readiness.set_ready(generation, Ready::READABLE);
    assert_eq!(first.wakes(), 1);
    assert!(wait.as_mut().poll(&mut first.cx()).is_ready());
}

#[test]
fn close_and_shutdown_wake_everybody_with_an_error() {
    for shutdown in [false, true] {
        let (readiness, _) = open();
        let (reader, writer, other) = (Task::new(), Task::new(), Task::new());
        let mut wait = pin!(readiness.wait(Ready::PRIORITY));
        assert!(poll(&readiness, &reader, Direction::Read).is_pending());
        assert!(poll(&readiness, &writer, Direction::Write).is_pending());
        assert!(wait.as_mut().poll(&mut other.cx()).is_pending());
        if shutdown {
            readiness.shut_down()
        } else {
            readiness.close()
        }
        for task in [&reader, &writer, &other] {
            assert_eq!((task.wakes(), task.held()), (1, 0));
        }
        let text = if shutdown { "shut down" } else { "no longer registered" };
        let Poll::Ready(Err(error)) = wait.as_mut().poll(&mut other.cx()) else { panic!() };
        assert!(error.to_string().contains(text), "{error}");
        let Poll::Ready(Err(error)) = readiness.poll_ready(&mut reader.cx(), Direction::Read)
        else {
            panic!()
        };
        assert_eq!(error.kind(), std::io::ErrorKind::Other);
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(reader.held(), 0, "a waker was left behind");
    }
}

/// Dropped with the panic that it is the payload of, which is nobody's to see; and panics again.
struct Payload(Arc<AtomicUsize>);

impl Drop for Payload {
    fn drop(&mut self) {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            panic_any("the payload's panic");
        }
    }
}

#[test]
fn waker_that_panics_costs_nobody_else_the_wake() {
    struct Bomb(Arc<AtomicUsize>);
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic_any(Payload(self.0.clone()));
        }
    }
    let (readiness, generation) = open();
    let drops = Arc::new(AtomicUsize::new(0));
    let bomb = Waker::from(Arc::new(Bomb(drops.clone())));
    let other = Task::new();
    let mut cx = Context::from_waker(&bomb);
    assert!(readiness.poll_ready(&mut cx, Direction::Read).is_pending());
    let mut wait = pin!(readiness.wait(Ready::READABLE));
    assert!(wait.as_mut().poll(&mut other.cx()).is_pending());
    assert!(readiness.set_ready(generation, Ready::READABLE));
    assert_eq!(other.wakes(), 1);
    assert_eq!(drops.load(Ordering::SeqCst), 1, "the payload was kept");
}

#[test]
fn waker_may_come_back_to_the_registration() {
    struct Reentrant(Arc<(Readiness, u32)>);
    impl Wake for Reentrant {
        fn wake(self: Arc<Self>) {
            let Poll::Ready(Ok(event)) = self.0.0.check(Ready::ALL) else { panic!() };
            self.0.0.clear(event);
            let mut cx = Context::from_waker(Waker::noop());
            assert!(self.0.0.poll_ready(&mut cx, Direction::Read).is_pending());
        }
    }
    let shared = Arc::new(open());
    let waker = Waker::from(Arc::new(Reentrant(shared.clone())));
    let mut cx = Context::from_waker(&waker);
    assert!(shared.0.poll_ready(&mut cx, Direction::Read).is_pending());
    assert!(shared.0.set_ready(shared.1, Ready::READABLE));
    assert!(shared.0.current().is_empty());
}

#[test]
fn wait_spends_a_unit_of_the_budget_and_stops_without() {
    use filch_primitives::coop;
    let (readiness, generation) = open();
    readiness.set_ready(generation, Ready::READABLE);
    let task = Task::new();
    let _budget = coop::fresh();
    for _ in 0..coop::BUDGET {
        assert!(pin!(readiness.wait(Ready::READABLE)).poll(&mut task.cx()).is_ready());
    }
    assert!(pin!(readiness.wait(Ready::READABLE)).poll(&mut task.cx()).is_pending());
    assert_eq!(task.wakes(), 1, "out of budget, and yet to come back");
}

#[test]
fn state_prints() {
    let (readiness, generation) = open();
    readiness.set_ready(generation, Ready::READABLE);
    assert!(format!("{readiness:?}").contains("ready: READABLE"));
}
