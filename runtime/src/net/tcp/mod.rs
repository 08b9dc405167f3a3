//! TCP: the listener, the stream and its halves, the socket with options.

mod listener;
mod options;
mod socket;
mod socket_options;
mod split;
mod split_owned;
mod stream;

pub use listener::TcpListener;
pub use socket::TcpSocket;
pub(super) use socket::as_inet;
pub use split::{ReadHalf, WriteHalf};
pub use split_owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use stream::TcpStream;
