//! What the tests of TCP share: a connection.

use std::net::Ipv4Addr;

use filch::net::{TcpListener, TcpStream};

/// An address that is free.
pub const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// The two ends of a connection: who connected, who accepted.
pub async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let client = TcpStream::connect(addr).await.unwrap();
    let (server, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    assert_eq!(client.peer_addr().unwrap(), addr);
    (client, server)
}
