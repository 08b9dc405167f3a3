//! The readiness word: one atomic that says which registration, which moment, ready for what.
//!
//! ```text
//! bits    name          set by               cleared by            while set
//! 0..6    ready bits    event (R3)           clear (R6), close     an operation may succeed
//!                                            (`*_CLOSED`: close)
//! 6       SHUTDOWN      shut_down (R8)       open                  every poll gives an error
//! 7       CLOSED        close (R7), new      open                  no registration; no event counts
//! 8..32   tick          event (R3): +1       open                  the number of events so far
//! 32..64  generation    close (R7): +1       never                 the registration's number
//! ```
//!
//! An event carries the generation of the registration that it was asked for; R3 compares it in the
//! same compare-exchange that sets the bits, so that an event for a closed or reused slot changes
//! nothing. 24 bits of tick: a clear could be fooled only by 2^24 events between the reading of the
//! word and the clear. 32 bits of generation: an event by 2^32 registrations of one slot while it is
//! on its way.

use std::fmt;

use filch_primitives::atomic::{AtomicU64, Ordering};

use crate::{Ready, ReadyEvent};

const READY: u64 = 0b11_1111;
const SHUTDOWN: u64 = 1 << 6;
const CLOSED: u64 = 1 << 7;
const TICK_ONE: u64 = 1 << 8;
const TICK_MASK: u64 = 0x00ff_ffff << 8;
const GENERATION_SHIFT: u32 = 32;

// The table above cannot drift unnoticed.
const _: () = assert!(READY == Ready::ALL.bits() as u64);
const _: () = assert!(READY | SHUTDOWN | CLOSED == TICK_ONE - 1);
const _: () = assert!(READY | SHUTDOWN | CLOSED | TICK_MASK == u32::MAX as u64);

/// The word at a moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(u64);

impl Snapshot {
    pub(crate) fn ready(self) -> Ready {
        Ready::from_bits((self.0 & READY) as u8)
    }

    pub(crate) fn tick(self) -> u32 {
        ((self.0 & TICK_MASK) / TICK_ONE) as u32
    }

    pub(crate) fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    pub(crate) fn is_shutdown(self) -> bool {
        self.0 & SHUTDOWN != 0
    }

    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// What of `wanted` is ready, as an event that can be cleared later.
    pub(crate) fn event(self, wanted: Ready) -> ReadyEvent {
        ReadyEvent { ready: self.ready() & wanted, tick: self.tick() }
    }

    fn with_event(self, ready: Ready) -> Snapshot {
        let tick = self.0.wrapping_add(TICK_ONE) & TICK_MASK;
        Snapshot((self.0 & !TICK_MASK) | tick | u64::from(ready.bits()))
    }

    fn without(self, ready: Ready) -> Snapshot {
        Snapshot(self.0 & !u64::from(ready.bits()))
    }

    fn closed(self) -> Snapshot {
        let generation = u64::from(self.generation().wrapping_add(1)) << GENERATION_SHIFT;
        Snapshot(generation | CLOSED | (self.0 & SHUTDOWN))
    }

