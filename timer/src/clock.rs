//! The clock: the system's, unless a test has paused it.
//!
//! Callers: entries and runtimes ask for the time; a test, or a runtime that was told to, pauses it;
//! a runtime with nothing else to do moves a paused clock to its next timer.
//!
//! Invariants
//! C1  A process in which no clock was ever paused pays one relaxed load on top of `Instant::now()`.
//! C2  `now` never goes back, neither across `pause` and `resume` nor by `advance_to`.
//! C3  While paused, `now` changes by `advance` and `advance_to` only.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use filch_primitives::atomic::{AtomicU8, AtomicUsize, Ordering, statistic};
use filch_primitives::lock::Mutex;

/// 1 from the first clock of this process that was paused. Nothing is published through it.
static ANY_PAUSED: statistic::AtomicUsize = statistic::AtomicUsize::new(0);

/// Whether any clock of this process was ever paused.
///
/// While it is `false`, the time is `std::time::Instant::now()` for everyone, and a caller need not look
/// for the clock that it belongs to. One relaxed load. A thread that learns of a pause by any
/// synchronisation sees `true`.
///
/// Under `filch_loom` always `true`: a model must take the same steps in each of its runs.
#[inline]
pub fn any_clock_was_paused() -> bool {
    // ordering: Relaxed. Once 1, it stays 1; whoever is told of a pause is told after the store.
    cfg!(filch_loom) || ANY_PAUSED.load(Ordering::Relaxed) != 0
}

/// The system's time, untouched.
const REAL: u8 = 0;
/// Stands still.
const PAUSED: u8 = 1;
/// Runs again, behind or ahead of the system's.
const RESUMED: u8 = 2;

/// A source of time that tests can stop and move.
///
/// Cheap to clone: the clones are one clock. Reading it costs what `Instant::now()` costs, and once any
/// clock of the process was paused two loads more; a paused or resumed clock is read under a lock.
///
/// # Examples
/// ```
/// use filch_timer::Clock;
/// use std::time::Duration;
///
/// let clock = Clock::new(true);
/// let start = clock.now();
/// clock.advance(Duration::from_secs(3600))?;
/// assert_eq!(clock.now() - start, Duration::from_secs(3600));
/// # Ok::<(), filch_timer::ClockError>(())
/// ```
#[derive(Clone)]
pub struct Clock {
    inner: Arc<Inner>,
    /// The time of a model of users' code; what is above is then not in use.
    #[cfg(filch_loom)]
    reduced: Option<Arc<crate::reduced::Reduced>>,
}

struct Inner {
    /// `REAL`, `PAUSED` or `RESUMED`. Written under the lock of `face`, read anywhere.
    mode: AtomicU8,
    face: Mutex<Face>,
    /// How many reasons there are not to advance the clock automatically.
    inhibitors: AtomicUsize,
}

/// What the clock shows. Meaningless while the mode is `REAL`.
struct Face {
    /// The time when it was stopped, started, or moved last.
    shown: Instant,
    /// The system's time when it was started last; `None` while it is stopped.
    running_since: Option<Instant>,
}

impl Face {
    fn now(&self) -> Instant {
        match self.running_since {
            None => self.shown,
            Some(since) => self.shown + since.elapsed(),
        }
    }
}

impl Clock {
    /// A clock that shows the system's time, `paused` or running.
    pub fn new(paused: bool) -> Clock {
        if paused {
            note_pause();
        }
        Clock {
            inner: Arc::new(Inner {
                mode: AtomicU8::new(if paused { PAUSED } else { REAL }),
                face: Mutex::new(Face { shown: Instant::now(), running_since: None }),
                inhibitors: AtomicUsize::new(0),
            }),
            #[cfg(filch_loom)]
            reduced: None,
        }
    }

    /// The clock of a model of users' code.
    #[cfg(filch_loom)]
    pub(crate) fn reduced(reduced: Arc<crate::reduced::Reduced>) -> Clock {
        Clock { reduced: Some(reduced), ..Clock::new(false) }
    }

    /// What it was made with by `reduced`.
    #[cfg(filch_loom)]
    pub(crate) fn of_model(&self) -> Option<&Arc<crate::reduced::Reduced>> {
        self.reduced.as_ref()
    }

