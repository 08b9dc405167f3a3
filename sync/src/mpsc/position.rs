//! Positions in the queue: the number of a slot, counted from the channel's first message.
//!
//! A position is kept doubled: the lowest bit of the tail word is the CLOSED flag, and doubled
//! positions wrap where the word wraps. So nothing here cares whether a usize has 32 or 64 bits.

/// Slots in a block.
///
/// 32 makes an allocation (or a recycling) rare and keeps a block of small messages at half a
/// kilobyte; under loom 2, so that a model crosses blocks.
pub(super) const SLOTS: usize = if cfg!(filch_loom) { 2 } else { 32 };

/// The distance between neighbouring positions.
pub(super) const STEP: usize = 2;

/// The distance between the first slots of neighbouring blocks.
pub(super) const SPAN: usize = SLOTS * STEP;

/// Blocks divide the range of positions evenly, and an even number of times (`parity`).
const _: () = assert!(SLOTS.is_power_of_two() && SPAN < usize::MAX / 4);

/// The slot within its block.
#[inline]
pub(super) fn offset(position: usize) -> usize {
    (position / STEP) % SLOTS
}

/// The position of the first slot of the same block.
#[inline]
pub(super) fn block_start(position: usize) -> usize {
    position & !(SPAN - 1)
}

/// Whether a block's number is odd.
#[inline]
pub(super) fn parity(start: usize) -> usize {
    (start / SPAN) % 2
}

/// Whether `a` is at or after `b`, for positions less than half the range apart.
#[inline]
pub(super) fn reached(a: usize, b: usize) -> bool {
    a.wrapping_sub(b) as isize >= 0
}

/// How many slots lie from `from` up to `to`.
#[inline]
pub(super) fn distance(from: usize, to: usize) -> usize {
    to.wrapping_sub(from) / STEP
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_block_until_the_span_is_full() {
        for i in 0..SLOTS * 4 {
            let position = i * STEP;
            assert_eq!(offset(position), i % SLOTS);
            assert_eq!(block_start(position), (i / SLOTS) * SPAN);
            assert_eq!(parity(block_start(position)), (i / SLOTS) % 2);
        }
    }

    #[test]
    fn nothing_changes_where_the_word_wraps() {
        let last = usize::MAX - 1;
        assert_eq!(offset(last), SLOTS - 1);
        assert_eq!(last.wrapping_add(STEP), 0);
        assert_eq!(parity(block_start(last)), 1);
        assert_eq!(parity(0), 0);
        assert!(reached(0, last) && !reached(last, 0) && reached(last, last));
        assert_eq!(distance(last, 4), 3);
    }
}
