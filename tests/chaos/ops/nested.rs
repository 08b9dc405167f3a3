//! Runtimes inside of the time of another, and ends of runtimes where nobody may wait.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use filch::runtime::{Builder, Runtime, UnhandledPanic};

use crate::books::tally;
use crate::context::{Context, Pool, dither};
use crate::driver;
use crate::life::{Spawned, Tracked};
use crate::random::Random;
use crate::script::Plan;

/// Plays a script of its own on a thread of the blocking pool.
pub async fn run(context: &Context, plan: Option<Box<Plan>>) {
    let plan = plan.expect("a runtime's step has a plan");
    let job = {
        let context = context.clone();
        context.clone().job(Pool::Blocking, move || {
            driver::play(&context.books, &plan, Some(&context));
        })
    };
    job.join().await;
}

/// A runtime that whoever cancels this task ends without a panic.
struct InHand(Option<Runtime>);

impl InHand {
    fn get(&self) -> &Runtime {
        self.0.as_ref().expect("taken at the end")
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A runtime that ends in async code: by `shutdown_background`, or by a drop, which panics there and ends it
/// all the same.
pub async fn drop_inside(context: &Context, mut random: Random) {
    let books = context.books.clone();
    let reported = move || {
        books.panics.reported.fetch_add(1, SeqCst);
    };
    let mut builder = match random.below(2) {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(random.between(1, 3) as usize).enable_all().thread_name("chaos-in");
    builder.unhandled_panic(UnhandledPanic::Call(Arc::new(move |_| reported())));
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) if context.is_refused(&error) => return,
        Err(error) => return context.fault(format!("no runtime: {error:?}")),
    };
    let mut runtime = InHand(Some(runtime));
    for _ in 0..random.between(0, 20) {
        let mut random = Random::new(random.next());
        let forever = random.one_in(3);
        let task = Tracked::new(&context.books, async move {
            dither(&mut random).await;
            if forever {
                std::future::pending::<()>().await;
            }
        });
        let life = task.life();
        context.keep(Spawned::new(runtime.get().spawn(task), life));
    }
    dither(&mut random).await;
    let runtime = runtime.0.take().expect("taken once");
    if random.one_in(2) {
        runtime.shutdown_background();
        tally("runtimes ended in async code: shutdown_background");
    } else {
        let dropped = filch_tests::panics::caught(|| drop(runtime));
        if !dropped.message.contains("drop a runtime") {
            context.fault(format!("dropping a runtime in async code said {dropped:?}"));
        }
        tally("runtimes ended in async code: drop");
    }
}
