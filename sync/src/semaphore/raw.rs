//! The fair semaphore under `Semaphore`, `Mutex`, `RwLock` and the bounded channel.
//!
//! Protocol: docs/sync.md, steps SEM1 to SEM8. Model: loom-tests/tests/semaphore.rs.
//!
//! The state word:
//!
//! ```text
//! bit  name     set by              cleared by             while set
//! 0    CLOSED   close, under lock   never                  nobody gets permits any more
//! 1    WAITERS  acquire, under lock settle, under lock     the list is not empty; no permits here
//! 2..  permits  release             acquire                free to take, in the order of arrival
//! ```
//!
//! Invariants
//! P1  WAITERS is set exactly while the list is not empty, as seen under the lock.
//! P2  While WAITERS is set, the word holds no permits, and only the holder of the lock changes it.
//! P3  Permits are handed out in the order of arrival. Only the front of the list may hold a part of
//!     what it asked for.
//! P4  No permit is lost or made up: word + partly granted + granted + held outside = what was put in.
//! P5  The store to `needed` that grants or refuses is the last access to a waiter's node: after it the
//!     future may be freed without the lock.
//! P6  Who acquires, or is refused, sees what was done before all earlier acquiring, releasing and closing. Each
//!     of these is an exchange of the word, or done under the lock by one that the word has sent there.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use filch_primitives::atomic::{AtomicUsize, FirstGuess, Ordering, fence};
use filch_primitives::lock::{Mutex, MutexGuard};

use super::acquire::{Acquire, REFUSED, Waiter};
use super::{AcquireError, TryAcquireError};
use crate::wait_list::{Node, WaitList};
use crate::wake_list::WakeList;

const CLOSED: usize = 1;
const WAITERS: usize = 1 << 1;
const SHIFT: u32 = 2;
const ONE: usize = 1 << SHIFT;
/// The flags lie below the permits: the table above cannot drift unnoticed.
const _: () = assert!(CLOSED | WAITERS == ONE - 1);
/// Twice the maximum still fits, so that a sum can be computed before it is checked.
const _: () = assert!(RawSemaphore::MAX_PERMITS <= (usize::MAX >> SHIFT) / 2);

/// The list under its lock.
type Waiters<'a> = MutexGuard<'a, WaitList<Waiter>>;

/// See the module.
pub(crate) struct RawSemaphore {
    state: AtomicUsize,
    waiters: Mutex<WaitList<Waiter>>,
}

impl RawSemaphore {
    /// The most permits that one semaphore can have.
    pub(crate) const MAX_PERMITS: usize = usize::MAX >> 3;

    /// A semaphore with so many permits.
    #[track_caller]
    pub(crate) fn new(permits: usize) -> Self {
        check_permits(permits);
        RawSemaphore {
            state: AtomicUsize::new(permits << SHIFT),
            waiters: Mutex::new(WaitList::new()),
        }
    }

    /// A semaphore for a `static`.
    #[cfg(not(filch_loom))]
    #[track_caller]
    pub(crate) const fn const_new(permits: usize) -> Self {
        check_permits(permits);
        RawSemaphore {
            state: AtomicUsize::new(permits << SHIFT),
            waiters: Mutex::new(WaitList::new()),
        }
    }

    /// A closed semaphore without permits, for a `static`.
    #[cfg(not(filch_loom))]
    pub(crate) const fn const_closed() -> Self {
        RawSemaphore { state: AtomicUsize::new(CLOSED), waiters: Mutex::new(WaitList::new()) }
    }

    /// How many permits are free.
    pub(crate) fn available(&self) -> usize {
        // ordering: Acquire. Who sees the permits of a release (SEM3) may go on to look at what that
        // side did; the channel's "closed and idle" check relies on it.
        self.state.load(Ordering::Acquire) >> SHIFT
    }

