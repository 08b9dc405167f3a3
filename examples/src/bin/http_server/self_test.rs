//! `--self-test`: the server and a client in one process, every route, every kind of refusal.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use filch::time::Instant;
use filch_examples::http_client::{Client, Response};
use filch_examples::listen::bind;
use filch_examples::server::Started;

use crate::routes::Routes;

#[filch::main]
pub(crate) async fn run() -> ExitCode {
    match check().await {
        Ok(requests) => {
            println!("self-test passed: {requests} requests");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("self-test failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One request and what its answer must be.
struct Case {
    method: &'static str,
    path: &'static str,
    status: u16,
    /// Contained in the body.
    text: &'static str,
}

const fn case(method: &'static str, path: &'static str, status: u16, text: &'static str) -> Case {
    Case { method, path, status, text }
}

const CASES: &[Case] = &[
    case("GET", "/", 200, "Hello from filch\n"),
    case("HEAD", "/", 200, ""),
    case("GET", "/compute?n=1000000", 200, "78498 primes up to 1000000\n"),
    case("GET", "/compute?n=0", 200, "0 primes"),
    case("HEAD", "/compute?n=10", 200, ""),
    case("GET", "/compute", 400, "n: a number from 0 to 10000000, not nothing"),
    case("GET", "/compute?n=ten", 400, "not \"ten\""),
    case("GET", "/compute?n=10000001", 400, "not \"10000001\""),
    case("GET", "/sleep?ms=0", 200, "slept "),
    case("GET", "/sleep?ms=-1", 400, "ms: a number"),
    case("GET", "/sleep?ms=10001", 400, "ms: a number"),
    case("GET", "/stream?chunks=1&ms=0", 200, "chunk 1 of 1\n"),
    case("GET", "/stream?chunks=0", 400, "chunks: a number from 1 to 100"),
    case("HEAD", "/stream", 200, ""),
    case("GET", "/nothing", 404, "no such page\n"),
    case("HEAD", "/nothing", 404, ""),
    case("POST", "/", 405, "only GET and HEAD"),
];

async fn check() -> io::Result<usize> {
    let (listener, address) = bind(0).await?;
    let server = Started::new(crate::server(listener, Routes { panic: true }));

    // All on one connection: each answer must leave it usable.
    let mut client = Client::connect(address).await?;
    for case in CASES {
        let response = client.request(case.method, case.path).await?;
        let right = response.status == case.status && response.text().contains(case.text);
        demand(right, &format!("{} {}", case.method, case.path), &response)?;
    }
    let head = client.request("HEAD", "/").await?;
    demand(head.header("content-length") == Some("17"), "HEAD tells the length", &head)?;
    let refused = client.request("DELETE", "/").await?;
    demand(refused.header("allow") == Some("GET, HEAD"), "405 tells what is allowed", &refused)?;

    timed(&mut client).await?;
    panics(address, &mut client).await?;
    stops(address, client, server).await?;
    Ok(CASES.len() + 7)
}

/// `/sleep` and `/stream` take at least the time that they were told to.
async fn timed(client: &mut Client) -> io::Result<()> {
    for (path, least) in [("/sleep?ms=50", 50), ("/stream?chunks=4&ms=20", 3 * 20)] {
        let start = Instant::now();
        let response = client.request("GET", path).await?;
        let slow_enough = start.elapsed() >= Duration::from_millis(least);
        demand(response.status == 200 && slow_enough, path, &response)?;
        if path.starts_with("/stream") {
            demand(response.chunks == 4, "each piece is a chunk of its own", &response)?;
        }
    }
    Ok(())
}

/// A panic in a handler ends its connection; the server and the other connections live.
async fn panics(address: SocketAddr, other: &mut Client) -> io::Result<()> {
    let mut victim = Client::connect(address).await?;
    match victim.request("GET", "/panic").await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => return Err(error),
        Ok(response) => demand(false, "a panic closes its connection", &response)?,
    }
    let response = other.request("GET", "/").await?;
    demand(response.status == 200, "the others live on after a panic", &response)
}

/// A stop closes an idle connection at once and lets a request in flight finish.
async fn stops(address: SocketAddr, mut idle: Client, server: Started) -> io::Result<()> {
    let mut busy = Client::connect(address).await?;
    // The first chunk shows that the request is in flight before the stop.
    busy.send("GET", "/stream?chunks=3&ms=50").await?;
    let mut response = busy.head().await?;
    server.stop();
    busy.body(&mut response).await?;
    demand(response.text().ends_with("chunk 3 of 3\n"), "a request in flight ends", &response)?;
    let counts = server.stopped().await?;
    if counts.panicked != 1 {
        return Err(io::Error::other(format!("not one connection has panicked: {counts:?}")));
    }
    for client in [&mut idle, &mut busy] {
        if let Ok(response) = client.request("GET", "/").await {
            demand(false, "no request is served after a stop", &response)?;
        }
    }
    Ok(())
}

fn demand(right: bool, what: &str, response: &Response) -> io::Result<()> {
    if right { Ok(()) } else { Err(io::Error::other(format!("{what}: {response:?}"))) }
}
