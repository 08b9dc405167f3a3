//! Notification of one task or of all that wait, without a value.
//!
//! Protocol: docs/sync.md, steps NTF1 to NTF7. Model: loom-tests/tests/notify.rs.
//!
//! The state word:
//!
//! ```text
//! bit  name        set by                   cleared by                 while set
//! 0    PERMIT      notify_one, _last        a poll that takes it       a notification waits for a task
//! 1    WAITERS     a poll, under lock       under lock                 `waiting` is not empty; never with PERMIT
//! 2..  generation  notify_waiters counts    never                      how often all were notified
//! ```
//!
//! Invariants
//! N1  WAITERS is set exactly while `waiting` is not empty, as seen under the lock; then only the holder
//!     of the lock changes the word. It is never set together with PERMIT.
//! N2  A linked node is in `waiting` if its generation is the word's, else in `released`.
//! N3  A future made before a `notify_waiters` is completed by it, whether it was polled or not.
//! N4  A notification of one that was given to a future which is dropped unpolled goes to the next.
//! N5  The store to `notification` is the last access of the notifying side to a node: after it the future
//!     may be freed without the lock.

#[cfg(feature = "stream")]
mod listener;
mod notified;

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use filch_primitives::atomic::{AtomicUsize, FirstGuess, Ordering};
use filch_primitives::lock::{Mutex, MutexGuard};

#[cfg(feature = "stream")]
pub(crate) use listener::{Listener, Source};
pub(crate) use notified::Wait;
pub use notified::{Notified, OwnedNotified};

use crate::wait_list::WaitList;
use crate::wake_list::WakeList;
use notified::{ALL, ONE_FIRST, ONE_LAST, Waiter};

const PERMIT: usize = 1;
const WAITERS: usize = 1 << 1;
const GENERATION: usize = 1 << 2;
/// The flags lie below the count: the table above cannot drift unnoticed.
const _: () = assert!(PERMIT | WAITERS == GENERATION - 1);

/// Notifies one task or all tasks that wait.
///
/// [`notify_one`](Self::notify_one) wakes the task that has waited longest, or leaves one permit, that
/// lets the next `notified().await` through at once; permits do not add up.
/// [`notify_waiters`](Self::notify_waiters) wakes all that wait and leaves nothing.
///
/// With no one waiting each is one atomic exchange. A waiting task costs no allocation.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use filch_sync::Notify;
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     struct Unpark(std::thread::Thread);
/// #     impl std::task::Wake for Unpark {
/// #         fn wake(self: Arc<Self>) { self.0.unpark() }
/// #     }
/// #     let waker = Arc::new(Unpark(std::thread::current())).into();
/// #     let mut cx = std::task::Context::from_waker(&waker);
/// #     let mut future = std::pin::pin!(future);
/// #     loop {
/// #         if let std::task::Poll::Ready(out) = future.as_mut().poll(&mut cx) { return out }
/// #         std::thread::park();
/// #     }
/// # }
///
/// let ready = Arc::new(Notify::new());
/// let starter = {
///     let ready = ready.clone();
///     std::thread::spawn(move || ready.notify_one())
/// };
/// block_on(ready.notified());
/// # starter.join().unwrap();
/// ```
pub struct Notify {
    state: AtomicUsize,
    waiters: Mutex<Waiters>,
}

/// The tasks that wait, under the lock.
struct Waiters {
    /// Those that the next notification is for.
    waiting: WaitList<Waiter>,
    /// Those that a `notify_waiters` has taken out of `waiting` and not woken yet.
    released: WaitList<Waiter>,
}

impl Waiters {
    const fn new() -> Self {
        Waiters { waiting: WaitList::new(), released: WaitList::new() }
    }
}

/// Which of the waiting tasks a notification of one is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    First,
    Last,
}

impl Notify {
    /// Nobody waits, and no permit is there.
    pub fn new() -> Notify {
        Notify { state: AtomicUsize::new(0), waiters: Mutex::new(Waiters::new()) }
    }

    /// As [`new`](Self::new), for a `static`. Not there under `cfg(filch_loom)`.
    ///
    /// # Examples
    /// ```
    /// use filch_sync::Notify;
    /// static STOP: Notify = Notify::const_new();
    /// STOP.notify_waiters();
    /// ```
    #[cfg(not(filch_loom))]
    pub const fn const_new() -> Notify {
        Notify { state: AtomicUsize::new(0), waiters: Mutex::new(Waiters::new()) }
    }