    /// Whether `close` was called.
    pub(crate) fn is_closed(&self) -> bool {
        // ordering: Acquire, pairs with `close` (SEM8): who sees it closed sees what the closing side
        // did before.
        self.state.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Takes `n` permits if that needs no waiting (SEM1).
    #[inline]
    pub(crate) fn try_acquire(&self, n: usize) -> Result<(), TryAcquireError> {
        // The request of a u32 always fits; a larger one can never be met.
        let Some(wanted) = n.checked_mul(ONE) else { return Err(TryAcquireError::NoPermits) };
        // ordering: Relaxed. A guess for the exchange. (Not `first_guess`: it may end the loop.)
        let mut seen = self.state.load(Ordering::Relaxed);
        loop {
            if seen & CLOSED != 0 {
                // ordering: Acquire, pairs with `close` (SEM8): who is refused sees what the closing side did
                // before: `OnceCell` builds on that. A fence, since only this rare path needs it.
                fence(Ordering::Acquire);
                return Err(TryAcquireError::Closed);
            }
            // With WAITERS set there are no permits (P2): nobody overtakes.
            if seen < wanted {
                // ordering: Acquire, pairs with SEM1: who finds the permits taken sees what the takers did
                // before (P6). A fence, as above.
                fence(Ordering::Acquire);
                return Err(TryAcquireError::NoPermits);
            }
            // ordering: SEM1. Acquire, to see what the releasing side did before it gave the permits
            // back (SEM3, SEM5). Release, so that who takes or misses permits after us sees what we did
            // before (P6).
            match self.state.compare_exchange_weak(
                seen,
                seen - wanted,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
    }

    /// A future that takes `n` permits.
    #[inline]
    pub(crate) fn acquire(&self, n: usize) -> Acquire<'_> {
        Acquire::new(self, n)
    }

    /// Puts `n` permits in, or back (SEM3, SEM4).
    ///
    /// # Panics
    /// If the semaphore would have more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[inline]
    #[track_caller]
    pub(crate) fn release(&self, n: usize) {
        if n == 0 {
            return;
        }
        if !self.release_without_waiters(n) {
            self.release_locked(n, self.waiters.lock());
        }
    }

    /// SEM3: adds permits to the word. False if somebody waits for them.
    #[inline]
    #[track_caller]
    fn release_without_waiters(&self, n: usize) -> bool {
        // A guess for the exchange; where it says WAITERS, the lock is taken and decides.
        let mut seen = self.state.first_guess();
        loop {
            if seen & WAITERS != 0 {
                return false;
            }
            match self.put_back(seen, add_permits(seen, n)) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// SEM3: the exchange. (Apart from its caller, whose place in the source is that caller's own.)
    #[inline]
    fn put_back(&self, seen: usize, next: usize) -> Result<usize, usize> {
        // ordering: SEM3. Release, so that who takes the permits (SEM1, SEM2) sees what we did while we held
        // them. Not Acquire: who gives back learns nothing by it.
        self.state.compare_exchange_weak(seen, next, Ordering::Release, Ordering::Relaxed)
    }

    /// SEM4: hands permits to those who wait, the rest to the word. Wakes with the lock released.
    #[track_caller]
    fn release_locked<'a>(&'a self, n: usize, mut waiters: Waiters<'a>) {
        // No waiter could use more, and the sums below stay in range.
        check_permits(n);
        let mut wakers = WakeList::new();
        let mut rest = n;
        loop {
            while rest > 0 && wakers.has_room() {
                if !grant_front(&mut waiters, &mut rest, &mut wakers) {
                    break;
                }
            }
            if waiters.is_empty() {
                self.settle(&waiters, rest);
                break;
            }
            if rest == 0 {
                break;
            }
            drop(waiters);
            wakers.wake_batch();
            waiters = self.waiters.lock();
        }
        drop(waiters);
        wakers.finish();
    }

    /// SEM5: the list is empty: clears WAITERS and puts `rest` into the word.
    #[track_caller]
    fn settle(&self, waiters: &Waiters<'_>, rest: usize) {
        if !self.settle_waiters(waiters, rest) && rest > 0 {
            let added = self.release_without_waiters(rest);
            debug_assert!(added, "WAITERS was set without the lock");
        }
    }

    /// SEM5, if WAITERS is set; else false.
    fn settle_waiters(&self, waiters: &Waiters<'_>, rest: usize) -> bool {
        debug_assert!(waiters.is_empty());
        // ordering: Relaxed. While WAITERS is set only the lock's holder changes the word (P2), and
        // where it is not set the exchange in `release_without_waiters` decides.
        let seen = self.state.load(Ordering::Relaxed);
        if seen & WAITERS == 0 {
            return false;
        }
        debug_assert_eq!(seen >> SHIFT, 0, "permits beside waiters");
        // ordering: SEM5. Release, as SEM3: who takes these permits sees what we did before.
        self.state.store((seen & CLOSED) | (rest << SHIFT), Ordering::Release);
        true
    }

    /// SEM2: takes what is there; for the rest, queues `waiter`. The waiter has its waker.
    ///
    /// `Ok(true)` if all was there, `Ok(false)` if it waits in the list now.
    ///
    /// # Safety
    /// The node is pinned, in no list, and unlinked by `leave` before it is freed.
    pub(super) unsafe fn acquire_or_queue(
        &self,
        node: NonNull<Node<Waiter>>,
    ) -> Result<bool, AcquireError> {
        let mut waiters = self.waiters.lock();
        // SAFETY: the caller's node is alive, and shared access is all that is made.
        let waiter = unsafe { &node.as_ref().value };
        let asked = waiter.asked;
        // A guess for the exchange, or, with WAITERS or CLOSED set, stable under the lock.
        let mut seen = self.state.first_guess();
        let mut needed = asked;
        loop {
            if seen & CLOSED != 0 {
                return Err(AcquireError::closed());
            }
            if seen & WAITERS != 0 {
                break;
            }
            let free = seen >> SHIFT;
            let next = if free >= asked { seen - (asked << SHIFT) } else { WAITERS };
            // ordering: SEM2. Acquire, to see what those who released the permits that we take did
            // before (SEM3); Release for P6. The waiting itself is published by the lock; a release that
            // read the word before this exchange fails its own and comes to the lock.
            match self.state.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) if free >= asked => return Ok(true),
                Ok(_) => {
                    needed = asked - free;
                    break;
                }
                Err(now) => seen = now,
            }
        }
        // ordering: Relaxed. Read by others under the lock only, until it becomes zero or REFUSED.
        waiter.needed.store(needed, Ordering::Relaxed);
        // SAFETY: pinned, alive and in no list by the caller's promise; we have the lock.
        unsafe { waiters.push_back(node) };
        Ok(false)
    }

    /// The lock, for a waiter that changes its waker.
    pub(super) fn lock(&self) -> Waiters<'_> {
        self.waiters.lock()
    }

