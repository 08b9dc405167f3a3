//! `task`: sets of tasks, scopes, task-local values.

use std::sync::Arc;

use filch::sync::{Notify, oneshot};
use filch::task::{JoinMap, JoinSet, ScopeBuilder, ScopeError, ScopedJoinHandle, TaskGroup, scope};
use filch_tests::cancel_safety::Place::{Anywhere, PausedClock};
use filch_tests::cancel_safety::Promise::{Loses, Safe};
use filch_tests::cancel_safety::{Case, Env, Kept, Trial, same};
use filch_tests::count::Count;

const TAKEN_LATE: &str = "a task is taken out of the set by the poll that returns it";
const ABORTS: &str = "those that have not ended are still in the set, asked to end";
const SCOPE: &str =
    "the value; the tasks are cancelled, and clean-up that was deferred runs without it";

/// What lets two tasks end, in turn.
struct Gates([Option<oneshot::Sender<()>>; 2]);

impl Gates {
    fn open_second(&mut self, _: &Env) {
        // The task may have been aborted.
        let _ = self.0[1].take().unwrap().send(());
    }

    fn open_first(&mut self, _: &Env) {
        let _ = self.0[0].take().unwrap().send(());
    }
}

/// The tasks' futures, that end with 1 and 2.
fn gated() -> ([impl Future<Output = u8> + Send + 'static; 2], Gates) {
    let (tx1, rx1) = oneshot::channel();
    let (tx2, rx2) = oneshot::channel();
    let future = |rx: oneshot::Receiver<()>, n| async move {
        rx.await.unwrap();
        n
    };
    ([future(rx1, 1), future(rx2, 2)], Gates([Some(tx1), Some(tx2)]))
}

fn join_set() -> (JoinSet<u8>, Gates) {
    let (futures, gates) = gated();
    let mut set = JoinSet::new();
    for future in futures {
        set.spawn(future);
    }
    (set, gates)
}

fn join_map() -> (JoinMap<char, u8>, Gates) {
    let ([first, second], gates) = gated();
    let mut map = JoinMap::new();
    map.spawn('a', first);
    map.spawn('b', second);
    (map, gates)
}

pub fn cases() -> Vec<Case> {
    let mut cases = sets();
    cases.extend(groups());
    cases
}

fn sets() -> Vec<Case> {
    vec![
        Case::new(
            "task::JoinSet::join_next",
            Safe(TAKEN_LATE),
            Trial {
                place: PausedClock,
                world: |_| join_set(),
                future: |set| Box::pin(async { set.join_next().await.unwrap().unwrap() }),
                events: [Gates::open_second, Gates::open_first],
                check: |set, _, out, env| {
                    let mut outputs: Vec<u8> = out.into_iter().collect();
                    outputs.extend(env.block_on(set.join_all()));
                    same(outputs, vec![2, 1])
                },
            },
        ),
        Case::new(
            "task::JoinSet::join_next_with_id",
            Safe(TAKEN_LATE),
            Trial {
                place: PausedClock,
                world: |_| join_set(),
                future: |set| Box::pin(async { set.join_next_with_id().await.unwrap().unwrap().1 }),
                events: [Gates::open_second, Gates::open_first],
                check: |set, _, out, env| {
                    let mut outputs: Vec<u8> = out.into_iter().collect();
                    outputs.extend(env.block_on(set.join_all()));
                    same(outputs, vec![2, 1])
                },
            },
        ),
        Case::new(
            "task::JoinSet::join_all",
            Loses("the tasks, which are aborted, and the outputs that were there"),
            Trial {
                place: PausedClock,
                world: |_| {
                    let (set, gates) = join_set();
                    (Some(set), gates)
                },
                future: |set| {
                    let set = set.take().unwrap();
                    Box::pin(async { set.join_all().await })
                },
                events: [Gates::open_second, Gates::open_first],
                check: |_, _, out, _| same(out, Some(vec![2, 1])),
            },
        ),
        Case::new(
            "task::JoinSet::shutdown",
            Safe(ABORTS),
            Trial {
                place: PausedClock,
                world: |_| join_set(),
                future: |set| Box::pin(set.shutdown()),
                events: [Gates::open_second, Gates::open_first],
                check: |mut set, _, out, env| {
                    assert!(out.is_none() || set.is_empty());
                    env.block_on(set.shutdown());
                    same(set.len(), 0)
                },
            },
        ),
        Case::new(
            "task::JoinMap::join_next",
            Safe(TAKEN_LATE),
            Trial {
                place: PausedClock,
                world: |_| join_map(),
                future: |map| Box::pin(async { map.join_next().await.unwrap() }),
                events: [Gates::open_second, Gates::open_first],
                check: |mut map, _, out, env| {
                    let mut outputs: Vec<_> = out.into_iter().collect();
                    outputs.extend(std::iter::from_fn(|| env.block_on(map.join_next())));
                    let outputs = outputs.into_iter().map(|(key, value)| (key, value.unwrap()));
                    same(outputs.collect(), vec![('b', 2), ('a', 1)])
                },
            },
        ),
        Case::new(
            "task::JoinMap::shutdown",
            Safe(ABORTS),
            Trial {
                place: PausedClock,
                world: |_| join_map(),
                future: |map| Box::pin(map.shutdown()),
                events: [Gates::open_second, Gates::open_first],
                check: |mut map, _, out, env| {
                    assert!(out.is_none() || map.is_empty());
                    env.block_on(map.shutdown());
                    same(map.len(), 0)
                },
            },
        ),
        Case::new(
            "task::LocalKey::scope",
            Safe("as the future inside, which is dropped with it, in its scope"),
            Trial {
                place: Anywhere,
                world: |_| {
                    let (tx, rx) = oneshot::channel();
                    (rx, Some(tx))
                },
                future: |rx| Box::pin(NUMBER.scope(4, async { rx.await.unwrap() + NUMBER.get() })),
                events: [|tx, _| tx.take().unwrap().send(3).unwrap()],
                check: |mut rx, _, out, _| {
                    assert!(NUMBER.try_get().is_err());
                    same(out.or_else(|| Some(rx.try_recv().ok()? + 4)), Some(7))
                },
            },
        ),
    ]
}

filch::task_local! {
    static NUMBER: u8;
}

/// A group with a task that fails when it is told to.
fn group() -> (TaskGroup<&'static str>, Option<oneshot::Sender<()>>) {
    let group = TaskGroup::new();
    let (tx, rx) = oneshot::channel();
    group.spawn(async move {
        rx.await.unwrap();
        Err::<(), _>("failed")
    });
    (group, Some(tx))
}

/// The failure came out, or is still there for the next who asks.
fn check_failure(
    group: &TaskGroup<&'static str>,
    out: Option<Result<(), ScopeError<&'static str>>>,
    env: &Env,
) -> Kept {
    let outcome = out.unwrap_or_else(|| env.block_on(group.join()));
    same(matches!(outcome, Err(ScopeError::Failed("failed"))), true)
}

/// The group of a task, and what lets the task end.
type Scoped = (TaskGroup<()>, Option<oneshot::Sender<u8>>);

/// A task's handle.
fn scoped() -> (ScopedJoinHandle<u8>, Scoped) {
    let group = TaskGroup::new();
    let (tx, rx) = oneshot::channel();
    let handle = group.spawn(async move { Ok(rx.await.unwrap()) });
    (handle, (group, Some(tx)))
}

/// A task for a scope that counts its end, and what lets it get there.
fn member() -> ((Count, Arc<Notify>), Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    ((Count::new(), gate.clone()), gate)
}

fn groups() -> Vec<Case> {
    vec![
        Case::new(
            "task::scope",
            Loses(SCOPE),
            Trial {
                place: PausedClock,
                world: |_| member(),
                future: |(ended, gate)| {
                    let (ended, gate) = (ended.on_drop(), gate.clone());
                    Box::pin(scope(|s| async move {
                        let child = s.spawn(async move {
                            let _ended = ended;
                            gate.notified().await;
                            Ok(7)
                        });
                        Ok::<u8, String>(child.await.unwrap())
                    }))
                },
                events: [|gate, _| gate.notify_one()],
                check: |(ended, _), _, out, env| {
                    env.settle();
                    assert_eq!(ended.get(), 1, "a task outlives its scope");
                    same(matches!(out, Some(Ok(7))), true)
                },
            },
        ),
        Case::new(
            "task::ScopeBuilder::run",
            Loses(SCOPE),
            Trial {
                place: PausedClock,
                world: |_| member(),
                future: |(ended, gate)| {
                    let (ended, gate) = (ended.on_drop(), gate.clone());
                    Box::pin(ScopeBuilder::new().name("trial").run(|s| async move {
                        s.spawn(async move {
                            let _ended = ended;
                            gate.notified().await;
                            Ok(())
                        });
                        Ok::<u8, String>(7)
                    }))
                },
                events: [|gate, _| gate.notify_one()],
                check: |(ended, _), _, out, env| {
                    env.settle();
                    assert_eq!(ended.get(), 1, "a task outlives its scope");
                    same(matches!(out, Some(Ok(7))), true)
                },
            },
        ),
        Case::new(
            "task::ScopedJoinHandle",
            Safe("awaited by `&mut`: the task goes on, and its value waits for the handle"),
            Trial {
                place: PausedClock,
                world: |_| scoped(),
                future: |handle| Box::pin(async { handle.await.unwrap() }),
                events: [|(_, tx), _| tx.take().unwrap().send(7).unwrap()],
                check: |handle, _group, out, env| {
                    same(out.unwrap_or_else(|| env.block_on(handle).unwrap()), 7)
                },
            },
        ),
        Case::new(
            "task::TaskGroup::wait",
            Safe("the tasks go on, and an error stays for whoever waits next"),
            Trial {
                place: PausedClock,
                world: |_| group(),
                future: |group| Box::pin(group.wait()),
                events: [|tx, _| tx.take().unwrap().send(()).unwrap()],
                check: |group, _, out, env| check_failure(&group, out, env),
            },
        ),
        Case::new(
            "task::TaskGroup::join",
            Safe(
                "the group stays closed, the tasks go on, and an error stays for whoever waits next",
            ),
            Trial {
                place: PausedClock,
                world: |_| group(),
                future: |group| Box::pin(group.join()),
                events: [|tx, _| tx.take().unwrap().send(()).unwrap()],
                check: |group, _, out, env| check_failure(&group, out, env),
            },
        ),
    ]
}
