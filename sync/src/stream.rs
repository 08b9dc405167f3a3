//! Receivers as streams: feature `stream`.
//!
//! [`mpsc::Receiver`](crate::mpsc::Receiver) and [`mpsc::UnboundedReceiver`](crate::mpsc::UnboundedReceiver)
//! are streams themselves. Waiting for a [`broadcast`](crate::broadcast) or [`watch`](crate::watch)
//! channel takes a place in a queue, which is the future's where there is one: [`BroadcastStream`] and
//! [`WatchStream`] have it in a box, made once.

use std::error::Error;
use std::fmt;

pub use futures_core::Stream;

pub use crate::broadcast::stream::BroadcastStream;
pub use crate::watch::stream::WatchStream;

/// So many messages were overwritten before this [`BroadcastStream`] came to them.
///
/// It goes on with the oldest message that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lagged(pub u64);

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "channel lagged by {}", self.0)
    }
}

impl Error for Lagged {}
