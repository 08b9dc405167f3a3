//! The operations, a file for each kind or two. Each checks what it can see by itself, at once, and leaves the
//! rest to the books. Any of them may be aborted at any `.await`, or lose its runtime.

mod blocking;
mod channels;
mod children;
mod local;
mod locks;
mod nested;
mod signals;
pub mod sockets;
mod tasks;
mod timers;
pub mod wire;

pub use children::{SITTER, count_inherited, sit};
pub use signals::ignore as ignore_signals;

use crate::context::{Context, Scarce};
use crate::random::Random;
use crate::scarce;
use crate::script::{Kind, Step};

/// Runs a step to its end.
pub async fn run(context: &Context, step: Step) {
    let random = Random::new(step.seed);
    match step.kind {
        Kind::Tasks => tasks::run(context, random).await,
        Kind::StuckPolls => blocking::stuck_polls(context, random).await,
        Kind::Jobs => blocking::jobs(context, random).await,
        Kind::Sockets => sockets::run(context, random).await,
        Kind::Children => children::run(context, random).await,
        Kind::Signals => signals::run(context, random).await,
        Kind::Timers => timers::run(context, random).await,
        Kind::Channels => channels::run(context, random).await,
        Kind::Locks => locks::run(context, random).await,
        Kind::Local => local::run(context, random).await,
        Kind::Runtime => nested::run(context, step.inner).await,
        Kind::DropInside => nested::drop_inside(context, random).await,
        Kind::ScarceDescriptors => scarce::run(context, Scarce::Descriptors, step.seed).await,
        Kind::ScarceThreads => scarce::run(context, Scarce::Threads, step.seed).await,
    }
}
