//! A TCP proxy: every connection goes on to one upstream server, in both directions.
//!
//! `cargo run --release -p filch-examples --bin proxy -- 127.0.0.1:7007`, for a server that listens there
//! (`echo` does), then `nc 127.0.0.1 7008`. `PORT` in the environment overrides the port; 0 lets the
//! system choose, and the address is printed. A name is resolved for each connection, so that a server
//! may move. Ctrl-C stops accepting, lets the connections end for up to 10 s and exits with 0; a second
//! one does not wait. `--self-test` puts it before an echo server and checks every byte.
//!
//! Invariants
//! P1  Whoever has no more to send is told apart from whoever is gone: a half-closed direction is closed
//!     at the other end, too, and the other direction goes on.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use filch::net::serve::{Connection, Handler, Serve};
use filch::net::{TcpListener, TcpStream, serve};
use filch::time::timeout;
use filch_examples::echo_client;
use filch_examples::listen::{bind, bind_from_env};
use filch_examples::server::{Started, run_until_ctrl_c};

/// How long the upstream server may take to accept.
const CONNECT: Duration = Duration::from_secs(5);

/// How many connections at once: each takes two descriptors.
const MOST: usize = 10_000;

const USAGE: &str = "usage: proxy HOST:PORT | --self-test\nPORT in the environment: default 7008";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--self-test"] => self_test(),
        [upstream] if !upstream.starts_with('-') && upstream.contains(':') => run(upstream),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

#[filch::main]
async fn run(upstream: &str) -> ExitCode {
    let (listener, address) = match bind_from_env(7008).await {
        Ok(bound) => bound,
        Err(code) => return code,
    };
    println!("listening on {address}");
    run_until_ctrl_c(proxy(listener, upstream)).await
}

/// The server. An upstream that cannot be reached is told on standard error, and its client is closed.
fn proxy(
    listener: TcpListener,
    upstream: &str,
) -> Serve<TcpListener, impl Handler<TcpStream, SocketAddr>> {
    let upstream: Arc<str> = upstream.into();
    let handler = move |client, connection: Connection<SocketAddr>| {
        let upstream = upstream.clone();
        async move {
            let server = connect(&upstream)
                .await
                .inspect_err(|error| eprintln!("{}: {upstream}: {error}", connection.peer()))?;
            forward(client, server).await
        }
    };
    serve(listener, handler).name("proxy").max_connections(MOST).reserve_descriptor(true)
}

async fn connect(upstream: &str) -> io::Result<TcpStream> {
    timeout(CONNECT, TcpStream::connect(upstream)).await?
}

/// Forwards until both sides have no more to send, or one is gone; how many bytes went up and down. Keeps P1.
async fn forward(mut client: TcpStream, mut server: TcpStream) -> io::Result<(u64, u64)> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await
}

/// Clients that talk at once in the self-test.
const CLIENTS: usize = 50;

#[filch::main]
async fn self_test() -> ExitCode {
    match check().await {
        Ok(bytes) => {
            println!("self-test passed: {CLIENTS} clients, {bytes} bytes through the proxy");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("self-test failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn check() -> io::Result<usize> {
    let (upstream, upstream_address) = bind(0).await?;
    let upstream = Started::new(serve(upstream, |mut stream: TcpStream, _| async move {
        let (mut reader, mut writer) = stream.split();
        filch::io::copy(&mut reader, &mut writer).await?;
        writer.shutdown().await
    }));
    let (listener, address) = bind(0).await?;
    let server = Started::new(proxy(listener, &upstream_address.to_string()));

    // Each client closes its half first, and reads to the end of the other.
    let bytes = echo_client::check(address, CLIENTS).await?;
    upstream.stopped().await?;

    // There is nobody to forward to any more: the client learns it.
    let mut stranded = TcpStream::connect(address).await?;
    if stranded.read(&mut [0]).await? != 0 {
        return Err(io::Error::other("bytes that nobody sent"));
    }
    let counts = server.stopped().await?;
    if (counts.finished, counts.failed) != (CLIENTS as u64, 1) {
        return Err(io::Error::other(format!("connections ended otherwise: {counts:?}")));
    }
    Ok(bytes)
}
