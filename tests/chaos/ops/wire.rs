//! A connection as both of its sides know it, and its bytes.
//!
//! Invariant
//! W1  Whoever cuts a connection notes it before the other side can see it: an error on a connection that
//!     nobody has cut is a fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use crate::random::mix;

/// Who cuts a connection, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    Nobody,
    /// `SO_LINGER` of zero.
    ClientResets,
    /// Closes without reading what came back.
    ClientCloses,
    /// Says that it is done, and closes without reading.
    ClientHalfCloses,
    ServerResets,
    ServerCloses,
    ServerPanics,
}

/// What both sides know of a connection.
#[derive(Debug)]
pub struct Wire {
    pub number: u64,
    pub length: u64,
    pub cut: Cut,
    /// After so many bytes.
    pub cut_at: u64,
    pub is_cut: AtomicBool,
    pub sent_up: AtomicU64,
    pub received_up: AtomicU64,
    pub sent_down: AtomicU64,
    pub received_down: AtomicU64,
    pub client_done: AtomicBool,
    pub server_done: AtomicBool,
}

impl Wire {
    pub fn new(number: u64, length: u64, cut: Cut, cut_at: u64) -> Wire {
        Wire {
            number,
            length,
            cut,
            cut_at,
            is_cut: AtomicBool::new(false),
            sent_up: AtomicU64::new(0),
            received_up: AtomicU64::new(0),
            sent_down: AtomicU64::new(0),
            received_down: AtomicU64::new(0),
            client_done: AtomicBool::new(false),
            server_done: AtomicBool::new(false),
        }
    }

    /// The byte at a place of the stream: sent by the client, and by the server back.
    fn byte(&self, place: u64) -> u8 {
        (mix(self.number ^ (place >> 3)) >> (8 * (place & 7))) as u8
    }

    pub fn fill(&self, buffer: &mut [u8], from: u64) {
        for (place, byte) in (from..).zip(buffer) {
            *byte = self.byte(place);
        }
    }

    /// Where what was received differs from what was sent.
    pub fn difference(&self, received: &[u8], from: u64) -> Option<u64> {
        (from..)
            .zip(received)
            .find(|&(place, &byte)| byte != self.byte(place))
            .map(|(place, _)| place)
    }

    fn is_done(&self) -> bool {
        self.client_done.load(SeqCst) && self.server_done.load(SeqCst)
    }

    /// Neither cut nor carried to its end.
    pub fn is_open(&self) -> bool {
        !self.is_done() && !self.is_cut.load(SeqCst)
    }

    pub fn cut(&self) {
        self.is_cut.store(true, SeqCst);
    }

    /// What does not add up, when both sides are gone.
    pub fn fault(&self) -> Option<String> {
        let all = [&self.sent_up, &self.received_up, &self.sent_down, &self.received_down];
        let [sent_up, received_up, sent_down, received_down] = all.map(|count| count.load(SeqCst));
        let balanced = if self.is_cut.load(SeqCst) {
            // `sent_up` is added to before the bytes are written.
            received_up <= sent_up && sent_down <= received_up && received_down <= received_up
        } else {
            self.is_done() && [sent_up, received_up, sent_down, received_down] == [self.length; 4]
        };
        (!balanced).then(|| format!("a connection does not add up: {self:?}"))
    }
}

/// Says on its drop that a side is gone before its time.
pub struct Side {
    wire: Arc<Wire>,
    pub done: bool,
}

impl Side {
    pub fn new(wire: &Arc<Wire>) -> Side {
        Side { wire: wire.clone(), done: false }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if !self.done {
            self.wire.cut();
        }
    }
}

/// A client's end of a connection: the cut is noted before the other side can see it.
pub struct Cutting<S> {
    // Before the stream in the order of dropping.
    pub side: Side,
    pub stream: S,
}

impl<S> Cutting<S> {
    pub fn new(wire: &Arc<Wire>, stream: S) -> Cutting<S> {
        Cutting { side: Side::new(wire), stream }
    }
}
