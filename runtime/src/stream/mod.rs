//! Streams: feature `stream`.
//!
//! What yields one thing after the other is a `futures_core::Stream`, so that the combinators of
//! `futures-util` and `tokio-stream` work on it. The crate depends on `futures-core` only, which has the
//! trait and nothing else; `next()` comes with `StreamExt` of either crate.
//!
//! | type | yields | ends |
//! | --- | --- | --- |
//! | [`mpsc::Receiver`], [`mpsc::UnboundedReceiver`] | the messages | with the channel |
//! | [`BroadcastStream`] | the messages, or [`Lagged`] | with the channel |
//! | [`WatchStream`] | the latest value | with the channel |
//! | [`Interval`](crate::time::Interval) | the time of each tick | never |
//! | [`JoinSet`](crate::task::JoinSet) | the outputs, as tasks end | when the set is empty |
//! | `net::TcpListener` | connections, or an error of `accept` | never |
//! | `io::Lines`, `io::Split` | lines, pieces, or an error of the reader | with the reader |
//! | `signal::unix::Signal` | `()` for each signal | never |
//!
//! Each has a method for the same thing (`recv`, `tick`, `accept`, `next_line`, `join_next`), that needs no
//! feature. Both take from the same source, and may be mixed.
//!
//! Dropping a stream's `next()` loses nothing: an item is taken by the poll that returns it.
//!
//! [`mpsc::Receiver`]: crate::sync::mpsc::Receiver
//! [`mpsc::UnboundedReceiver`]: crate::sync::mpsc::UnboundedReceiver
//!
//! # Examples
//! Code that takes any stream, and a channel:
//! ```
//! use std::future::poll_fn;
//! use std::pin::pin;
//! use std::time::Duration;
//!
//! use filch::stream::Stream;
//!
//! /// How many items a stream has. With `StreamExt` this is `stream.count().await`.
//! async fn count(stream: impl Stream) -> usize {
//!     let mut stream = pin!(stream);
//!     let mut n = 0;
//!     while poll_fn(|cx| stream.as_mut().poll_next(cx)).await.is_some() {
//!         n += 1;
//!     }
//!     n
//! }
//!
//! # #[filch::main(flavor = "current_thread")]
//! # async fn main() {
//! let (tx, rx) = filch::sync::mpsc::channel(8);
//! filch::spawn(async move {
//!     for n in 0..3 {
//!         tx.send(n).await.unwrap();
//!     }
//! });
//! assert_eq!(count(rx).await, 3);
//! # }
//! ```
//!
//! Layout: the channels' streams are in `filch-sync`; here is one file for each module that has streams.
//! The implementations call the types' public `poll_` methods, and hold no state.

mod io;
mod net;
#[cfg(unix)]
mod signal;
mod task;
mod time;

pub use filch_sync::stream::{BroadcastStream, Lagged, Stream, WatchStream};
