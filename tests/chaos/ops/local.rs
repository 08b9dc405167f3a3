//! A `LocalSet` with tasks that are not `Send`, on a thread of the blocking pool.

use std::cell::Cell;
use std::rc::Rc;

use filch::task::LocalSet;
use filch_tests::panics::expected;

use crate::books::tally;
use crate::context::{Context, Pool};
use crate::life::{Spawned, Tracked};
use crate::random::Random;

pub async fn run(context: &Context, random: Random) {
    let job = {
        let context = context.clone();
        context.clone().job(Pool::Blocking, move || on_this_thread(&context, random))
    };
    job.join().await;
}

fn on_this_thread(context: &Context, mut random: Random) {
    let set = LocalSet::new();
    let ran = Rc::new(Cell::new(0));
    let mut tasks = Vec::new();
    for _ in 0..random.between(1, 20) {
        let (ran, yields, panics) = (ran.clone(), random.below(6), random.one_in(6));
        let task = Tracked::new(&context.books, async move {
            // No timers: the runtime may end meanwhile, and this job goes on.
            for _ in 0..yields {
                filch::task::yield_now().await;
            }
            ran.set(ran.get() + 1);
            tally("local tasks");
            if panics {
                expected("a local task of chaos");
            }
        });
        let life = task.life();
        let task = Spawned::new(set.spawn_local(task), life);
        if random.one_in(5) {
            task.abort();
        }
        tasks.push(task);
    }
    // The set is dropped with whatever is left then, and the handles are joined by others.
    let rest = tasks.split_off(random.below(tasks.len() as u64 + 1) as usize);
    context.runtime.block_on(set.run_until(async {
        for task in tasks {
            task.join().await;
        }
    }));
    for task in rest {
        context.keep(task);
    }
}
