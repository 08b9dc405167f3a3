//! pidfds: descriptors that name one process, and become readable when it has ended. Linux 5.4.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, getpid, pidfd_open};

use super::reap::reap;

/// `off` in the environment: do as if the kernel had none. For tests of the other way.
const SWITCH: &str = "FILCH_PIDFD";

/// Whether children are watched by pidfds. Found out once.
///
/// # Errors
/// A lack of descriptors or memory, which says nothing; the next call asks again.
pub(super) fn is_supported() -> io::Result<bool> {
    static SUPPORTED: OnceLock<bool> = OnceLock::new();
    if let Some(known) = SUPPORTED.get() {
        return Ok(*known);
    }
    let is_on = std::env::var_os(SWITCH).is_none_or(|value| value != "off");
    let found = is_on && kernel_has_them()?;
    Ok(*SUPPORTED.get_or_init(|| found))
}

/// Both calls that we need are there: `pidfd_open` (5.3) and a `waitid` that takes one (5.4). A filter of
/// system calls may refuse either.
fn kernel_has_them() -> io::Result<bool> {
    match open(getpid()) {
        // This process is no child of its own, says a kernel that understands the question.
        Ok(fd) => Ok(reap(WaitId::PidFd(fd.as_fd())) == Err(Errno::CHILD)),
        Err(Errno::MFILE) => Err(Errno::MFILE.into()),
        Err(Errno::NFILE) => Err(Errno::NFILE.into()),
        Err(Errno::NOMEM) => Err(Errno::NOMEM.into()),
        Err(_) => Ok(false),
    }
}

/// The pidfd of a process, close-on-exec.
pub(super) fn open(pid: Pid) -> Result<OwnedFd, Errno> {
    pidfd_open(pid, PidfdFlags::empty())
}

/// A descriptor that is given up when a pidfd is opened in its place.
///
/// Opened before the child is started, so that a lack of descriptors shows while there is no child yet.
pub(super) fn placeholder() -> io::Result<OwnedFd> {
    Ok(open(getpid())?)
}
