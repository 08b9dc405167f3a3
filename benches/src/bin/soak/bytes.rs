//! A stream of bytes that nobody has to keep: each is known from its stream and its place.

/// A cheap generator of numbers that look random (splitmix64; Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The bytes of one stream, from some place on.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    stream: u64,
    at: u64,
}

impl Bytes {
    /// From the beginning.
    pub(crate) fn of(stream: u64) -> Bytes {
        Bytes { stream: mix(stream), at: 0 }
    }

    /// Where it is.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    fn next(&mut self) -> u8 {
        let word = mix(self.stream.wrapping_add(self.at / 8));
        let byte = word.to_le_bytes()[(self.at % 8) as usize];
        self.at += 1;
        byte
    }

    /// The next bytes.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) {
        buffer.fill_with(|| self.next());
    }

    /// Whether these are the next bytes; the place of the first that is not.
    pub(crate) fn check(&mut self, buffer: &[u8]) -> Result<(), u64> {
        match buffer.iter().position(|byte| *byte != self.next()) {
            None => Ok(()),
            Some(_) => Err(self.at - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_a_doubled_and_a_changed_byte_are_seen() {
        let mut sent = [0; 1000];
        Bytes::of(7).fill(&mut sent);
        assert_eq!(Bytes::of(7).check(&sent), Ok(()));
        let mut pieces = Bytes::of(7);
        assert_eq!((pieces.check(&sent[..333]), pieces.at()), (Ok(()), 333));
        assert_eq!(pieces.check(&sent[333..]), Ok(()));
        assert!(Bytes::of(8).check(&sent).is_err());
        for change in 0..3 {
            let mut wrong = sent.to_vec();
            match change {
                0 => drop(wrong.remove(500)),
                1 => wrong.insert(500, sent[499]),
                _ => wrong[500] ^= 1,
            }
            let at = Bytes::of(7).check(&wrong).unwrap_err();
            // A neighbour may happen to be the same.
            assert!((500..510).contains(&at), "{at}");
        }
    }
}
