//! A TCP echo server, and clients that check it.
//!
//! `cargo run --release -p filch-examples --bin echo`, then `nc 127.0.0.1 7007`. `PORT` in the
//! environment overrides the port; 0 lets the system choose, and the address is printed. Ctrl-C
//! stops accepting and reading; what was read is still sent back, for up to 10 s.
//! `--self-test` starts it on a free port with 100 clients that compare every byte.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use filch_examples::accept::{Backoff, accept};
use filch_examples::listen::{bind, bind_from_env};
use filch_examples::race::{First, race};
use filch_examples::shutdown::Shutdown;

/// How long bytes that were read may take to go back after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

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

    let shutdown = Shutdown::new();
    let served = race(filch::signal::ctrl_c(), serve(&listener, &shutdown)).await;
    drop(listener);
    let code = match served {
        First::Left(Ok(())) => ExitCode::SUCCESS,
        First::Left(Err(error)) | First::Right(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        First::Right(Ok(never)) => match never {},
    };
    shutdown.request();
    if let Err(open) = shutdown.drained(GRACE).await {
        println!("cut {open} connections after {} s", GRACE.as_secs());
    }
    code
}

/// Accepts connections for good; returns only what no waiting can mend.
async fn serve(listener: &TcpListener, shutdown: &Shutdown) -> io::Result<Infallible> {
    let mut backoff = Backoff::new();
    loop {
        let (stream, _) = accept(listener, &mut backoff).await?;
        let shutdown = shutdown.clone();
        let guard = shutdown.guard();
        filch::spawn(async move {
            let _guard = guard;
            // An error means that the client is gone; there is nobody left to tell.
            let _ = echo(stream, &shutdown).await;
        });
    }
}

/// Sends back what comes until the client has no more to send, or a stop is requested.
async fn echo(mut stream: TcpStream, stop: &Shutdown) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        // `read` first: what has been read is never lost to a stop.
        match race(stream.read(&mut buffer), stop.requested()).await {
            First::Left(Ok(0)) | First::Right(()) => return stream.shutdown().await,
            First::Left(Ok(length)) => stream.write_all(&buffer[..length]).await?,
            First::Left(Err(error)) => return Err(error),
        }
    }
}

/// Clients that talk at once in the self-test.
const CLIENTS: usize = 100;

/// Round trips of each client, with messages from 1 byte up to more than a buffer.
const ROUND_TRIPS: usize = 50;

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
    let shutdown = Shutdown::new();
    let server = filch::spawn({
        let shutdown = shutdown.clone();
        async move {
            match race(shutdown.requested(), serve(&listener, &shutdown)).await {
                First::Left(()) => Ok(()),
                First::Right(Err(error)) => Err(error),
                First::Right(Ok(never)) => match never {},
            }
        }
    });

    let clients: Vec<_> = (0..CLIENTS).map(|i| filch::spawn(client(address, i))).collect();
    let mut bytes = 0;
    for client in clients {
        bytes += client.await.map_err(io::Error::other)??;
    }

    // A stop ends a connection that is idle, and nobody is accepted any more.
    let mut idle = TcpStream::connect(address).await?;
    idle.write_all(b"x").await?;
    idle.read_exact(&mut [0]).await?;
    shutdown.request();
    if idle.read(&mut [0]).await? != 0 {
        return Err(io::Error::other("bytes that nobody sent"));
    }
    server.await.map_err(io::Error::other)??;
    if shutdown.drained(GRACE).await.is_err() {
        return Err(io::Error::other("connections stay open after a stop"));
    }
    match TcpStream::connect(address).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(bytes),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("a connection is accepted after a stop")),
    }
}

/// Sends messages of many lengths, each of bytes that say where they belong, and compares.
async fn client(address: SocketAddr, number: usize) -> io::Result<usize> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut bytes = 0;
    for round in 0..ROUND_TRIPS {
        let length = 1 + (number * 7919 + round * 104_729) % (BUFFER_BYTES * 3 / 2);
        let sent: Vec<u8> = (0..length).map(|i| (i * 31 + round * 17 + number) as u8).collect();
        let mut received = vec![0; length];
        stream.write_all(&sent).await?;
        stream.read_exact(&mut received).await?;
        if sent != received {
            let at = sent.iter().zip(&received).position(|(a, b)| a != b);
            return Err(io::Error::other(format!(
                "client {number}, round {round}: wrong from byte {at:?} of {length}"
            )));
        }
        bytes += length;
    }
    stream.shutdown().await?;
    if stream.read(&mut [0]).await? != 0 {
        return Err(io::Error::other(format!("client {number}: bytes after the end")));
    }
    Ok(bytes)
}
