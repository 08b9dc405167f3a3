//! Keys: the numbers that the operating system keeps for us and returns with each event.

/// A registration's number: slot, generation, and one property that reading an event needs.
///
/// ```text
/// bits    what
/// 0..31   index of the slot
/// 31      the registration asked for writing and not for reading
/// 32..64  generation of the slot
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key(u64);

const WRITE_ONLY: u64 = 1 << 31;
const INDEX: u64 = WRITE_ONLY - 1;

impl Key {
    /// The wake-up of a waiting thread. No slot has this index.
    pub(crate) const NOTIFY: Key = Key(INDEX);

    /// The alarm. No slot has this index.
    pub(crate) const ALARM: Key = Key(INDEX - 1);

    /// One more than the highest index of a slot: the two above are not theirs.
    pub(crate) const SLOTS: u32 = (INDEX - 1) as u32;

    pub(crate) fn new(index: u32, generation: u32, write_only: bool) -> Self {
        debug_assert!(index < Key::SLOTS);
        let flag = if write_only { WRITE_ONLY } else { 0 };
        Key(u64::from(index) | flag | (u64::from(generation) << 32))
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Key(bits)
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    pub(crate) fn index(self) -> u32 {
        (self.0 & INDEX) as u32
    }

    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) fn is_write_only(self) -> bool {
        self.0 & WRITE_ONLY != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        let key = Key::from_bits(Key::new(Key::SLOTS - 1, u32::MAX, true).bits());
        assert_eq!((key.index(), key.generation()), (Key::SLOTS - 1, u32::MAX));
        assert!(key.is_write_only());
        let key = Key::new(3, 0, false);
        assert_eq!((key.index(), key.generation(), key.is_write_only()), (3, 0, false));
    }

    #[test]
    fn our_own_keys_are_no_slots() {
        assert!(Key::NOTIFY.index() >= Key::SLOTS && Key::ALARM.index() >= Key::SLOTS);
        assert_ne!(Key::NOTIFY, Key::ALARM);
    }
}
