//! Wakers collected under a lock and woken outside of it.
//!
//! Callers: every primitive that may wake several tasks in one operation.
//!
//! Invariants
//! W1  A waker put in is woken exactly once, whatever the other wakers do: a panic of one is kept
//!     and raised only after the last one has been woken.
//! W2  Nothing here runs while a lock is held: the caller wakes a batch with its lock released, so a
//!     waker may call back into the primitive that woke it.

use std::any::Any;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

/// How many wakers are collected before the lock is released to wake them.
///
/// 32 bounds the time under the lock and the stack space (512 bytes); under loom 2, so that a model
/// reaches a second batch.
const BATCH: usize = if cfg!(filch_loom) { 2 } else { 32 };

/// Wakes one task. No lock may be held.
///
/// A panic of the waker goes to the caller; not during an unwinding, which a second panic would turn into an
/// abort: the first one is the one to report.
#[inline]
pub(crate) fn wake_one(waker: Waker) {
    if std::thread::panicking() {
        drop(catch_unwind(AssertUnwindSafe(|| waker.wake())));
    } else {
        waker.wake();
    }
}

/// A batch of wakers on the stack.
pub(crate) struct WakeList {
    /// The first `len` are initialised.
    wakers: [MaybeUninit<Waker>; BATCH],
    len: usize,
    /// The first panic of a waker, raised by `finish`.
    panic: Option<Box<dyn Any + Send>>,
}

impl WakeList {
    /// An empty list.
    #[inline]
    pub(crate) fn new() -> Self {
        WakeList { wakers: [const { MaybeUninit::uninit() }; BATCH], len: 0, panic: None }
    }

    /// Whether another waker fits.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.len < BATCH
    }

    /// Adds a waker. The list must have room.
    #[inline]
    pub(crate) fn push(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.wakers[self.len].write(waker);
            self.len += 1;
        }
    }

    /// Wakes what was collected, so that there is room again. No lock may be held.
    ///
    /// A waker's panic is kept for `finish`: the caller's operation goes on.
    pub(crate) fn wake_batch(&mut self) {
        while self.len > 0 {
            let panic = catch_unwind(AssertUnwindSafe(|| self.wake_in_order())).err();
            if self.panic.is_none() {
                self.panic = panic;
            }
        }
    }

    /// Wakes in the order of pushing. A panic leaves the rest in the list.
    fn wake_in_order(&mut self) {
        struct Rest<'a> {
            list: &'a mut WakeList,
            next: usize,
        }
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                let (next, len) = (self.next, self.list.len);
                self.list.wakers[..len].rotate_left(next);
                self.list.len = len - next;
            }
        }
        let mut rest = Rest { list: self, next: 0 };
        while rest.next < rest.list.len {
            let at = rest.next;
            rest.next += 1;
            // SAFETY: `at` is below `len`, so it is initialised; `next` has moved past it, so it is
            // read once, also where `wake` panics.
            unsafe { rest.list.wakers[at].assume_init_read() }.wake();
        }
    }

    /// Wakes the rest and raises the first panic of a waker, if one panicked. No lock may be held.
    ///
    /// By reference: moving the list would copy the places of all its wakers.
    #[inline]
    pub(crate) fn finish(&mut self) {
        if self.len == 1 && self.panic.is_none() {
            // The usual case, without the catching frame: nothing is left to do after it.
            self.len = 0;
            // SAFETY: `len` was 1, so the first is initialised; now it is 0, so it is read once.
            wake_one(unsafe { self.wakers[0].assume_init_read() });
            return;
        }
        self.wake_batch();
        if let Some(panic) = self.panic.take() {
            // During an unwinding a second panic would abort: the first one is the one to report.
            if !std::thread::panicking() {
                resume_unwind(panic);
            }
        }
    }
}

impl Drop for WakeList {
    /// Keeps W1 where the caller unwinds between collecting and waking.
    fn drop(&mut self) {
        if self.len > 0 {
            self.wake_batch();
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::task::Wake;

    struct Log {
        id: usize,
        panics: bool,
        log: Arc<Mutex<Vec<usize>>>,
    }

    impl Wake for Log {
        fn wake(self: Arc<Self>) {
            self.log.lock().unwrap().push(self.id);
            assert!(!self.panics, "waker {} panics", self.id);
        }
    }

    fn fill(list: &mut WakeList, panicking: &[usize], n: usize) -> Arc<Mutex<Vec<usize>>> {
        let log = Arc::new(Mutex::new(Vec::new()));
        for id in 0..n {
            let panics = panicking.contains(&id);
            list.push(Some(Waker::from(Arc::new(Log { id, panics, log: log.clone() }))));
        }
        log
    }

    #[test]
    fn wakes_in_order() {
        let mut list = WakeList::new();
        let log = fill(&mut list, &[], BATCH);
        assert!(!list.has_room());
        list.wake_batch();
        assert!(list.has_room());
        list.finish();
        assert_eq!(*log.lock().unwrap(), (0..BATCH).collect::<Vec<_>>());
    }

    #[test]
    fn panicking_wakers_lose_no_other_wake_and_the_first_panic_is_raised() {
        let mut list = WakeList::new();
        let log = fill(&mut list, &[0, 3, 9], 10);
        let panic = catch_unwind(AssertUnwindSafe(|| list.finish())).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "waker 0 panics");
        assert_eq!(*log.lock().unwrap(), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn an_unwinding_caller_still_wakes() {
        let log = Mutex::new(None);
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let mut list = WakeList::new();
            *log.lock().unwrap() = Some(fill(&mut list, &[1], 4));
            panic!("the caller");
        }));
        assert!(unwound.is_err());
        let log = log.into_inner().unwrap().unwrap();
        assert_eq!(*log.lock().unwrap(), [0, 1, 2, 3]);
    }
}
