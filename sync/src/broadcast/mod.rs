//! A channel in which every receiver gets every message.
//!
//! The newest `capacity` messages are kept, rounded up to a power of two. Sending never waits: a receiver
//! that is slower finds its oldest messages overwritten, and is told how many.
//!
//! | file | what |
//! | --- | --- |
//! | `ring.rs` | the messages, the counts, and their invariants |
//! | `sender.rs`, `weak.rs`, `receiver.rs` | the handles |
//! | `stream.rs` | a receiver as a stream: feature `stream` |
//! | `error.rs` | [`error`] |
//!
//! # Examples
//! ```
//! use filch_sync::broadcast::{self, error::RecvError};
//!
//! let (tx, mut slow) = broadcast::channel(2);
//! let mut fast = tx.subscribe();
//! for n in 1..=3 {
//!     tx.send(n).unwrap();
//!     assert_eq!(fast.blocking_recv(), Ok(n));
//! }
//! assert_eq!(slow.blocking_recv(), Err(RecvError::Lagged(1)));
//! assert_eq!(slow.blocking_recv(), Ok(2));
//! ```

pub mod error;
mod receiver;
mod ring;
mod sender;
#[cfg(feature = "stream")]
pub(crate) mod stream;
mod weak;

pub use receiver::Receiver;
pub use sender::Sender;
pub use weak::WeakSender;

/// Makes a channel that keeps the newest `capacity` messages, rounded up to a power of two.
///
/// # Panics
/// If `capacity` is zero, or more than `usize::MAX / 2`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}
