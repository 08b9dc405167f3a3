//! A channel for one value.
//!
//! One allocation and no reference count: the two halves agree by the state word who frees it. A send
//! to a receiver that does not wait yet is one atomic exchange; receiving a value that is there is an
//! atomic load and no exchange.
//!
//! | file | what |
//! | --- | --- |
//! | `inner.rs` | the allocation, the state word's table and invariants, and who may touch what |
//! | `sender.rs`, `receiver.rs` | the halves: their transitions |
//! | `error.rs` | [`error`] |
//!
//! # Examples
//! ```
//! use filch_sync::oneshot;
//!
//! let (tx, rx) = oneshot::channel();
//! let answer = std::thread::spawn(move || tx.send(6 * 7));
//! assert_eq!(rx.blocking_recv(), Ok(42));
//! # answer.join().unwrap().unwrap();
//! ```

pub mod error;
mod inner;
mod receiver;
mod sender;

pub use receiver::Receiver;
pub use sender::Sender;

use inner::Inner;

/// Makes a channel for one value.
///
/// The [`Sender`] sends without waiting; the [`Receiver`] is a future of the value.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let inner = Inner::allocate();
    (Sender::new(inner), Receiver::new(inner))
}
