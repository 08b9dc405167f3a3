//! `ReadBuf`: a byte buffer that knows how far it is filled and how far it is initialised.
//!
//! Callers: every `poll_read`. It lets a reader fill memory that nobody has zeroed, with one `unsafe`
//! at the place that knows how many bytes the system wrote.
//!
//! Invariants
//! B1  filled <= initialized <= capacity.
//! B2  The first `initialized` bytes are initialised, and stay so: whoever gets at the raw memory
//!     (`inner_mut`, `unfilled_mut`, `chunk_mut`) promises not to write uninitialised bytes into it.

use std::fmt;
use std::mem::MaybeUninit;

use bytes::BufMut;
use bytes::buf::UninitSlice;

/// A borrowed byte buffer that is filled step by step, over memory that may be uninitialised.
///
/// It consists of three stretches, of which the first is always part of the second:
///
/// ```text
/// |------------------ capacity ------------------|
/// |-- filled --|------------- unfilled ----------|
/// |-------- initialized --------|- uninitialized-|
/// ```
///
/// "Uninitialized" means "not known to be initialised": memory that has once been initialised must
/// never be made uninitialised again.
///
/// # Examples
///
/// ```
/// use filch::io::ReadBuf;
/// use std::mem::MaybeUninit;
///
/// let mut memory = [MaybeUninit::uninit(); 8];
/// let mut buf = ReadBuf::uninit(&mut memory);
/// buf.put_slice(b"abc");
/// assert_eq!(buf.filled(), b"abc");
/// assert_eq!(buf.remaining(), 5);
/// ```
pub struct ReadBuf<'a> {
    buf: &'a mut [MaybeUninit<u8>],
    /// How much is filled (B1).
    filled: usize,
    /// How much is initialised (B1, B2).
    initialized: usize,
}

impl<'a> ReadBuf<'a> {
    /// A buffer, empty so far, over initialised memory.
    #[inline]
    pub fn new(buf: &'a mut [u8]) -> ReadBuf<'a> {
        let initialized = buf.len();
        // SAFETY: `MaybeUninit<u8>` has the layout of `u8`, and the borrow moves over to the new
        // slice. Nothing uninitialised is written through it: B2.
        let buf = unsafe { &mut *(buf as *mut [u8] as *mut [MaybeUninit<u8>]) };
        ReadBuf { buf, filled: 0, initialized }
    }

    /// A buffer, empty so far, over memory that may be uninitialised.
    ///
    /// All of it counts as uninitialised; [`assume_init`](ReadBuf::assume_init) tells otherwise.
    #[inline]
    pub fn uninit(buf: &'a mut [MaybeUninit<u8>]) -> ReadBuf<'a> {
        ReadBuf { buf, filled: 0, initialized: 0 }
    }

    /// The length of the whole buffer.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buf.len()
    }

    /// The filled part.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        // SAFETY: the filled part is initialised: B1, B2.
        unsafe { assume_init_ref(&self.buf[..self.filled]) }
    }

    /// The filled part, to be changed.
    #[inline]
    pub fn filled_mut(&mut self) -> &mut [u8] {
        // SAFETY: the filled part is initialised: B1, B2.
        unsafe { assume_init_mut(&mut self.buf[..self.filled]) }
    }

