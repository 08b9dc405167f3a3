//! Addresses: what may name one, and how a name becomes one.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::task::{JoinHandle, spawn_blocking};

/// What can be turned into socket addresses: addresses, pairs of host and port, `"host:port"`.
///
/// Numbers are converted on the spot. Names are looked up by the operating system on a thread of the
/// blocking pool, which needs a runtime. Sealed: implemented for the types below and references to them.
/// Use [`lookup_host`] to convert directly.
pub trait ToSocketAddrs: sealed::Resolve {}

pub(crate) mod sealed {
    /// The conversion. In a private module, so that it cannot be called nor implemented elsewhere.
    pub trait Resolve {
        /// Begins it.
        fn resolve(&self) -> super::Resolving;
    }
}

/// The addresses of a name, one after the other.
#[derive(Debug)]
pub enum Addrs {
    /// At most one.
    One(std::option::IntoIter<SocketAddr>),
    /// Any number.
    Many(std::vec::IntoIter<SocketAddr>),
}

impl Iterator for Addrs {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        match self {
            Addrs::One(one) => one.next(),
            Addrs::Many(many) => many.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Addrs::One(one) => one.size_hint(),
            Addrs::Many(many) => many.size_hint(),
        }
    }
}

/// A conversion under way.
#[derive(Debug)]
pub enum Resolving {
    /// Converted on the spot; `None` once it was handed out.
    Done(Option<Addrs>),
    /// On a thread of the blocking pool.
    LookingUp(JoinHandle<io::Result<std::vec::IntoIter<SocketAddr>>>),
}

impl Resolving {
    fn one(addr: impl Into<SocketAddr>) -> Self {
        Resolving::Done(Some(Addrs::One(Some(addr.into()).into_iter())))
    }

    fn look_up<T>(name: T) -> Self
    where
        T: std::net::ToSocketAddrs<Iter = std::vec::IntoIter<SocketAddr>> + Send + 'static,
    {
        crate::context::needs_system("names of hosts");
        Resolving::LookingUp(spawn_blocking(move || name.to_socket_addrs()))
    }
}

impl Future for Resolving {
    type Output = io::Result<Addrs>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Resolving::Done(addrs) => Poll::Ready(Ok(addrs.take().expect("polled after it ended"))),
            Resolving::LookingUp(task) => Pin::new(task).poll(cx).map(|joined| {
                // A lookup that was cancelled, by the shutdown of the runtime, is an error too.
                joined.map_err(io::Error::from)?.map(Addrs::Many)
            }),
        }
    }
}

/// Begins the conversion of `addr`.
pub(crate) fn resolve(addr: impl ToSocketAddrs) -> Resolving {
    addr.resolve()
}

/// Tries `f` with each address until it succeeds.
pub(crate) async fn for_each_addr<T, F: Future<Output = io::Result<T>>>(
    addrs: Addrs,
    mut f: impl FnMut(SocketAddr) -> F,
) -> io::Result<T> {
    let mut last_error = None;
    for addr in addrs {
        match f(addr).await {
            Ok(done) => return Ok(done),
            Err(error) => last_error = Some(error),
        }
    }
    Err(last_error.unwrap_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "the name stands for no address")
    }))
}

/// The addresses of a host, as the operating system resolves it.
///
/// The first one is not always the best: try the others as well. A name costs a call on a thread of the
/// blocking pool, a numeric address nothing.
///
/// # Errors
/// What the resolver says; `InvalidInput` for a text that is not `host:port`.
/// # Panics
/// Outside of a runtime, if the name is not numeric.
/// # Cancel safety
/// Nothing is lost. A lookup that has begun goes on in the background.
/// # Examples
/// ```
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut addrs = filch::net::lookup_host(("127.0.0.1", 80)).await?;
/// assert_eq!(addrs.next(), Some("127.0.0.1:80".parse().unwrap()));
/// assert_eq!(addrs.next(), None);
/// # Ok(())
/// # }
/// ```
pub async fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> io::Result<impl Iterator<Item = SocketAddr>> {
    resolve(host).await
}

/// Types that are an address already.
macro_rules! numeric {
    ($($ty:ty),+ $(,)?) => {$(
        impl ToSocketAddrs for $ty {}

        impl sealed::Resolve for $ty {
            fn resolve(&self) -> Resolving {
                Resolving::one(*self)
            }
        }
    )+};
}

numeric!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16),);

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

impl<T: sealed::Resolve + ?Sized> sealed::Resolve for &T {
    fn resolve(&self) -> Resolving {
        (**self).resolve()
    }
}

impl ToSocketAddrs for &[SocketAddr] {}

impl sealed::Resolve for &[SocketAddr] {
    fn resolve(&self) -> Resolving {
        Resolving::Done(Some(Addrs::Many(Vec::from(*self).into_iter())))
    }
}

impl ToSocketAddrs for str {}

impl sealed::Resolve for str {
    fn resolve(&self) -> Resolving {
        match self.parse::<SocketAddr>() {
            Ok(addr) => Resolving::one(addr),
            Err(_) => Resolving::look_up(self.to_owned()),
        }
    }
}

impl ToSocketAddrs for String {}

impl sealed::Resolve for String {
    fn resolve(&self) -> Resolving {
        self.as_str().resolve()
    }
}

impl ToSocketAddrs for (&str, u16) {}

impl sealed::Resolve for (&str, u16) {
    fn resolve(&self) -> Resolving {
        let (host, port) = *self;
        match host.parse::<IpAddr>() {
            Ok(ip) => Resolving::one((ip, port)),
            Err(_) => Resolving::look_up((host.to_owned(), port)),
        }
    }
}

impl ToSocketAddrs for (String, u16) {}

impl sealed::Resolve for (String, u16) {
    fn resolve(&self) -> Resolving {
        (self.0.as_str(), self.1).resolve()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Converted on the spot: no runtime is there.
    fn numeric(addr: impl ToSocketAddrs) -> Vec<SocketAddr> {
        match resolve(addr) {
            Resolving::Done(Some(addrs)) => addrs.collect(),
            other => panic!("not on the spot: {other:?}"),
        }
    }

    #[test]
    fn numbers_need_no_lookup() {
        let v4: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let v6: SocketAddr = "[::1]:80".parse().unwrap();
        assert_eq!(numeric("127.0.0.1:80"), [v4]);
        assert_eq!(numeric(String::from("[::1]:80")), [v6]);
        assert_eq!(numeric(("127.0.0.1", 80)), [v4]);
        assert_eq!(numeric((String::from("::1"), 80)), [v6]);
        assert_eq!(numeric((Ipv4Addr::LOCALHOST, 80)), [v4]);
        assert_eq!(numeric((Ipv6Addr::LOCALHOST, 80)), [v6]);
        assert_eq!(numeric((IpAddr::V4(Ipv4Addr::LOCALHOST), 80)), [v4]);
        assert_eq!(numeric(v4), [v4]);
        let borrowed = &v6;
        assert_eq!(numeric(borrowed), [v6]);
        assert_eq!(numeric(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80)), [v4]);
        assert_eq!(numeric(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 0)), [v6]);
        assert_eq!(numeric(&[v4, v6][..]), [v4, v6]);
        assert!(numeric(&[][..]).is_empty());
    }

    #[test]
    fn size_hint_is_exact() {
        let addr: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let Resolving::Done(Some(addrs)) = resolve(addr) else { panic!() };
        assert_eq!(addrs.size_hint(), (1, Some(1)));
        let Resolving::Done(Some(addrs)) = resolve(&[addr, addr][..]) else { panic!() };
        assert_eq!(addrs.size_hint(), (2, Some(2)));
    }
}
