//! Blocking where one should not, and where one may.

use std::thread;
use std::time::{Duration, Instant};

use filch_tests::panics::expected;

use crate::books::{lock, tally};
use crate::context::{Context, Pool, dither};
use crate::life::Ended;
use crate::random::Random;

/// Polls that do not come back for a while. The others, and the timers of all, go on, which the other steps see
/// to by ending.
pub async fn stuck_polls(context: &Context, mut random: Random) {
    let tasks: Vec<_> = (0..random.between(1, 6))
        .map(|n| {
            let (books, mut random) = (context.books.clone(), Random::new(random.next()));
            context.spawn(async move {
                for _ in 0..random.between(1, 3) {
                    dither(&mut random).await;
                    // Long enough for the report, now and then.
                    let long = random.one_in(20);
                    let stuck =
                        Duration::from_millis(if long { 120 } else { random.between(1, 12) });
                    match n % 3 {
                        0 => {
                            thread::sleep(stuck);
                            tally("polls stuck: sleeping");
                        }
                        1 => {
                            let begin = Instant::now();
                            while begin.elapsed() < stuck {
                                std::hint::spin_loop();
                            }
                            tally("polls stuck: computing");
                        }
                        _ => {
                            let mut held = lock(&books.contended);
                            *held += 1;
                            thread::sleep(stuck / 4);
                            tally("polls stuck: holding a lock");
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.join().await;
    }
}

/// Jobs of the pools, and `block_in_place`.
pub async fn jobs(context: &Context, mut random: Random) {
    let mut jobs = Vec::new();
    for _ in 0..random.between(1, 24) {
        let wait = Duration::from_micros(random.below(4000));
        let panics = random.one_in(6);
        let body = move || {
            thread::sleep(wait);
            if panics {
                expected("a job of chaos");
            }
        };
        let job = match random.below(3) {
            0 => context.job(Pool::Compute, body),
            1 if context.is_multi_threaded() => context.spawn(async move {
                filch::task::yield_now().await;
                filch::task::block_in_place(body);
                tally("jobs: block_in_place");
                // The worker is back, or another one is.
                filch::task::yield_now().await;
            }),
            _ => context.job(Pool::Blocking, body),
        };
        match random.below(5) {
            0 => drop(job),
            1 => context.keep(job),
            2 => {
                // One that has begun runs on, and says so.
                job.abort();
                jobs.push(job);
            }
            _ => jobs.push(job),
        }
    }
    for job in jobs {
        tally(match job.join().await {
            Ended::Finished => "jobs joined: finished",
            Ended::Panicked => "jobs joined: panicked",
            Ended::Cancelled => "jobs joined: cancelled",
        });
    }
}