    /// A buffer over the next `n` unfilled bytes, or over all of them if there are fewer.
    ///
    /// What is filled there does not count as filled here: [`advance`](ReadBuf::advance) afterwards,
    /// preceded by [`assume_init`](ReadBuf::assume_init).
    #[inline]
    pub fn take(&mut self, n: usize) -> ReadBuf<'_> {
        let n = n.min(self.remaining());
        let initialized = (self.initialized - self.filled).min(n);
        ReadBuf { buf: &mut self.buf[self.filled..][..n], filled: 0, initialized }
    }

    /// The initialised part, which begins with the filled part.
    #[inline]
    pub fn initialized(&self) -> &[u8] {
        // SAFETY: B2.
        unsafe { assume_init_ref(&self.buf[..self.initialized]) }
    }

    /// The initialised part, which begins with the filled part, to be changed.
    #[inline]
    pub fn initialized_mut(&mut self) -> &mut [u8] {
        // SAFETY: B2.
        unsafe { assume_init_mut(&mut self.buf[..self.initialized]) }
    }

    /// The whole buffer as raw memory.
    ///
    /// # Safety
    ///
    /// - No byte of it may be made uninitialised, not even one that counts as uninitialised here.
    #[inline]
    pub unsafe fn inner_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        self.buf
    }

    /// The unfilled part as raw memory.
    ///
    /// # Safety
    ///
    /// - No byte of it may be made uninitialised, not even one that counts as uninitialised here.
    #[inline]
    pub unsafe fn unfilled_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.buf[self.filled..]
    }

    /// The unfilled part, all of it initialised: what was not is zeroed, once.
    #[inline]
    pub fn initialize_unfilled(&mut self) -> &mut [u8] {
        self.initialize_unfilled_to(self.remaining())
    }

    /// The next `n` unfilled bytes, initialised: what was not is zeroed, once.
    ///
    /// # Panics
    ///
    /// If fewer than `n` bytes are unfilled.
    #[inline]
    #[track_caller]
    pub fn initialize_unfilled_to(&mut self, n: usize) -> &mut [u8] {
        assert!(self.remaining() >= n, "{n} bytes asked for, {} unfilled", self.remaining());
        let end = self.filled + n;
        if self.initialized < end {
            self.buf[self.initialized..end].fill(MaybeUninit::new(0));
            self.initialized = end;
        }
        // SAFETY: initialised up to `end` at least, just now or before (B2).
        unsafe { assume_init_mut(&mut self.buf[self.filled..end]) }
    }

    /// How many bytes are unfilled.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.capacity() - self.filled
    }

    /// Makes the filled part empty. What is initialised stays so, contents included.
    #[inline]
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Counts `n` more bytes as filled.
    ///
    /// # Panics
    ///
    /// If they are not all initialised.
    #[inline]
    #[track_caller]
    pub fn advance(&mut self, n: usize) {
        let filled = self.filled.checked_add(n).expect("filled overflow");
        self.set_filled(filled);
    }

    /// Sets the length of the filled part, which may also shrink.
    ///
    /// # Panics
    ///
    /// If the first `n` bytes are not all initialised.
    #[inline]
    #[track_caller]
    pub fn set_filled(&mut self, n: usize) {
        assert!(
            n <= self.initialized,
            "filled must not become larger than initialized: {n} > {}",
            self.initialized
        );
        self.filled = n;
    }

    /// Counts the first `n` unfilled bytes as initialised. Never shrinks what counts so already.
    ///
    /// # Safety
    ///
    /// - The first `n` unfilled bytes are initialised.
    #[inline]
    pub unsafe fn assume_init(&mut self, n: usize) {
        let end = self.filled + n;
        debug_assert!(end <= self.capacity(), "{n} bytes beyond the buffer");
        self.initialized = self.initialized.max(end);
    }

    /// Appends `src` to the filled part.
    ///
    /// # Panics
    ///
    /// If it does not fit into the unfilled part.
    #[inline]
    #[track_caller]
    pub fn put_slice(&mut self, src: &[u8]) {
        assert!(
            self.remaining() >= src.len(),
            "src.len() must fit in remaining(): {} > {}",
            src.len(),
            self.remaining()
        );
        let end = self.filled + src.len();
        // SAFETY: the destination is as long as `src` (asserted), and `self.buf` is borrowed
        // exclusively, so that it does not overlap `src`.
        unsafe {
            self.buf[self.filled..end]
                .as_mut_ptr()
                .cast::<u8>()
                .copy_from_nonoverlapping(src.as_ptr(), src.len());
        }
        self.initialized = self.initialized.max(end);
        self.filled = end;
    }
}

// SAFETY: `chunk_mut` gives exactly the unfilled part, `remaining_mut` is its length, and neither
// changes but by `advance_mut`.
unsafe impl BufMut for ReadBuf<'_> {
    fn remaining_mut(&self) -> usize {
        self.remaining()
    }

    unsafe fn advance_mut(&mut self, n: usize) {
        // SAFETY: the caller says that the first `n` bytes of `chunk_mut` are initialised.
        unsafe { self.assume_init(n) };
        self.advance(n);
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        UninitSlice::uninit(&mut self.buf[self.filled..])
    }
}

impl fmt::Debug for ReadBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBuf")
            .field("filled", &self.filled)
            .field("initialized", &self.initialized)
            .field("capacity", &self.capacity())
            .finish()
    }
}

