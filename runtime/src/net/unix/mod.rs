//! Unix sockets, which connect processes of one machine, and pipes.
//!
//! | type | what it is |
//! | --- | --- |
//! | [`UnixListener`], [`UnixStream`] | connections |
//! | [`UnixDatagram`] | datagrams |
//! | [`UnixSocket`] | a socket that is none of the three yet |
//! | [`SocketAddr`] | a path, an abstract name, or nothing |
//! | [`UCred`] | who is at the other end |
//! | [`ReadHalf`], [`WriteHalf`], [`OwnedReadHalf`], [`OwnedWriteHalf`] | the halves of a split stream |
//! | [`pipe`] | the ends of a pipe |
//!
//! **Addresses.** A path names a socket in the file system: binding makes the file, and nothing removes it
//! but the program, before it binds the next time. On Linux a path that begins with a NUL byte is an
//! *abstract name*: it is no file, and is free again when the socket is closed. An empty path lets Linux
//! choose an abstract name.

mod address;
mod connect;
mod credentials;
mod datagram;
mod listener;
pub mod pipe;
mod socket;
mod split;
mod stream;

pub use address::SocketAddr;
pub use credentials::UCred;
pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use socket::UnixSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::UnixStream;

/// The number of a user.
#[allow(non_camel_case_types, reason = "the system's name for it")]
pub type uid_t = u32;

/// The number of a group.
#[allow(non_camel_case_types, reason = "the system's name for it")]
pub type gid_t = u32;

/// The number of a process, or of a group of processes.
#[allow(non_camel_case_types, reason = "the system's name for it")]
pub type pid_t = i32;
