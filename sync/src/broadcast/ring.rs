//! The ring of messages, and the counts.
//!
//! Protocol: docs/sync.md, steps BC1 to BC5. Model: loom-tests/tests/broadcast.rs.
//!
//! Each slot has a lock of its own, so that receivers of different messages don't wait for one another.
//! It is a mutex, not a read-write lock: the message is cloned under it, and a type that is Send and not
//! Sync must not be cloned by two threads at once (RUSTSEC-2025-0023 is about just that).
//!
//! Lock order: tail before slot.
//!
//! Invariants
//! B1  The slot of position p holds the message of the newest position that was sent to it; before the first
//!     one, a position one round earlier.
//! B2  `unread` of a message counts the receivers that existed when it was sent, and have neither received
//!     it nor gone. At zero the message is taken out.
//! B3  Receivers are counted, and positions given out, under the tail lock.

use std::panic::{RefUnwindSafe, UnwindSafe};

use filch_primitives::CachePadded;
use filch_primitives::atomic::{AtomicUsize, FirstGuess, Ordering};
use filch_primitives::lock::{Mutex, MutexGuard};

use super::error::TryRecvError;
use crate::Notify;

struct Slot<T> {
    position: u64,
    /// B2.
    unread: usize,
    /// `None` before the first message, and after the last receiver has it.
    message: Option<T>,
}

/// Where the next message goes.
struct Tail {
    position: u64,
    receivers: usize,
}

/// See the module.
pub(super) struct Ring<T> {
    /// A power of two of them.
    slots: Box<[Mutex<Slot<T>>]>,
    tail: CachePadded<Mutex<Tail>>,
    senders: AtomicUsize,
    weak_senders: AtomicUsize,
    /// Wakes receivers: a message was sent, or the last sender is gone.
    pub(super) sent: Notify,
    /// Wakes senders: the last receiver is gone.
    pub(super) receivers_gone: Notify,
}

// A panic of user code (a waker, a message's `Clone` or `Drop`) leaves the invariants above as they are.
impl<T> UnwindSafe for Ring<T> {}
impl<T> RefUnwindSafe for Ring<T> {}

