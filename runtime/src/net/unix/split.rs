//! The halves of a stream: as those of TCP.

use super::{SocketAddr, UnixStream};
use crate::net::methods::{borrowed_halves, owned_halves};

borrowed_halves!(UnixStream, SocketAddr);
owned_halves!(UnixStream, SocketAddr);
