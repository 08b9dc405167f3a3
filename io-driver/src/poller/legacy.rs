//! The wait of kernels before Linux 5.11, which have no `epoll_pwait2`.
//!
//! rustix offers one of the two calls, chosen when it is built; so the older one comes from the C
//! library, which std has linked anyway. Time-outs are whole milliseconds here, rounded up.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use rustix::event::epoll::Event;
use rustix::io::Errno;

// SAFETY: the signature is that of epoll_wait(2); rustix's `Event` has the layout of the C structure
// `epoll_event`, since rustix hands it to the kernel as such.
unsafe extern "C" {
    fn epoll_wait(epfd: c_int, events: *mut Event, maxevents: c_int, timeout: c_int) -> c_int;
}

/// Whether the error says that there is no `epoll_pwait2`: no such call, or (in containers whose
/// filter does not know it) not permitted, which `epoll_pwait2` itself never says.
pub(super) fn is_missing(error: Errno) -> bool {
    matches!(error, Errno::NOSYS | Errno::PERM)
}

/// Waits; the first so many of `events` are filled.
pub(super) fn wait(
    epoll: BorrowedFd<'_>,
    events: &mut [MaybeUninit<Event>],
    timeout: Option<Duration>,
) -> Result<usize, Errno> {
    let capacity = c_int::try_from(events.len()).unwrap_or(c_int::MAX);
    let timeout = timeout.map_or(-1, milliseconds);
    // SAFETY: the descriptor is open, and `events` has room for `capacity` entries, of which the
    // kernel fills as many as it returns.
    let n = unsafe { epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr().cast(), capacity, timeout) };
    usize::try_from(n).map_err(|_| {
        let error = std::io::Error::last_os_error();
        Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
    })
}

/// Rounded up, so that nothing is early; what is too long for the type ends early, and the caller
/// waits again.
fn milliseconds(timeout: Duration) -> c_int {
    let rounded = timeout.as_nanos().div_ceil(1_000_000);
    c_int::try_from(rounded).unwrap_or(c_int::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_outs_are_rounded_up() {
        assert_eq!(milliseconds(Duration::ZERO), 0);
        assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(3)), 3);
        assert_eq!(milliseconds(Duration::MAX), c_int::MAX);
    }

    #[test]
    fn errors_pass() {
        let file = std::fs::File::open("/proc/self/status").unwrap();
        let mut events = [const { MaybeUninit::uninit() }; 1];
        let error = wait(std::os::fd::AsFd::as_fd(&file), &mut events, None).unwrap_err();
        assert_eq!(error, Errno::INVAL);
    }

    #[test]
    fn missing_call_is_told_from_other_errors() {
        assert!(is_missing(Errno::NOSYS) && is_missing(Errno::PERM));
        assert!(!is_missing(Errno::INTR) && !is_missing(Errno::BADF));
    }
}