    /// The time.
    #[inline]
    pub fn now(&self) -> Instant {
        #[cfg(filch_loom)]
        if let Some(reduced) = &self.reduced {
            return reduced.now();
        }
        if !any_clock_was_paused() {
            return Instant::now();
        }
        self.now_of_mode()
    }

    #[cold]
    fn now_of_mode(&self) -> Instant {
        // ordering: Relaxed. The face is read under its lock; a thread that races with the first `pause`
        // may still see the system's time, as if it had asked just before.
        match self.inner.mode.load(Ordering::Relaxed) {
            REAL => Instant::now(),
            _ => self.inner.face.lock().now(),
        }
    }

    /// Whether the clock stands still.
    #[inline]
    pub fn is_paused(&self) -> bool {
        // ordering: Relaxed. As in `now_of_mode`: it orders nothing, the face has its lock.
        any_clock_was_paused() && self.inner.mode.load(Ordering::Relaxed) == PAUSED
    }

    /// Stops the clock.
    ///
    /// # Errors
    /// [`ClockError::AlreadyPaused`] if it stands still already.
    pub fn pause(&self) -> Result<(), ClockError> {
        let mut face = self.inner.face.lock();
        // ordering: Relaxed. Written under this lock only.
        match self.inner.mode.load(Ordering::Relaxed) {
            PAUSED => return Err(ClockError::AlreadyPaused),
            REAL => face.shown = Instant::now(),
            _ => face.shown = face.now(),
        }
        face.running_since = None;
        note_pause();
        // ordering: Relaxed. What belongs to it is read under the lock.
        self.inner.mode.store(PAUSED, Ordering::Relaxed);
        Ok(())
    }

    /// Lets a paused clock run on from the time that it shows.
    ///
    /// # Errors
    /// [`ClockError::NotPaused`] if it runs.
    pub fn resume(&self) -> Result<(), ClockError> {
        let mut face = self.inner.face.lock();
        if !self.is_paused() {
            return Err(ClockError::NotPaused);
        }
        face.running_since = Some(Instant::now());
        // ordering: Relaxed. What belongs to it is read under the lock.
        self.inner.mode.store(RESUMED, Ordering::Relaxed);
        Ok(())
    }

    /// Moves a paused clock forward. Timers fire when somebody calls
    /// [`Timers::fire_due`](crate::Timers::fire_due) after it.
    ///
    /// # Errors
    /// [`ClockError::NotPaused`] if it runs, [`ClockError::Overflow`] if the sum is no `Instant`; the
    /// clock is not moved.
    pub fn advance(&self, by: Duration) -> Result<(), ClockError> {
        let mut face = self.inner.face.lock();
        if !self.is_paused() {
            return Err(ClockError::NotPaused);
        }
        face.shown = face.shown.checked_add(by).ok_or(ClockError::Overflow)?;
        Ok(())
    }

    /// Moves a paused clock to `at`, unless it shows a later time already. Does nothing to a running one.
    pub fn advance_to(&self, at: Instant) {
        let mut face = self.inner.face.lock();
        if self.is_paused() {
            face.shown = face.shown.max(at);
        }
    }

    /// Whether a runtime with nothing else to do may move the clock to its next timer: it is paused, and
    /// nobody inhibits it.
    pub fn can_auto_advance(&self) -> bool {
        // ordering: Acquire. Whoever finds no inhibitor sees what the last one did before it allowed
        // the advance: the wakes of finished blocking work. Pairs with `allow_auto_advance`.
        self.is_paused() && self.inner.inhibitors.load(Ordering::Acquire) == 0
    }