    /// SEM7: a waiter that does not want to wait any more. Gives back what it holds.
    ///
    /// # Safety
    /// The node went through `acquire_or_queue` on this semaphore with `Ok(false)`.
    pub(super) unsafe fn leave(&self, node: NonNull<Node<Waiter>>) {
        let mut waiters = self.waiters.lock();
        // SAFETY: the caller's node is alive, and shared access is all that is made.
        let links = unsafe { node.as_ref() };
        // ordering: Relaxed. Under the lock, as are all stores to it once it is queued.
        let needed = links.value.needed.load(Ordering::Relaxed);
        let holds = match needed {
            REFUSED => 0,
            needed => links.value.asked - needed,
        };
        if links.is_linked() {
            // SAFETY: it is linked, and the list of this semaphore is the only one that it can be in.
            unsafe { waiters.remove(node) };
        }
        self.release_locked(holds, waiters);
    }

    /// Refuses everyone who waits, and everyone who comes later (SEM8).
    pub(crate) fn close(&self) {
        let mut wakers = WakeList::new();
        let mut waiters = self.waiters.lock();
        // ordering: SEM8. Release, pairs with `is_closed` and with the refusal of SEM1: who is refused sees
        // what we did before. (That of SEM2 comes with the lock.) Not Acquire: who closes learns nothing by it.
        self.state.fetch_or(CLOSED, Ordering::Release);
        let mut given_back = 0;
        loop {
            while wakers.has_room() {
                let Some(node) = waiters.pop_front() else { break };
                // SAFETY: it was linked until now, so it is alive (L2) until the store below.
                let waiter = unsafe { &node.as_ref().value };
                // ordering: Relaxed, under the lock.
                given_back += waiter.asked - waiter.needed.load(Ordering::Relaxed);
                // SAFETY: under the lock.
                wakers.push(unsafe { waiter.waker.take() });
                // ordering: SEM8. Release: the taking of the waker comes before the future may be freed
                // (P5). Pairs with the Acquire in SEM6.
                waiter.needed.store(REFUSED, Ordering::Release);
            }
            if waiters.is_empty() {
                break;
            }
            drop(waiters);
            wakers.wake_batch();
            waiters = self.waiters.lock();
        }
        self.settle(&waiters, given_back);
        drop(waiters);
        wakers.finish();
    }

