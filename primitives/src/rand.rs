//! A small fast generator for scheduling choices: where to start stealing, which branch to poll.
//!
//! xorshift64\* (Marsaglia, "Xorshift RNGs", 2003; multiplier from Vigna, "An experimental
//! exploration of Marsaglia's xorshift generators, scrambled", 2016). Not for secrets.

use std::cell::Cell;

/// A generator owned by one thread: eight bytes, a handful of instructions per number.
#[derive(Debug)]
pub struct Rng(Cell<u64>);

impl Rng {
    /// A generator whose sequence `seed` decides. Any seed will do, zero included.
    pub const fn new(seed: u64) -> Self {
        // One step of splitmix64, so that neighbouring seeds give unrelated sequences.
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        // The state must not be zero, where xorshift stays for ever.
        Rng(Cell::new(if z == 0 { 0x9E37_79B9_7F4A_7C15 } else { z }))
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&self) -> u64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`, by multiplication and shift; the bias is below `bound / 2^32`.
    ///
    /// Returns 0 where `bound` is 0.
    #[inline]
    pub fn below(&self, bound: u32) -> u32 {
        let high = self.next_u64() >> 32;
        ((high * u64::from(bound)) >> 32) as u32
    }
}

/// A seed that differs between threads and runs: the hasher keys that std draws from the system.
#[cfg(not(filch_shuttle))]
pub fn entropy() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// A seed that the schedule decides, as it decides all else: so that it can be run again.
#[cfg(filch_shuttle)]
pub fn entropy() -> u64 {
    crate::loom::draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let rng = Rng::new(7);
        let mut seen = [0u32; 6];
        for _ in 0..6_000 {
            seen[rng.below(6) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 800), "uneven: {seen:?}");
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn any_seed_gives_a_sequence_that_moves() {
        for seed in [0, 1, u64::MAX, 0x61C8_8646_80B5_83EB] {
            let rng = Rng::new(seed);
            let first = rng.next_u64();
            assert_ne!(first, rng.next_u64(), "seed {seed}");
        }
    }
}
