//! Cancelling: whenever and however it is asked for, the future is dropped once, and a task that has
//! completed keeps its output.

use std::future::{Future, poll_fn};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use filch::runtime::Runtime;
use filch::sync::oneshot;
use filch::task::{AbortHandle, JoinError, JoinHandle};
use filch_tests::PATIENCE;
use filch_tests::count::{Count, forever};
use filch_tests::panics::{PanicOnDrop, install_hook, message};
use filch_tests::runtimes::{Kind, assert_all_workers_run, block_on_elsewhere};

/// What the task does when it is cancelled.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    BeforeFirstPoll,
    Idle,
    RunningThenPending,
    RunningThenReady,
    Complete,
}

/// By what.
#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Join,
    Abort,
    Drop,
    Twice,
}

/// A spawned task that can be watched.
struct Subject {
    join: Option<JoinHandle<&'static str>>,
    abort: AbortHandle,
    polls: Count,
    drops: Count,
}

impl Subject {
    fn spawn(
        runtime: &Runtime,
        future: impl Future<Output = &'static str> + Send + 'static,
    ) -> Subject {
        let (polls, drops) = (Count::new(), Count::new());
        let guard = drops.on_drop();
        let join = runtime.spawn(filch_tests::count::count_polls(&polls, async move {
            let _guard = guard;
            future.await
        }));
        Subject { abort: join.abort_handle(), join: Some(join), polls, drops }
    }

    /// Cancels it. The handle is gone afterwards if that is how.
    fn cancel(&mut self, how: How) {
        match how {
            How::Join => self.join.as_ref().unwrap().abort(),
            How::Abort => self.abort.clone().abort(),
            How::Drop => drop(self.join.take().unwrap().abort_on_drop()),
            How::Twice => {
                self.join.as_ref().unwrap().abort();
                self.abort.abort();
            }
        }
    }

    /// How it ended, if there is a handle that says so.
    fn outcome(&mut self, runtime: &Runtime) -> Option<Result<&'static str, JoinError>> {
        let outcome = self.join.take().map(|join| runtime.block_on(join));
        // Without a handle: until it is over.
        while !self.abort.is_finished() {
            runtime.block_on(filch::task::yield_now());
        }
        outcome
    }
}

#[test]
fn cancelled_at_any_time_by_any_means() {
    for kind in Kind::ALL {
        for when in [When::BeforeFirstPoll, When::Idle, When::Complete] {
            for how in [How::Join, How::Abort, How::Drop, How::Twice] {
                let runtime = kind.runtime();
                let case = format!("{kind:?} {when:?} {how:?}");
                // Holds the only worker, so that nothing is polled before it is cancelled.
                let (release, released) = mpsc::channel::<()>();
                let holds_back = when == When::BeforeFirstPoll && kind == Kind::OneWorker;
                if holds_back {
                    let (holds, is_held) = mpsc::channel();
                    runtime.spawn(async move {
                        holds.send(()).unwrap();
                        released.recv_timeout(PATIENCE).unwrap();
                    });
                    is_held.recv_timeout(PATIENCE).unwrap();
                }
                let (polled, was_polled) = oneshot::channel();
                let mut subject = Subject::spawn(&runtime, async move {
                    polled.send(()).unwrap();
                    if when != When::Complete {
                        std::future::pending::<()>().await;
                    }
                    "done"
                });
                if when != When::BeforeFirstPoll {
                    runtime.block_on(was_polled).unwrap();
                }
                while when == When::Complete && !subject.abort.is_finished() {
                    runtime.block_on(filch::task::yield_now());
                }
                subject.cancel(how);
                if holds_back {
                    release.send(()).unwrap();
                }
                match subject.outcome(&runtime) {
                    Some(Ok(output)) => {
                        assert_eq!((when, output), (When::Complete, "done"), "{case}")
                    }
                    Some(Err(error)) => {
                        assert!(error.is_cancelled() && !error.is_panic(), "{case}");
                        assert_ne!(when, When::Complete, "{case}");
                    }
                    None => assert_eq!(how, How::Drop, "{case}"),
                }
                drop(runtime);
                assert_eq!(subject.drops.get(), 1, "{case}");
                let polls = subject.polls.get();
                match when {
                    // Only where the one thread that could poll it was held back is this certain.
                    When::BeforeFirstPoll if kind == Kind::Workers => assert!(polls <= 1, "{case}"),
                    When::BeforeFirstPoll => assert_eq!(polls, 0, "{case}"),
                    _ => assert_eq!(polls, 1, "{case}"),
                }
            }
        }
    }
}

