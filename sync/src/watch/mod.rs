//! A channel that keeps the latest value: every receiver sees the newest one, not each one.
//!
//! | file | what |
//! | --- | --- |
//! | `shared.rs` | the value, its version, the counts |
//! | `value_lock.rs` | the lock of the value |
//! | `sender.rs`, `receiver.rs` | the halves |
//! | `reference.rs` | [`Ref`], the borrowed value |
//! | `stream.rs` | a receiver as a stream: feature `stream` |
//! | `error.rs` | [`error`] |
//!
//! # Examples
//! ```
//! use filch_sync::watch;
//!
//! let (tx, mut rx) = watch::channel("starting");
//! tx.send("running").unwrap();
//! assert!(rx.has_changed().unwrap());
//! assert_eq!(*rx.borrow_and_update(), "running");
//! assert!(!rx.has_changed().unwrap());
//! ```

pub mod error;
mod receiver;
mod reference;
mod sender;
mod shared;
#[cfg(feature = "stream")]
pub(crate) mod stream;
mod value_lock;

pub use receiver::Receiver;
pub use reference::Ref;
pub use sender::Sender;

/// Makes a channel with a first value, which its receiver has seen.
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(init);
    let receiver = sender.subscribe();
    (sender, receiver)
}
