//! TCP: the listener, the stream and its halves, the socket with options.

mod listener;
mod options;
mod socket;
mod socket_options;
mod split;
mod stream;

pub use listener::TcpListener;
pub use socket::TcpSocket;
pub(super) use socket::as_inet;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
