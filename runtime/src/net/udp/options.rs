//! The options of a `UdpSocket`: time to live, broadcast, multicast.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::UdpSocket;

impl UdpSocket {
    /// Whether it may send to a broadcast address (`SO_BROADCAST`).
    ///
    /// # Errors
    /// The system's.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.source.broadcast()
    }

    /// Sets whether it may send to a broadcast address (`SO_BROADCAST`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.source.set_broadcast(on)
    }

    /// Whether what it sends to a group comes back to this host (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// The system's.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.source.multicast_loop_v4()
    }

    /// Sets whether what it sends to a group comes back to this host (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.source.set_multicast_loop_v4(on)
    }

    /// Through how many routers a packet to a group may go (`IP_MULTICAST_TTL`).
    ///
    /// # Errors
    /// The system's.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.source.multicast_ttl_v4()
    }

    /// Sets through how many routers a packet to a group may go (`IP_MULTICAST_TTL`); 1 by default.
    ///
    /// # Errors
    /// The system's.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.source.set_multicast_ttl_v4(ttl)
    }

    /// As [`multicast_loop_v4`](UdpSocket::multicast_loop_v4), for IPv6.
    ///
    /// # Errors
    /// The system's.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.source.multicast_loop_v6()
    }

    /// As [`set_multicast_loop_v4`](UdpSocket::set_multicast_loop_v4), for IPv6.
    ///
    /// # Errors
    /// The system's.
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.source.set_multicast_loop_v6(on)
    }

    /// The value of `IP_TTL`.
    ///
    /// # Errors
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.ttl()
    }

    /// Sets `IP_TTL`: through how many routers a packet may go.
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.set_ttl(ttl)
    }

    /// Joins a group, on the interface with that address; `0.0.0.0` lets the system choose.
    ///
    /// # Errors
    /// The system's: `AddrInUse` if it is a member already, `NotFound` if there is no such interface.
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.source.join_multicast_v4(&multiaddr, &interface)
    }

    /// Joins a group, on the interface of that index; 0 lets the system choose.
    ///
    /// # Errors
    /// As [`join_multicast_v4`](UdpSocket::join_multicast_v4).
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.source.join_multicast_v6(multiaddr, interface)
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// The system's: `AddrNotAvailable` if it is no member.
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.source.leave_multicast_v4(&multiaddr, &interface)
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// As [`leave_multicast_v4`](UdpSocket::leave_multicast_v4).
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.source.leave_multicast_v6(multiaddr, interface)
    }

    /// The type of service of IPv4 packets (`IP_TOS`).
    ///
    /// # Errors
    /// The system's.
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.source.options().tos_v4()
    }

    /// Sets the type of service of IPv4 packets (`IP_TOS`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.source.options().set_tos_v4(tos)
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
        self.source.options().tclass_v6()
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
        self.source.options().set_tclass_v6(tclass)
    }

    /// The name of the network interface that it is bound to (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    /// The system's.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.source.options().device()
    }

    /// Binds it to a network interface, by name (`SO_BINDTODEVICE`); `None` for any.
    ///
    /// # Errors
    /// The system's: no such interface, not permitted.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.source.options().bind_device(interface)
    }
}
