//! The macros that users call, and what their expansions call.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `select.rs` | `select!`: the first of several futures |
//! | `join.rs` | `join!`: all of several futures; the part that `try_join!` shares |
//! | `try_join.rs` | `try_join!`: all of them, or the first error |
//! | `pin.rs` | `pin!`: variables pinned to the stack |
//! | `support.rs` | functions and names that expansions reach by `$crate` |
//! | `maybe_done.rs` | a future that keeps its output, for `join!` and `try_join!` |
//! | `leak_check.rs` | what `#[filch::test(leak_check = true)]` calls when the body has ended |
//!
//! Invariants
//! X1  An expansion names what it uses by `$crate`, so that the macros work under any name of this crate
//!     and beside any names of the caller's. Its own variables are hygienic.
//! X2  User code (patterns aside) appears once in an expansion, outside of any closure, loop or async block
//!     of ours: `break`, `continue`, `return`, `?` and `.await` in it mean what they mean around the macro.
//! X3  The macros' own grammar is matched by `macro_rules!`, so that rustc's parser reads the user's
//!     expressions and reports what is wrong in them. What no rule takes goes to a procedural macro,
//!     whose only work is to find the token to point at.

mod join;
mod leak_check;
mod maybe_done;
mod pin;
mod select;
#[doc(hidden)]
pub mod support;
mod try_join;
