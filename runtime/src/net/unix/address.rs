//! `SocketAddr`: a path, an abstract name, or nothing; and its conversions.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;
use std::path::Path;

use socket2::SockAddr;

#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;

/// The address of a Unix socket: std's [`SocketAddr`](net::SocketAddr), as a type of our own.
///
/// # Examples
/// ```
/// let std_addr = std::os::unix::net::SocketAddr::from_pathname("/run/app.sock")?;
/// let addr = filch::net::unix::SocketAddr::from(std_addr);
/// assert_eq!(addr.as_pathname().unwrap().to_str(), Some("/run/app.sock"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SocketAddr(net::SocketAddr);

impl SocketAddr {
    /// Whether it is that of a socket that was not bound.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The path, if it is one.
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// The abstract name, without the NUL byte in front, if it is one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.0.as_abstract_name()
    }

    /// That of a socket that was not bound.
    pub(super) fn unnamed() -> io::Result<SocketAddr> {
        // What std makes of an empty path.
        Ok(SocketAddr(net::SocketAddr::from_pathname("")?))
    }

    /// As the system has it.
    pub(super) fn to_system(&self) -> io::Result<SockAddr> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = self.as_abstract_name() {
            return SockAddr::unix(OsStr::from_bytes(&[&[0], name].concat()));
        }
        SockAddr::unix(self.as_pathname().unwrap_or(Path::new("")))
    }

    /// As the system gave it.
    pub(super) fn from_system(addr: &SockAddr) -> io::Result<SocketAddr> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = addr.as_abstract_namespace() {
            return Ok(SocketAddr(net::SocketAddr::from_abstract_name(name)?));
        }
        match addr.as_pathname().map(net::SocketAddr::from_pathname) {
            Some(Ok(addr)) => Ok(SocketAddr(addr)),
            // The longest path that Linux takes has no room for its end, and std refuses it. Whoever is
            // bound there shall not be able to make others fail.
            Some(Err(_)) | None => SocketAddr::unnamed(),
        }
    }
}

/// The address that a path is; on Linux an abstract name if a NUL byte comes first.
///
/// # Errors
/// `InvalidInput`: too long, or another NUL byte in it.
pub(super) fn of_path(path: &Path) -> io::Result<SockAddr> {
    let bytes = path.as_os_str().as_bytes();
    let is_abstract =
        cfg!(any(target_os = "linux", target_os = "android")) && bytes.first() == Some(&0);
    if !is_abstract && bytes.contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path of a Unix socket must not contain a NUL byte",
        ));
    }
    SockAddr::unix(path)
}

impl From<net::SocketAddr> for SocketAddr {
    fn from(addr: net::SocketAddr) -> SocketAddr {
        SocketAddr(addr)
    }
}

impl From<SocketAddr> for net::SocketAddr {
    fn from(addr: SocketAddr) -> net::SocketAddr {
        addr.0
    }
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(addr: net::SocketAddr) {
        let ours = SocketAddr::from(addr.clone());
        let back = SocketAddr::from_system(&ours.to_system().unwrap()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{addr:?}"));
        assert_eq!(back.is_unnamed(), addr.is_unnamed());
        assert_eq!(back.as_pathname(), addr.as_pathname());
    }

    #[test]
    fn addresses_survive_the_conversions() {
        there_and_back(net::SocketAddr::from_pathname("/a/path").unwrap());
        there_and_back(net::SocketAddr::from_pathname("").unwrap());
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn abstract_names_may_hold_any_byte() {
        there_and_back(net::SocketAddr::from_abstract_name(b"a\0name\0").unwrap());
        let addr = of_path(Path::new("\0a\0name")).unwrap();
        assert_eq!(addr.as_abstract_namespace(), Some(&b"a\0name"[..]));
    }

    #[test]
    fn paths_that_cannot_be_are_refused() {
        for path in ["/a\0b".to_owned(), "x".repeat(200), format!("\0{}", "x".repeat(200))] {
            let error = of_path(Path::new(&path)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path:?}");
        }
    }
}