    /// Waits for a notification.
    ///
    /// The future takes a permit if one is there. It takes part in [`notify_one`](Self::notify_one)
    /// from its first poll (or [`enable`](Notified::enable)) on, and in
    /// [`notify_waiters`](Self::notify_waiters) from this call on.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue; a notification of one that it has got and
    /// not returned yet goes to the next.
    pub fn notified(&self) -> Notified<'_> {
        Notified::new(self)
    }

    /// As [`notified`](Self::notified), for a future that keeps the `Notify` alive.
    ///
    /// # Cancel safety
    /// As for [`notified`](Self::notified).
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified::new(self)
    }

    /// Notifies the task that has waited longest, or leaves a permit for the next that comes.
    ///
    /// What was done before this call is seen by the task that it lets through.
    pub fn notify_one(&self) {
        self.notify(Which::First);
    }

    /// Notifies the task that came last, or leaves a permit for the next that comes.
    pub fn notify_last(&self) {
        self.notify(Which::Last);
    }

    /// Notifies all tasks that wait now, and leaves no permit.
    ///
    /// Futures that [`notified`](Self::notified) has made before this call are completed also if they
    /// were not polled yet.
    pub fn notify_waiters(&self) {
        // A guess for the exchange, which publishes; where it says WAITERS, the lock is taken and decides.
        let mut seen = self.state.first_guess();
        while seen & WAITERS == 0 {
            // ordering: NTF5. Release, so that a future that finds its generation gone by (Acquire, NTF2)
            // sees what we did before.
            match self.state.compare_exchange_weak(
                seen,
                seen.wrapping_add(GENERATION),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
        self.notify_waiters_locked();
    }

    /// NTF5, with waiters: moves all to `released`, then wakes them batch by batch.
    #[cold]
    fn notify_waiters_locked(&self) {
        let mut wakers = WakeList::new();
        let mut lock = self.waiters.lock();
        let Waiters { waiting, released } = &mut *lock;
        if waiting.is_empty() {
            // ordering: NTF5. Release, as in `notify_waiters`. An exchange, not a store: WAITERS has been cleared
            // meanwhile, and others may change the word at the same time.
            self.state.fetch_add(GENERATION, Ordering::Release);
        } else {
            released.append(waiting);
            self.change_locked(|seen| seen.wrapping_add(GENERATION) & !WAITERS);
        }
        loop {
            while wakers.has_room() {
                let Some(node) = lock.released.pop_front() else {
                    drop(lock);
                    wakers.finish();
                    return;
                };
                // SAFETY: it was linked until now, so it is alive (L2) until `notify` below.
                unsafe { node.as_ref().value.notify(ALL, &mut wakers) };
            }
            drop(lock);
            wakers.wake_batch();
            lock = self.waiters.lock();
        }
    }

    /// NTF1, NTF4: one task, or a permit.
    fn notify(&self, which: Which) {
        if !self.leave_permit() {
            let mut wakers = WakeList::new();
            let mut lock = self.waiters.lock();
            self.notify_locked(&mut lock, which, &mut wakers);
            drop(lock);
            wakers.finish();
        }
    }

    /// NTF1: leaves a permit. False if somebody waits.
    #[inline]
    fn leave_permit(&self) -> bool {
        // A guess for the exchange, which publishes; where it says WAITERS, the lock is taken and decides.
        let mut seen = self.state.first_guess();
        while seen & WAITERS == 0 {
            // ordering: NTF1. Release, so that who takes the permit (Acquire, NTF2) sees what we did before.
            // An exchange also where PERMIT is set already: the taker must see what we did, too.
            match self.state.compare_exchange_weak(
                seen,
                seen | PERMIT,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// NTF4: gives the notification to one that waits; if there is none any more, leaves a permit.
    fn notify_locked(
        &self,
        lock: &mut MutexGuard<'_, Waiters>,
        which: Which,
        wakers: &mut WakeList,
    ) {
        let (node, notification) = match which {
            Which::First => (lock.waiting.pop_front(), ONE_FIRST),
            Which::Last => (lock.waiting.pop_back(), ONE_LAST),
        };
        let Some(node) = node else {
            let left = self.leave_permit();
            debug_assert!(left, "WAITERS without waiters under the lock");
            return;
        };
        if lock.waiting.is_empty() {
            self.clear_waiters_bit();
        }
        // SAFETY: it was linked until now, so it is alive (L2) until this call.
        unsafe { node.as_ref().value.notify(notification, wakers) };
    }

    /// Under the lock, when `waiting` has become empty.
    fn clear_waiters_bit(&self) {
        self.change_locked(|seen| seen & !WAITERS);
    }

    /// Changes the word under the lock while WAITERS is set, so while nobody else does (N1).
    #[inline]
    fn change_locked(&self, change: impl FnOnce(usize) -> usize) {
        // ordering: Relaxed. The last change came under the lock, or is the exchange that set WAITERS, under it.
        let seen = self.state.load(Ordering::Relaxed);
        debug_assert!(seen & WAITERS != 0 && seen & PERMIT == 0);
        // ordering: NTF5. Release, so that a future that finds its generation gone by (Acquire, NTF2) sees what we
        // did before; and what earlier notifying tasks did, which came to us by NTF3 (Acquire) and the lock. A
        // store, since there is nobody to race with.
        self.state.store(change(seen), Ordering::Release);
    }
}

impl Default for Notify {
    fn default() -> Notify {
        Notify::new()
    }
}

// A panic of user code (a waker) leaves the invariants above as they are: see `WakeList`.
impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ordering: Relaxed. For a reader's eyes.
        let state = self.state.load(Ordering::Relaxed);
        f.debug_struct("Notify")
            .field("has_permit", &(state & PERMIT != 0))
            .field("has_waiters", &(state & WAITERS != 0))
            .finish()
    }
}
