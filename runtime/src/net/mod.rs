//! TCP, UDP and Unix sockets, and pipes.
//!
//! Every socket is non-blocking, registered once with the runtime's I/O driver, and used with the same
//! system calls as std's. An operation that would block waits for the socket's readiness, and the
//! task sleeps meanwhile; no thread does.
//!
//! | type | what it is |
//! | --- | --- |
//! | [`TcpListener`] | accepts connections |
//! | [`TcpStream`] | one connection; [`AsyncRead`](crate::io::AsyncRead) and [`AsyncWrite`](crate::io::AsyncWrite) |
//! | [`TcpSocket`] | a socket to set options on before it listens or connects |
//! | [`UdpSocket`] | datagrams |
//! | [`UnixListener`], [`UnixStream`] | connections on this machine, by a path or an abstract name |
//! | [`UnixDatagram`] | datagrams on this machine |
//! | [`UnixSocket`] | a Unix socket that is none of the three yet |
//! | [`serve`](fn@serve) | a server: runs a handler for each connection |
//! | [`tcp`], [`unix`] | the halves of a split stream; addresses and credentials of Unix sockets |
//! | [`unix::pipe`] | the ends of a pipe, with or without a name |
//!
//! A socket belongs to the runtime in whose context it was made. It may be used from anywhere; once that
//! runtime is gone its operations give an error that says so.
//!
//! # Examples
//! An echo server for one connection, and its client:
//! ```
//! use filch::io::{AsyncReadExt, AsyncWriteExt};
//! use filch::net::{TcpListener, TcpStream};
//!
//! # #[filch::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let addr = listener.local_addr()?;
//! let server = filch::spawn(async move {
//!     let (mut stream, _peer) = listener.accept().await?;
//!     let (mut reader, mut writer) = stream.split();
//!     filch::io::copy(&mut reader, &mut writer).await
//! });
//!
//! let mut client = TcpStream::connect(addr).await?;
//! client.write_all(b"hello").await?;
//! client.shutdown().await?;
//! let mut answer = Vec::new();
//! client.read_to_end(&mut answer).await?;
//! assert_eq!(answer, b"hello");
//! assert_eq!(server.await.unwrap()?, 5);
//! # Ok(())
//! # }
//! ```

mod accept;
mod addr;
mod methods;
pub mod serve;
pub(crate) mod source;
pub mod tcp;
pub mod udp;
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use serve::serve;
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixSocket, UnixStream};
