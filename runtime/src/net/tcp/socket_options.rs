//! The options of a `TcpSocket`.

use std::io;
use std::time::Duration;

use super::TcpSocket;

impl TcpSocket {
    /// Whether an idle connection is probed (`SO_KEEPALIVE`).
    ///
    /// # Errors
    /// The system's.
    pub fn keepalive(&self) -> io::Result<bool> {
        self.inner.keepalive()
    }

    /// Sets whether an idle connection is probed (`SO_KEEPALIVE`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.inner.set_keepalive(keepalive)
    }

    /// Whether a port may be bound while old connections of it linger (`SO_REUSEADDR`).
    ///
    /// # Errors
    /// The system's.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.inner.reuse_address()
    }

    /// Sets whether a port may be bound while old connections of it linger (`SO_REUSEADDR`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.inner.set_reuse_address(reuseaddr)
    }

    /// Whether several sockets may listen on one port (`SO_REUSEPORT`).
    ///
    /// # Errors
    /// The system's.
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    pub fn reuseport(&self) -> io::Result<bool> {
        self.inner.reuse_port()
    }

    /// Sets whether several sockets may listen on one port (`SO_REUSEPORT`).
    ///
    /// # Errors
    /// The system's.
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        self.inner.set_reuse_port(reuseport)
    }

    /// The size of the buffer for sending, in bytes (`SO_SNDBUF`). Linux reports twice what was set.
    ///
    /// # Errors
    /// The system's.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.inner.send_buffer_size().map(saturate)
    }

    /// Sets the size of the buffer for sending, in bytes (`SO_SNDBUF`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_send_buffer_size(size as usize)
    }

    /// The size of the buffer for receiving, in bytes (`SO_RCVBUF`). Linux reports twice what was set.
    ///
    /// # Errors
    /// The system's.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.inner.recv_buffer_size().map(saturate)
    }

    /// Sets the size of the buffer for receiving, in bytes (`SO_RCVBUF`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_recv_buffer_size(size as usize)
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.inner.tcp_nodelay()
    }

    /// Sets whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.inner.set_tcp_nodelay(nodelay)
    }

    /// How long closing waits for unsent data (`SO_LINGER`).
    ///
    /// # Errors
    /// The system's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.inner.linger()
    }

    /// Sets how long closing waits for unsent data (`SO_LINGER`).
    ///
    /// # Errors
    /// The system's.
    #[deprecated = "closing, and so dropping, would block the thread: use `set_zero_linger` or `shutdown`"]
    pub fn set_linger(&self, dur: Option<Duration>) -> io::Result<()> {
        self.inner.set_linger(dur)
    }

    /// Makes closing reset the connection at once, unsent data included (`SO_LINGER` of zero).
    ///
    /// # Errors
    /// The system's.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.inner.set_linger(Some(Duration::ZERO))
    }

    /// The type of service of IPv4 packets (`IP_TOS`).
    ///
    /// # Errors
    /// The system's.
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.inner.tos_v4()
    }

    /// Sets the type of service of IPv4 packets (`IP_TOS`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.inner.set_tos_v4(tos)
    }

    /// The old name of [`tos_v4`](Self::tos_v4).
    ///
    /// # Errors
    /// The system's.
    #[deprecated(note = "it is about IPv4 only: use `tos_v4`")]
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// The old name of [`set_tos_v4`](Self::set_tos_v4).
    ///
    /// # Errors
    /// The system's.
    #[deprecated(note = "it is about IPv4 only: use `set_tos_v4`")]
    pub fn set_tos(&self, tos: u32) -> io::Result<()> {
        self.set_tos_v4(tos)
    }

    /// The traffic class of IPv6 packets (`IPV6_TCLASS`).
    ///
    /// # Errors
    /// The system's.
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "macos"
    ))]
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.inner.tclass_v6()
    }

    /// Sets the traffic class of IPv6 packets (`IPV6_TCLASS`).
    ///
    /// # Errors
    /// The system's.
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "macos"
    ))]
    pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
        self.inner.set_tclass_v6(tclass)
    }

    /// The name of the network interface that it is bound to (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    /// The system's.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.inner.device()
    }

    /// Binds it to a network interface, by name (`SO_BINDTODEVICE`); `None` for any.
    ///
    /// # Errors
    /// The system's: no such interface, not permitted.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.inner.bind_device(interface)
    }
}

/// A size for callers; no system has buffers beyond the type.
fn saturate(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
