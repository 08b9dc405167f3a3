//! The part of a timer entry that its shard's wheel reaches: an intrusive list node.
//!
//! Callers: `entry` owns it, pinned; `list`, `wheel` and `shard` link, fire and unlink it.
//! Protocol: docs/timer.md, steps T1 to T9. Models: loom-tests/tests/timer.rs.
//!
//! state      set by                              while set
//! DISARMED   owner: new, cancel, reset           the owner alone touches the node
//! ARMED      owner, under the lock: arm          the node is linked; rules N1 to N3
//! FIRED      wheel, under the lock; or the owner the deadline has come; the owner alone touches it
//!            that finds its deadline past
//! SHUTDOWN   wheel, under the lock; or the owner the timers were shut down; the owner alone touches it
//!            that finds the wheel shut down
//!
//! Rules
//! N1  While ARMED, `place` is touched under the shard's lock only.
//! N2  `deadline` and `waker` are written by the owner only, while ARMED under the lock; the wheel reads
//!     them under the lock. So the owner may read them without the lock at any time.
//! N3  `waker` holds a waker that the node owns exactly while ARMED. Whoever ends ARMED, under the lock,
//!     moves it out by a read; the bits stay for the owner to compare.
//! N4  Storing FIRED or SHUTDOWN is the wheel's last access: after it the owner may free the node.

use std::mem::MaybeUninit;
use std::ptr;
use std::task::Waker;
use std::time::Instant;

use filch_primitives::atomic::{AtomicU8, Ordering};
use filch_primitives::cell::UnsafeCell;

use crate::tick::Tick;

/// What an entry has come to. See the table in the module's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum State {
    Disarmed,
    Armed,
    Fired,
    Shutdown,
}

impl State {
    fn from_bits(bits: u8) -> State {
        match bits {
            0 => State::Disarmed,
            1 => State::Armed,
            2 => State::Fired,
            _ => State::Shutdown,
        }
    }
}

/// Where a node is linked. Meaningless unless ARMED.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) prev: *const Node,
    pub(crate) next: *const Node,
    /// When it is due, at the wheel's resolution.
    pub(crate) tick: Tick,
    /// Which list of the wheel it is in.
    pub(crate) slot: u16,
}

/// See the module's header.
pub(crate) struct Node {
    place: UnsafeCell<Place>,
    deadline: UnsafeCell<Instant>,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    state: AtomicU8,
}

impl Node {
    #[inline]
    pub(crate) fn new(deadline: Instant) -> Node {
        let place = Place { prev: ptr::null(), next: ptr::null(), tick: Tick::NEVER, slot: 0 };
        Node {
            place: UnsafeCell::new(place),
            deadline: UnsafeCell::new(deadline),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            state: AtomicU8::new(State::Disarmed as u8),
        }
    }

    /// The state, as the owner asks for it without the lock.
    #[inline]
    pub(crate) fn state(&self) -> State {
        // ordering: T6. Acquire: who finds FIRED or SHUTDOWN may free or reuse the node; the wheel's
        // accesses must be over. Pairs with the Release in `end`.
        State::from_bits(self.state.load(Ordering::Acquire))
    }

    /// Whether the node is linked. The shard's lock is held, or the owner asks.
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        // ordering: Relaxed. ARMED is set and ended under the lock, which orders the rest.
        self.state.load(Ordering::Relaxed) == State::Armed as u8
    }

    /// The owner's change of a node that is not linked, or the lock's holder's to ARMED and DISARMED.
    #[inline]
    pub(crate) fn set_state(&self, state: State) {
        // ordering: T2. Relaxed. To ARMED and back to DISARMED: the lock orders it for the wheel. A node
        // that isn't linked: nobody else looks.
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Ends ARMED, and hands out the waker.
    ///
    /// # Safety
    /// - `node` was ARMED and has just been unlinked, under the lock that is still held.
    /// - It is not touched afterwards (N4).
    #[inline]
    pub(crate) unsafe fn end(node: *const Node, state: State) -> Waker {
        // SAFETY: the owner frees a node that was linked only after it has taken the lock, or seen the
        // state that is stored below.
        let node = unsafe { &*node };
        // SAFETY: it was ARMED, so the waker is there, and leaving ARMED gives it to us (N3).
        let waker = unsafe { node.take_waker() };
        // ordering: T6. Release: the owner may free the node as soon as it sees this, without the lock.
        // Pairs with the Acquire in `state`.
        node.state.store(state as u8, Ordering::Release);
        waker
    }

    /// The exact deadline.
    ///
    /// # Safety
    /// The caller is the owner, or holds the shard's lock while the node is linked (N2).
    #[inline]
    pub(crate) unsafe fn deadline(&self) -> Instant {
        // SAFETY: N2: nobody writes it meanwhile.
        self.deadline.with(|at| unsafe { *at })
    }

    /// Sets the deadline.
    ///
    /// # Safety
    /// The caller is the owner, and holds the lock if the node is ARMED (N2).
    #[inline]
    pub(crate) unsafe fn set_deadline(&self, deadline: Instant) {
        // SAFETY: N2: nobody else writes, and those who read hold the lock.
        self.deadline.with_mut(|at| unsafe { *at = deadline });
    }

    /// Whether the waker that was put in last wakes the same task.
    ///
    /// # Safety
    /// The caller is the owner, and the node was armed at some time.
    #[inline]
    pub(crate) unsafe fn will_wake(&self, waker: &Waker) -> bool {
        // SAFETY: the owner alone writes the waker (N2). It was initialised when the node was armed;
        // where the wheel has moved it out meanwhile, the bits are still there, and comparing touches
        // nothing behind them.
        self.waker.with(|own| unsafe { (*own).assume_init_ref().will_wake(waker) })
    }

    /// Puts a waker in. An earlier one is overwritten, not dropped.
    ///
    /// # Safety
    /// The caller is the owner, holds the lock, and has taken out what was there (N3).
    #[inline]
    pub(crate) unsafe fn put_waker(&self, waker: Waker) {
        // SAFETY: N2: under the lock the wheel does not read.
        self.waker.with_mut(|own| unsafe { (*own).write(waker) });
    }

    /// Moves the waker out.
    ///
    /// # Safety
    /// The lock is held, the node is ARMED, and the caller ends that or puts another waker in (N3).
    #[inline]
    pub(crate) unsafe fn take_waker(&self) -> Waker {
        // SAFETY: ARMED, so it is initialised; the caller sees to it that it is taken once.
        self.waker.with(|own| unsafe { (*own).assume_init_read() })
    }

    /// Where the node is linked.
    ///
    /// # Safety
    /// The shard's lock is held (N1).
    #[inline]
    pub(crate) unsafe fn place(&self) -> Place {
        // SAFETY: N1.
        self.place.with(|place| unsafe { *place })
    }

    /// Changes where the node is linked.
    ///
    /// # Safety
    /// The shard's lock is held (N1); `change` keeps the list whole.
    #[inline]
    pub(crate) unsafe fn update_place(&self, change: impl FnOnce(&mut Place)) {
        // SAFETY: N1: no other reference to it exists.
        self.place.with_mut(|place| change(unsafe { &mut *place }));
    }
}

// SAFETY: the raw pointers of `place` are followed under the shard's lock only (N1), the other cells obey
// N2 and N3; `Waker` and `Instant` are `Send` and `Sync`.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}
