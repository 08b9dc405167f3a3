//! `SendBatch`: datagrams that wait to be sent, and how they are grouped.
//!
//! Invariants
//! Q1  `ends` is the end of each datagram in `bytes`, in order; those before `first` have been sent.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

/// How many datagrams the system cuts out of one message (`UDP_MAX_SEGMENTS`; newer ones take 128).
const MAX_SEGMENTS: usize = 64;

/// How long a message may be: 64 KiB less what an IP and a UDP header take.
const MAX_MESSAGE_BYTES: usize = 65_507;

/// Datagrams that wait to be sent, by [`UdpSocket::send_batch`](crate::net::UdpSocket::send_batch).
///
/// Their bytes are copied into one piece of memory, which is used again and again: a batch that has grown
/// once allocates no more.
///
/// # Examples
/// ```
/// use filch::net::udp::SendBatch;
///
/// let mut batch = SendBatch::new();
/// batch.push_to(b"tick", "127.0.0.1:4000".parse().unwrap());
/// batch.push_to(b"tock", "127.0.0.1:4001".parse().unwrap());
/// assert_eq!(batch.len(), 2);
/// ```
#[derive(Clone)]
pub struct SendBatch {
    bytes: Vec<u8>,
    datagrams: Vec<Entry>,
    /// How many of them have been sent.
    first: usize,
    offload: Offload,
}

#[derive(Clone, Copy)]
struct Entry {
    end: usize,
    /// `None`: to the peer that the socket is connected to.
    to: Option<SocketAddr>,
}

/// Whether several datagrams may travel as one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offload {
    /// Ask the system first.
    Unknown,
    Works,
    Off,
}

/// Datagrams that travel as one message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) bytes: &'a [u8],
    /// How many datagrams.
    pub(super) count: usize,
    /// How long each of them is; the last may be shorter.
    pub(super) segment_bytes: usize,
    pub(super) to: Option<SocketAddr>,
}

impl SendBatch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> SendBatch {
        SendBatch { bytes: Vec::new(), datagrams: Vec::new(), first: 0, offload: Offload::Unknown }
    }

    /// One whose datagrams each travel as a message of their own, without `UDP_SEGMENT`: for a socket whose
    /// packets must leave as they are, such as one that is watched by a filter.
    #[must_use]
    pub fn without_offload() -> SendBatch {
        SendBatch { offload: Offload::Off, ..SendBatch::new() }
    }

    /// Adds a datagram to the peer that the socket is connected to.
    ///
    /// # Cost
    /// Copies it.
    pub fn push(&mut self, payload: &[u8]) {
        self.add(payload, None);
    }

    /// Adds a datagram to some address.
    ///
    /// # Cost
    /// Copies it.
    pub fn push_to(&mut self, payload: &[u8], to: SocketAddr) {
        self.add(payload, Some(to));
    }

    fn add(&mut self, payload: &[u8], to: Option<SocketAddr>) {
        if self.is_empty() {
            self.clear();
        }
        self.bytes.extend_from_slice(payload);
        self.datagrams.push(Entry { end: self.bytes.len(), to });
    }

    /// How many datagrams wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.datagrams.len() - self.first
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives all of them up. The memory is kept.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
        self.first = 0;
    }

    /// Gives the first one up, such as one that the system would not send. Whether there was one.
    pub fn skip(&mut self) -> bool {
        let had = !self.is_empty();
        self.sent(usize::from(had));
        had
    }

    /// The first one, if there is one: its payload, and where it goes unless that is the socket's peer.
    #[must_use]
    pub fn first(&self) -> Option<(&[u8], Option<SocketAddr>)> {
        let entry = self.datagrams.get(self.first)?;
        Some((&self.bytes[self.range(self.first)], entry.to))
    }

    /// Notes that the first `count` have been sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.first += count;
        debug_assert!(self.first <= self.datagrams.len());
    }

    pub(super) fn offload(&self) -> Offload {
        self.offload
    }

    pub(super) fn set_offload(&mut self, offload: Offload) {
        self.offload = offload;
    }

    /// The datagrams as messages of several if `joined`, else of one each.
    pub(super) fn messages(&self, joined: bool) -> impl Iterator<Item = Message<'_>> {
        let mut at = self.first;
        std::iter::from_fn(move || {
            let count = if joined { self.run(at) } else { 1 };
            let to = self.datagrams.get(at)?.to;
            let first = self.range(at);
            let bytes = &self.bytes[first.start..self.datagrams[at + count - 1].end];
            at += count;
            Some(Message { bytes, count, segment_bytes: first.len(), to })
        })
    }

    /// How many datagrams from `at` on can travel as one message.
    fn run(&self, at: usize) -> usize {
        let Some(first) = self.datagrams.get(at) else { return 0 };
        let start = self.start(at);
        let segment = first.end - start;
        let mut count = 1;
        // An empty datagram travels alone: a message has no empty segments.
        while segment > 0 && count < MAX_SEGMENTS {
            let Some(next) = self.datagrams.get(at + count) else { break };
            let len = self.range(at + count).len();
            let fits = next.end - start <= MAX_MESSAGE_BYTES;
            if next.to != first.to || !(1..=segment).contains(&len) || !fits {
                break;
            }
            count += 1;
            if len < segment {
                break;
            }
        }
        count
    }

    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.datagrams[before].end)
    }

    fn range(&self, at: usize) -> Range<usize> {
        self.start(at)..self.datagrams[at].end
    }
}

