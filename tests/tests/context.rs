//! Which runtime a thread is in: in tasks, in blocking calls, under `enter`, and in none of them.

use std::sync::mpsc;
use std::thread;

use filch::runtime::{Builder, Handle, Runtime};
use filch::task::{self, LocalSet};
use filch_tests::PATIENCE;
use filch_tests::runtimes::{Kind, block_on_elsewhere};

/// Whether this thread is inside of a runtime, and of which.
fn inside() -> Option<filch::runtime::Id> {
    match Handle::try_current() {
        Ok(handle) => Some(handle.id()),
        Err(error) => {
            assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
            assert!(error.to_string().contains("there is no reactor running"), "{error}");
            None
        }
    }
}

#[test]
fn try_current_knows_where_it_is() {
    assert_eq!(inside(), None);
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let id = Some(runtime.handle().id());
        let other = Kind::CurrentThread.runtime();
        let other_id = Some(other.handle().id());
        let (seen_in_thread, from_thread) = mpsc::channel();

        runtime.block_on(async {
            assert_eq!(inside(), id, "block_on");
            assert_eq!(filch::spawn(async { inside() }).await.unwrap(), id, "task");
            assert_eq!(task::spawn_blocking(inside).await.unwrap(), id, "blocking");
            assert_eq!(task::spawn_compute(inside).await.unwrap(), id, "compute");
            let nested = task::spawn_blocking(|| Handle::current().block_on(async { inside() }));
            assert_eq!(nested.await.unwrap(), id, "block_on in a blocking call");
            thread::spawn(move || seen_in_thread.send(inside()).unwrap()).join().unwrap();
            let local = LocalSet::new();
            assert_eq!(
                local
                    .run_until(async { task::spawn_local(async { inside() }).await })
                    .await
                    .unwrap(),
                id,
                "local task"
            );
            if kind != Kind::CurrentThread {
                let in_place = filch::spawn(async { task::block_in_place(inside) });
                assert_eq!(in_place.await.unwrap(), id, "block_in_place");
            }
            // Another one may be entered on top of it.
            let handle = other.handle().clone();
            let entered = filch::spawn(async move {
                let on_top = {
                    let _entered = handle.enter();
                    inside()
                };
                (on_top, inside())
            });
            assert_eq!(entered.await.unwrap(), (other_id, id));
        });
        assert_eq!(from_thread.recv_timeout(PATIENCE).unwrap(), None, "a thread of one's own");
        assert_eq!(inside(), None, "after block_on");

        {
            let _outer = runtime.enter();
            assert_eq!(inside(), id, "enter");
            {
                let _inner = other.enter();
                assert_eq!(inside(), other_id, "enter in enter");
                runtime.block_on(async { assert_eq!(inside(), id) });
                assert_eq!(inside(), other_id, "after block_on under enter");
            }
            assert_eq!(inside(), id);
        }
        assert_eq!(inside(), None, "after the guard");

        // Where futures are dropped.
        struct InDrop(mpsc::Sender<Option<filch::runtime::Id>>);
        impl Drop for InDrop {
            fn drop(&mut self) {
                let _ = self.0.send(inside());
            }
        }
        let (seen, from_drop) = mpsc::channel();
        let guard = InDrop(seen.clone());
        runtime.spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        runtime.block_on(task::yield_now());
        drop(runtime);
        assert_eq!(from_drop.recv_timeout(PATIENCE).unwrap(), id, "{kind:?}: drop at shutdown");
        assert_eq!(inside(), None, "after the shutdown");
    }
}

#[test]
fn guard_of_a_temporary_runtime_outlives_its_statement() {
    // A shape that libraries use: it compiles only if the guard itself has no destructor.
    fn entered() -> std::io::Result<Option<filch::runtime::Id>> {
        let runtime = Builder::new_current_thread().build()?;
        let guard = runtime.enter();
        let id = inside();
        drop(guard);
        Ok(id)
    }
    assert!(entered().unwrap().is_some());
    assert_eq!(inside(), None);
}

#[test]
fn many_runtimes_in_one_process_talk_to_each_other() {
    const RUNTIMES: usize = 40;
    let runtimes: Vec<Runtime> = (0..RUNTIMES).map(|n| Kind::ALL[n % 2].runtime()).collect();
    // A ring: each passes on to the next what it receives.
    let (first, mut before) = filch::sync::mpsc::unbounded_channel::<usize>();
    let mut drivers = Vec::new();
    for runtime in runtimes {
        let (next, receiver) = filch::sync::mpsc::unbounded_channel();
        let mut from = std::mem::replace(&mut before, receiver);
        drivers.push(thread::spawn(move || {
            let relay = runtime.spawn(async move {
                while let Some(n) = from.recv().await {
                    next.send(n + 1).unwrap();
                }
            });
            runtime.block_on(relay).unwrap();
        }));
    }
    block_on_elsewhere(async {
        for n in 0..100 {
            first.send(n).unwrap();
        }
        for n in 0..100 {
            assert_eq!(before.recv().await, Some(n + RUNTIMES));
        }
        drop(first);
        assert_eq!(before.recv().await, None);
    });
    for driver in drivers {
        driver.join().unwrap();
    }
    // Each runtime has a number of its own.
    let ids: std::collections::HashSet<_> =
        (0..20).map(|_| Kind::CurrentThread.runtime().handle().id()).collect();
    assert_eq!(ids.len(), 20);
}
