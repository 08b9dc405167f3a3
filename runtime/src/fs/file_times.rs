//! `FileTimes`: when a file was read and changed last.

use std::time::SystemTime;

/// Times for [`File::set_times`](super::File::set_times). Those that are not set stay as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileTimes {
    accessed: Option<SystemTime>,
    modified: Option<SystemTime>,
}

impl FileTimes {
    /// With none set.
    pub fn new() -> Self {
        FileTimes::default()
    }

    /// When it was read last.
    #[must_use]
    pub fn set_accessed(mut self, t: SystemTime) -> Self {
        self.accessed = Some(t);
        self
    }

    /// When it was changed last.
    #[must_use]
    pub fn set_modified(mut self, t: SystemTime) -> Self {
        self.modified = Some(t);
        self
    }

    pub(super) fn into_std(self) -> std::fs::FileTimes {
        let mut times = std::fs::FileTimes::new();
        if let Some(t) = self.accessed {
            times = times.set_accessed(t);
        }
        if let Some(t) = self.modified {
            times = times.set_modified(t);
        }
        times
    }
}
