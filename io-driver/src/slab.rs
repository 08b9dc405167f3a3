//! The slots: found by index without a lock, never moved, reused under new generations.
//!
//! Callers: `Driver::register` and `Registration::drop` allocate and free, under one lock; the
//! driver's threads look up the slot of an event, without it.
//! Data: pages of slots, each twice as large as the one before; a stack of free indices.
//!
//! Invariants
//! P1  A page that was published stays where it is until the slab is dropped.
//! P2  An index is on the free stack, or belongs to one registration; its slot is closed in the
//!     first case.
//! P3  Nothing is allocated once the slab is shut down.
//!
//! A lock for allocation and not a lock-free stack: it is next to an `epoll_ctl`, which costs more.

use std::io;
use std::ptr::NonNull;

use filch_primitives::atomic::{AtomicPtr, AtomicUsize, Ordering};
use filch_primitives::lock::Mutex;

use crate::error::shutdown_error;
use crate::key::Key;
use crate::readiness::Readiness;

/// One registration's state. A cache line of its own: neighbours belong to other tasks.
#[repr(align(64))]
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) readiness: Readiness,
}

/// Slots in page 0: one page of memory, as 64 slots of 64 bytes.
const FIRST_PAGE_SLOTS: u32 = 64;

/// Pages: the last one begins below `Key::SLOTS` and ends above it.
const PAGES: usize = 26;

const _: () = assert!(((1u64 << PAGES) - 1) * FIRST_PAGE_SLOTS as u64 >= Key::SLOTS as u64);

fn page_slots(page: usize) -> usize {
    (FIRST_PAGE_SLOTS as usize) << page
}

/// The page of an index, and the place in it.
fn locate(index: u32) -> (usize, usize) {
    let page = (index / FIRST_PAGE_SLOTS + 1).ilog2() as usize;
    let before = (page_slots(page) - FIRST_PAGE_SLOTS as usize) as u32;
    (page, (index - before) as usize)
}

#[derive(Debug)]
struct Allocation {
    /// Free indices, the last freed on top: its memory is the warmest.
    free: Vec<u32>,
    pages: usize,
    is_shutdown: bool,
}

/// All slots of a driver.
#[derive(Debug)]
pub(crate) struct Slab {
    pages: [AtomicPtr<Slot>; PAGES],
    allocation: Mutex<Allocation>,
    live: AtomicUsize,
}

impl Slab {
    pub(crate) fn new() -> Self {
        Slab {
            pages: std::array::from_fn(|_| AtomicPtr::default()),
            allocation: Mutex::new(Allocation { free: Vec::new(), pages: 0, is_shutdown: false }),
            live: AtomicUsize::new(0),
        }
    }

    /// Opens a slot: its index, generation and address.
    ///
    /// # Errors
    /// The shutdown error after [`shut_down`](Slab::shut_down) (P3); `OutOfMemory` if there is no
    /// memory, or no index, for another page.
    pub(crate) fn allocate(&self) -> io::Result<(u32, u32, NonNull<Slot>)> {
        let mut allocation = self.allocation.lock();
        if allocation.is_shutdown {
            return Err(shutdown_error());
        }
        let index = match allocation.free.pop() {
            Some(index) => index,
            None => self.grow(&mut allocation)?,
        };
        let slot = self.get(index).expect("a free index has its page");
        let generation = slot.readiness.open();
        // ordering: Relaxed, a statistic.
        self.live.fetch_add(1, Ordering::Relaxed);
        Ok((index, generation, NonNull::from(slot)))
    }

    /// Takes a slot back. It must have come from `allocate`, and its registration be over (P2).
    pub(crate) fn free(&self, index: u32) {
        let slot = self.get(index).expect("an index of this slab");
        slot.readiness.close();
        let mut allocation = self.allocation.lock();
        // Never allocates: `grow` has reserved a place for each slot.
        allocation.free.push(index);
        // ordering: Relaxed, a statistic.
        self.live.fetch_sub(1, Ordering::Relaxed);
    }

    /// The slot of an index, without a lock; `None` for an index that never was.
    pub(crate) fn get(&self, index: u32) -> Option<&Slot> {
        if index >= Key::SLOTS {
            return None;
        }
        let (page, at) = locate(index);
        // ordering: Acquire, pairs with the Release in `grow`: the slots' first words must be seen.
        let first = self.pages[page].load(Ordering::Acquire);
        if first.is_null() {
            return None;
        }
        // SAFETY: a page that is published has `page_slots(page)` slots, `at` is below that by
        // `locate`, and it stays until the slab is dropped (P1), which `&self` excludes.
        Some(unsafe { &*first.add(at) })
    }

    /// How many slots are open.
    pub(crate) fn live(&self) -> usize {
        // ordering: Relaxed, a statistic.
        self.live.load(Ordering::Relaxed)
    }

    /// No slot is opened from here on (P3); every open one is shut down, its waiters woken.
    pub(crate) fn shut_down(&self) {
        let pages = {
            let mut allocation = self.allocation.lock();
            allocation.is_shutdown = true;
            allocation.pages
        };
        // Outside of the lock, since waking is the user's code and may drop a registration. A slot
        // that is freed meanwhile takes the flag along and is not opened again.
        let end = (page_slots(pages) - FIRST_PAGE_SLOTS as usize) as u32;
        for slot in (0..end).filter_map(|index| self.get(index)) {
            slot.readiness.shut_down();
        }
    }

