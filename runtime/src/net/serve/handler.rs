//! `Handler` and `Outcome`: what runs for each connection, and what it may return.

use std::future::Future;

use super::Connection;

/// What runs for each connection: any function from the connection and what is known of it to a future.
///
/// A function that makes a server names its type with this:
/// ```
/// use std::net::SocketAddr;
///
/// use filch::net::serve::{Handler, Serve};
/// use filch::net::{TcpListener, TcpStream, serve};
///
/// fn echo(listener: TcpListener) -> Serve<TcpListener, impl Handler<TcpStream, SocketAddr>> {
///     serve(listener, |mut stream: TcpStream, _| async move {
///         let (mut reader, mut writer) = stream.split();
///         filch::io::copy(&mut reader, &mut writer).await
///     })
///     .name("echo")
/// }
/// ```
pub trait Handler<Io, A>: Send + Sync + 'static {
    /// What its futures return.
    type Outcome: Outcome;
    /// What runs in the connection's task.
    type Future: Future<Output = Self::Outcome> + Send + 'static;

    /// Called once for each connection, in its task.
    fn call(&self, io: Io, connection: Connection<A>) -> Self::Future;
}

impl<H, Io, A, F> Handler<Io, A> for H
where
    H: Fn(Io, Connection<A>) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: Outcome,
{
    type Outcome = F::Output;
    type Future = F;

    fn call(&self, io: Io, connection: Connection<A>) -> F {
        self(io, connection)
    }
}

/// What a handler may return: nothing, or a `Result` whose error counts as a failure and is dropped.
///
/// Sealed.
pub trait Outcome: sealed::Sealed {
    #[doc(hidden)]
    fn is_failure(&self) -> bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<T, E> Sealed for Result<T, E> {}
}

impl Outcome for () {
    fn is_failure(&self) -> bool {
        false
    }
}

impl<T, E> Outcome for Result<T, E> {
    fn is_failure(&self) -> bool {
        self.is_err()
    }
}
