//! Whether this thread is polling async code right now.
//!
//! Callers: the runtime enters around every poll of a task and of `block_on`'s future, and exits
//! around `block_in_place` and blocking jobs; the blocking forms of channels and locks ask
//! [`is_entered`] and panic rather than stop a worker that other tasks need.
//!
//! Guards nest: each puts back what it found. They belong to the thread that made them.

use std::cell::Cell;
use std::marker::PhantomData;

crate::local! {
    static ENTERED: Cell<bool> = Cell::new(false);
}

/// Puts back the thread's earlier mark when dropped.
#[derive(Debug)]
#[must_use = "the mark lasts as long as the guard"]
pub struct Restore {
    before: bool,
    /// The mark is the thread's: a guard that moved to another thread would restore the wrong one.
    not_send: PhantomData<*const ()>,
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        let _ = ENTERED.try_with(|entered| entered.set(self.before));
    }
}

/// Whether this thread polls async code, so that it must not block.
///
/// False on a thread whose locals are being destroyed: no task runs there.
#[inline]
pub fn is_entered() -> bool {
    ENTERED.try_with(Cell::get).unwrap_or(false)
}

/// Marks the thread as polling async code, until the guard is dropped.
#[inline]
pub fn enter() -> Restore {
    replace(true)
}

/// Marks the thread as free to block, until the guard is dropped.
#[inline]
pub fn exit() -> Restore {
    replace(false)
}

#[inline]
fn replace(with: bool) -> Restore {
    let before = ENTERED.try_with(|entered| entered.replace(with)).unwrap_or(false);
    Restore { before, not_send: PhantomData }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn guards_nest_and_restore() {
        assert!(!is_entered());
        let outer = enter();
        assert!(is_entered());
        {
            let _blocking = exit();
            assert!(!is_entered());
            {
                let _inner = enter();
                assert!(is_entered());
            }
            assert!(!is_entered());
        }
        assert!(is_entered());
        drop(outer);
        assert!(!is_entered());
    }

    #[test]
    fn the_mark_belongs_to_one_thread() {
        let _guard = enter();
        assert!(!std::thread::spawn(is_entered).join().unwrap());
    }
}