#[test]
fn cancelled_in_the_middle_of_a_poll() {
    for kind in Kind::ALL {
        for when in [When::RunningThenPending, When::RunningThenReady] {
            for how in [How::Join, How::Abort, How::Drop, How::Twice] {
                let case = format!("{kind:?} {when:?} {how:?}");
                let runtime = kind.runtime();
                let (running, is_running) = mpsc::channel();
                let (release, released) = mpsc::channel::<()>();
                let mut subject = Subject::spawn(
                    &runtime,
                    poll_fn(move |cx| {
                        running.send(()).unwrap();
                        released.recv_timeout(PATIENCE).unwrap();
                        // It wants to be polled again, and must not.
                        cx.waker().wake_by_ref();
                        match when {
                            When::RunningThenReady => Poll::Ready("done"),
                            _ => Poll::Pending,
                        }
                    }),
                );
                let outcome = thread::scope(|scope| {
                    // Drives the current-thread runtime meanwhile.
                    let (done, is_done) = oneshot::channel::<()>();
                    let driver = scope.spawn(|| runtime.block_on(is_done));
                    is_running.recv_timeout(PATIENCE).unwrap();
                    subject.cancel(how);
                    assert!(!subject.abort.is_finished(), "{case}: it still runs");
                    assert_eq!(subject.drops.get(), 0, "{case}: nobody else drops it");
                    release.send(()).unwrap();
                    let outcome = subject.outcome(&runtime);
                    done.send(()).unwrap();
                    driver.join().unwrap().unwrap();
                    outcome
                });
                match (outcome, when) {
                    (Some(Ok(output)), When::RunningThenReady) => assert_eq!(output, "done"),
                    (Some(Err(error)), When::RunningThenPending) => {
                        assert!(error.is_cancelled(), "{case}");
                    }
                    (None, _) => assert_eq!(how, How::Drop, "{case}"),
                    (outcome, _) => panic!("{case}: {outcome:?}"),
                }
                drop(runtime);
                assert_eq!((subject.polls.get(), subject.drops.get()), (1, 1), "{case}");
            }
        }
    }
}

#[test]
fn task_that_aborts_itself_ends_at_its_next_await() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (mine, is_mine) = oneshot::channel::<AbortHandle>();
        let steps = Count::new();
        let task = {
            let steps = steps.clone();
            runtime.spawn(async move {
                let me = is_mine.await.unwrap();
                me.abort();
                steps.add();
                filch::task::yield_now().await;
                steps.add();
            })
        };
        mine.send(task.abort_handle()).unwrap();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled(), "{kind:?}");
        assert_eq!(steps.get(), 1, "{kind:?}");
    }
}

#[test]
fn abort_drops_what_the_task_awaits_and_its_peers_see_it() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (sender, receiver) = oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            std::future::pending::<()>().await;
            drop(sender);
        });
        let abort = task.abort_handle();
        runtime.block_on(async {
            filch::spawn(async move { abort.abort() }).await.unwrap();
            // Its end is seen through what it held.
            assert!(receiver.await.is_err(), "{kind:?}");
        });
    }
}

#[test]
fn destructor_that_panics_is_the_outcome_of_a_cancelled_task() {
    install_hook();
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (drops, polls) = (Count::new(), Count::new());
        let task = runtime.spawn(forever(&polls, (PanicOnDrop("in drop"), drops.on_drop())));
        task.abort();
        let error = runtime.block_on(task).unwrap_err();
        assert!(error.is_panic(), "{kind:?}");
        assert_eq!(message(&*error.into_panic()), "expected: in drop");
        assert_eq!(drops.get(), 1, "{kind:?}: the rest of the future is dropped too");
        assert_all_workers_run(&runtime);
    }
}

#[test]
fn abort_on_drop_can_be_taken_back() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (go, gone) = oneshot::channel();
        let task = runtime.spawn(async move { gone.await.unwrap() }).abort_on_drop();
        let task = task.detach();
        go.send(7).unwrap();
        assert_eq!(runtime.block_on(task).unwrap(), 7, "{kind:?}");

        // Awaited to the end it cancels nothing.
        let task = runtime.spawn(async { 8 }).abort_on_drop();
        assert_eq!(runtime.block_on(task).unwrap(), 8, "{kind:?}");
        let task = runtime.spawn(std::future::pending::<()>()).abort_on_drop();
        task.abort();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled(), "{kind:?}");
    }
}

#[test]
fn future_that_gives_up_awaiting_cancels_the_task() {
    let runtime = Kind::CurrentThread.builder().start_paused(true).build().unwrap();
    let (polls, drops) = (Count::new(), Count::new());
    runtime.block_on(async {
        let task = filch::spawn(forever(&polls, drops.on_drop())).abort_on_drop();
        let limit = std::time::Duration::from_secs(1);
        assert!(filch::time::timeout(limit, task).await.is_err());
        filch::task::yield_now().await;
        assert_eq!((polls.get(), drops.get()), (1, 1));
    });
}

#[test]
fn many_threads_abort_the_same_task_while_it_is_woken() {
    const ROUNDS: usize = 300;
    let runtime = Kind::Workers.runtime();
    for _ in 0..ROUNDS {
        let drops = Count::new();
        let guard = drops.on_drop();
        let task = runtime.spawn(async move {
            let _guard = guard;
            loop {
                filch::task::yield_now().await;
            }
        });
        thread::scope(|scope| {
            for _ in 0..3 {
                let abort = task.abort_handle();
                scope.spawn(move || abort.abort());
            }
        });
        assert!(block_on_elsewhere(task).unwrap_err().is_cancelled());
        drops.wait_for(1);
    }
    assert_all_workers_run(&runtime);
}

#[test]
fn abort_handle_of_a_task_long_gone_does_nothing() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let task = runtime.spawn(async {});
        let abort = task.abort_handle();
        let id = task.id();
        runtime.block_on(task).unwrap();
        abort.abort();
        assert!(abort.is_finished());
        drop(runtime);
        abort.clone().abort();
        assert_eq!(abort.id(), id, "{kind:?}");
    }
}
