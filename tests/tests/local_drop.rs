//! Futures and outputs of local tasks are dropped on their thread, once, whenever that is.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use filch::runtime::{LocalRuntime, Runtime};
use filch::sync::oneshot;
use filch::task::{self, LocalSet, spawn_local};
use filch_tests::PATIENCE;
use filch_tests::count::{Count, OnDrop};
use filch_tests::runtimes::{Kind, block_on_elsewhere};

/// Not `Send`, counts its drops, and insists on its thread.
struct Bound {
    _not_send: Rc<()>,
    _on_drop: OnDrop,
}

impl Bound {
    fn new(drops: &Count) -> Bound {
        Bound { _not_send: Rc::new(()), _on_drop: drops.on_drop_here() }
    }
}

/// What runs local tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Home {
    Set(Kind),
    Runtime,
}

impl Home {
    const ALL: [Home; 4] = [
        Home::Set(Kind::CurrentThread),
        Home::Set(Kind::OneWorker),
        Home::Set(Kind::Workers),
        Home::Runtime,
    ];

    /// Runs a future in which `spawn_local` works.
    fn run<F: Future>(self, future: F) -> F::Output {
        match self {
            Home::Set(kind) => LocalSet::new().block_on(&kind.runtime(), future),
            Home::Runtime => LocalRuntime::new().unwrap().block_on(future),
        }
    }
}

/// When a local task is dropped.
#[derive(Debug, Clone, Copy)]
enum Dropped {
    Completed,
    Aborted,
    AbortedFromAnotherThread,
    WithItsHome,
    WithItsHomeUnpolled,
    WithItsHomeAndWokenFromAnotherThread,
}

#[test]
fn future_and_output_are_dropped_at_home_once() {
    for dropped in [
        Dropped::Completed,
        Dropped::Aborted,
        Dropped::AbortedFromAnotherThread,
        Dropped::WithItsHome,
        Dropped::WithItsHomeUnpolled,
        Dropped::WithItsHomeAndWokenFromAnotherThread,
    ] {
        for home in Home::ALL {
            let case = format!("{home:?} {dropped:?}");
            let (futures, outputs) = (Count::new(), Count::new());
            let (wake, woken) = oneshot::channel::<()>();
            let waking = Cell::new(None);
            let task = home.run(async {
                let (held, output) = (Bound::new(&futures), Bound::new(&outputs));
                let task = spawn_local(async move {
                    let _held = held;
                    let _ = woken.await;
                    output
                });
                if !matches!(dropped, Dropped::WithItsHomeUnpolled) {
                    task::yield_now().await;
                    task::yield_now().await;
                }
                match dropped {
                    Dropped::Completed => {
                        wake.send(()).unwrap();
                        drop(task.await.unwrap());
                        assert_eq!((futures.get(), outputs.get()), (1, 1), "{case}");
                        None
                    }
                    Dropped::Aborted => {
                        task.abort();
                        assert!(task.await.is_err_and(|error| error.is_cancelled()));
                        assert_eq!((futures.get(), outputs.get()), (1, 1), "{case}");
                        None
                    }
                    Dropped::AbortedFromAnotherThread => {
                        let abort = task.abort_handle();
                        thread::spawn(move || abort.abort()).join().unwrap();
                        assert_eq!(futures.get(), 0, "{case}: not over there");
                        assert!(task.await.is_err_and(|error| error.is_cancelled()));
                        assert_eq!((futures.get(), outputs.get()), (1, 1), "{case}");
                        None
                    }
                    Dropped::WithItsHome | Dropped::WithItsHomeUnpolled => Some(task),
                    Dropped::WithItsHomeAndWokenFromAnotherThread => {
                        let (go, gone) = mpsc::channel();
                        waking.set(Some((
                            go,
                            thread::spawn(move || {
                                // Whether the home is still there is the race that is tested.
                                let _ = wake.send(());
                                gone.recv_timeout(PATIENCE).unwrap();
                            }),
                        )));
                        Some(task)
                    }
                }
            });
            if let Some(task) = task {
                match block_on_elsewhere(task) {
                    Ok(output) => drop(output),
                    Err(error) => assert!(error.is_cancelled(), "{case}"),
                }
            }
            if let Some((go, thread)) = waking.take() {
                go.send(()).unwrap();
                thread.join().unwrap();
            }
            assert_eq!((futures.get(), outputs.get()), (1, 1), "{case}");
        }
    }
}

#[test]
fn spawned_in_a_destructor_while_the_home_is_dropped_it_is_cancelled() {
    struct SpawnsInDrop(Count);
    impl Drop for SpawnsInDrop {
        fn drop(&mut self) {
            let guard = Bound::new(&self.0);
            let spawned = spawn_local(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
            assert!(block_on_elsewhere(spawned).unwrap_err().is_cancelled());
            self.0.add();
        }
    }
    let drops = Count::new();
    let runtime: Runtime = Kind::CurrentThread.runtime();
    let set = LocalSet::new();
    let guard = SpawnsInDrop(drops.clone());
    set.spawn_local(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    set.block_on(&runtime, task::yield_now());
    drop(set);
    assert_eq!(drops.get(), 2);
}
