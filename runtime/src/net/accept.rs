//! Accepting a connection that is non-blocking and closed on exec from the start.

pub(super) use imp::accept;

/// One system call.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_os = "illumos"
))]
mod imp {
    use std::io;
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use rustix::net::{SocketFlags, acceptfrom_with};

    pub(in crate::net) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (stream, peer) = acceptfrom_with(listener, flags)?;
        let peer = peer.ok_or(io::ErrorKind::InvalidData)?;
        Ok((stream.into(), SocketAddr::try_from(peer)?))
    }
}

/// Two, where the system has no such call.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_os = "illumos"
)))]
mod imp {
    use std::io;
    use std::net::{SocketAddr, TcpListener, TcpStream};

    pub(in crate::net) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok((stream, peer))
    }
}
