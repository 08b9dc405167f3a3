//! Options of an established connection.

use std::io;
use std::time::Duration;

use super::TcpStream;

impl TcpStream {
    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source().nodelay()
    }

    /// Sets whether small writes are sent at once (`TCP_NODELAY`), instead of being collected while an
    /// acknowledgement is outstanding.
    ///
    /// # Errors
    /// The system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source().set_nodelay(nodelay)
    }

    /// Whether acknowledgements are sent at once (`TCP_QUICKACK`).
    ///
    /// # Errors
    /// The system's.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub fn quickack(&self) -> io::Result<bool> {
        self.source().options().tcp_quickack()
    }

    /// Sets whether acknowledgements are sent at once (`TCP_QUICKACK`).
    ///
    /// The system takes it back by itself as the connection goes on.
    ///
    /// # Errors
    /// The system's.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        self.source().options().set_tcp_quickack(quickack)
    }

    /// How long closing waits for unsent data (`SO_LINGER`).
    ///
    /// # Errors
    /// The system's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.source().options().linger()
    }

    /// Sets how long closing waits for unsent data (`SO_LINGER`).
    ///
    /// # Errors
    /// The system's.
    #[deprecated = "closing, and so dropping, would block the thread: use `set_zero_linger` or `shutdown`"]
    pub fn set_linger(&self, dur: Option<Duration>) -> io::Result<()> {
        self.source().options().set_linger(dur)
    }

    /// Makes closing reset the connection at once, unsent data included (`SO_LINGER` of zero).
    ///
    /// # Errors
    /// The system's.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.source().options().set_linger(Some(Duration::ZERO))
    }

    /// The value of `IP_TTL`.
    ///
    /// # Errors
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source().ttl()
    }

    /// Sets `IP_TTL`: through how many routers a packet may go.
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source().set_ttl(ttl)
    }
}
