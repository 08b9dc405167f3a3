//! `RecvBatch`: room for datagrams, and those that came.
//!
//! Invariants
//! R1  Of each of the first `filled` slots, `len` bytes of its room hold what was received.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::slice::ChunksExactMut;

use super::MAX_MESSAGES;

/// Room for the datagrams that one [`UdpSocket::recv_batch`](crate::net::UdpSocket::recv_batch) receives,
/// and those that the last one did.
pub struct RecvBatch {
    bytes: Box<[u8]>,
    message_bytes: usize,
    slots: Box<[Slot]>,
    filled: usize,
    deferred: Option<io::Error>,
}

/// One message: a datagram, or several that the system has joined.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) len: usize,
    /// How long each datagram of it is; the last may be shorter.
    pub(super) segment_bytes: usize,
    pub(super) from: SocketAddr,
    /// It was longer than the room.
    pub(super) is_truncated: bool,
}

impl Slot {
    pub(super) const EMPTY: Slot = Slot {
        len: 0,
        segment_bytes: 0,
        from: SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        is_truncated: false,
    };
}

/// A datagram that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Datagram<'a> {
    /// What it carries.
    pub payload: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
    /// Whether it was longer than the room for it, and lost its end.
    pub is_truncated: bool,
}

impl RecvBatch {
    /// Room for `messages` messages of `message_bytes` bytes each.
    ///
    /// More than 32 messages are not received at once. A message is a datagram, of which 1,500 bytes
    /// are what usually comes over a network; if the socket [joins](crate::net::UdpSocket::set_gro) them it
    /// can be many, and 65,536 bytes are enough for it.
    ///
    /// # Panics
    /// If one of them is 0.
    #[track_caller]
    #[must_use]
    pub fn new(messages: usize, message_bytes: usize) -> RecvBatch {
        assert!(messages > 0, "a batch must have room for at least one message");
        assert!(message_bytes > 0, "a message must have room for at least one byte");
        let messages = messages.min(MAX_MESSAGES);
        RecvBatch {
            bytes: vec![0; messages * message_bytes].into_boxed_slice(),
            message_bytes,
            slots: vec![Slot::EMPTY; messages].into_boxed_slice(),
            filled: 0,
            deferred: None,
        }
    }

    /// What was received last.
    pub fn iter(&self) -> Datagrams<'_> {
        Datagrams { batch: self, slot: 0, at: 0 }
    }

    /// Forgets what was received.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    /// The room for each message.
    pub(super) fn rooms(&mut self) -> ChunksExactMut<'_, u8> {
        self.bytes.chunks_exact_mut(self.message_bytes)
    }

    /// The room for the next message.
    pub(super) fn next_room(&mut self) -> Option<&mut [u8]> {
        self.bytes.chunks_exact_mut(self.message_bytes).nth(self.filled)
    }

    /// Notes what the next room has been filled with.
    pub(super) fn push(&mut self, slot: Slot) {
        debug_assert!(slot.len <= self.message_bytes);
        self.slots[self.filled] = slot;
        self.filled += 1;
    }

    /// Keeps an error for the next call, where the system does not.
    pub(super) fn defer(&mut self, error: io::Error) {
        self.deferred = Some(error);
    }

    pub(super) fn take_deferred(&mut self) -> Option<io::Error> {
        self.deferred.take()
    }

    pub(super) fn has_filled_any(&self) -> bool {
        self.filled > 0
    }
}

impl<'a> IntoIterator for &'a RecvBatch {
    type Item = Datagram<'a>;
    type IntoIter = Datagrams<'a>;

    fn into_iter(self) -> Datagrams<'a> {
        self.iter()
    }
}

impl fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvBatch")
            .field("messages", &self.slots.len())
            .field("message_bytes", &self.message_bytes)
            .field("received", &self.iter().count())
            .finish()
    }
}

/// The datagrams that a [`RecvBatch`] has received, in the order in which they came.
#[derive(Clone)]
#[must_use = "the datagrams are gone with the next call"]
pub struct Datagrams<'a> {
    batch: &'a RecvBatch,
    slot: usize,
    /// How much of that slot has been given out.
    at: usize,
}

impl<'a> Iterator for Datagrams<'a> {
    type Item = Datagram<'a>;

    fn next(&mut self) -> Option<Datagram<'a>> {
        let slots = &self.batch.slots[..self.batch.filled];
        let slot = slots.get(self.slot)?;
        let segment = match slot.segment_bytes {
            0 => slot.len,
            bytes => bytes.min(slot.len - self.at),
        };
        let start = self.slot * self.batch.message_bytes + self.at;
        let payload = &self.batch.bytes[start..start + segment]; // R1
        self.at += segment;
        let is_last = self.at == slot.len;
        if is_last {
            (self.slot, self.at) = (self.slot + 1, 0);
        }
        Some(Datagram { payload, from: slot.from, is_truncated: slot.is_truncated && is_last })
    }
}

impl fmt::Debug for Datagrams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a batch gives out that received such messages: length, segments' length, truncated.
    fn given(messages: &[(usize, usize, bool)]) -> Vec<(Vec<u8>, bool)> {
        let mut batch = RecvBatch::new(4, 10);
        for (room, &(len, segment_bytes, is_truncated)) in messages.iter().enumerate() {
            let next = batch.next_room().unwrap();
            (0..len).for_each(|at| next[at] = (10 * room + at) as u8);
            batch.push(Slot { len, segment_bytes, is_truncated, ..Slot::EMPTY });
        }
        batch.iter().map(|d| (d.payload.to_vec(), d.is_truncated)).collect()
    }

    #[test]
    fn joined_datagrams_are_taken_apart() {
        assert_eq!(given(&[]), []);
        assert_eq!(given(&[(3, 0, false)]), [(vec![0, 1, 2], false)]);
        assert_eq!(
            given(&[(5, 2, false), (0, 0, false), (2, 2, false)]),
            [
                (vec![0, 1], false),
                (vec![2, 3], false),
                (vec![4], false),
                (vec![], false),
                (vec![20, 21], false)
            ]
        );
    }

    #[test]
    fn only_the_last_datagram_of_a_cut_message_is_cut() {
        assert_eq!(
            given(&[(3, 2, true), (1, 5, true)]),
            [(vec![0, 1], false), (vec![2], true), (vec![10], true)]
        );
    }

    #[test]
    fn room_is_bounded_and_used_up() {
        let mut batch = RecvBatch::new(1000, 1);
        assert_eq!(batch.rooms().count(), MAX_MESSAGES);
        while batch.next_room().is_some() {
            batch.push(Slot::EMPTY);
        }
        assert_eq!(batch.iter().count(), MAX_MESSAGES);
        batch.clear();
        assert_eq!(batch.iter().count(), 0);
    }

    #[test]
    #[should_panic(expected = "at least one message")]
    fn no_messages_are_no_room() {
        let _ = RecvBatch::new(0, 1);
    }

    #[test]
    #[should_panic(expected = "at least one byte")]
    fn no_bytes_are_no_room() {
        let _ = RecvBatch::new(1, 0);
    }
}
