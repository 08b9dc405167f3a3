//! Parking one thread: a token that one side waits for and any side leaves.
//!
//! Callers: parked workers, `block_on`, the blocking pool's joins. Not `std::thread::park`: user
//! code may park its own thread inside a task, and would eat our token.
//!
//! Steps, for the orderings below and the model in `loom-tests`:
//! K1 `unpark` swaps NOTIFIED in; if it replaced PARKED it wakes the thread.
//! K2 `park` takes a token that lies there (NOTIFIED -> EMPTY) and returns.
//! K3 else it announces itself (EMPTY -> PARKED) and sleeps until NOTIFIED is there.
//!
//! At most one token lies there: any number of `unpark`s before a `park` let one `park` through.

// Not the seam's, for the reasons that the model of the deque has.
use std::sync::Arc;
use std::time::Duration;

use crate::atomic::{AtomicU32, Ordering};

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

#[derive(Debug)]
struct Inner {
    state: AtomicU32,
    sleep: imp::Sleep,
}

/// The waiting side. One thread at a time may park on it.
#[derive(Debug)]
pub struct Parker(Arc<Inner>);

/// The waking side: cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Unparker(Arc<Inner>);

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl Parker {
    /// A parker without a token.
    pub fn new() -> Self {
        Parker(Arc::new(Inner { state: AtomicU32::new(EMPTY), sleep: imp::Sleep::new() }))
    }

    /// A handle that wakes this parker.
    pub fn unparker(&self) -> Unparker {
        Unparker(self.0.clone())
    }

    /// Blocks until a token is there and takes it. Never returns without one.
    pub fn park(&self) {
        let _ = self.park_for(None);
    }

    /// As [`park`](Parker::park), for at most `timeout`. Says whether a token was taken.
    ///
    /// In a model no time passes, so this waits for the token. (With shuttle it may be over at any moment.)
    pub fn park_timeout(&self, timeout: Duration) -> bool {
        self.park_for(Some(timeout))
    }

    fn park_for(&self, timeout: Option<Duration>) -> bool {
        let state = &self.0.state;
        // ordering: K2. Acquire, to see what the unparking side wrote before its swap (K1). Without
        // it the woken thread could miss the task it was woken for.
        if state.compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return true;
        }
        // ordering: K3. On success nothing is read yet: the Acquire follows when the token is taken.
        // A failure means that NOTIFIED has come since, and is then taken with Acquire (K1's partner).
        if state.compare_exchange(EMPTY, PARKED, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            // ordering: Acquire, as K2.
            let token = state.swap(EMPTY, Ordering::Acquire);
            debug_assert_eq!(token, NOTIFIED, "two threads on one parker");
            return true;
        }
        self.0.sleep.until(state, PARKED, timeout);
        // ordering: Acquire, as K2. The swap also takes a token that came after a time-out, so that
        // none lies there for the next park by surprise.
        state.swap(EMPTY, Ordering::Acquire) == NOTIFIED
    }
}

impl Unparker {
    /// Leaves a token, and wakes the thread if it sleeps.
    ///
    /// Returns true if it did: the cost is then a system call, else one atomic exchange.
    pub fn unpark(&self) -> bool {
        // ordering: K1. Release, so that what this thread did before is seen by the one that takes the
        // token (K2, K3). Acquire is not needed: nothing that the sleeper wrote is read here.
        if self.0.state.swap(NOTIFIED, Ordering::Release) == PARKED {
            self.0.sleep.wake(&self.0.state);
            return true;
        }
        false
    }
}

#[cfg(all(target_os = "linux", not(filch_loom)))]
mod imp {
    use super::*;
    use rustix::thread::futex;
    use std::time::Instant;

    /// Sleeps in the kernel on the state word itself.
    #[derive(Debug)]
    pub(super) struct Sleep;

    impl Sleep {
        pub(super) fn new() -> Self {
            Sleep
        }

        /// Returns when `state` is no longer `while_is`, or the time is over.
        pub(super) fn until(&self, state: &AtomicU32, while_is: u32, timeout: Option<Duration>) {
            let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
            // ordering: Relaxed. Only decides whether to sleep on; the caller's swap acquires.
            while state.load(Ordering::Relaxed) == while_is {
                let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
                if left == Some(Duration::ZERO) {
                    return;
                }
                // A time too long for the kernel's type is as good as none.
                let left = left.and_then(|l| futex::Timespec::try_from(l).ok());
                // EINTR, EAGAIN and ETIMEDOUT all lead back to the two checks above.
                let _ = futex::wait(state, futex::Flags::PRIVATE, while_is, left.as_ref());
            }
        }

        pub(super) fn wake(&self, state: &AtomicU32) {
            let _ = futex::wake(state, futex::Flags::PRIVATE, 1);
        }
    }
}

#[cfg(any(not(target_os = "linux"), filch_loom))]
mod imp {
    use super::*;
    use crate::lock::{Condvar, Mutex};
    use std::time::Instant;

    /// Sleeps on a condition variable; the lock closes the gap between the check and the wait.
    #[derive(Debug)]
    pub(super) struct Sleep {
        lock: Mutex<()>,
        changed: Condvar,
    }

    impl Sleep {
        pub(super) fn new() -> Self {
            Sleep { lock: Mutex::new(()), changed: Condvar::new() }
        }

        /// Returns when `state` is no longer `while_is`, or the time is over.
        pub(super) fn until(&self, state: &AtomicU32, while_is: u32, timeout: Option<Duration>) {
            let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
            let mut guard = self.lock.lock();
            // ordering: Relaxed. The lock orders this load against `wake`; the caller's swap acquires.
            while state.load(Ordering::Relaxed) == while_is {
                match deadline.map(|d| d.saturating_duration_since(Instant::now())) {
                    Some(Duration::ZERO) => return,
                    Some(left) => {
                        let waited = self.changed.wait_for(&mut guard, left);
                        // A model has no clock that could tell; elsewhere the clock decides, never early.
                        if cfg!(filch_loom) && waited.timed_out() {
                            return;
                        }
                    }
                    None => self.changed.wait(&mut guard),
                }
            }
        }

        pub(super) fn wake(&self, _state: &AtomicU32) {
            // Taking the lock after the swap: the sleeper has either seen the new state or waits.
            drop(self.lock.lock());
            self.changed.notify_one();
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn token_left_before_park_lets_one_park_through() {
        let parker = Parker::new();
        let unparker = parker.unparker();
        assert!(!unparker.unpark());
        assert!(!unparker.unpark());
        parker.park();
        assert!(!parker.park_timeout(Duration::from_millis(1)), "a second token appeared");
    }

    #[test]
    fn park_timeout_is_never_early() {
        let parker = Parker::new();
        let start = Instant::now();
        assert!(!parker.park_timeout(Duration::from_millis(5)));
        assert!(start.elapsed() >= Duration::from_millis(5));
    }

    #[test]
    fn absurd_timeout_waits_for_the_token() {
        let parker = Parker::new();
        let unparker = parker.unparker();
        let waker = std::thread::spawn(move || unparker.unpark());
        assert!(parker.park_timeout(Duration::MAX));
        waker.join().unwrap();
    }

    #[test]
    fn tokens_are_not_lost_between_threads() {
        let (a, b) = (Parker::new(), Parker::new());
        let (ua, ub) = (a.unparker(), b.unparker());
        let other = std::thread::spawn(move || {
            for _ in 0..20_000 {
                b.park();
                ua.unpark();
            }
        });
        for _ in 0..20_000 {
            ub.unpark();
            a.park();
        }
        other.join().unwrap();
    }
}
