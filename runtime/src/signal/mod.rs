//! Signals as events: Ctrl-C, and on Unix every signal that a process may catch.
//!
//! [`ctrl_c`] is what most programs need. [`unix::signal`] gives a listener for any signal.
//!
//! A signal is delivered to the process and heard by all of its listeners, in all of its runtimes. What
//! becomes of the operating system's own reaction, before, meanwhile and after, is told at
//! [`unix::Signal`].
//!
//! # Examples
//! ```no_run
//! # async fn serve() {}
//! # filch::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let server = serve();
//! let mut server = std::pin::pin!(server);
//! let mut stop = std::pin::pin!(filch::signal::ctrl_c());
//! std::future::poll_fn(|cx| {
//!     use std::future::Future;
//!     if stop.as_mut().poll(cx).is_ready() {
//!         return std::task::Poll::Ready(());
//!     }
//!     server.as_mut().poll(cx)
//! })
//! .await;
//! # });
//! ```

mod ctrl_c;
pub mod unix;

pub use ctrl_c::ctrl_c;
