//! hyper on filch: hyper's runtime traits for filch's types. Feature `hyper`.
//!
//! hyper 1.x asks its runtime for four things, and finds them here:
//!
//! | hyper's trait | filch's type |
//! | --- | --- |
//! | [`rt::Read`], [`rt::Write`] | [`TcpStream`], [`UnixStream`] and [`DuplexStream`] as they are; anything else in an [`Io`] |
//! | [`rt::Executor`] | [`Executor`] spawns on the current runtime, a [`Handle`] on its own |
//! | [`rt::Timer`] | [`Timer`] |
//! | [`rt::Sleep`] | [`time::Sleep`](crate::time::Sleep) |
//!
//! A server's accept loop hands each stream to hyper as it is:
//!
//! ```text
//! let (stream, _) = listener.accept().await?;
//! let connection = hyper::server::conn::http1::Builder::new()
//!     .timer(filch::hyper::Timer::new())
//!     .serve_connection(stream, service);
//! filch::spawn(connection);
//! ```
//!
//! Bytes are read straight into hyper's buffer, uninitialised as it is: no copy, no zeroing.
//!
//! # Examples
//!
//! ```
//! use filch::hyper::{Executor, Timer};
//! use hyper::rt::{Executor as _, Timer as _};
//! use std::time::Duration;
//!
//! # filch::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
//! #     .block_on(async {
//! let (sender, receiver) = filch::sync::oneshot::channel();
//! Executor::new().execute(async move {
//!     Timer::new().sleep(Duration::from_secs(1)).await;
//!     let _ = sender.send("woken by filch's timer");
//! });
//! assert_eq!(receiver.await, Ok("woken by filch's timer"));
//! # });
//! ```
//!
//! [`rt::Read`]: ::hyper::rt::Read
//! [`rt::Write`]: ::hyper::rt::Write
//! [`rt::Executor`]: ::hyper::rt::Executor
//! [`rt::Timer`]: ::hyper::rt::Timer
//! [`rt::Sleep`]: ::hyper::rt::Sleep
//! [`TcpStream`]: crate::net::TcpStream
//! [`UnixStream`]: crate::net::UnixStream
//! [`DuplexStream`]: crate::io::DuplexStream
//! [`Handle`]: crate::runtime::Handle

mod executor;
mod io;
mod timer;

pub use executor::Executor;
pub use io::Io;
pub use timer::Timer;
