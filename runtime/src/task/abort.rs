//! The right to cancel a task, and no more.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use super::header::Header;
use super::id::Id;
use super::{join, waker};

/// Cancels a task from anywhere. One pointer; cheap to clone.
///
/// It does not keep the task's output: that is the [`JoinHandle`](super::JoinHandle)'s.
pub struct AbortHandle(NonNull<Header>);

// SAFETY: everything it does goes through the state word; the future and output are never touched.
unsafe impl Send for AbortHandle {}
// SAFETY: as above.
unsafe impl Sync for AbortHandle {}
impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// # Safety
    /// - The caller gives up one counted reference to this live task.
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        AbortHandle(task)
    }

    fn header(&self) -> &Header {
        // SAFETY: the counted reference keeps the task alive.
        unsafe { self.0.as_ref() }
    }

    /// Asks the task to end; see [`JoinHandle::abort`](super::JoinHandle::abort).
    pub fn abort(&self) {
        join::abort(self.0);
    }

    /// Whether the task completed, was cancelled or panicked.
    pub fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.header().id
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        self.header().state.clone_ref();
        AbortHandle(self.0)
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        // SAFETY: gives back the counted reference, and the handle is not used after.
        unsafe { waker::drop_ref(self.0) };
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish()
    }
}
