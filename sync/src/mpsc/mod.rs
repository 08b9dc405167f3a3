//! Channels with many senders and one receiver.
//!
//! | | [`channel`] | [`unbounded_channel`] |
//! | --- | --- | --- |
//! | a full channel | the sender waits, in the order of arrival | is never full |
//! | cost of a send | three atomic read-modify-writes | two |
//! | cost of a receive | one | none: a load |
//!
//! Messages of one sender arrive in their order; messages of all arrive in one order that agrees with
//! "sent before". Memory: blocks of 32 messages, recycled.
//!
//! A channel ends when all senders are gone, or when the receiver closes it; what was sent before is
//! received first.
//!
//! A waker that panics does so in the operation that woke it. Where that is a receive, which makes room for a
//! sender that waits, the received message is dropped by the unwinding.
//!
//! | file | what |
//! | --- | --- |
//! | `position.rs`, `block.rs`, `queue.rs` | the queue without waiting, and its invariants |
//! | `limit.rs`, `chan.rs`, `waker_cell.rs` | the channel: counts, waiting, closing |
//! | `bounded.rs`, `receiver.rs`, `permit.rs`, `unbounded.rs`, `weak.rs` | the public halves |
//! | `error.rs` | [`error`] |
//!
//! # Examples
//! ```
//! use filch_sync::mpsc;
//!
//! let (tx, mut rx) = mpsc::channel(8);
//! let workers: Vec<_> = (0..3)
//!     .map(|id| {
//!         let tx = tx.clone();
//!         std::thread::spawn(move || tx.blocking_send(id * 10).unwrap())
//!     })
//!     .collect();
//! drop(tx);
//! let mut results = Vec::new();
//! while let Some(result) = rx.blocking_recv() {
//!     results.push(result);
//! }
//! results.sort();
//! assert_eq!(results, [0, 10, 20]);
//! # workers.into_iter().for_each(|worker| worker.join().unwrap());
//! ```

mod block;
mod bounded;
mod chan;
pub mod error;
mod limit;
mod permit;
mod position;
mod queue;
mod receiver;
#[cfg(feature = "stream")]
mod stream;
mod unbounded;
mod waker_cell;
mod weak;

pub use bounded::{Sender, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use receiver::Receiver;
pub use unbounded::{UnboundedReceiver, UnboundedSender, unbounded_channel};
pub use weak::{WeakSender, WeakUnboundedSender};
