//! A TCP echo server, and clients that check it.
//!
//! `cargo run --release -p filch-examples --bin echo`, then `nc 127.0.0.1 7007`. `PORT` in the
//! environment overrides the port; 0 lets the system choose, and the address is printed. Ctrl-C
//! stops accepting and reading; what was read is still sent back, for up to 10 s. A second one does not
//! wait. `--self-test` starts it on a free port with 100 clients that compare every byte.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::serve::Connection;
use filch::net::{TcpStream, serve};
use filch_examples::echo_client;
use filch_examples::listen::{bind, bind_from_env};
use filch_examples::race::{First, race};
use filch_examples::server::{Started, run_until_ctrl_c};

/// Read at most so much before it is written back.
const BUFFER_BYTES: usize = 16 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => run(),
        ["--self-test"] => self_test(),
        _ => {
            eprintln!("usage: echo [--self-test]\nPORT in the environment: default 7007");
            ExitCode::from(2)
        }
    }
}

#[filch::main]
async fn run() -> ExitCode {
    let (listener, address) = match bind_from_env(7007).await {
        Ok(bound) => bound,
        Err(code) => return code,
    };
    println!("listening on {address}");
    run_until_ctrl_c(serve(listener, echo).name("echo")).await
}

/// Sends back what comes until the client has no more to send, or the server stops. An error means that
/// the client is gone; there is nobody left to tell.
async fn echo(mut stream: TcpStream, connection: Connection<SocketAddr>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        // `read` first: what has been read is never lost to a stop.
        match race(stream.read(&mut buffer), connection.stopping()).await {
            First::Left(Ok(0)) | First::Right(()) => return stream.shutdown().await,
            First::Left(Ok(length)) => stream.write_all(&buffer[..length]).await?,
            First::Left(Err(error)) => return Err(error),
        }
    }
}

/// Clients that talk at once in the self-test.
const CLIENTS: usize = 100;

#[filch::main]
async fn self_test() -> ExitCode {
    match check().await {
        Ok(bytes) => {
            println!("self-test passed: {CLIENTS} clients, {bytes} bytes echoed");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("self-test failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn check() -> io::Result<usize> {
    let (listener, address) = bind(0).await?;
    let server = Started::new(serve(listener, echo));
    let bytes = echo_client::check(address, CLIENTS).await?;

    // A stop ends a connection that is idle, and nobody is accepted any more.
    let mut idle = TcpStream::connect(address).await?;
    idle.write_all(b"x").await?;
    idle.read_exact(&mut [0]).await?;
    server.stop();
    if idle.read(&mut [0]).await? != 0 {
        return Err(io::Error::other("bytes that nobody sent"));
    }
    let counts = server.stopped().await?;
    if counts.finished != CLIENTS as u64 + 1 || counts.accepted != counts.finished {
        return Err(io::Error::other(format!("not every connection has finished: {counts:?}")));
    }
    match TcpStream::connect(address).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(bytes),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("a connection is accepted after a stop")),
    }
}