/// # Safety
///
/// - All of `slice` is initialised.
#[inline]
unsafe fn assume_init_ref(slice: &[MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: same layout; the caller vouches for the contents.
    unsafe { &*(slice as *const [MaybeUninit<u8>] as *const [u8]) }
}

/// # Safety
///
/// - All of `slice` is initialised.
#[inline]
unsafe fn assume_init_mut(slice: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    // SAFETY: same layout; the caller vouches for the contents, and a `u8` written through the result
    // is initialised.
    unsafe { &mut *(slice as *mut [MaybeUninit<u8>] as *mut [u8]) }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn filled_and_initialized_move_apart_and_together() {
        let mut memory = [MaybeUninit::new(0xAA); 8];
        let mut buf = ReadBuf::uninit(&mut memory);
        assert_eq!((buf.filled().len(), buf.initialized().len(), buf.capacity()), (0, 0, 8));
        assert_eq!(buf.initialize_unfilled_to(3), [0, 0, 0]);
        assert_eq!((buf.filled().len(), buf.initialized().len()), (0, 3));
        buf.put_slice(b"ab");
        assert_eq!((buf.filled(), buf.initialized()), (&b"ab"[..], &b"ab\0"[..]));
        buf.advance(1);
        assert_eq!(buf.filled(), b"ab\0");
        // SAFETY: the array was made of initialised bytes.
        unsafe { buf.assume_init(1) };
        assert_eq!(buf.initialized(), b"ab\0\xAA");
        // SAFETY: as above; a smaller claim takes nothing back.
        unsafe { buf.assume_init(0) };
        assert_eq!(buf.initialized().len(), 4);
        assert_eq!(buf.initialize_unfilled(), [0xAA, 0, 0, 0, 0]);
        buf.filled_mut()[0] = b'A';
        buf.initialized_mut()[1] = b'B';
        buf.set_filled(2);
        assert_eq!(buf.filled(), b"AB");
        buf.clear();
        assert_eq!((buf.remaining(), buf.initialized().len()), (8, 8));
    }

    #[test]
    fn initialised_memory_is_not_zeroed_again() {
        let mut memory = *b"12345678";
        let mut buf = ReadBuf::new(&mut memory);
        buf.advance(2);
        assert_eq!(buf.initialize_unfilled(), b"345678");
    }

    #[test]
    fn take_is_limited_and_knows_what_is_initialised() {
        let mut memory = [MaybeUninit::new(1); 8];
        let mut buf = ReadBuf::uninit(&mut memory);
        buf.put_slice(b"ab");
        buf.initialize_unfilled_to(2);
        let taken = buf.take(3);
        assert_eq!((taken.capacity(), taken.initialized().len()), (3, 2));
        assert_eq!(buf.take(100).capacity(), 6);
        assert_eq!(buf.filled(), b"ab");
    }

    #[test]
    fn raw_access_covers_what_it_says() {
        let mut memory = *b"12345678";
        let mut buf = ReadBuf::new(&mut memory);
        buf.advance(3);
        // SAFETY: nothing is written.
        assert_eq!(unsafe { buf.unfilled_mut() }.len(), 5);
        // SAFETY: nothing is written.
        assert_eq!(unsafe { buf.inner_mut() }.len(), 8);
        assert_eq!(format!("{buf:?}"), "ReadBuf { filled: 3, initialized: 8, capacity: 8 }");
    }

    #[test]
    fn buf_mut_fills_and_stops_at_the_end() {
        let mut memory = [MaybeUninit::uninit(); 6];
        let mut buf = ReadBuf::uninit(&mut memory);
        assert_eq!(buf.remaining_mut(), 6);
        buf.put_u16(0x6162);
        BufMut::put_slice(&mut buf, b"cd");
        buf.chunk_mut()[..1].copy_from_slice(b"e");
        // SAFETY: that byte was just written.
        unsafe { buf.advance_mut(1) };
        assert_eq!(buf.filled(), b"abcde");
        assert_eq!(buf.remaining_mut(), 1);
    }

    #[test]
    #[should_panic(expected = "must fit in remaining()")]
    fn put_slice_beyond_the_end_panics() {
        ReadBuf::new(&mut [0; 2]).put_slice(b"abc");
    }

    #[test]
    #[should_panic(expected = "must not become larger than initialized")]
    fn advance_into_uninitialised_memory_panics() {
        ReadBuf::uninit(&mut [MaybeUninit::uninit(); 2]).advance(1);
    }

    #[test]
    #[should_panic(expected = "filled overflow")]
    fn advance_past_usize_panics() {
        let mut memory = [0; 2];
        let mut buf = ReadBuf::new(&mut memory);
        buf.advance(1);
        buf.advance(usize::MAX);
    }

    #[test]
    #[should_panic(expected = "3 bytes asked for, 2 unfilled")]
    fn initialize_beyond_the_end_panics() {
        ReadBuf::new(&mut [0; 2]).initialize_unfilled_to(3);
    }
}