    /// Keeps the clock from being advanced automatically, until
    /// [`allow_auto_advance`](Clock::allow_auto_advance) was called as often.
    pub fn inhibit_auto_advance(&self) {
        // ordering: Relaxed. The caller starts the work that needs it after this, on this thread or one
        // that it synchronises with; the count's own order does the rest.
        self.inner.inhibitors.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes back one [`inhibit_auto_advance`](Clock::inhibit_auto_advance). Wakes nobody: the caller
    /// tells a runtime that waits.
    ///
    /// # Panics
    /// If nothing was inhibited.
    #[track_caller]
    pub fn allow_auto_advance(&self) {
        assert!(self.count_down(), "allow_auto_advance without inhibit_auto_advance");
    }

    /// One inhibitor less. False, and nothing changed, if there was none.
    fn count_down(&self) -> bool {
        // ordering: Release. What the inhibitor did comes before the advance that it held up. Pairs with
        // `can_auto_advance`; the other inhibitors' read-modify-writes continue the release sequence.
        let before = self.inner.inhibitors.fetch_sub(1, Ordering::Release);
        if before == 0 {
            // ordering: Relaxed. Undoes the step above; the caller's mistake is reported.
            self.inner.inhibitors.fetch_add(1, Ordering::Relaxed);
        }
        before > 0
    }
}

fn note_pause() {
    // ordering: Relaxed. See `any_clock_was_paused`.
    ANY_PAUSED.store(1, Ordering::Relaxed);
}

// No user code runs under the lock: a panic leaves nothing half done.
impl UnwindSafe for Clock {}
impl RefUnwindSafe for Clock {}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("paused", &self.is_paused()).finish_non_exhaustive()
    }
}

/// Why a clock did not do as told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClockError {
    /// `pause` on a clock that stands still.
    AlreadyPaused,
    /// `resume` or `advance` on a clock that runs.
    NotPaused,
    /// `advance` to a time that the system's `Instant` can't hold.
    Overflow,
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClockError::AlreadyPaused => "the clock is already paused: time is already frozen",
            ClockError::NotPaused => "the clock is not paused: time is not frozen",
            ClockError::Overflow => "the clock can't be advanced as far: the time is out of range",
        })
    }
}

impl std::error::Error for ClockError {}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn paused_clock_moves_by_hand_only_and_never_back() {
        let clock = Clock::new(true);
        let start = clock.now();
        assert!(clock.is_paused() && any_clock_was_paused());
        assert_eq!(clock.now(), start);
        clock.advance(HOUR).unwrap();
        clock.advance_to(start);
        assert_eq!(clock.now(), start + HOUR);
        clock.advance_to(start + 2 * HOUR);
        assert_eq!(clock.clone().now(), start + 2 * HOUR);
    }

    #[test]
    fn resumed_clock_runs_on_from_where_it_stood_and_can_be_paused_again() {
        let clock = Clock::new(false);
        let before = Instant::now();
        clock.pause().unwrap();
        assert!(clock.now() >= before);
        clock.advance(HOUR).unwrap();
        let stood = clock.now();
        clock.resume().unwrap();
        assert!(!clock.is_paused());
        assert!(clock.now() >= stood && clock.now() < stood + HOUR);
        let running = clock.now();
        clock.pause().unwrap();
        assert!(clock.now() >= running);
    }

    #[test]
    fn errors_leave_the_clock_as_it_was() {
        let clock = Clock::new(false);
        assert_eq!(clock.resume(), Err(ClockError::NotPaused));
        assert_eq!(clock.advance(HOUR), Err(ClockError::NotPaused));
        let far = Instant::now() + 10 * HOUR;
        clock.advance_to(far);
        assert!(clock.now() < far);
        clock.pause().unwrap();
        assert_eq!(clock.pause(), Err(ClockError::AlreadyPaused));
        let shown = clock.now();
        assert_eq!(clock.advance(Duration::MAX), Err(ClockError::Overflow));
        assert_eq!(clock.now(), shown);
        for error in [ClockError::NotPaused, ClockError::AlreadyPaused, ClockError::Overflow] {
            assert!(error.to_string().contains("the clock"));
        }
    }

    #[test]
    fn inhibitors_are_counted() {
        let clock = Clock::new(true);
        assert!(clock.can_auto_advance());
        clock.inhibit_auto_advance();
        clock.inhibit_auto_advance();
        clock.allow_auto_advance();
        assert!(!clock.can_auto_advance());
        clock.allow_auto_advance();
        assert!(clock.can_auto_advance());
        assert!(!Clock::new(false).can_auto_advance());
    }

    #[test]
    #[should_panic(expected = "without inhibit_auto_advance")]
    fn allowing_what_nobody_inhibited_panics() {
        Clock::new(true).allow_auto_advance();
    }
}
