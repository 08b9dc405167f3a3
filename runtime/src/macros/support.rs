//! What expansions of the macros reach by `$crate`. No interface: it changes without notice.

use std::cell::OnceCell;
use std::task::Context;

use filch_primitives::coop;
use filch_primitives::rand::Rng;

pub use filch_macros::{__error as error, __select_error as select_error};
pub use std::future::{Future, IntoFuture, poll_fn};
pub use std::option::Option::{None, Some};
pub use std::pin::{Pin, pin};
pub use std::result::Result::{self, Err, Ok};
pub use std::task::Poll::{self, Pending, Ready};
pub use std::{panic, unreachable};

pub use super::leak_check::{assert_no_tasks_left, tasks_left};
pub use super::maybe_done::{MaybeDone, maybe_done};

filch_primitives::local! {
    /// The thread's generator for the order of branches. Beside the one that a worker steals by, which
    /// is the worker's and moves with it.
    static RNG: OnceCell<Rng> = OnceCell::new();
}

/// The branch of `branches` that a `select!` polls first this time.
///
/// Under loom every execution sees the same numbers: a model must be repeatable.
#[inline]
pub fn random_branch(branches: u32) -> u32 {
    RNG.try_with(|rng| rng.get_or_init(new_rng).below(branches)).unwrap_or(0)
}

#[cold]
fn new_rng() -> Rng {
    #[cfg(not(filch_loom))]
    let seed = filch_primitives::rand::entropy();
    #[cfg(filch_loom)]
    let seed = 0;
    Rng::new(seed)
}

/// `Pending`, with the task woken, if the task's budget is spent. Spends nothing itself.
#[inline]
pub fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
    // Dropped without `made_progress`, so the unit is given back.
    coop::poll_proceed(cx).map(drop)
}

/// The guard of the arm that tries a branch's pattern on its output.
///
/// It notes that the pattern matched, and refuses: bindings move only where a guard accepts, so the output
/// stays whole, whatever the pattern binds.
#[inline]
pub fn note_match(matched: &mut bool) -> bool {
    *matched = true;
    false
}
