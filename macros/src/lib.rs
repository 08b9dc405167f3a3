//! The attribute macros of filch: `#[filch::main]` and `#[filch::test]`, and the error messages of its
//! other macros.
//!
//! Use them through the crate `filch`, which re-exports both; what they expand to names that crate
//! by the bare path `filch`, or by the one given as `crate = ".."`.
//!
//! | argument | value | flavors | without it |
//! | --- | --- | --- | --- |
//! | `flavor` | `"multi_thread"`, `"current_thread"` or `"local"` | | `main`: `multi_thread`, `test`: `current_thread` |
//! | `worker_threads` | an integer of at least 1 | `multi_thread` | as `Builder` decides: one for each core |
//! | `start_paused` | `true` or `false` | `current_thread`, `local` | `false` |
//! | `unhandled_panic` | `"ignore"`, `"shutdown_runtime"` or `"abort"` | all | as `Builder` decides |
//! | `name` | a string | all | no name |
//! | `leak_check` | `true` or `false`, in `test` only | all | `false` |
//! | `crate` | a path in a string | all | `"filch"` |
//!
//! # Where things are
//! `args.rs` reads the arguments, `function.rs` the function, `expand.rs` joins the two.
//! `diagnose.rs` finds the token to point at when `select!`, `join!` or `pin!` was given what it does not
//! take.

mod args;
mod diagnose;
#[cfg(test)]
mod diagnose_tests;
mod expand;
mod function;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

use crate::args::Entry;

/// Runs an `async fn` on a runtime of its own: the usual entry point of a program.
///
/// The function becomes a plain one that builds a runtime with I/O and time enabled, runs the body
/// on it by `block_on`, and drops the runtime when the body has ended; tasks that are still running
/// then are cancelled. The body itself is no task: it runs on the calling thread, needs neither
/// `Send` nor `'static`, and is not moved to a worker. Work that should spread over the workers is
/// spawned.
///
/// It may stand on any `async fn`, with arguments too, except that `main` itself takes none.
///
/// # Arguments
/// * `flavor = "multi_thread"` (the default), `"current_thread"`, or `"local"` for a current-thread
///   runtime on which `spawn_local` works.
/// * `worker_threads = N`: with `multi_thread` only. Without it `FILCH_WORKERS` from the
///   environment, else one for each core that the process may use.
/// * `start_paused = true`: the clock stands still, and jumps to the next timer when nothing else
///   is left to do. With `current_thread` or `local` only.
/// * `unhandled_panic = "ignore"` (the default: it is reported), `"shutdown_runtime"` or `"abort"`:
///   what else the panic of a spawned task does.
/// * `name = ".."`: the runtime's name, in reports and metrics.
/// * `crate = ".."`: the path under which the crate `filch` is known here.
///
/// # Panics
/// The function panics if the operating system refuses what the runtime needs, and when it is
/// called from async code, as `block_on` does.
///
/// # Examples
/// ```
/// #[filch::main]
/// async fn main() {
///     let answer = filch::spawn(async { 6 * 7 }).await;
///     assert_eq!(answer.unwrap(), 42);
/// }
/// ```
///
/// With two workers, and an error that ends the program:
///
/// ```
/// #[filch::main(flavor = "multi_thread", worker_threads = 2)]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let port: u16 = "8080".parse()?;
///     assert_eq!(port, 8080);
///     Ok(())
/// }
/// ```
///
/// What the first one stands for, written out:
///
/// ```
/// let runtime = filch::runtime::Builder::new_multi_thread()
///     .enable_all()
///     .build()
///     .expect("the runtime could not be built");
/// runtime.block_on(async {
///     let answer = filch::spawn(async { 6 * 7 }).await;
///     assert_eq!(answer.unwrap(), 42);
/// });
/// ```
///
/// Where `filch` has another name:
///
/// ```
/// use filch as rt;
///
/// #[rt::main(flavor = "current_thread", crate = "rt")]
/// async fn main() {
///     rt::task::yield_now().await;
/// }
/// ```
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Entry::Main, arguments.into(), item.into()).into()
}

/// Runs an `async fn` as a test, on a runtime of its own.
///
/// As [`macro@main`], with two differences: the function becomes a `#[test]`, and the default flavor
/// is `"current_thread"`. Each test builds its own runtime, so tests that run side by side don't
/// disturb each other. With `flavor = "multi_thread"` spawned tasks run on workers while the body
/// runs on the test's thread.
///
/// Other attributes, such as `#[should_panic]` and `#[ignore]`, are kept. The plain `#[test]` beside
/// it is refused, since the test would run twice.
///
/// # Arguments
/// Those of [`macro@main`]. `start_paused = true` is the usual way to test code that waits: timers
/// fire in order, and no real time passes. One more:
/// * `leak_check = true`: the test fails if tasks that it spawned are left behind when its body has ended,
///   and names them with the places where they were spawned. Left behind is a task that waits for
///   something, or that still runs a second later; not one that was aborted, nor work for
///   `spawn_blocking` and `spawn_compute`, nor what a `LocalSet` of the test's own holds.
///
/// # Panics
/// The test fails with a panic if the operating system refuses what the runtime needs, and if `leak_check`
/// finds a task.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// #[filch::test(start_paused = true)]
/// async fn a_minute_passes_at_once() {
///     let before = filch::time::Instant::now();
///     filch::time::sleep(Duration::from_secs(60)).await;
///     assert!(before.elapsed() >= Duration::from_secs(60));
/// }
///
/// #[filch::test(flavor = "multi_thread", worker_threads = 2)]
/// async fn tasks_run_on_workers() -> Result<(), filch::task::JoinError> {
///     let body = std::thread::current().id();
///     let task = filch::spawn(async { std::thread::current().id() }).await?;
///     assert_ne!(body, task);
///     Ok(())
/// }
///
/// #[filch::test(leak_check = true)]
/// async fn the_server_ends_with_its_last_client() {
///     let (client, mut requests) = filch::sync::mpsc::channel::<u32>(1);
///     let server = filch::spawn(async move { while requests.recv().await.is_some() {} });
///     drop(client);
///     server.await.unwrap(); // without this line the task might be left behind
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Entry::Test, arguments.into(), item.into()).into()
}

/// A `compile_error!` at the tokens behind the message. For filch's own macros.
#[doc(hidden)]
#[proc_macro]
pub fn __error(input: TokenStream) -> TokenStream {
    diagnose::error(input.into()).into()
}

/// A `compile_error!` at what is wrong with a branch of `select!`. For filch's own macros.
#[doc(hidden)]
#[proc_macro]
pub fn __select_error(input: TokenStream) -> TokenStream {
    diagnose::select_error(input.into()).into()
}
