//! The futures that wait for a notification, and the node in them.
//!
//! Protocol: docs/sync.md, steps NTF2, NTF3, NTF6, NTF7. Invariants N1 to N5: `mod.rs`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use filch_primitives::atomic::{AtomicU8, Ordering};

use super::{GENERATION, Notify, PERMIT, WAITERS, Which};
use crate::node_waker::NodeWaker;
use crate::wait_list::Node;
use crate::wake_list::WakeList;

/// `notification`: none yet.
const NONE: u8 = 0;
/// `notification`: by `notify_one`.
pub(super) const ONE_FIRST: u8 = 1;
/// `notification`: by `notify_last`.
pub(super) const ONE_LAST: u8 = 2;
/// `notification`: by `notify_waiters`.
pub(super) const ALL: u8 = 3;

/// The payload of a waiting node.
pub(super) struct Waiter {
    /// Written once, under the lock, by the notifying side: its last access (N5).
    notification: AtomicU8,
    /// Whom to wake. None after `enable`, until a poll.
    waker: NodeWaker,
}

impl Waiter {
    /// Takes the waker and leaves the notification. After this the node may be gone (N5).
    ///
    /// # Safety
    /// Under the lock, for a node that was just taken out of its list.
    pub(super) unsafe fn notify(&self, notification: u8, wakers: &mut WakeList) {
        // SAFETY: under the lock.
        wakers.push(unsafe { self.waker.take() });
        // ordering: NTF4, NTF5. Release, so that the waiter (Acquire, NTF6) sees what the notifying task
        // did before, and the taking of the waker comes before the future may be freed.
        self.notification.store(notification, Ordering::Release);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Not polled yet: the node is in no list.
    Start,
    /// It was put into `waiting`. It may have left it since.
    Waiting,
    /// Notified: the node is in no list.
    Done,
}

/// What the futures are made of, apart from how they hold the `Notify`.
pub(crate) struct Wait {
    phase: Cell<Phase>,
    /// The generation when the future was made.
    generation: usize,
    node: Node<Waiter>,
}

impl Wait {
    pub(crate) fn new(notify: &Notify) -> Self {
        // ordering: NTF2. Acquire, pairs with the Release of `notify_waiters` (NTF5): whoever makes a future
        // of the new generation, and then looks at what the notifying task wrote, must find it written.
        let state = notify.state.load(Ordering::Acquire);
        Wait {
            phase: Cell::new(Phase::Start),
            generation: state & !(PERMIT | WAITERS),
            node: Node::new(Waiter { notification: AtomicU8::new(NONE), waker: NodeWaker::new() }),
        }
    }

    /// Whether all were notified since the future was made (N3).
    fn is_released(&self, state: usize) -> bool {
        state & !(PERMIT | WAITERS) != self.generation
    }

