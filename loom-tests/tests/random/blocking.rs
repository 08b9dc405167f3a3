//! The blocking pool: it grows, its threads time out at any moment, jobs are aborted and panic; and tasks that
//! block in place.

use std::time::Duration;

use filch_loom_tests::Count;
use filch_loom_tests::random::{below, between, chance, yields};
use filch_primitives::thread;

use crate::support::{World, let_others_run, panic_value, panics};

/// Calls from tasks and from outside, on one to four threads: each runs once, unless it was aborted before.
pub fn blocking_calls_grow_and_retire() {
    let keep_alive = if chance(3) { Duration::ZERO } else { Duration::from_secs(1) };
    let world = World::with(|builder| {
        builder.max_blocking_threads(between(1, 4)).thread_keep_alive(keep_alive);
    });
    let ran = Count::new();
    let count = between(3, 9);
    let begins = |number: usize| {
        let (entry, ran) = (world.books.entry(), ran.clone());
        let does_panic = chance(6);
        move || {
            let _entry = entry;
            ran.add();
            let_others_run();
            if does_panic {
                panics(number);
            }
            number
        }
    };
    let outside: Vec<_> =
        (0..count / 2).map(|n| (n, world.runtime.spawn_blocking(begins(n)))).collect();
    let inside: Vec<_> = (count / 2..count)
        .map(|n| {
            let (begin, entry) = (begins(n), world.books.entry());
            let join = world.runtime.spawn(async move {
                let _entry = entry;
                yields(1).await;
                filch::task::spawn_blocking(begin).await
            });
            (n, join)
        })
        .collect();
    let mut aborted = 0;
    let mut ended = 0;
    world.runtime.block_on(async {
        for (number, join) in outside {
            if chance(4) {
                join.abort();
            }
            match join.await {
                Ok(output) => assert_eq!(output, number),
                Err(error) if error.is_cancelled() => aborted += 1,
                Err(error) => assert_eq!(panic_value(error), number),
            }
            ended += 1;
        }
        for (number, join) in inside {
            match join.await.expect("only the calls are aborted, or panic") {
                Ok(output) => assert_eq!(output, number),
                Err(error) => assert_eq!(panic_value(error), number),
            }
            ended += 1;
        }
    });
    assert_eq!(ended, count);
    assert_eq!(ran.get() + aborted, count, "each ran once, or was aborted before it did");
    world.end();
}

/// Tasks that block in place: their workers' other tasks go on, and the workers come back.
pub fn tasks_block_in_place() {
    let world = World::with(|builder| {
        builder.max_blocking_threads(between(2, 8));
    });
    let joins: Vec<_> = (0..between(2, 5))
        .map(|number| {
            let entry = world.books.entry();
            world.runtime.spawn(async move {
                let _entry = entry;
                yields(1).await;
                let neighbour = filch::spawn(async { yields(1).await });
                let output = filch::task::block_in_place(|| {
                    for _ in 0..below(6) {
                        thread::yield_now();
                    }
                    number
                });
                neighbour.await.unwrap();
                output
            })
        })
        .collect();
    world.runtime.block_on(async {
        for (number, join) in joins.into_iter().enumerate() {
            assert_eq!(join.await.unwrap(), number);
        }
    });
    world.end();
}
