//! Structured concurrency: tasks that end before the place that started them is left.
//!
//! | file | what |
//! | --- | --- |
//! | `run.rs` | [`scope`], [`ScopeBuilder`]: the future that runs a body and waits for its tasks |
//! | `spawner.rs` | [`Scope`]: what bodies and tasks hold |
//! | `group.rs` | [`TaskGroup`]: the form without a body |
//! | `builder.rs` | [`ScopedTaskBuilder`]: names; how each kind of work is started |
//! | `handle.rs` | [`ScopedJoinHandle`] |
//! | `task.rs` | what surrounds a task's future or function |
//! | `node.rs`, `members.rs` | who is in a scope; stopping, emptiness, nesting |
//! | `cleanup.rs` | deferred clean-up |
//! | `ambient.rs` | which scope the code that runs belongs to |
//! | `error.rs` | why a scope gave no value |
//!
//! The choices and their reasons: docs/structured-concurrency.md. The invariants N1 to N5: `node.rs`. The
//! model: loom-tests/tests/scope.rs. No unsafe code: nothing borrows from the parent's stack, so that no
//! future that is forgotten can leave a dangling reference.

mod ambient;
mod builder;
mod cleanup;
mod error;
mod group;
mod handle;
mod members;
mod node;
mod run;
mod spawner;
mod task;

pub use builder::ScopedTaskBuilder;
pub use error::{CancelCause, ScopeError, ScopedJoinError, TaskPanic};
pub use group::TaskGroup;
pub use handle::ScopedJoinHandle;
pub use run::{ScopeBuilder, scope};
pub use spawner::Scope;
