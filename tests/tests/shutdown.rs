//! The end of a runtime: every pending future is dropped once, nobody waits longer than told, and what
//! did not end is named.

use std::time::Duration;

use filch::runtime::LocalRuntime;
use filch::task;
use filch_tests::PATIENCE;
use filch_tests::count::{Count, forever};
use filch_tests::panics::install_hook;
use filch_tests::process::{alone, descriptors, wait_until_no_thread_is_named};
use filch_tests::runtimes::{End, Kind, assert_all_workers_run, block_on_elsewhere};

/// A task's way of being pending.
#[derive(Debug, Clone, Copy)]
enum Pending {
    Unpolled,
    Forever,
    Yielding,
    Sleeping,
    Joining,
    Receiving,
    Accepting,
}

impl Pending {
    const ALL: [Pending; 7] = [
        Pending::Unpolled,
        Pending::Forever,
        Pending::Yielding,
        Pending::Sleeping,
        Pending::Joining,
        Pending::Receiving,
        Pending::Accepting,
    ];

    async fn wait(self, started: Count) {
        if !matches!(self, Pending::Unpolled) {
            started.add();
        }
        match self {
            Pending::Unpolled | Pending::Forever => std::future::pending().await,
            Pending::Yielding => loop {
                task::yield_now().await;
            },
            Pending::Sleeping => filch::time::sleep(Duration::from_secs(3600)).await,
            Pending::Joining => {
                // The other one may be cancelled first, while this one is polled still.
                let outcome = filch::spawn(std::future::pending::<()>()).await;
                assert!(outcome.unwrap_err().is_cancelled());
                std::future::pending().await
            }
            Pending::Receiving => {
                let (_sender, mut receiver) = filch::sync::mpsc::channel::<()>(1);
                receiver.recv().await;
            }
            Pending::Accepting => {
                let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let _ = listener.accept().await;
            }
        }
    }
}

#[test]
fn every_pending_future_is_dropped_once() {
    for kind in Kind::ALL {
        for end in End::ALL {
            let runtime = kind.runtime();
            let (drops, started) = (Count::new(), Count::new());
            let spawn = |pending: Pending| {
                let (guard, started) = (drops.on_drop(), started.clone());
                runtime.spawn(async move {
                    let _guard = guard;
                    pending.wait(started).await;
                })
            };
            let polled = Pending::ALL.iter().filter(|p| !matches!(p, Pending::Unpolled));
            let mut tasks: Vec<_> = polled.clone().map(|&pending| spawn(pending)).collect();
            while started.get() < polled.clone().count() {
                runtime.block_on(task::yield_now());
            }
            tasks.push(spawn(Pending::Unpolled));
            let count = tasks.len();
            end.end(runtime);
            if end.waits(kind) {
                assert_eq!(drops.get(), count, "{kind:?} {end:?}");
            }
            drops.wait_for(count);
            for task in tasks {
                let error = block_on_elsewhere(task).unwrap_err();
                assert!(error.is_cancelled(), "{kind:?} {end:?}");
            }
        }
    }
}

#[test]
fn futures_are_dropped_inside_of_the_runtime_and_may_spawn_there() {
    struct SpawnsInDrop {
        drops: Count,
        in_runtime: Count,
        left: usize,
    }
    impl Drop for SpawnsInDrop {
        fn drop(&mut self) {
            self.drops.add();
            if filch::runtime::Handle::try_current().is_ok() {
                self.in_runtime.add();
            }
            if self.left > 0 {
                let next = SpawnsInDrop {
                    drops: self.drops.clone(),
                    in_runtime: self.in_runtime.clone(),
                    left: self.left - 1,
                };
                drop(filch::spawn(async move {
                    let _next = next;
                    std::future::pending::<()>().await;
                }));
            }
        }
    }
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (drops, in_runtime) = (Count::new(), Count::new());
        for _ in 0..10 {
            let guard =
                SpawnsInDrop { drops: drops.clone(), in_runtime: in_runtime.clone(), left: 3 };
            runtime.spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
        }
        drop(runtime);
        assert_eq!((drops.get(), in_runtime.get()), (40, 40), "{kind:?}");
    }
}

#[test]
fn destructors_may_wake_and_abort_other_tasks_and_panic() {
    install_hook();
    struct Meddles(filch::task::AbortHandle, filch::sync::oneshot::Sender<()>, bool);
    impl Meddles {
        fn meddle(self) -> impl Drop {
            struct InDrop(Option<Meddles>);
            impl Drop for InDrop {
                fn drop(&mut self) {
                    let Meddles(abort, wake, panics) = self.0.take().unwrap();
                    abort.abort();
                    let _ = wake.send(());
                    if panics {
                        filch_tests::panics::expected("in a destructor at the shutdown");
                    }
                }
            }
            InDrop(Some(self))
        }
    }
    for kind in Kind::ALL {
        for panics in [false, true] {
            let runtime = kind.runtime();
            let drops = Count::new();
            let polls = Count::new();
            let mut previous = runtime.spawn(forever(&polls, drops.on_drop())).abort_handle();
            for _ in 0..50 {
                let (sender, receiver) = filch::sync::oneshot::channel();
                let guard = drops.on_drop();
                let waiter = runtime.spawn(async move {
                    let _guard = guard;
                    let _ = receiver.await;
                });
                let meddler = Meddles(previous, sender, panics).meddle();
                previous = waiter.abort_handle();
                runtime.spawn(forever(&polls, (meddler, drops.on_drop())));
            }
            for _ in 0..200 {
                runtime.block_on(task::yield_now());
            }
            drop(runtime);
            assert_eq!(drops.get(), 101, "{kind:?} panics: {panics}");
        }
    }
}

#[test]
fn threads_and_descriptors_are_gone_after_the_drop() {
    alone("threads_and_descriptors_are_gone_after_the_drop", || {
        let before = descriptors();
        for kind in Kind::ALL {
            for _ in 0..10 {
                let runtime = kind.builder().thread_name("gone-after").build().unwrap();
                assert_all_workers_run(&runtime);
                runtime.block_on(async {
                    let job = task::spawn_blocking(|| ());
                    task::spawn_compute(|| ()).await.unwrap();
                    job.await.unwrap();
                });
                drop(runtime);
                wait_until_no_thread_is_named("gone-after");
                assert_eq!(descriptors(), before, "{kind:?}");
            }
        }
    });
}

#[test]
fn local_runtime_drops_its_tasks_on_its_thread() {
    let drops = Count::new();
    for end in End::ALL {
        let runtime = LocalRuntime::new().unwrap();
        let guard = drops.on_drop_here();
        let not_send = std::rc::Rc::new(());
        runtime.spawn_local(async move {
            let _held = (guard, not_send);
            std::future::pending::<()>().await;
        });
        runtime.block_on(task::yield_now());
        match end {
            End::Timeout => runtime.shutdown_timeout(PATIENCE),
            End::Background => runtime.shutdown_background(),
            End::Drop | End::Grace => drop(runtime),
        }
    }
    assert_eq!(drops.get(), 4);
}
