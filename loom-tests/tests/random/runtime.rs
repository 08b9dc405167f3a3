//! The scheduler: trees, bursts, wakes from everywhere, aborts, and two threads on one current-thread
//! runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use filch::runtime::Builder;
use filch::sync::{mpsc, oneshot};
use filch::task::JoinHandle;
use filch_loom_tests::Count;
use filch_loom_tests::random::{below, between, chance, shuffle, yields};
use filch_primitives::park::Parker;
use filch_primitives::thread;

use crate::support::{Books, World, await_all, let_others_run, panic_value, panics};

/// Tasks spawn tasks, three deep, and yield; join their children, or leave them alone. A node's output is the
/// number of nodes below it that it knows of, and its own.
pub fn trees_of_tasks() {
    let world = World::new();
    let (alive, mut all_ended) = mpsc::channel::<()>(1);
    let trees: Vec<_> = (0..between(1, 3))
        .map(|_| world.runtime.spawn(node(3, world.books.clone(), alive.clone())))
        .collect();
    drop(alive);
    world.runtime.block_on(async {
        for tree in trees {
            assert!(tree.await.expect("no node is cancelled") >= 1);
        }
        // Those that nobody joins, too.
        assert_eq!(all_ended.recv().await, None);
    });
    world.end();
}

fn node(
    depth: usize,
    books: Books,
    alive: mpsc::Sender<()>,
) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    let entry = books.entry();
    Box::pin(async move {
        let _entry = entry;
        let mut joins: Vec<JoinHandle<usize>> = Vec::new();
        for _ in 0..below(depth + 1) {
            joins.push(filch::spawn(node(depth - 1, books.clone(), alive.clone())));
            yields(1).await;
        }
        shuffle(&mut joins);
        let mut known = 1;
        for join in joins {
            if chance(4) {
                drop(join);
            } else {
                known += join.await.expect("no node is cancelled");
            }
        }
        known
    })
}

/// One task makes more tasks in one poll than its queue holds, and awaits them, or first blocks its worker's
/// thread until they have run: they are taken from it.
pub fn bursts_overflow_the_queue() {
    let world = World::new();
    let books = world.books.clone();
    let count = between(3, 14);
    let total = world.runtime.block_on(async move {
        filch::spawn(async move {
            let ran = Count::new();
            let joins: Vec<_> = (0..count)
                .map(|number| {
                    let (entry, ran) = (books.entry(), ran.clone());
                    filch::spawn(async move {
                        yields(2).await;
                        ran.add();
                        drop(entry);
                        number
                    })
                })
                .collect();
            // Nothing of what is in this worker's queue may wait for it. (What is in its slot may, without
            // the monitor: the task that was spawned last.)
            if chance(3) {
                while ran.get() + 1 < count {
                    thread::yield_now();
                }
            }
            let mut total = 0;
            for join in joins {
                total += join.await.unwrap();
            }
            total
        })
        .await
        .unwrap()
    });
    assert_eq!(total, count * (count - 1) / 2);
    world.end();
}

/// A token is passed on by tasks, through channels, and in between by a thread that is no worker: so that a
/// wake comes from the own worker, from another one, and from outside.
pub fn wakes_go_everywhere() {
    let world = World::new();
    let hops = between(3, 8);
    let rounds = between(1, 3);
    let (first, mut incoming) = mpsc::unbounded_channel::<usize>();
    let mut threads = Vec::new();
    for _ in 0..hops {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut from = std::mem::replace(&mut incoming, receiver);
        if chance(4) {
            threads.push(thread::spawn(move || {
                while let Some(token) = from.blocking_recv() {
                    let_others_run();
                    let _ = sender.send(token + 1);
                }
            }));
        } else {
            let entry = world.books.entry();
            drop(world.runtime.spawn(async move {
                let _entry = entry;
                while let Some(token) = from.recv().await {
                    yields(1).await;
                    let _ = sender.send(token + 1);
                }
            }));
        }
    }
    world.runtime.block_on(async {
        for round in 0..rounds {
            first.send(round).unwrap();
        }
        for round in 0..rounds {
            assert_eq!(incoming.recv().await, Some(round + hops));
        }
        drop(first);
        assert_eq!(incoming.recv().await, None);
    });
    for thread in threads {
        thread.join().unwrap();
    }
    world.end();
}

/// What a task does until it is aborted, or ends.
#[derive(Clone, Copy)]
enum Does {
    Ends,
    Yields,
    Waits,
    Panics,
}