    /// Takes up to `n` permits out for good; says how many.
    pub(crate) fn forget(&self, n: usize) -> usize {
        // ordering: Relaxed. A guess for the exchange. (Not `first_guess`: it may end the loop.)
        let mut seen = self.state.load(Ordering::Relaxed);
        loop {
            let taken = n.min(seen >> SHIFT);
            if taken == 0 {
                return 0;
            }
            let next = seen - (taken << SHIFT);
            // ordering: AcqRel, as SEM1: these permits are taken, if for ever.
            match self.state.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return taken,
                Err(now) => seen = now,
            }
        }
    }
}

/// Gives the front waiter what it needs, or as much as there is. False if nobody waits.
fn grant_front(waiters: &mut Waiters<'_>, rest: &mut usize, wakers: &mut WakeList) -> bool {
    let Some(node) = waiters.front() else { return false };
    // SAFETY: it is linked, so it is alive (L2) until the granting store below.
    let waiter = unsafe { &node.as_ref().value };
    // ordering: Relaxed, under the lock.
    let needed = waiter.needed.load(Ordering::Relaxed);
    if needed > *rest {
        // ordering: Relaxed. A part only; the lock carries what the releasing side did.
        waiter.needed.store(needed - *rest, Ordering::Relaxed);
        *rest = 0;
        return true;
    }
    *rest -= needed;
    waiters.pop_front();
    // SAFETY: under the lock, whose guard the caller gave us.
    wakers.push(unsafe { waiter.waker.take() });
    // ordering: SEM4. Release, so that the waiter (Acquire, SEM6) sees what all who gave it permits did
    // before; and the taking of the waker comes before the future may be freed (P5).
    waiter.needed.store(0, Ordering::Release);
    true
}

/// The word with `n` more permits.
#[inline]
#[track_caller]
fn add_permits(word: usize, n: usize) -> usize {
    let sum = (word >> SHIFT).checked_add(n);
    match sum {
        Some(sum) if sum <= RawSemaphore::MAX_PERMITS => (word & (ONE - 1)) | (sum << SHIFT),
        _ => overflow(n),
    }
}

#[cold]
#[track_caller]
fn overflow(n: usize) -> ! {
    panic!(
        "{n} more permits would overflow a semaphore's MAX_PERMITS ({})",
        RawSemaphore::MAX_PERMITS
    );
}

#[inline]
#[track_caller]
const fn check_permits(permits: usize) {
    assert!(
        permits <= RawSemaphore::MAX_PERMITS,
        "a semaphore may not have more permits than MAX_PERMITS (usize::MAX >> 3)"
    );
}

// A panic of user code (a waker) leaves the invariants above as they are: see `WakeList`.
impl UnwindSafe for RawSemaphore {}
impl RefUnwindSafe for RawSemaphore {}

impl fmt::Debug for RawSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available())
            .field("closed", &self.is_closed())
            .finish()
    }
}
