//! Cancellation that goes down a tree of tokens.
//!
//! | file | what |
//! | --- | --- |
//! | `tree.rs` | which token is whose child |
//! | `token.rs` | [`CancellationToken`] |
//! | `wait.rs` | the futures that wait for the cancellation |
//! | `run.rs` | a future that ends early |
//! | `guard.rs` | guards that cancel when dropped |

mod guard;
mod run;
mod token;
mod tree;
mod wait;

pub use guard::{DropGuard, DropGuardRef};
pub use token::CancellationToken;
pub use wait::{WaitForCancellationFuture, WaitForCancellationFutureOwned};