    fn opened(self) -> Snapshot {
        Snapshot(u64::from(self.generation()) << GENERATION_SHIFT)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("generation", &self.generation())
            .field("tick", &self.tick())
            .field("ready", &self.ready())
            .field("shutdown", &self.is_shutdown())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// The atomic. Every transition is a method here.
pub(crate) struct Word(AtomicU64);

impl Word {
    /// A closed word of generation 0.
    pub(crate) fn new() -> Self {
        Word(AtomicU64::new(CLOSED))
    }

    /// R4, R5: the word, and what the driver's thread saw before it set the bits that are in it.
    pub(crate) fn load(&self) -> Snapshot {
        // ordering: R4, R5. Acquire, pairs with the Release of `set_ready` (R3): the operation that
        // follows must find the data that the event announced. With less it could meet the state
        // before the event, report "would block", and clear the event by its own tick.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// For `Debug` and assertions only.
    pub(crate) fn peek(&self) -> Snapshot {
        // ordering: Relaxed, a print; nothing is concluded from it.
        Snapshot(self.0.load(Ordering::Relaxed))
    }

    /// Installs what `step` makes of the word, if it makes something; `step` may run several times.
    fn update(&self, success: Ordering, step: impl Fn(Snapshot) -> Option<Snapshot>) -> Snapshot {
        // ordering: Relaxed. Only a first guess; the compare-exchange verifies it, and a step that
        // declines by an old value is argued at its caller. (Such a step is why this is not `first_guess`, which
        // never gives an old value in a model; and `open` stores.)
        let mut seen = Snapshot(self.0.load(Ordering::Relaxed));
        while let Some(next) = step(seen) {
            // ordering: the caller's on success; on failure Relaxed, the next guess.
            match self.0.compare_exchange_weak(seen.0, next.0, success, Ordering::Relaxed) {
                Ok(_) => return next,
                Err(now) => seen = Snapshot(now),
            }
        }
        seen
    }

    /// R3: an event for `generation`. False if the word belongs to another registration by now.
    pub(crate) fn set_ready(&self, generation: u32, ready: Ready) -> bool {
        // ordering: R3. Release, pairs with `load`: publishes what made the source ready. It reads
        // nothing that others published, hence no Acquire. Several driver threads may do this in
        // turn: each is a read-modify-write, so an earlier one's release sequence goes on.
        // Declining by an old value: `open` of this generation happened before its key reached the
        // kernel, and so before this event; an older word is no longer readable here.
        let after = self.update(Ordering::Release, |seen| {
            let alive = seen.generation() == generation && !seen.is_closed();
            alive.then(|| seen.with_event(ready))
        });
        after.generation() == generation && !after.is_closed()
    }

    /// R6: takes `event.ready` away, unless an event came since, or `unless` is set.
    pub(crate) fn clear(&self, event: ReadyEvent, unless: Ready) {
        // ordering: R6. Relaxed. Nothing is published by taking bits away, and the tick decides
        // whether they may be taken: an event that came since has changed it, whatever else is
        // visible. Declining by an old value means leaving bits set: one operation too many, no loss.
        self.update(Ordering::Relaxed, |seen| {
            let stale = seen.tick() != event.tick || seen.ready().intersects(unless);
            let next = seen.without(event.ready - Ready::CLOSED);
            (!stale && next != seen).then_some(next)
        });
    }

    /// R2: begins a registration; its generation. The word must be closed and its slot the caller's.
    pub(crate) fn open(&self) -> u32 {
        // ordering: Relaxed, both. The slab's lock orders this after the `close` before it, and the system
        // call that hands the key to the kernel orders every event with this generation after it.
        // A plain load and store: stale events do not write to a closed word (R3).
        let closed = Snapshot(self.0.load(Ordering::Relaxed));
        debug_assert!(closed.is_closed(), "slot in use: {closed:?}");
        self.0.store(closed.opened().0, Ordering::Relaxed);
        closed.generation()
    }

    /// R7: ends the registration. From here on no event of it counts. Again: nothing.
    pub(crate) fn close(&self) {
        // ordering: R7. Relaxed. Publishes nothing: waiters learn of it under the lock of the waiters.
        self.update(Ordering::Relaxed, |seen| (!seen.is_closed()).then(|| seen.closed()));
    }

    /// R8: every poll from here on gives an error.
    pub(crate) fn shut_down(&self) {
        // ordering: R8. Relaxed, as `close`.
        self.0.fetch_or(SHUTDOWN, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    fn open() -> (Word, u32) {
        let word = Word::new();
        let generation = word.open();
        (word, generation)
    }

    #[test]
    fn event_sets_bits_and_counts() {
        let (word, generation) = open();
        assert!(word.set_ready(generation, Ready::READABLE));
        assert!(word.set_ready(generation, Ready::WRITABLE));
        let seen = word.load();
        assert_eq!(seen.tick(), 2);
        assert_eq!(seen.ready(), Ready::READABLE | Ready::WRITABLE);
        assert_eq!(seen.event(Ready::READABLE).ready, Ready::READABLE);
    }

    #[test]
    fn tick_wraps_without_touching_the_generation() {
        let word = Word(AtomicU64::new(TICK_MASK | (7 << GENERATION_SHIFT)));
        assert!(word.set_ready(7, Ready::ERROR));
        let seen = word.load();
        assert_eq!((seen.tick(), seen.generation(), seen.ready()), (0, 7, Ready::ERROR));
    }

    #[test]
    fn clear_leaves_a_newer_event() {
        let (word, generation) = open();
        word.set_ready(generation, Ready::READABLE);
        let event = word.load().event(Ready::ALL);
        word.set_ready(generation, Ready::READABLE);
        word.clear(event, Ready::EMPTY);
        assert_eq!(word.load().ready(), Ready::READABLE);
        word.clear(word.load().event(Ready::ALL), Ready::EMPTY);
        assert_eq!(word.load().ready(), Ready::EMPTY);
    }

    #[test]
    fn clear_never_opens_a_closed_end() {
        let (word, generation) = open();
        word.set_ready(generation, Ready::ALL);
        word.clear(word.load().event(Ready::ALL), Ready::EMPTY);
        assert_eq!(word.load().ready(), Ready::CLOSED);
    }

    #[test]
    fn clear_unless_is_one_step() {
        let (word, generation) = open();
        word.set_ready(generation, Ready::READABLE | Ready::READ_CLOSED);
        word.clear(word.load().event(Ready::READABLE), Ready::READ_CLOSED);
        assert_eq!(word.load().ready(), Ready::READABLE | Ready::READ_CLOSED);
    }

    #[test]
    fn stale_event_changes_nothing_after_close_and_after_reopen() {
        let (word, first) = open();
        word.close();
        word.close();
        assert!(!word.set_ready(first, Ready::ALL));
        assert!(!word.set_ready(first + 1, Ready::ALL), "closed, though the number fits");
        let second = word.open();
        assert_eq!(second, first + 1);
        assert!(!word.set_ready(first, Ready::ALL));
        assert_eq!(word.load(), Snapshot(u64::from(second) << GENERATION_SHIFT));
    }

    #[test]
    fn generation_wraps() {
        let word = Word(AtomicU64::new(u64::from(u32::MAX) << GENERATION_SHIFT));
        word.close();
        assert_eq!(word.open(), 0);
    }

    #[test]
    fn shutdown_survives_close_and_prints() {
        let (word, _) = open();
        word.shut_down();
        word.close();
        assert!(word.load().is_shutdown() && word.load().is_closed());
        assert_eq!(
            format!("{:?}", word.load()),
            "Snapshot { generation: 1, tick: 0, ready: EMPTY, shutdown: true, closed: true }"
        );
    }
}