impl Default for SendBatch {
    fn default() -> Self {
        SendBatch::new()
    }
}

impl fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatch")
            .field("len", &self.len())
            .field("bytes", &(self.bytes.len() - self.start(self.first)))
            .field("offload", &self.offload)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of datagrams to the same peer, grouped: how many in each message.
    fn grouped(lens: &[usize]) -> Vec<usize> {
        let mut batch = SendBatch::new();
        for &len in lens {
            batch.push(&vec![0; len]);
        }
        let counts: Vec<usize> = batch.messages(true).map(|message| message.count).collect();
        assert_eq!(counts.iter().sum::<usize>(), lens.len());
        assert_eq!(batch.messages(false).count(), lens.len());
        counts
    }

    #[test]
    fn datagrams_of_one_length_travel_together_and_a_shorter_one_ends_it() {
        assert_eq!(grouped(&[]), []);
        assert_eq!(grouped(&[5]), [1]);
        assert_eq!(grouped(&[5, 5, 5]), [3]);
        assert_eq!(grouped(&[5, 5, 3, 3, 5]), [3, 1, 1]);
        assert_eq!(grouped(&[3, 5, 5]), [1, 2]);
        assert_eq!(grouped(&[0, 0, 5, 0, 5]), [1, 1, 1, 1, 1]);
        assert_eq!(grouped(&[1; 130]), [64, 64, 2]);
        // 65507 bytes at most.
        assert_eq!(grouped(&[30_000, 30_000, 5_507, 1]), [3, 1]);
        assert_eq!(grouped(&[30_000, 30_000, 5_508]), [2, 1]);
    }

    #[test]
    fn destinations_are_kept_apart() {
        let (one, other) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let mut batch = SendBatch::new();
        batch.push_to(b"ab", one);
        batch.push_to(b"cd", one);
        batch.push_to(b"ef", other);
        batch.push(b"gh");
        let found: Vec<_> =
            batch.messages(true).map(|m| (m.bytes.to_vec(), m.count, m.to)).collect();
        assert_eq!(
            found,
            [
                (b"abcd".to_vec(), 2, Some(one)),
                (b"ef".to_vec(), 1, Some(other)),
                (b"gh".to_vec(), 1, None)
            ]
        );
    }

    #[test]
    fn what_was_sent_is_gone_and_the_rest_stays() {
        let mut batch = SendBatch::new();
        assert!(!batch.skip() && batch.first().is_none());
        for payload in [b"ab", b"cd", b"ef"] {
            batch.push(payload);
        }
        batch.sent(1);
        assert_eq!((batch.len(), batch.first()), (2, Some((&b"cd"[..], None))));
        assert!(batch.skip());
        assert_eq!(batch.messages(true).next().unwrap().bytes, b"ef");
        assert!(batch.skip() && batch.is_empty());
        batch.push(b"gh");
        assert_eq!((batch.len(), batch.first()), (1, Some((&b"gh"[..], None))));
    }
}