    /// Adds a page; returns its first index and leaves the others on the free stack.
    fn grow(&self, allocation: &mut Allocation) -> io::Result<u32> {
        let page = allocation.pages;
        let slots = page_slots(page);
        let first_index = slots - FIRST_PAGE_SLOTS as usize;
        let end = (first_index + slots).min(Key::SLOTS as usize);
        if page == PAGES {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let mut memory = Vec::new();
        memory.try_reserve_exact(slots).map_err(|_| io::ErrorKind::OutOfMemory)?;
        memory.resize_with(slots, || Slot { readiness: Readiness::new() });
        // Room for every index that exists, so that `free` cannot fail.
        allocation.free.try_reserve_exact(end).map_err(|_| io::ErrorKind::OutOfMemory)?;

        let first = Box::into_raw(memory.into_boxed_slice()).cast::<Slot>();
        // ordering: Release, publishes the slots to `get`, which may run on a thread that never took
        // this lock.
        self.pages[page].store(first, Ordering::Release);
        allocation.pages += 1;
        // The lowest on top.
        allocation.free.extend((first_index as u32 + 1..end as u32).rev());
        Ok(first_index as u32)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        for (page, first) in self.pages.iter().enumerate() {
            // ordering: Relaxed. `&mut self`: whoever dropped the last reference ordered the rest.
            let first = first.load(Ordering::Relaxed);
            if !first.is_null() {
                let slots = std::ptr::slice_from_raw_parts_mut(first, page_slots(page));
                // SAFETY: `grow` made it from a box of this length, and nobody is left to use it.
                drop(unsafe { Box::from_raw(slots) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ready;

    #[test]
    fn locate_is_a_bijection() {
        let mut expected = 0u32;
        for page in 0..6 {
            for at in 0..page_slots(page) {
                assert_eq!(locate(expected), (page, at));
                expected += 1;
            }
        }
        assert!(locate(Key::SLOTS - 1).0 < PAGES);
    }

    #[test]
    fn a_slot_is_a_cache_line() {
        assert_eq!(size_of::<Slot>(), 64);
    }

    #[test]
    fn addresses_stay_while_the_slab_grows() {
        let slab = Slab::new();
        let first = slab.allocate().unwrap();
        let all: Vec<_> = (0..5_000).map(|_| slab.allocate().unwrap()).collect();
        assert_eq!(slab.live(), 5_001);
        assert_eq!(NonNull::from(slab.get(first.0).unwrap()), first.2);
        let mut seen = std::collections::HashSet::from([first.0]);
        for (index, _, address) in all {
            assert!(seen.insert(index), "{index} given twice");
            assert_eq!(NonNull::from(slab.get(index).unwrap()), address);
            slab.free(index);
        }
        slab.free(first.0);
        assert_eq!(slab.live(), 0);
    }

    #[test]
    fn reused_slot_has_another_generation() {
        let slab = Slab::new();
        let (index, generation, _) = slab.allocate().unwrap();
        slab.free(index);
        let (again, next, slot) = slab.allocate().unwrap();
        assert_eq!(again, index);
        assert_ne!(next, generation);
        // SAFETY: the slab is alive.
        let readiness = unsafe { &slot.as_ref().readiness };
        assert!(!readiness.set_ready(generation, Ready::READABLE), "stale event counted");
        assert!(readiness.set_ready(next, Ready::READABLE));
    }

    #[test]
    fn unknown_index_is_none() {
        let slab = Slab::new();
        assert!(slab.get(0).is_none());
        slab.allocate().unwrap();
        assert!(slab.get(Key::ALARM.index()).is_none());
        assert!(slab.get(Key::NOTIFY.index()).is_none());
        assert!(slab.get(Key::SLOTS - 1).is_none());
    }

    #[test]
    fn nothing_is_allocated_after_shutdown() {
        let slab = Slab::new();
        let (index, ..) = slab.allocate().unwrap();
        slab.shut_down();
        let error = slab.allocate().unwrap_err();
        assert!(error.to_string().contains("shut down"), "{error}");
        slab.free(index);
        assert!(slab.allocate().is_err());
    }

    #[test]
    fn threads_never_share_a_slot() {
        let slab = Slab::new();
        let barrier = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..200 {
                        let (index, generation, slot) = slab.allocate().unwrap();
                        // SAFETY: the slab is alive.
                        let readiness = unsafe { &slot.as_ref().readiness };
                        assert!(readiness.set_ready(generation, Ready::READABLE));
                        let std::task::Poll::Ready(Ok(event)) = readiness.check(Ready::ALL) else {
                            panic!("not ready");
                        };
                        assert_eq!(event.tick, 1, "another thread's event");
                        slab.free(index);
                    }
                })
            });
            // Joined, which a sanitizer sees; what ends a scope it does not see.
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert_eq!(slab.live(), 0);
    }
}