impl<T> Ring<T> {
    /// A ring for at least `capacity` messages, with one sender and no receiver.
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "broadcast channel capacity cannot be zero");
        assert!(
            capacity <= usize::MAX >> 1,
            "broadcast channel capacity exceeded `usize::MAX / 2`"
        );
        let capacity = capacity.next_power_of_two();
        let slots = (0..capacity as u64).map(|i| {
            let position = i.wrapping_sub(capacity as u64);
            Mutex::new(Slot { position, unread: 0, message: None })
        });
        Ring {
            slots: slots.collect(),
            tail: CachePadded::new(Mutex::new(Tail { position: 0, receivers: 0 })),
            senders: AtomicUsize::new(1),
            weak_senders: AtomicUsize::new(0),
            sent: Notify::new(),
            receivers_gone: Notify::new(),
        }
    }

    fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    fn lock_slot(&self, position: u64) -> MutexGuard<'_, Slot<T>> {
        // The mask keeps what fits a usize.
        self.slots[(position & (self.capacity() - 1)) as usize].lock()
    }

    /// The oldest position that is still there.
    fn oldest(&self, tail: &Tail) -> u64 {
        tail.position.saturating_sub(self.capacity())
    }

    /// BC1: sends to all receivers, and says how many there are.
    ///
    /// # Errors
    /// The message, if there is none.
    pub(super) fn send(&self, message: T) -> Result<usize, T> {
        let mut tail = self.tail.lock();
        let receivers = tail.receivers;
        if receivers == 0 {
            return Err(message);
        }
        let position = tail.position;
        tail.position += 1;
        let mut slot = self.lock_slot(position);
        slot.position = position;
        slot.unread = receivers;
        let overwritten = slot.message.replace(message);
        drop(slot);
        drop(tail);
        self.sent.notify_waiters();
        // Last: its `Drop` is the user's code.
        drop(overwritten);
        Ok(receivers)
    }

    /// BC2: the message at `next`, if it is there; moves `next` on.
    pub(super) fn receive(&self, next: &mut u64) -> Result<T, TryRecvError>
    where
        T: Clone,
    {
        let mut slot = self.lock_slot(*next);
        if slot.position.wrapping_add(self.capacity()) == *next {
            drop(slot);
            if self.strong_count() > 0 {
                return Err(TryRecvError::Empty);
            }
            // The last message may have been sent after the first look; it comes before the count was zero.
            slot = self.lock_slot(*next);
            if slot.position.wrapping_add(self.capacity()) == *next {
                return Err(TryRecvError::Closed);
            }
        }
        if slot.position != *next {
            drop(slot);
            let oldest = self.oldest(&self.tail.lock());
            let missed = oldest - *next;
            *next = oldest;
            return Err(TryRecvError::Lagged(missed));
        }
        // Counted as read before the clone, which may panic.
        *next += 1;
        slot.unread -= 1;
        if slot.unread == 0 {
            return Ok(slot.message.take().expect("a message that was not read by all"));
        }
        Ok(slot.message.as_ref().expect("a message that was not read by all").clone())
    }

    /// BC3: a receiver of what is sent from now on: its first position.
    pub(super) fn add_receiver(&self) -> u64 {
        let mut tail = self.tail.lock();
        assert!(tail.receivers < usize::MAX, "too many receivers");
        tail.receivers += 1;
        tail.position
    }

    /// BC4: a receiver that has come to `next` is gone.
    pub(super) fn remove_receiver(&self, next: u64) {
        /// Marks the rest as read, also when a message's `Drop` panics.
        struct Rest<'a, T> {
            ring: &'a Ring<T>,
            next: u64,
            end: u64,
        }
        impl<T> Rest<'_, T> {
            fn run(&mut self) {
                while self.next < self.end {
                    let position = self.next;
                    self.next += 1;
                    drop(self.ring.mark_read(position));
                }
            }
        }
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                // A second panic aborts, as in any collection.
                self.run();
            }
        }
        let (oldest, end, is_last) = {
            let mut tail = self.tail.lock();
            tail.receivers -= 1;
            (self.oldest(&tail), tail.position, tail.receivers == 0)
        };
        let mut rest = Rest { ring: self, next: next.max(oldest), end };
        if is_last {
            self.receivers_gone.notify_waiters();
        }
        rest.run();
    }

    /// Takes one reader off the message at `position`. The message, if that was the last one.
    fn mark_read(&self, position: u64) -> Option<T> {
        let mut slot = self.lock_slot(position);
        if slot.position != position {
            // Overwritten meanwhile, by one that does not count us.
            return None;
        }
        slot.unread -= 1;
        if slot.unread == 0 { slot.message.take() } else { None }
    }

    /// How many messages some receiver has not received.
    pub(super) fn len(&self) -> usize {
        let tail = self.tail.lock();
        // Receivers go in order: who has not read a message has not read the later ones either.
        let (mut low, mut high) = (self.oldest(&tail), tail.position);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.lock_slot(middle).unread == 0 {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (tail.position - low) as usize
    }

    /// How many messages lie after `next`, those that were overwritten included.
    pub(super) fn len_from(&self, next: u64) -> usize {
        (self.tail.lock().position - next) as usize
    }

    pub(super) fn receivers(&self) -> usize {
        self.tail.lock().receivers
    }

    pub(super) fn strong_count(&self) -> usize {
        // ordering: BC5. Acquire: who sees that all senders are gone sees what they did before (AcqRel below).
        self.senders.load(Ordering::Acquire)
    }

    pub(super) fn weak_count(&self) -> usize {
        // ordering: Relaxed. A statistic.
        self.weak_senders.load(Ordering::Relaxed)
    }

    pub(super) fn add_sender(&self) {
        // ordering: Relaxed. The caller is a sender: the count is not zero.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// A further sender, unless all are gone.
    pub(super) fn try_add_sender(&self) -> bool {
        let mut seen = self.senders.first_guess();
        while seen != 0 {
            // ordering: Relaxed. It only keeps the count from zero; the messages come with their locks.
            match self.senders.compare_exchange_weak(
                seen,
                seen + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    pub(super) fn remove_sender(&self) {
        // ordering: BC5. Release, pairs with `strong_count`. Not Acquire: who is notified asks for the count, and
        // by the chain of these exchanges sees what each of us did before.
        if self.senders.fetch_sub(1, Ordering::Release) == 1 {
            self.sent.notify_waiters();
        }
    }

    pub(super) fn add_weak_sender(&self) {
        // ordering: Relaxed. A statistic.
        self.weak_senders.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_weak_sender(&self) {
        // ordering: Relaxed. A statistic.
        self.weak_senders.fetch_sub(1, Ordering::Relaxed);
    }
}
