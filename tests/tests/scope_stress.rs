//! Random trees of scopes, tasks, failures and cancellations: whatever happens, nothing of a tree is alive
//! when its root has been left, and each clean-up has run once.
//!
//! A failure names its seed: `SCOPE_SEED` in the environment runs that one alone.

mod scope_support;

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use filch::task::{Scope, ScopeError, scope, yield_now};
use filch_tests::panics::{expected, install_hook};
use filch_tests::runtimes::Kind;
use scope_support::{Live, polled};

/// xorshift64*, each task with its own: what happens does not depend on who runs first.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 33) % limit
    }

    fn fork(&mut self) -> Random {
        Random::new(self.next())
    }
}

/// What a tree counts.
#[derive(Clone, Default)]
struct Counts {
    live: Live,
    deferred: Arc<AtomicUsize>,
    cleaned: Arc<AtomicUsize>,
}

type Done = Result<(), u64>;
type Boxed = Pin<Box<dyn Future<Output = Done> + Send>>;

/// A scope of random tasks, and a body that does something random too.
fn tree(mut random: Random, counts: Counts, depth: u64) -> Boxed {
    Box::pin(async move {
        let guard = counts.live.guard();
        let result = scope(move |s: Scope<u64>| async move {
            let _guard = guard;
            for _ in 0..random.below(3) {
                counts.deferred.fetch_add(1, Ordering::SeqCst);
                let (cleaned, guard) = (counts.cleaned.clone(), counts.live.guard());
                s.defer_always(Duration::from_secs(60), async move {
                    yield_now().await;
                    drop(guard);
                    cleaned.fetch_add(1, Ordering::SeqCst);
                });
            }
            for _ in 0..random.below(5) {
                spawn(&s, &mut random, &counts, depth);
                if random.below(3) == 0 {
                    yield_now().await;
                }
            }
            act(&s, &mut random, &counts, depth).await
        });
        match result.await {
            Ok(()) => Ok(()),
            Err(ScopeError::Failed(number)) => Err(number),
            Err(ScopeError::Panicked(panic)) => {
                assert!(panic.message().starts_with("expected: "), "{panic}");
                Err(0)
            }
            Err(_) => Err(1),
        }
    })
}

fn spawn(s: &Scope<u64>, random: &mut Random, counts: &Counts, depth: u64) {
    let mut own = random.fork();
    let (siblings, counts) = (s.clone(), counts.clone());
    let guard = counts.live.guard();
    match random.below(8) {
        0 => drop(s.spawn_blocking(move || {
            let _guard = guard;
            if own.below(4) == 0 { Err(2) } else { Ok(()) }
        })),
        1 => drop(s.spawn_compute(move || {
            let _guard = guard;
            Ok(())
        })),
        _ => {
            let task = s.spawn(async move {
                let _guard = guard;
                act(&siblings, &mut own, &counts, depth).await
            });
            match random.below(6) {
                0 => task.abort(),
                1 => filch_tests::forgotten::forget(task),
                _ => {}
            }
        }
    }
}

/// A body or a task.
async fn act(s: &Scope<u64>, random: &mut Random, counts: &Counts, depth: u64) -> Done {
    for _ in 0..random.below(4) {
        match random.below(12) {
            0..3 => yield_now().await,
            3 if depth > 0 => spawn(s, random, counts, depth - 1),
            4 | 5 if depth > 0 => {
                let nested = tree(random.fork(), counts.clone(), depth - 1);
                // Some failures go on, others are handled.
                if let Err(number) = nested.await {
                    if random.below(2) == 0 {
                        return Err(number);
                    }
                }
            }
            6 | 7 if depth > 0 => {
                let nested = tree(random.fork(), counts.clone(), depth - 1);
                polled(nested, random.below(5) as usize).await;
            }
            8 if random.below(3) == 0 => s.cancel(),
            9 if random.below(3) == 0 => return Err(random.next()),
            10 if random.below(3) == 0 => {
                // In a task: a body's would end the test's own task.
                drop(s.spawn(async { expected("stress") as Done }));
            }
            11 if random.below(4) == 0 => {
                pending_until_stopped(s).await;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Ends by a cancellation alone, which somebody here sees to.
async fn pending_until_stopped(s: &Scope<u64>) {
    let scope = s.clone();
    filch::spawn(async move {
        yield_now().await;
        scope.cancel();
    });
    pending::<()>().await;
}

#[test]
fn random_trees_leave_nothing_alive() {
    install_hook();
    let seeds: Vec<u64> = match std::env::var("SCOPE_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (1..=if cfg!(miri) { 5 } else { 1_500 }).collect(),
    };
    for kind in Kind::ALL {
        let runtime = kind
            .builder()
            // Panics that came second are reported; here they are many, and expected.
            .unhandled_panic(filch::runtime::UnhandledPanic::Call(Arc::new(|info| {
                assert!(info.message().starts_with("expected: "), "{}", info.message());
            })))
            .build()
            .unwrap();
        let (mut tasks, mut errors) = (0, 0);
        for &seed in &seeds {
            let counts = Counts::default();
            let root = tree(Random::new(seed), counts.clone(), 3);
            let ours = counts.clone();
            let (result, alive) = runtime
                .block_on(runtime.spawn(async move {
                    let result = root.await;
                    (result, ours.live.now())
                }))
                .unwrap_or_else(|error| panic!("seed {seed}, {kind:?}: {error}"));
            assert_eq!(alive, 0, "seed {seed}, {kind:?}");
            let deferred = counts.deferred.load(Ordering::SeqCst);
            assert_eq!(counts.cleaned.load(Ordering::SeqCst), deferred, "seed {seed}, {kind:?}");
            tasks += counts.live.ever();
            errors += usize::from(result.is_err());
        }
        if seeds.len() > 100 {
            // The trees are not empty, and end in both ways.
            assert!(tasks > seeds.len() * 3, "{tasks} in {} trees", seeds.len());
            assert!(errors > seeds.len() / 20 && errors < seeds.len(), "{errors}");
        }
    }
}
