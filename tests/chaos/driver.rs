//! Plays a plan: builds the runtime, starts the steps, ends the runtime, joins what was kept.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use filch::runtime::{Builder, Handle, Runtime, UnhandledPanic};
use filch::time::{sleep, timeout};
use filch_tests::PATIENCE;
use filch_tests::runtimes::block_on_elsewhere;

use crate::books::{Account, Books, lock, tally};
use crate::context::{Context, Scarce};
use crate::life::{Ended, Spawned};
use crate::ops;
use crate::ops::sockets::Server;
use crate::scarce::{self, Limit};
use crate::script::{End, Plan, Step};

/// Plays a plan to its end. `outer` is the context of the runtime in which this one is a step.
pub fn play(books: &Arc<Books>, plan: &Plan, outer: Option<&Context>) {
    let scarce = plan.scarce.or(outer.and_then(|outer| outer.scarce));
    let entry = books.open(Account::Runtime);
    let runtime = match builder(books, plan, scarce).build() {
        Ok(runtime) => runtime,
        Err(error) if outer.is_some_and(|outer| outer.is_refused(&error)) => return,
        Err(error) => return books.fault(format!("no runtime: {error:?}")),
    };
    tally(match plan.workers {
        0 => "runtimes: current-thread",
        1 => "runtimes: one worker",
        _ => "runtimes: several workers",
    });
    let context = Context {
        books: books.clone(),
        runtime: runtime.handle().clone(),
        outer: outer.map(|outer| outer.runtime.clone()),
        server: None,
        closing: Arc::default(),
        scarce,
        attic: Arc::default(),
    };
    run(&runtime, &context, plan);
    let handle = runtime.handle().clone();
    end(runtime, plan.end, books);
    drop(entry);
    join_kept(&context);
    // The tasks of the others may still be in their last polls.
    if matches!(plan.end, End::Drop | End::Grace) {
        check_empty(&handle, books);
    }
}

/// Joins the handles that were kept. A task that is still in its last poll may keep one more.
fn join_kept(context: &Context) {
    loop {
        // Not under the lock: a last poll may be what is waited for, and want it.
        let Some(kept) = lock(&context.attic).pop() else { return };
        tally(match block_on_elsewhere(kept.join()) {
            Ended::Cancelled => "handles joined after the runtime: cancelled",
            _ => "handles joined after the runtime: ended",
        });
    }
}

fn builder(books: &Arc<Books>, plan: &Plan, scarce: Option<Scarce>) -> Builder {
    let mut builder = match plan.workers {
        0 => Builder::new_current_thread(),
        workers => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers);
            builder
        }
    };
    let (panics, stuck) = (books.clone(), books.clone());
    builder
        .enable_all()
        .enable_monitor(plan.monitor)
        .thread_name("chaos-rt")
        .unhandled_panic(UnhandledPanic::Call(Arc::new(move |_| {
            panics.panics.reported.fetch_add(1, SeqCst);
            tally("panics reported");
        })))
        .on_stuck(move |_| {
            stuck.stuck_reports.fetch_add(1, SeqCst);
            tally("stuck polls reported");
        });
    if scarce == Some(Scarce::Threads) {
        builder.thread_stack_size(scarce::STACK);
    }
    builder
}

fn run(runtime: &Runtime, context: &Context, plan: &Plan) {
    let script: Pin<Box<dyn Future<Output = ()> + Send>> = {
        let (context, plan) = (context.clone(), plan.clone());
        Box::pin(async move { steps(context, plan).await })
    };
    let script = async {
        if plan.in_task {
            context.spawn(script).join().await;
        } else {
            script.await;
        }
    };
    runtime.block_on(async {
        match plan.cut_after {
            None => script.await,
            Some(after) => {
                if timeout(after, script).await.is_err() {
                    tally("runtimes cut in the middle");
                }
            }
        }
    });
}

async fn steps(mut context: Context, plan: Plan) {
    let server = match Server::start(&context).await {
        Ok(server) => server,
        Err(error) if context.is_refused(&error) => return,
        Err(error) => return context.fault(format!("no server: {error:?}")),
    };
    context.server = Some(server.address());
    let limit = plan.scarce.map(|scarce| Limit::lower(scarce, plan.steps.len()));
    // What the steps may meet; the server backs off in any case.
    let mut begun = Vec::new();
    for step in plan.steps {
        if !step.after.is_zero() {
            sleep(step.after).await;
        }
        begun.push((step.clone(), begin(&context, step)));
    }
    // Jobs wait for the limit's end. Descriptors come back by themselves: the limit stays to the end.
    let limit = match limit {
        Some(limit) if plan.scarce == Some(Scarce::Threads) => {
            sleep(Duration::from_millis(30)).await;
            drop(limit);
            None
        }
        limit => limit,
    };
    for (step, task) in begun {
        let ended = task.join().await;
        let is_fine = match ended {
            Ended::Finished => true,
            // A runtime that is cut cancels its tasks one after the other, this one perhaps last.
            Ended::Cancelled => step.abort_after.is_some() || plan.cut_after.is_some(),
            Ended::Panicked => false,
        };
        if !is_fine {
            context.fault(format!("a step has ended as {ended:?}: {step:?}"));
        }
    }
    drop(limit);
    if plan.scarce.is_some() {
        // As if nothing had been.
        context.scarce = None;
        ops::sockets::clean(&context).await;
    }
    server.stop().await;
}

/// Starts a step, and what aborts it.
fn begin(context: &Context, step: Step) -> Spawned {
    let after = step.abort_after;
    let task = {
        let context = context.clone();
        context.clone().spawn(async move {
            let under_way = context.books.begin_step(format!("{step:?}"));
            let kind = step.kind;
            ops::run(&context, step).await;
            under_way.end();
            tally(kind.name());
        })
    };
    if let Some(after) = after {
        let abort = task.abort_handle();
        drop(context.spawn(async move {
            sleep(after).await;
            tally("steps aborted, or over just before");
            abort.abort();
        }));
    }
    task
}

fn end(runtime: Runtime, end: End, books: &Books) {
    match end {
        End::Drop => {
            drop(runtime);
            tally("runtimes ended: drop");
        }
        End::Timeout => {
            runtime.shutdown_timeout(PATIENCE);
            tally("runtimes ended: shutdown_timeout");
        }
        End::Background => {
            runtime.shutdown_background();
            tally("runtimes ended: shutdown_background");
        }
        End::Grace => {
            let report = runtime.shutdown(PATIENCE);
            if !report.is_clean() {
                books.fault(format!("a shutdown with a minute's grace: {report}"));
            }
            tally("runtimes ended: shutdown");
        }
    }
}

/// Nothing is left of a runtime whose shutdown has waited for everything.
fn check_empty(handle: &Handle, books: &Books) {
    let metrics = handle.metrics();
    let begin = Instant::now();
    loop {
        let left = [
            metrics.num_alive_tasks(),
            metrics.num_blocking_threads(),
            metrics.blocking_queue_depth(),
        ];
        if left == [0; 3] {
            return;
        }
        // A task that comes from elsewhere is cancelled at once, and may be seen for a moment.
        if begin.elapsed() > Duration::from_secs(10) {
            return books.fault(format!("left of a runtime (tasks, threads, jobs): {left:?}"));
        }
        std::thread::yield_now();
    }
}
