//! `Interest`: what a source is registered or waited for.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

const READABLE: u8 = 1 << 0;
const WRITABLE: u8 = 1 << 1;
const PRIORITY: u8 = 1 << 2;
const ERROR: u8 = 1 << 3;

/// A non-empty set of the states that a caller wants to hear of.
///
/// Closed ends are always reported: the end of reading with [`READABLE`](Interest::READABLE) and
/// [`PRIORITY`](Interest::PRIORITY), the end of writing with [`WRITABLE`](Interest::WRITABLE).
///
/// # Examples
/// ```
/// use filch_io_driver::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
/// assert_eq!(Interest::READABLE.remove(Interest::READABLE), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// A read would not block: data, a connection to accept, the end of the stream, an error.
    pub const READABLE: Interest = Interest(READABLE);

    /// A write would not block: room in the buffer, a connection made, an error.
    pub const WRITABLE: Interest = Interest(WRITABLE);

    /// Out-of-band data or another exceptional state (`POLLPRI`).
    pub const PRIORITY: Interest = Interest(PRIORITY);

    /// An error waits to be taken (`POLLERR`).
    pub const ERROR: Interest = Interest(ERROR);

    /// Whether [`READABLE`](Interest::READABLE) is in the set.
    pub const fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }

    /// Whether [`WRITABLE`](Interest::WRITABLE) is in the set.
    pub const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Whether [`PRIORITY`](Interest::PRIORITY) is in the set.
    pub const fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Whether [`ERROR`](Interest::ERROR) is in the set.
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// The union of both sets.
    #[must_use = "it returns the union and changes neither set"]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// What is in this set and not in `other`; `None` if that is nothing.
    #[must_use = "it returns the difference and changes neither set"]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        let left = self.0 & !other.0;
        (left != 0).then_some(Interest(left))
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (READABLE, "READABLE"),
            (WRITABLE, "WRITABLE"),
            (PRIORITY, "PRIORITY"),
            (ERROR, "ERROR"),
        ];
        crate::ready::write_names(f, names.into_iter().filter(|(bit, _)| self.0 & bit != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_names() {
        assert_eq!(format!("{:?}", Interest::READABLE), "READABLE");
        let all = Interest::ERROR | Interest::PRIORITY | Interest::WRITABLE | Interest::READABLE;
        assert_eq!(format!("{all:?}"), "READABLE | WRITABLE | PRIORITY | ERROR");
    }

    #[test]
    fn remove_never_gives_an_empty_set() {
        let mut both = Interest::PRIORITY;
        both |= Interest::ERROR;
        assert_eq!(both.remove(both), None);
        assert_eq!(both.remove(Interest::READABLE), Some(both));
        let left = both.remove(Interest::ERROR).unwrap();
        assert!(left.is_priority() && !left.is_error() && !left.is_readable());
    }
}
