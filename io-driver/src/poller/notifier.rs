//! The wake-up of a waiting thread: an eventfd that is written and hardly ever read.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

/// An eventfd for an edge-triggered registration: each write is an edge, whatever the counter says.
#[derive(Debug)]
pub(super) struct Notifier(OwnedFd);

impl Notifier {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Notifier(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Wakes one waiting thread, or the next one to wait. One system call.
    pub(super) fn notify(&self) {
        loop {
            match rustix::io::write(&self.0, &1u64.to_ne_bytes()) {
                // The counter is full, after 2^64 - 2 wake-ups: empty it and write again. Another
                // thread may have emptied it first, which is as good.
                Err(Errno::AGAIN) => {
                    let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
                }
                Err(Errno::INTR) => {}
                // Nothing else can fail on an eventfd that we own.
                _ => return,
            }
        }
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_counter_is_emptied_and_written_again() {
        let notifier = Notifier::new().unwrap();
        let full = u64::MAX - 1;
        rustix::io::write(&notifier, &full.to_ne_bytes()).unwrap();
        assert_eq!(rustix::io::write(&notifier, &1u64.to_ne_bytes()), Err(Errno::AGAIN));
        notifier.notify();
        let mut counter = [0u8; 8];
        rustix::io::read(&notifier, &mut counter).unwrap();
        assert_eq!(u64::from_ne_bytes(counter), 1);
    }
}
