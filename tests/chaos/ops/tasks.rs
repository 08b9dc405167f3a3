//! Tasks of every fate, and what becomes of their handles.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use filch::runtime::Handle;
use filch::task::JoinSet;
use filch_tests::panics::expected;

use crate::books::tally;
use crate::context::{Context, dither};
use crate::life::{Ended, Spawned, Tracked, check};
use crate::random::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Finish,
    Panic,
    PanicOnDrop,
    /// Never ready.
    Forever,
    /// Has children, of any fate.
    Parent,
}

const FATES: [Fate; 5] =
    [Fate::Finish, Fate::Panic, Fate::PanicOnDrop, Fate::Forever, Fate::Parent];

pub async fn run(context: &Context, mut random: Random) {
    if random.one_in(4) {
        join_set(context, random).await;
    } else {
        family(context.clone(), random, 2).await;
    }
}

/// Boxed, since a task's children may have children.
fn family(
    context: Context,
    mut random: Random,
    depth: u32,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let count = random.between(1, if depth == 2 { 24 } else { 5 });
        let mut joined = Vec::new();
        for n in 0..count {
            // Each fate comes, in a family that is large enough.
            let fate = FATES[(n as usize + random.below(2) as usize) % FATES.len()];
            let fate = if fate == Fate::Parent && depth == 0 { Fate::Finish } else { fate };
            let hold = random.below(6);
            // Some go to the runtime around this one, which may have ended. Not those that are kept until this
            // one has ended: that one ends later.
            let outer = context.outer.as_ref().filter(|_| hold != 1 && random.one_in(4));
            let handle = outer.unwrap_or(&context.runtime).clone();
            let task = spawn(&context, &handle, fate, Random::new(random.next()), depth);
            match hold {
                0 => drop(task),
                1 => context.keep(task),
                2 => drop(task.abort_on_drop()),
                3 => {
                    task.abort();
                    // Twice does no harm.
                    task.abort_handle().abort();
                    joined.push(task);
                }
                _ if fate == Fate::Forever => {
                    dither(&mut random).await;
                    task.abort();
                    joined.push(task);
                }
                _ => joined.push(task),
            }
        }
        for task in joined {
            tally(match task.join().await {
                Ended::Finished => "tasks joined: finished",
                Ended::Panicked => "tasks joined: panicked",
                Ended::Cancelled => "tasks joined: cancelled",
            });
        }
    })
}

fn spawn(context: &Context, handle: &Handle, fate: Fate, random: Random, depth: u32) -> Spawned {
    let body = body(context.clone(), fate, random, depth);
    let task = Tracked::new(&context.books, body);
    let task = if fate == Fate::PanicOnDrop { task.panics_on_drop() } else { task };
    let life = task.life();
    Spawned::new(handle.spawn(task), life)
}

async fn body(context: Context, fate: Fate, mut random: Random, depth: u32) {
    dither(&mut random).await;
    match fate {
        Fate::Finish | Fate::PanicOnDrop => {
            // A flood of polls, now and then.
            for _ in 0..if random.one_in(8) { 500 } else { 0 } {
                filch::task::yield_now().await;
            }
        }
        Fate::Panic => expected("a task of chaos"),
        Fate::Forever => pending().await,
        Fate::Parent => family(context, random, depth.saturating_sub(1)).await,
    }
}

/// A set that is joined to its end, aborted, detached, or dropped with tasks in it.
async fn join_set(context: &Context, mut random: Random) {
    let mut set = JoinSet::new();
    let count = random.between(1, 40);
    let mut lives = Vec::new();
    for _ in 0..count {
        let fate = random.pick(&[Fate::Finish, Fate::Finish, Fate::Panic, Fate::PanicOnDrop]);
        let body = body(context.clone(), fate, Random::new(random.next()), 0);
        let task = Tracked::new(&context.books, body);
        let task = if fate == Fate::PanicOnDrop { task.panics_on_drop() } else { task };
        let life = task.life();
        lives.push((set.spawn(task).id(), life));
    }
    match random.below(4) {
        0 => set.abort_all(),
        1 => set.detach_all(),
        2 => {
            filch::time::sleep(Duration::from_micros(random.below(1000))).await;
            return drop(set);
        }
        _ => {}
    }
    while let Some(joined) = set.join_next_with_id().await {
        let (id, joined) = match joined {
            Ok((id, number)) => (id, Ok(number)),
            Err(error) => (error.id(), Err(error)),
        };
        match lives.iter().find(|(of, _)| *of == id) {
            Some((_, life)) => {
                check(life, joined);
            }
            None => context.fault(format!("a set gave the task {id} of another")),
        }
        tally("tasks joined in sets");
    }
}