    /// Takes a permit, or sees that all were notified (NTF2). True if so.
    fn try_take(&self, notify: &Notify) -> bool {
        // ordering: NTF2. Acquire, to see what the task that called `notify_waiters` did before.
        let mut seen = notify.state.load(Ordering::Acquire);
        while seen & PERMIT != 0 {
            // ordering: NTF2. Acquire, to see what those who left the permit did before (NTF1); on failure
            // as the load above.
            match notify.state.compare_exchange_weak(
                seen,
                seen & !PERMIT,
                Ordering::Acquire,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        self.is_released(seen)
    }

    /// Polls, with the waker of the polling task, or without one for `enable`.
    ///
    /// # Safety
    /// - It is pinned, and borrowed exclusively by the caller.
    /// - `notify` is the one that it was made with, in this and every other call.
    /// - `leave` is called before it is freed.
    pub(crate) unsafe fn poll(&self, notify: &Notify, waker: Option<&Waker>) -> Poll<()> {
        let done = match self.phase.get() {
            // SAFETY: the caller's promise is the same.
            Phase::Start => self.try_take(notify) || unsafe { self.queue(notify, waker.cloned()) },
            Phase::Waiting => self.check(notify, waker),
            Phase::Done => true,
        };
        if !done {
            return Poll::Pending;
        }
        self.phase.set(Phase::Done);
        Poll::Ready(())
    }

    /// NTF3: queues, unless a notification came first: then true.
    ///
    /// # Safety
    /// As for `poll`.
    unsafe fn queue(&self, notify: &Notify, waker: Option<Waker>) -> bool {
        if let Some(waker) = waker {
            // SAFETY: the node is not linked (Start): the cell is ours.
            unsafe { self.node.value.waker.replace(waker) };
        }
        let mut lock = notify.waiters.lock();
        // ordering: NTF2. Acquire, as in `try_take`.
        let mut seen = notify.state.load(Ordering::Acquire);
        loop {
            if seen & PERMIT == 0 && self.is_released(seen) {
                return true;
            }
            if seen & WAITERS != 0 {
                break;
            }
            let takes_permit = seen & PERMIT != 0;
            let next = if takes_permit { seen & !PERMIT } else { seen | WAITERS };
            // ordering: NTF3. Acquire, for the permit as in `try_take`. Setting WAITERS needs no Release: a
            // notification that reads it takes the lock, and that carries the node.
            match notify.state.compare_exchange(seen, next, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) if takes_permit => return true,
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        // SAFETY: pinned and unlinked by `leave` before it is freed, by the caller's promise; in no list
        // (Start); we have the lock.
        unsafe { lock.waiting.push_back(NonNull::from(&self.node)) };
        self.phase.set(Phase::Waiting);
        false
    }

    /// The notification that has come, if one has.
    fn notification(&self) -> u8 {
        // ordering: NTF6. Acquire, to see what the notifying task did before (Release in `notify`), and that
        // the node is ours alone again (N5).
        self.node.value.notification.load(Ordering::Acquire)
    }

    /// A later poll: whether it was notified; if not, it leaves the waker of this poll.
    fn check(&self, notify: &Notify, waker: Option<&Waker>) -> bool {
        if self.notification() != NONE {
            return true;
        }
        let mut new = None;
        loop {
            let mut lock = notify.waiters.lock();
            if self.notification() != NONE {
                return true;
            }
            // ordering: Relaxed. While this node waits the generation changes under the lock only, which we
            // have now: so what came before the change is seen.
            if self.is_released(notify.state.load(Ordering::Relaxed)) {
                // Not woken yet, and need not be: it is here.
                // SAFETY: linked, since it has no notification, and by N2 in `released`.
                unsafe { lock.released.remove(NonNull::from(&self.node)) };
                return true;
            }
            let Some(waker) = waker else { return false };
            // SAFETY: under the lock.
            if unsafe { self.node.value.waker.will_wake(waker) } {
                return false;
            }
            if let Some(new) = new.take() {
                // SAFETY: under the lock.
                let old = unsafe { self.node.value.waker.replace(new) };
                drop(lock);
                drop(old);
                return false;
            }
            // Outside of the lock: cloning and dropping wakers is the executor's code.
            drop(lock);
            new = Some(waker.clone());
        }
    }

    /// NTF7: the future is dropped. With the `Notify` that it was made with.
    pub(crate) fn leave(&self, notify: &Notify) {
        if self.phase.get() != Phase::Waiting || self.notification() == ALL {
            return;
        }
        let mut wakers = WakeList::new();
        let mut lock = notify.waiters.lock();
        match self.notification() {
            NONE => {
                // ordering: Relaxed. Under the lock, which the change of generation takes when there are
                // waiters: and this node waits.
                let state = notify.state.load(Ordering::Relaxed);
                let node = NonNull::from(&self.node);
                if self.is_released(state) {
                    // SAFETY: linked, since it has no notification, and by N2 in `released`.
                    unsafe { lock.released.remove(node) };
                } else {
                    // SAFETY: as above, and by N2 in `waiting`.
                    unsafe { lock.waiting.remove(node) };
                    if lock.waiting.is_empty() {
                        notify.clear_waiters_bit();
                    }
                }
            }
            // N4.
            ONE_FIRST => notify.notify_locked(&mut lock, Which::First, &mut wakers),
            ONE_LAST => notify.notify_locked(&mut lock, Which::Last, &mut wakers),
            _ => {}
        }
        drop(lock);
        wakers.finish();
    }
}

/// Waits for a notification of a [`Notify`]. From [`Notify::notified`].
///
/// # Cancel safety
/// Dropping it gives up the place in the queue; a notification of one that it has got and not returned
/// yet goes to the next.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Notified<'a> {
    notify: &'a Notify,
    wait: Wait,
}

/// Waits for a notification of a [`Notify`], and keeps it alive. From [`Notify::notified_owned`].
///
/// # Cancel safety
/// As for [`Notified`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct OwnedNotified {
    notify: Arc<Notify>,
    wait: Wait,
}

// SAFETY: the node's cells are touched under the lock, or by the one who polls or drops the future while
// the node is in no list; the waker is Send.
unsafe impl Send for Wait {}
// SAFETY: what changes through `&Wait` is `poll`, whose caller has it exclusively, and `leave`, called in
// `drop`. Debug reads what only those two change.
unsafe impl Sync for Wait {}
impl UnwindSafe for Wait {}
impl RefUnwindSafe for Wait {}

impl<'a> Notified<'a> {
    pub(super) fn new(notify: &'a Notify) -> Self {
        Notified { notify, wait: Wait::new(notify) }
    }

