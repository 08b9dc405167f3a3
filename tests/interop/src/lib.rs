//! Foreign crates, unchanged, on filch's runtime and sockets.
//!
//! | test | crates | filch's feature |
//! | --- | --- | --- |
//! | `tests/rustls.rs` | rustls, through futures-rustls and through tokio-rustls | `futures-io`, `tokio-io` |
//! | `tests/websocket.rs` | async-tungstenite | `futures-io` |
//! | `tests/http.rs` | hyper: HTTP/1, HTTP/2, an upgrade | `hyper` |
//! | `tests/traits.rs` | futures-util; and which stream has which traits | all of them |

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use filch::net::{TcpListener, TcpStream};
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::Kind;

/// Runs the test as a task, on each kind of runtime.
pub fn on_each<F>(test: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for kind in Kind::ALL {
        kind.runtime().block_on(async { filch::spawn(test()).await.expect("the test passes") });
    }
}

/// A listener on a free loopback port, and its address.
pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    (listener, addr)
}

/// The two ends of a connection: who connected, who accepted.
pub async fn pair() -> (TcpStream, TcpStream) {
    let (listener, addr) = listen().await;
    let client = TcpStream::connect(addr).await.expect("it listens");
    let (server, _) = listener.accept().await.expect("a connection");
    (client, server)
}

/// Bytes that tell one stream from another, and each place from its neighbours.
pub fn payload(stream: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251 + stream * 17) as u8).collect()
}

/// Runs the tests of a binary alone in a process: they leave no descriptor and no thread behind. By the test
/// `nothing_is_left_behind`.
pub fn check_leaks(tests: &[fn()]) {
    let warm_up = || Kind::Workers.runtime().block_on(async { drop(pair().await) });
    leave_nothing_behind("nothing_is_left_behind", warm_up, tests);
}
