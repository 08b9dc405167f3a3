//! `Ready`: what a source is ready for, and `ReadyEvent`: that, as of a moment.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

use crate::Interest;

/// A set of readiness states, possibly empty.
///
/// # Examples
/// ```
/// use filch_io_driver::{Interest, Ready};
///
/// let ready = Ready::READABLE | Ready::WRITE_CLOSED;
/// assert!(ready.is_readable() && !ready.is_read_closed());
/// // A write to a closed end does not block either: it fails.
/// assert!(ready.is_writable() && ready.is_write_closed());
/// assert_eq!(Ready::from_interest(Interest::READABLE) & ready, Ready::READABLE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);

    /// A read would not block.
    pub const READABLE: Ready = Ready(1 << 0);

    /// A write would not block.
    pub const WRITABLE: Ready = Ready(1 << 1);

    /// The other side will send no more. Stays once it is set.
    pub const READ_CLOSED: Ready = Ready(1 << 2);

    /// Nothing more can be sent. Stays once it is set.
    pub const WRITE_CLOSED: Ready = Ready(1 << 3);

    /// An error waits to be taken.
    pub const ERROR: Ready = Ready(1 << 4);

    /// Out-of-band data or another exceptional state.
    pub const PRIORITY: Ready = Ready(1 << 5);

    /// Everything.
    pub const ALL: Ready = Ready(0b11_1111);

    /// The ends that stay closed: no clearing takes these away.
    pub(crate) const CLOSED: Ready = Ready(Ready::READ_CLOSED.0 | Ready::WRITE_CLOSED.0);

    pub(crate) const fn from_bits(bits: u8) -> Ready {
        Ready(bits & Ready::ALL.0)
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn union(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }

    /// The states that satisfy `interest`: each wanted one, and the closing of that direction.
    pub const fn from_interest(interest: Interest) -> Ready {
        let mut ready = Ready::EMPTY;
        if interest.is_readable() {
            ready = ready.union(Ready::READABLE).union(Ready::READ_CLOSED);
        }
        if interest.is_writable() {
            ready = ready.union(Ready::WRITABLE).union(Ready::WRITE_CLOSED);
        }
        if interest.is_priority() {
            ready = ready.union(Ready::PRIORITY).union(Ready::READ_CLOSED);
        }
        if interest.is_error() {
            ready = ready.union(Ready::ERROR);
        }
        ready
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a read would not block: also where the read end is closed.
    pub const fn is_readable(self) -> bool {
        self.intersects(Ready(Ready::READABLE.0 | Ready::READ_CLOSED.0))
    }

    /// Whether a write would not block: also where the write end is closed.
    pub const fn is_writable(self) -> bool {
        self.intersects(Ready(Ready::WRITABLE.0 | Ready::WRITE_CLOSED.0))
    }

    /// Whether the read end is closed.
    pub const fn is_read_closed(self) -> bool {
        self.intersects(Ready::READ_CLOSED)
    }

    /// Whether the write end is closed.
    pub const fn is_write_closed(self) -> bool {
        self.intersects(Ready::WRITE_CLOSED)
    }

    /// Whether there is out-of-band data.
    pub const fn is_priority(self) -> bool {
        self.intersects(Ready::PRIORITY)
    }

    /// Whether an error waits.
    pub const fn is_error(self) -> bool {
        self.intersects(Ready::ERROR)
    }

    /// Whether both sets have something in common.
    pub(crate) const fn intersects(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        self.union(other)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        *self = self.union(other);
    }
}

impl BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl Sub for Ready {
    type Output = Ready;

    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Ready::READABLE, "READABLE"),
            (Ready::WRITABLE, "WRITABLE"),
            (Ready::READ_CLOSED, "READ_CLOSED"),
            (Ready::WRITE_CLOSED, "WRITE_CLOSED"),
            (Ready::ERROR, "ERROR"),
            (Ready::PRIORITY, "PRIORITY"),
        ];
        write_names(f, names.into_iter().filter(|(bit, _)| self.intersects(*bit)))
    }
}

/// Writes the names with ` | ` between them, or `EMPTY`.
pub(crate) fn write_names<B>(
    f: &mut fmt::Formatter<'_>,
    names: impl Iterator<Item = (B, &'static str)>,
) -> fmt::Result {
    let mut separator = "";
    for (_, name) in names {
        write!(f, "{separator}{name}")?;
        separator = " | ";
    }
    if separator.is_empty() { f.write_str("EMPTY") } else { Ok(()) }
}

/// Readiness as of a moment: what clearing it may take away.
///
/// The tick is the source's event counter. [`clear_readiness`] does nothing if an event came since,
/// so that it never takes away news that the caller has not seen.
///
/// [`clear_readiness`]: crate::Registration::clear_readiness
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadyEvent {
    /// What the source is ready for, of what was asked.
    pub ready: Ready,
    pub(crate) tick: u32,
}

impl ReadyEvent {
    /// The same moment with `ready` as what may be cleared.
    #[must_use]
    pub fn with_ready(self, ready: Ready) -> ReadyEvent {
        ReadyEvent { ready, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_names() {
        assert_eq!(format!("{:?}", Ready::EMPTY), "EMPTY");
        assert_eq!(
            format!("{:?}", Ready::ALL),
            "READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED | ERROR | PRIORITY"
        );
    }

    #[test]
    fn set_operations() {
        let mut ready = Ready::READABLE | Ready::ERROR;
        ready |= Ready::PRIORITY;
        assert!(ready.is_error() && ready.is_priority() && !ready.is_writable());
        assert_eq!(ready - Ready::ERROR, Ready::READABLE | Ready::PRIORITY);
        assert!((ready & Ready::WRITABLE).is_empty());
        assert_eq!(Ready::from_bits(0xff), Ready::ALL);
    }

    #[test]
    fn each_interest_names_its_closing() {
        let of = Ready::from_interest;
        assert_eq!(of(Interest::READABLE), Ready::READABLE | Ready::READ_CLOSED);
        assert_eq!(of(Interest::WRITABLE), Ready::WRITABLE | Ready::WRITE_CLOSED);
        assert_eq!(of(Interest::PRIORITY), Ready::PRIORITY | Ready::READ_CLOSED);
        assert_eq!(of(Interest::ERROR), Ready::ERROR);
    }
}
