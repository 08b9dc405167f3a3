//! What the tests of TCP share: both kinds of runtime, and a connection.

use std::future::Future;
use std::net::Ipv4Addr;

use filch::net::{TcpListener, TcpStream};
use filch::runtime::{Builder, Runtime};

/// An address that is free.
pub const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A runtime of each kind.
pub fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ]
}

/// Runs the test on each kind of runtime, as a spawned task and so on a worker.
pub fn each_runtime<F>(test: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for runtime in runtimes() {
        runtime.block_on(async { filch::spawn(test()).await.unwrap() });
    }
}

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