/// Tasks in every state are aborted, by other tasks and by threads, while their handles are awaited, dropped,
/// or asked. Each that is awaited says either what it came to, or that it was cancelled.
pub fn aborts_meet_everything() {
    let world = World::new();
    let count = between(3, 8);
    let mut aborts = Vec::new();
    let mut joins = Vec::new();
    let mut senders = Vec::new();
    for number in 0..count {
        let does = [Does::Ends, Does::Yields, Does::Waits, Does::Panics][below(4)];
        let (sender, receiver) = oneshot::channel::<()>();
        let entry = world.books.entry();
        let join = world.runtime.spawn(async move {
            let _entry = entry;
            match does {
                Does::Ends => {}
                Does::Yields => yields(4).await,
                Does::Waits => drop(receiver.await),
                Does::Panics => panics(number),
            }
            number
        });
        aborts.push(join.abort_handle());
        senders.push(sender);
        // Somebody must hear of a panic.
        if matches!(does, Does::Panics) || !chance(4) {
            joins.push((number, does, join));
        }
    }
    shuffle(&mut aborts);
    let kept = aborts.split_off(below(aborts.len() + 1));
    let outside = {
        let (aborts, kept) = (aborts.clone(), kept.len());
        thread::spawn(move || {
            for abort in aborts {
                abort.abort();
                let _ = (abort.is_finished(), kept);
            }
        })
    };
    let inside = world.runtime.spawn(async move {
        for abort in aborts {
            abort.abort();
            yields(1).await;
        }
    });
    shuffle(&mut senders);
    let waking = thread::spawn(move || {
        for sender in senders {
            let _ = sender.send(());
            let_others_run();
        }
    });
    world.runtime.block_on(async {
        for (number, does, join) in joins {
            match join.await {
                Ok(output) => assert_eq!(output, number),
                Err(error) if error.is_cancelled() => {}
                Err(error) => {
                    assert!(matches!(does, Does::Panics));
                    assert_eq!(panic_value(error), number);
                }
            }
        }
        inside.await.unwrap();
    });
    outside.join().unwrap();
    waking.join().unwrap();
    drop(kept);
    world.end();
}

/// Tasks that block their workers' threads until others have run, which come from outside, from other tasks and
/// from wakes. One worker at least stays free: so each of those runs, whichever worker took it on its way.
pub fn tasks_block_until_others_ran() {
    let workers = between(3, 5);
    let world = World::with(|builder| {
        builder.worker_threads(workers);
    });
    let mut joins = Vec::new();
    let mut senders = Vec::new();
    for _ in 1..workers {
        let parker = Parker::new();
        let unparker = parker.unparker();
        let (blocking, freeing) = (world.books.entry(), world.books.entry());
        let (sender, receiver) = oneshot::channel::<()>();
        let how = below(3);
        let blocks = async move {
            let _entry = blocking;
            parker.park();
        };
        let frees = async move {
            let _entry = freeing;
            match how {
                0 => {}
                1 => yields(2).await,
                _ => drop(receiver.await),
            }
            unparker.unpark();
        };
        senders.push(sender);
        if chance(2) {
            joins.push(world.runtime.spawn(blocks));
            joins.push(world.runtime.spawn(frees));
        } else {
            joins.push(world.runtime.spawn(frees));
            joins.push(world.runtime.spawn(blocks));
        }
    }
    for sender in senders {
        let_others_run();
        let _ = sender.send(());
    }
    let (outputs, cancelled) = await_all(joins);
    assert_eq!((outputs.len(), cancelled), (2 * (workers - 1), 0));
    world.end();
}

/// Two to three threads in `block_on` of one current-thread runtime, whose tasks and futures are woken by each
/// other and from outside: whoever has the core runs the tasks of all, and hands it on when its own future is
/// ready.
pub fn two_threads_drive_one_current_thread_runtime() {
    let runtime = Arc::new(Builder::new_current_thread().enable_all().build().unwrap());
    let books = Books::default();
    let mut senders = Vec::new();
    let threads: Vec<_> = (0..between(2, 3))
        .map(|_| {
            let (runtime, books) = (runtime.clone(), books.clone());
            let (to_task, in_task) = oneshot::channel::<usize>();
            let (to_main, in_main) = oneshot::channel::<usize>();
            senders.extend([to_task, to_main]);
            thread::spawn(move || {
                let entry = books.entry();
                let join = runtime.spawn(async move {
                    let _entry = entry;
                    yields(2).await;
                    in_task.await.unwrap()
                });
                runtime.block_on(async {
                    yields(1).await;
                    if chance(2) {
                        assert_eq!(in_main.await.unwrap(), 7);
                    }
                    assert_eq!(join.await.unwrap(), 7);
                });
            })
        })
        .collect();
    let outside = {
        let (handle, books) = (runtime.handle().clone(), books.clone());
        thread::spawn(move || {
            shuffle(&mut senders);
            for sender in senders {
                let_others_run();
                if chance(2) {
                    let entry = books.entry();
                    drop(handle.spawn(async move {
                        let _entry = entry;
                        let _ = sender.send(7);
                    }));
                } else {
                    let _ = sender.send(7);
                }
            }
        })
    };
    outside.join().unwrap();
    for thread in threads {
        thread.join().unwrap();
    }
    let left = chance(2).then(|| runtime.spawn(std::future::pending::<()>()));
    drop(runtime);
    let (_, cancelled) = await_all(left);
    assert!(cancelled <= 1);
    books.close();
}