    /// Queues for notifications without polling. True if one has come: the next poll returns at once.
    ///
    /// For the pattern "queue, look at the condition, then wait", where a `notify_one` between the look
    /// and the first poll must not be missed by several tasks at once.
    ///
    /// # Examples
    /// ```
    /// use std::pin::pin;
    /// use filch_sync::Notify;
    ///
    /// let notify = Notify::new();
    /// let mut notified = pin!(notify.notified());
    /// assert!(!notified.as_mut().enable());
    /// notify.notify_one();
    /// assert!(notified.as_mut().enable());
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.as_ref().get_ref();
        // SAFETY: pinned with the future, whose `notify` does not change, and whose `drop` calls `leave`.
        unsafe { this.wait.poll(this.notify, None) }.is_ready()
    }
}

impl OwnedNotified {
    pub(super) fn new(notify: Arc<Notify>) -> Self {
        OwnedNotified { wait: Wait::new(&notify), notify }
    }

    /// As [`Notified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.as_ref().get_ref();
        // SAFETY: pinned with the future, whose `notify` does not change, and whose `drop` calls `leave`.
        unsafe { this.wait.poll(&this.notify, None) }.is_ready()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_ref().get_ref();
        // SAFETY: pinned with the future, whose `notify` does not change, and whose `drop` calls `leave`.
        unsafe { this.wait.poll(this.notify, Some(cx.waker())) }
    }
}

impl Future for OwnedNotified {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_ref().get_ref();
        // SAFETY: pinned with the future, whose `notify` does not change, and whose `drop` calls `leave`.
        unsafe { this.wait.poll(&this.notify, Some(cx.waker())) }
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        self.wait.leave(self.notify);
    }
}

impl Drop for OwnedNotified {
    fn drop(&mut self) {
        self.wait.leave(&self.notify);
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither cell is read by the notifying side.
        f.debug_struct("Wait")
            .field("phase", &self.phase.get())
            .field("generation", &(self.generation / GENERATION))
            .finish()
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified").field("notify", &self.notify).field("wait", &self.wait).finish()
    }
}

impl fmt::Debug for OwnedNotified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedNotified")
            .field("notify", &self.notify)
            .field("wait", &self.wait)
            .finish()
    }
}
