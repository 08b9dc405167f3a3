//! `UCred`: who is at the other end of a stream.

use std::io;
use std::os::fd::BorrowedFd;

use super::{gid_t, pid_t, uid_t};

/// Who connected, or listens, at the other end: as it was at that moment.
///
/// From [`UnixStream::peer_cred`](crate::net::UnixStream::peer_cred).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct UCred {
    pid: Option<pid_t>,
    uid: uid_t,
    gid: gid_t,
}

impl UCred {
    /// The user whose rights the process had.
    pub fn uid(&self) -> uid_t {
        self.uid
    }

    /// The group whose rights the process had.
    pub fn gid(&self) -> gid_t {
        self.gid
    }

    /// The process, where the system tells: on Linux and macOS. `None`, too, if it has no number here,
    /// because it runs in another namespace.
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }
}

pub(super) use imp::peer_cred;

/// Reads a socket option that is a struct of C.
///
/// # Safety
/// Any bytes are a valid `T`.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
unsafe fn option<T>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<T> {
    use std::os::fd::AsRawFd;

    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    let mut len = libc::socklen_t::try_from(size_of::<T>()).expect("a small struct");
    // SAFETY: the pointers are to a place of `len` bytes and to `len`, both alive; the descriptor is open.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut len)
    };
    if result == 0 {
        // SAFETY: all of it is zero or what the system wrote, and the caller says that this is valid.
        Ok(unsafe { value.assume_init() })
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use super::{BorrowedFd, UCred, io, option};

    pub(in crate::net::unix) fn peer_cred(socket: BorrowedFd<'_>) -> io::Result<UCred> {
        // Not by rustix, whose type has no room for a process that has no number here.
        // SAFETY: the struct consists of three integers.
        let cred: libc::ucred = unsafe { option(socket, libc::SOL_SOCKET, libc::SO_PEERCRED)? };
        Ok(UCred { pid: (cred.pid != 0).then_some(cred.pid), uid: cred.uid, gid: cred.gid })
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod imp {
    use std::os::fd::AsRawFd;

    use super::{BorrowedFd, UCred, io};

    pub(in crate::net::unix) fn peer_cred(socket: BorrowedFd<'_>) -> io::Result<UCred> {
        let (mut uid, mut gid) = (0, 0);
        // SAFETY: the pointers are to integers that are alive; the descriptor is open.
        if unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut uid, &raw mut gid) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(UCred { pid: peer_pid(socket)?, uid, gid })
    }

    #[cfg(target_os = "macos")]
    fn peer_pid(socket: BorrowedFd<'_>) -> io::Result<Option<super::pid_t>> {
        // SAFETY: an integer.
        let pid: libc::pid_t =
            unsafe { super::option(socket, libc::SOL_LOCAL, libc::LOCAL_PEERPID)? };
        Ok((pid != 0).then_some(pid))
    }

    #[cfg(not(target_os = "macos"))]
    fn peer_pid(_: BorrowedFd<'_>) -> io::Result<Option<super::pid_t>> {
        Ok(None)
    }
}
